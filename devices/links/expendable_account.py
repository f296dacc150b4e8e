"""An account that the bench can spare, its password changed for a trial and put back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from devices.errors import LoginRefused, NotOffered
from devices.links.users import UserWay

_REMEMBERED = 6
"""Passwords that come between, where a camera does not take a recent one again."""


class ExpendableAccount:
    """A ``UserWay`` for cameras on which no user can be made: ``create`` takes the one there is.

    ``delete`` gives it its own password again. ``strong`` makes a password.
    """

    def __init__(
        self,
        changing: UserWay,
        login: Callable[[str, str], bool],
        username: str,
        password: str,
        strong: Callable[[], str],
    ) -> None:
        self.name = changing.name
        self._changing, self._login, self._strong = changing, login, strong
        self._username, self._own = username, password
        self._tried: list[str] = []

    def create(self, username: str, password: str) -> None:
        """Change its own password to this one. Raises NotOffered, LoginRefused."""
        if username != self._username:
            raise NotOffered(f"{username} cannot be made")
        if not self._login(username, self._own):
            raise LoginRefused(f"{username} does not log in with the password of the device file")
        self.change_password(username, self._own, password)

    def change_password(self, username: str, old: str, new: str) -> None:
        """Raises NotOffered and other link errors."""
        self._tried += [old, new]
        self._changing.change_password(username, old, new)

    def delete(self, username: str) -> None:
        """Put its own password back, past a memory of recent ones. Raises LoginRefused."""
        latest = list(dict.fromkeys(reversed(self._tried)))
        current = next((one for one in latest if self._login(username, one)), None)
        if current == self._own or not self._tried:
            return
        for between in [None, *range(_REMEMBERED)]:
            if current is None:
                break
            if between is not None and (other := self._set(username, current, self._strong())):
                current = other
            if self._set(username, current, self._own):
                return
        raise LoginRefused(
            f"the account {username} could not be given its own password again: "
            "`camproof restore` says what to do"
        )

    def _set(self, username: str, current: str, new: str) -> str:
        with suppress(NotOffered):
            self._changing.change_password(username, current, new)
            if self._login(username, new):
                return new
        return ""
