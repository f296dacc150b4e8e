"""An account that the bench can spare, its password changed for a trial and put back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from devices.errors import LoginRefused, NotOffered
from devices.links.users import UserWay

Login = Callable[[str, str], bool]
SLOW_SECONDS = 4.0
"""How long a camera may take until a password that it took works."""
_REMEMBERED = 6
"""Passwords that come between, where a camera does not take a recent one again."""


class ExpendableAccount:
    """A ``UserWay`` for cameras on which no user can be made: ``create`` takes the one there is.

    ``delete`` gives it its own password again. ``strong`` makes a password.
    """

    def __init__(
        self,
        changing: UserWay,
        login: Login,
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
        if not logs_in_soon(self._login, username, password):
            raise NotOffered("a change to a strong random password is refused, or no login")

    def change_password(self, username: str, old: str, new: str) -> None:
        """Raises NotOffered and other link errors."""
        self.may_have(new)
        self._changing.change_password(username, old, new)

    def may_have(self, password: str) -> None:
        """Note a password that the account may have now."""
        self._tried = [one for one in self._tried if one != password] + [password]

    def delete(self, username: str) -> None:
        """Put its own password back, past a memory of recent ones. Raises LoginRefused."""
        if not self._tried:
            return
        known = [*reversed(self._tried), self._own]
        current = next((one for one in known if self._login(username, one)), None)
        if current == self._own:
            return
        for number in range(1 + _REMEMBERED):
            if current is None:
                break
            if number and (other := self._set(username, current, self._strong())):
                current = other
            if self._set(username, current, self._own):
                return
        raise LoginRefused(
            f"the account {username} could not be given its own password again: "
            "`camproof restore` says what to do"
        )

    def _set(self, username: str, current: str, new: str) -> str:
        self.may_have(new)
        with suppress(NotOffered):
            self._changing.change_password(username, current, new)
            if logs_in_soon(self._login, username, new):
                return new
        return ""


def logs_in_soon(login: Login, username: str, password: str) -> bool:
    """Whether a password that was taken works, now or after ``SLOW_SECONDS``."""
    if login(username, password):
        return True
    threading.Event().wait(SLOW_SECONDS)
    return login(username, password)
