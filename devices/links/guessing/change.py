"""The old password guessed where it is changed, with a session of the user."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from devices.description import Operation
from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.guessing.guess import GuessUser, Round, SurfaceGuessing, wrong_password
from devices.links.guessing.surfaces import CHANGE, Try
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import kindred

_OPERATION = "change_password"


def guess_old_password(
    http: HttpLink, user: GuessUser, wrong: int, new: str, seconds: float
) -> SurfaceGuessing:
    """As many wrong old passwords in one session, then the right one; ``new`` is what it becomes.

    What the right one changed is changed back; both are in the journal before. ``seconds``: how
    long a lock should last. Raises NotOffered where the change asks for no old password,
    LoginRefused and other LinkErrors.
    """
    _demand_old_password(http.operation(_OPERATION))
    attempt, client = http.log_in(user.username, user.password)
    if not attempt.accepted:
        client.close()
        raise LoginRefused(f"{user.username} cannot log in ({attempt.answer.status})")
    entry = http.journal.begin("lock", user.username, "http", seconds=seconds)
    began = time.monotonic()
    try:
        answers = [
            _change(http, client, user.username, wrong_password(), new) for _ in range(wrong)
        ]
        taken = round(time.monotonic() - began, 3)
        last = _change(http, client, user.username, user.password, new)
        right = _judged(http, user, new, answers[-1], last)
    finally:
        http.leave(client)
    if right.accepted:
        _put_back(http, user, new)
        http.journal.end(entry, "the right password is taken")
    tries = tuple(Try(False, a.status, a.seconds) for a in answers)  # noqa: FBT003 - as a row
    return SurfaceGuessing(
        surface=CHANGE,
        username=user.username,
        origin=user.origin,
        rounds=(Round(tries, right, taken),),
        shortfall=""
        if right.clear
        else f"whether {right.status} to the right old password is a change cannot be told",
    )


def _demand_old_password(operation: Operation) -> None:
    sent = json.dumps([operation.path, operation.json_body, operation.form, operation.text])
    if "{password}" not in sent:
        raise NotOffered(
            "links.http.operations.change_password sends no {password}: where the camera asks for "
            "no old password there is none to guess; declare this test case under "
            "declared.not_applicable"
        )


def _change(http: HttpLink, client: HttpClient, name: str, old: str, new: str) -> Exchange:
    return http.perform(client, _OPERATION, username=name, password=old, new_password=new)


def _judged(http: HttpLink, user: GuessUser, new: str, wrong: Exchange, right: Exchange) -> Try:
    """Whether the right old password changed it: by a login, else by the answer.

    A login may be closed by then; an answer like that to a wrong password is a refusal.
    """
    seconds = right.seconds
    if _logs_in(http, user.username, new):
        return Try(True, right.status, seconds, said="the new password logs in")  # noqa: FBT003
    if _logs_in(http, user.username, user.password):
        return Try(False, right.status, seconds, said="the old one logs in")  # noqa: FBT003
    taken = right.status in http.operation(_OPERATION).success
    if taken and (wrong.status != right.status or not kindred(wrong, right)):
        return Try(True, right.status, seconds, said="as no wrong one is")  # noqa: FBT003
    return Try(False, right.status, seconds, right.status < 500)  # noqa: FBT003


def _logs_in(http: HttpLink, username: str, password: str) -> bool:
    attempt, client = http.log_in(username, password)
    http.leave(client)
    return attempt.accepted


def _put_back(http: HttpLink, user: GuessUser, new: str) -> None:
    """Its own password again; where that fails, the journal has it."""
    with suppress(LinkError):
        attempt, client = http.log_in(user.username, new)
        if attempt.accepted:
            _change(http, client, user.username, new, user.password)
        http.leave(client)
