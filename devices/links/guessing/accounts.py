"""Whose passwords may be guessed: users made for it, else the accounts set aside for it."""

from __future__ import annotations

import secrets as random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from devices.description import DeviceFile, Role
from devices.errors import DeviceFileError, LinkError, NotOffered
from devices.links.guessing.guess import GuessUser
from devices.links.guessing.surfaces import Surface
from devices.links.users import TrialViewer, UserWay
from devices.secrets import Secrets

_ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
ADVICE = (
    "describe create_user and delete_user under links.http.operations, or allow 'settings' and "
    "give [links.onvif], so that users can be made for the test; or give accounts with purpose "
    "'lockout' for it"
)


class GuessAccounts:
    """Gives users for guessing, each to one at a time. For several threads."""

    def __init__(
        self, device: DeviceFile, secrets: Secrets, ways: Sequence[UserWay], *, make: bool
    ) -> None:
        """``make``: users may be made."""
        self._device, self._secrets = device, secrets
        self._ways = list(ways) if make else []
        self._taken = {name: threading.Lock() for name in device.accounts}
        self._holder: dict[str, int] = {}  # account -> thread
        self.spent: set[str] = set()
        """Accounts of the device file that were closed by guessing: they show nothing more."""

    @contextmanager
    def user(self, *surfaces: Surface) -> Iterator[GuessUser]:
        """A user whose right password logs in on each of ``surfaces``.

        Raises NotOffered, with what to add to the device file, when there is none. A user that was
        made is removed at the end of the block, or stays in the journal.
        """
        why: list[str] = []
        console = any(surface.kind == "serial" for surface in surfaces)  # has accounts of its own
        for way in [] if console else self._preferred(surfaces[0].kind):
            viewer = self._viewer(way)
            try:
                with viewer:
                    if refused := _refused(surfaces, viewer.username, viewer.password):
                        why.append(f"a user made over {way.name} cannot log in to {refused}")
                        continue
                    yield GuessUser(viewer.username, viewer.password, f"made over {way.name}")
                    return
            except _NotMade as error:
                why.append(f"{way.name}: {error}")
        yield from self._given(surfaces, why)

    def _viewer(self, way: UserWay) -> _Viewer:
        return _Viewer(way, f"Tr1al{random.token_hex(3)}", self._secrets.trial_password())

    def _preferred(self, kind: str) -> list[UserWay]:
        """The ways in the order of what fits: some cameras keep ONVIF's users apart."""
        return sorted(self._ways, key=lambda way: (way.name == "ONVIF") == (kind == "http"))

    def _given(self, surfaces: Sequence[Surface], why: list[str]) -> Iterator[GuessUser]:
        for name, account in self._device.accounts.items():
            services = account.services or ["http", "onvif", "rtsp"]
            fits = all(surface.kind in services for surface in surfaces)
            if account.purpose != "lockout" or account.password is None or not fits:
                continue
            if self._holder.get(name) == threading.get_ident():
                why.append(f"the account {name} is in use already")
                continue  # waiting for oneself would last for ever
            with self._taken[name], self._held(name):
                if name in self.spent:
                    why.append(f"the account {name} is closed by guesses made before")
                    continue
                password = self._secrets.password(name)
                if refused := _refused(surfaces, account.username, password):
                    why.append(f"the account {name} cannot log in to {refused}")
                    continue
                yield GuessUser(account.username, password, f"the account {name}")
                if _refused(surfaces, account.username, password):
                    self.spent.add(name)
                return
        reasons = "; ".join(why) or "the device file gives no way to make one"
        raise NotOffered(
            f"no user whose password may be guessed on {', '.join(s.name for s in surfaces)} "
            f"({reasons}): {ADVICE}"
        )

    @contextmanager
    def _held(self, name: str) -> Iterator[None]:
        self._holder[name] = threading.get_ident()
        try:
            yield
        finally:
            del self._holder[name]


class _NotMade(NotOffered):
    """The user could not be made."""


class _Viewer(TrialViewer):
    """A trial viewer that tells apart its own making from what happens in its block."""

    def __enter__(self) -> Self:
        try:
            super().__enter__()
        except (LinkError, DeviceFileError) as error:
            raise _NotMade(str(error)) from error
        return self


def _refused(surfaces: Sequence[Surface], username: str, password: str) -> str:
    """The first surface on which this login fails; empty when it works on all."""
    for surface in surfaces:
        try:
            if not surface.attempt(username, password).accepted:
                return surface.name
        except LinkError:
            return surface.name
    return ""
