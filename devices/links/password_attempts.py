"""Setting weak passwords by one interface: what is made for it is removed, whatever happens.

Cameras of many manners: those that say yes and do nothing, that refuse and do it all the same,
that take some seconds, that restart after a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from devices.errors import DeviceFileError, LinkError, LoginRefused, NotOffered
from devices.links.expendable_account import logs_in_soon
from devices.links.password_trials import (
    Candidate,
    Interface,
    InterfaceTrials,
    Maker,
    Trial,
    kinds_of,
)


def try_interface(
    interface: Interface,
    candidates: Sequence[Candidate],
    maker: Maker,
) -> InterfaceTrials:
    """Try every candidate.

    A strong password is set before and after, to know that refusals are of the passwords.
    """
    trying = _creations if interface.act == "create" else _changes
    trials: list[Trial] = []
    problem = ""
    try:
        trying(interface, candidates, maker, trials)
    except (LinkError, DeviceFileError) as error:
        problem = f"{interface.name}: {error}"
    return InterfaceTrials(interface.name, interface.act, tuple(trials), problem)


def _trial(candidate: Candidate, password: str, *, taken: bool) -> Trial:
    kinds = kinds_of(password)
    return Trial(candidate.rule, candidate.what, len(password), kinds, taken)


class _Patience:
    """Logs in again after a while, where a strong password showed that the camera is slow.

    Wrong logins are few that way: they count towards a lock.
    """

    def __init__(self, interface: Interface) -> None:
        self._login, self._slow = interface.login, False

    def login(self, username: str, password: str, rule: str) -> bool:
        if rule and not self._slow:
            return self._login(username, password)
        tries = 0

        def login(name: str, secret: str) -> bool:
            nonlocal tries
            tries += 1
            return self._login(name, secret)

        taken = logs_in_soon(login, username, password)
        self._slow = self._slow or (taken and tries > 1)
        return taken


def _creations(
    interface: Interface,
    candidates: Sequence[Candidate],
    maker: Maker,
    trials: list[Trial],
) -> None:
    proof = Candidate("", "a strong password", lambda _: maker.strong())
    refused: dict[str, tuple[str, int]] = {}
    try:
        _create_each(interface, [proof, *candidates, proof], maker, trials, refused)
    finally:
        _sweep(interface, refused, trials)


def _sweep(interface: Interface, refused: dict[str, tuple[str, int]], trials: list[Trial]) -> None:
    """Remove users that were made although the camera said that it refused them.

    ``refused``: user name -> password and number of the trial, which counts as taken where the
    user logs in. Raises NotOffered when one is still listed afterwards.
    """
    listed = interface.users()
    for username, (password, number) in refused.items():
        if listed is None or username in listed:
            judged = listed is not None and number < len(trials)
            try:
                if judged and interface.login(username, password):
                    trials[number] = replace(trials[number], taken=True)
            finally:
                with suppress(NotOffered):
                    _remove(interface, username)
    if listed is not None and listed.intersection(refused):
        left = (interface.users() or set()).intersection(refused)
        if left:
            raise NotOffered(f"users made for the trial are still there: {', '.join(sorted(left))}")


def _remove(interface: Interface, username: str) -> None:
    """Remove a user, once more where the camera restarts meanwhile. Raises LinkError."""
    try:
        interface.way.delete(username)
    except NotOffered:
        raise
    except LinkError:
        interface.await_camera()
        interface.way.delete(username)


def _create_each(
    interface: Interface,
    candidates: Sequence[Candidate],
    maker: Maker,
    trials: list[Trial],
    refused: dict[str, tuple[str, int]],
) -> None:
    patience = _Patience(interface)
    for number, candidate in enumerate(candidates):
        username = maker.name(f"{number:02}")
        password = candidate.make(username)
        maker.remember(candidate.rule, password)
        removed, taken = _created(interface, patience, username, (candidate.rule, password))
        if not removed:
            refused[username] = (password, len(trials) if candidate.rule else len(candidates))
        if candidate.rule:
            trials.append(_trial(candidate, password, taken=taken))
        elif not taken:
            raise NotOffered("a new user with a strong random password cannot be made, or log in")


def _created(
    interface: Interface, patience: _Patience, username: str, given: tuple[str, str]
) -> tuple[bool, bool]:
    """Whether the user was made and removed again, and whether the user logged in.

    Many cameras say that they made a user whom they did not make: there is none to remove then.
    """
    rule, password = given
    try:
        interface.way.create(username, password)
    except NotOffered:
        return False, False
    except LinkError:
        with suppress(NotOffered):  # it may have been made all the same
            _remove(interface, username)
        raise
    taken = True
    try:
        taken = patience.login(username, password, rule)
    finally:
        removed = not _refuses_to_remove(interface, username, taken=taken)
    return removed, taken


def _refuses_to_remove(interface: Interface, username: str, *, taken: bool) -> bool:
    try:
        _remove(interface, username)
    except NotOffered:
        if taken:
            raise
        return True
    return False


def _changes(
    interface: Interface,
    candidates: Sequence[Candidate],
    maker: Maker,
    trials: list[Trial],
) -> None:
    username, current = interface.account or maker.name("ch"), maker.strong()
    maker.remember("", current)
    refused: list[tuple[int, str]] = []
    patience = _Patience(interface)
    proof = Candidate("", "a strong password", lambda _: maker.strong())
    try:
        interface.way.create(username, current)
    except LinkError:
        with suppress(LinkError):  # it may have been made all the same
            _remove(interface, username)
        raise
    try:
        for number, candidate in enumerate([proof, *candidates, proof]):
            if number > len(candidates):
                current = _truly(interface, username, current, refused, trials)
            password = current if candidate.rule == "reuse" else candidate.make(username)
            maker.remember(candidate.rule, password)
            try:
                interface.way.change_password(username, current, password)
                taken = patience.login(username, password, candidate.rule)
            except NotOffered:
                taken = False
            if candidate.rule and not taken:
                refused.append((len(trials), password))
            current = password if taken else current
            if candidate.rule:
                trials.append(_trial(candidate, password, taken=taken))
            elif not taken:
                raise NotOffered("a change to a strong random password is refused, or no login")
    except LoginRefused:
        _truly(interface, username, current, refused, trials)
        raise
    finally:
        _remove(interface, username)


def _truly(
    interface: Interface,
    username: str,
    current: str,
    refused: Sequence[tuple[int, str]],
    trials: list[Trial],
) -> str:
    """The password that the user has now: one may have been taken although it was refused.

    Its trial then counts as taken. Raises LoginRefused when none of them logs in.
    """
    if interface.login(username, current):
        return current
    for number, password in reversed(refused):
        if interface.login(username, password):
            trials[number] = replace(trials[number], taken=True)
            return password
    raise LoginRefused(f"{username} logs in with none of the passwords that were set")
