"""Passwords tried on every interface that sets one: which are taken, and which are refused.

A password is taken when a login with it works afterwards. What is made for a trial is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from devices.errors import LoginRefused
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.users import UserWay, WebUserWay
from devices.observation import Observation
from devices.secrets import Secrets

Login = Callable[[str, str], bool]
Made = Callable[[str], str]
"""Makes a password for a user name."""
Remember = Callable[[str, str], None]
"""Told the rule that a password breaks (none: a strong one) and the password, before its use."""


@dataclass(frozen=True)
class Candidate:
    """A password to try. ``rule`` is what it breaks; ``make`` gives it for a user name.

    ``what`` names it in a report. It is never shown itself.
    """

    rule: str
    what: str
    make: Made


@dataclass(frozen=True)
class Maker:
    """What a trial is made of: a user name that holds a word, and a good password."""

    name: Made
    strong: Callable[[], str]
    remember: Remember


@dataclass(frozen=True)
class Trial:
    """What became of one password. ``kinds`` of character and ``length`` are those it has."""

    rule: str
    what: str
    length: int
    kinds: tuple[str, ...]
    taken: bool


@dataclass(frozen=True)
class InterfaceTrials:
    """One interface that sets passwords. ``problem``: why it could not be tried to the end."""

    name: str
    act: Literal["create", "change"]
    trials: tuple[Trial, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class PasswordTrials(Observation):
    """Every interface that was tried; ``unreached`` are those known of but not described."""

    interfaces: tuple[InterfaceTrials, ...]
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interface:
    """One interface: the way to use it, what it is called, and how a login there is tried.

    ``users`` gives every word of the camera's list of users; None when there is none to be had.
    ``await_camera`` waits for a camera that restarts, as some do when a password was changed.
    ``account``: the one that the way changes and cannot make; empty where it makes users.
    """

    name: str
    act: Literal["create", "change"]
    way: UserWay
    login: Login
    users: Callable[[], set[str] | None] = lambda: None
    await_camera: Callable[[], object] = lambda: None
    account: str = ""


class MixedWay:
    """Users made by one way, their passwords changed by another."""

    def __init__(self, making: UserWay, changing: UserWay) -> None:
        self.name = changing.name
        self.create, self.delete = making.create, making.delete
        self.change_password = changing.change_password


class FurtherWebWay(WebUserWay):
    """Another declared operation of the web interface that makes a user, or sets a password."""

    def __init__(self, link: HttpLink, secrets: Secrets, operation: str) -> None:
        super().__init__(link, secrets)
        self._operation = operation

    def create(self, username: str, password: str) -> None:
        """As an administrator."""
        self._as_administrator(self._operation, username=username, password=password)

    def change_password(self, username: str, old: str, new: str) -> None:
        """As the user; an operation named set_password_ is called by an administrator."""
        if self._operation.startswith("set_password"):
            self._as_administrator(self._operation, username=username, new_password=new)
            return
        attempt, client = self._link.log_in(username, old)
        if not attempt.accepted:
            client.close()
            raise LoginRefused(f"{username} cannot log in to {self._link.server.url}")
        values = {"username": username, "password": old, "new_password": new}
        self._perform(client, self._operation, values)


def web_login(link: HttpLink) -> Login:
    """Whether the web interface knows a user by a password."""

    def login(username: str, password: str) -> bool:
        attempt, client = link.log_in(username, password)
        link.leave(client)
        return attempt.accepted

    return login


def onvif_login(link: OnvifLink) -> Login:
    """Whether ONVIF knows a user by a password. Raises NotOffered when that cannot be told."""

    def login(username: str, password: str) -> bool:
        with link.session_with(username, password) as session:
            try:
                session.gate()
            except LoginRefused:
                return False
        return True

    return login


def kinds_of(password: str) -> tuple[str, ...]:
    """The kinds of character in a password, in the words of the policies."""
    tests = {
        "small letters": str.islower,
        "capital letters": str.isupper,
        "digits": str.isdigit,
        "others": lambda c: not c.isalnum(),
    }
    return tuple(kind for kind, test in tests.items() if any(map(test, password)))


def differing(interfaces: Iterable[InterfaceTrials]) -> dict[str, tuple[list[str], list[str]]]:
    """Passwords that some interfaces take and others refuse: what -> (takers, refusers)."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for interface in interfaces:
        for trial in interface.trials:
            pair = found.setdefault(trial.what, ([], []))
            pair[0 if trial.taken else 1].append(interface.name)
    return {what: pair for what, pair in found.items() if pair[0] and pair[1]}
