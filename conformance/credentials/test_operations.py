"""CRED-037 and 038: who may do what, by every operation and every kind of caller."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from conformance.case import case
from conformance.credentials.matrix_picture import Cell, Row, State, picture
from conformance.credentials.role_callers import Callers, demand_every_role
from conformance.credentials.role_judgement import gets_through, judge
from conformance.credentials.role_survey import surveyed
from conformance.credentials.web_accounts import trial_viewer
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.http.client import HttpClient
from devices.links.http.discovery import FoundOperation, FoundOperations, ask_found
from devices.links.http.link import HttpLink
from devices.links.http.operations import discovered, undeclared
from devices.links.http.roles import Revive, RoleAnswer, RoleMatrix
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.matrix import OnvifColumn, left_out
from devices.links.onvif.observations import OperationAnswer, Outcome, logged_in
from devices.links.users import OnvifUserWay, TrialViewer, UserWay
from devices.secrets import Secrets

_CHANCE = 5
_BROKEN = 500
"""HTTP statuses from here on are errors of the server, and no refusals."""
_SUBJECTS = ("anonymous", "wrong", "viewer", "operator", "admin")


@case(
    "CRED-037",
    severity="critical",
    needs=("http",),
    catches=("cred-hidden-operation", "cred-api-roles"),
    changes="settings",
    applies_to=("http",),
    revision=4,
)
def test_every_web_operation_by_every_subject(
    *,
    http: HttpLink,
    device: DeviceFile,
    user_ways: Sequence[UserWay],
    secrets: Secrets,
    evidence: Any,
    policy: Any,
) -> None:
    """Every web operation, declared or found, is closed to whom it is not for.

    Method: ask every declared resource as CRED-009 does, and besides as somebody with a made-up
    session (or login). Read the front page and its scripts for paths of further operations; those
    that the device file does not declare are asked with GET as each subject: nobody, a made-up
    login, viewer, operator, administrator; a path with a word of what might be obeyed is not asked.
    An answer counts, whatever its status, where it brings what the administrator gets. A success
    counts where it differs from the answer to a made-up path beside it; without login it
    is a finding where the answer holds a picture, the serial number, the network address, or the
    name of a user who was made for this moment. The table of all answers is kept as evidence.
    Pass: the roles of the declaration hold, a made-up login opens nothing, and no operation that
    the device file does not declare gives data.
    """
    rule = policy("passwords")["roles"]["avoid"]
    with ExitStack() as stack:
        matrix = evidence.observe(surveyed(http, device, secrets, rule, user_ways))
        asked_as = Callers(http, secrets, user_ways, stack)
        callers = dict(asked_as.clients)
        if http.description.authentication != "session":
            callers.pop("wrong")  # each request would be a wrong login, and might lock
        private = dict(_private(device, _passer_by(http, user_ways, secrets, stack)))
        found = evidence.observe(
            _found(
                http,
                callers,
                device,
                avoid=rule,
                private=private,
                revive=asked_as.revive,
            )
        )
    subjects = [subject for subject in _SUBJECTS if subject in callers]
    rows = [*_declared_rows(matrix), *_found_rows(found)]
    evidence.record("matrix", picture("Web operations by subject", subjects, rows), "text/html")
    faults = list(_open_operations(found))
    assert not faults, " ".join(faults)
    judge(matrix)
    demand_every_role(device, matrix)
    if doubts := [*_undeclared(found), *_untold(found)]:
        raise Inconclusive(" ".join(doubts), "undeclared")


def _found(
    http: HttpLink,
    callers: dict[str, HttpClient],
    device: DeviceFile,
    *,
    avoid: Sequence[str],
    private: dict[str, bytes],
    revive: Revive,
) -> FoundOperations:
    role, client = next(reversed(callers.items()))
    named, unread = discovered(revive(role, client) or client, http.server)
    operations = [operation.path for operation in http.description.operations.values()]
    known = [resource.path for resource in device.declared.api] + operations
    found = ask_found(
        callers,
        named,
        undeclared(named, known),
        avoid=avoid,
        private=private,
        revive=revive,
    )
    return replace(found, shortfall="; ".join(filter(None, [unread, found.shortfall])))


def _passer_by(http: HttpLink, ways: Sequence[UserWay], secrets: Secrets, stack: ExitStack) -> str:
    """The name of a user who is there for the time of the questions; empty where there is none.

    The accounts' own names are words that any page may hold.
    """
    try:
        return stack.enter_context(trial_viewer(http, ways, secrets)).username
    except Inconclusive:
        return ""


def _private(device: DeviceFile, username: str) -> Iterator[tuple[str, bytes]]:
    """What is nobody's business, where it is long enough not to stand there by chance."""
    if len(device.device.serial) > _CHANCE:
        yield "the serial number", device.device.serial.encode()
    yield "the network address (MAC)", (device.device.mac or "").encode()
    yield "the names of users", username.encode()


def _open_operations(found: FoundOperations) -> Iterator[str]:
    for operation in found.operations:
        nobody = [s for s in ("anonymous", "wrong") if operation.served(s)]
        if nobody and operation.telling:
            yield (
                f"GET {operation.path}, which the device file does not declare, gives "
                f"{', '.join(operation.telling)} to {' and '.join(nobody)}."
            )


def _undeclared(found: FoundOperations) -> Iterator[str]:
    for operation in found.operations:
        served = [
            answer.subject for answer in operation.answers if operation.served(answer.subject)
        ]
        if served:
            yield (
                f"GET {operation.path} answers {', '.join(served)} and is not declared: say under "
                "declared.api whose it is."
            )


def _untold(found: FoundOperations) -> Iterator[str]:
    """Operations of which GET shows nothing: of another verb, with arguments, or not asked."""
    if left := [each for each in found.left_out if "obeyed" in each]:
        yield f"Not declared, and not asked: {'; '.join(left[:5])}: declare whose they are."
    for operation in found.operations:
        if operation.untold:
            yield (
                f"GET {operation.path} answers nobody with {operation.untold}, which tells nothing "
                "of who may call it: declare it with its method."
            )


def _declared_rows(matrix: RoleMatrix) -> Iterator[Row]:
    by_call: dict[tuple[str, str], dict[str, RoleAnswer]] = {}
    for answer in matrix.answers:
        by_call.setdefault((answer.method, answer.path), {})[answer.role] = answer
    for (method, path), answers in by_call.items():
        may = ", ".join(role for role, answer in answers.items() if answer.allowed)
        cells = {role: _cell(answer, matrix) for role, answer in answers.items()}
        yield Row(f"{method} {path}", may, cells)


def _cell(answer: RoleAnswer, matrix: RoleMatrix) -> Cell:
    if answer.answer is None:
        return Cell("no answer", "unclear")
    text = str(answer.answer.status)
    if answer.allowed:
        return Cell(text, "stricter" if answer.turned_away else "may")
    if gets_through(answer, matrix):
        return Cell(text, "too much")
    return Cell(text, "refused" if answer.turned_away else "unclear")


def _found_rows(found: FoundOperations) -> Iterator[Row]:
    for operation in found.operations:
        cells = {
            answer.subject: Cell(str(answer.answer.status), _found_state(operation, answer.subject))
            for answer in operation.answers
        }
        yield Row(f"GET {operation.path}", "not declared", cells)


def _found_state(operation: FoundOperation, subject: str) -> State:
    if not operation.served(subject):
        return "refused"
    nobody = subject in {"anonymous", "wrong"} and bool(operation.telling)
    return "too much" if nobody else "unclear"


@case(
    "CRED-038",
    severity="high",
    needs=("onvif",),
    catches=("cred-onvif-log-for-all", "cred-onvif-delete-for-all", "cred-onvif-roles"),
    changes="settings",
    applies_to=("onvif",),
    revision=3,
)
def test_every_onvif_class_by_every_subject(
    onvif: OnvifLink, secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """Every ONVIF access class is closed to whom it is not for.

    Method: call operations of every access class of ONVIF Core (5.9.4.2) as nobody, with a made-up
    login, as viewer, operator and administrator: those that read, and changes of things that do
    not exist, which any camera refuses; those of services that are not announced, too. Operations
    that might be obeyed are left out and named. As the viewer and the operator, delete a user that
    the test has made. The table of all answers is kept as evidence; the classes of each role are
    those of the default access policy.
    Pass: no operation answers with data to a subject whose role does not have its class, the
    user is there until the administrator deletes it, and each account gets something that is
    refused without login.
    """
    roles = policy("onvif")["roles"]
    accounts = {
        role: found[0]
        for role in ("viewer", "operator", "admin")
        if (found := secrets.account(role=role, service="onvif")) is not None
    }
    columns = onvif.matrix(accounts)
    columns.sort(key=lambda column: _SUBJECTS.index(column.subject))
    for column in columns:
        evidence.observe(column, f"answers to {column.subject}")
    rows = list(_onvif_rows(columns, roles))
    page = picture("ONVIF operations by subject", [c.subject for c in columns], rows)
    evidence.record("matrix", page, "text/html")
    evidence.record("left out", {"operations": left_out()})
    faults = [fault for column in columns for fault in _beyond(column, roles)]
    doubts = [doubt for column in columns for doubt in _unclear(column, columns, roles)]
    for role in ("viewer", "operator"):
        if role in accounts:
            try:
                faults += _deletes(onvif, accounts[role], role, secrets, evidence)
            except (LinkError, DeviceFileError) as error:
                doubts.append(f"no user could be made for the {role} to delete: {error}")
    assert not faults, " ".join(faults)
    if "viewer" not in accounts and "operator" not in accounts:
        doubts.append("the device file gives no viewer and no operator for ONVIF")
    nobody = next(c for c in columns if c.subject == "anonymous")
    doubts += [
        f"{column.subject} gets nothing that is refused without login: the login is not seen to be "
        "taken"
        for column in columns
        if column.subject in accounts and not logged_in(column.answers, nobody.answers)
    ]
    if "admin" not in accounts:
        doubts.append("the device file gives no administrator for ONVIF")
    if doubts:
        raise Inconclusive("; ".join(doubts), "not-measured")


def _classes(subject: str, roles: dict[str, list[str]]) -> list[str]:
    return roles["anonymous" if subject == "wrong" else subject]


def _state(column: OnvifColumn, answer: OperationAnswer, roles: dict[str, list[str]]) -> State:
    allowed = answer.access.value in _classes(column.subject, roles)
    if answer.outcome is Outcome.NOT_AUTHORISED:
        return "stricter" if allowed else "refused"
    if allowed:
        return "may"
    if answer.outcome is Outcome.DATA:
        return "too much"
    hollow = answer.outcome in {Outcome.NOT_SUPPORTED, Outcome.EMPTY}
    return "refused" if hollow else "unclear"


def _onvif_rows(columns: Sequence[OnvifColumn], roles: dict[str, list[str]]) -> Iterator[Row]:
    names = dict.fromkeys(answer.name for column in columns for answer in column.answers)
    for name in names:
        found = {c.subject: a for c in columns if (a := c.answer_to(name)) is not None}
        access = next(iter(found.values())).access
        cells = {
            column.subject: Cell(
                found[column.subject].outcome.value, _state(column, found[column.subject], roles)
            )
            for column in columns
            if column.subject in found
        }
        yield Row(name, access.value, cells)


def _beyond(column: OnvifColumn, roles: dict[str, list[str]]) -> Iterator[str]:
    wrong = [a for a in column.answers if _state(column, a, roles) == "too much"]
    if wrong:
        listed = ", ".join(f"{answer.name} ({answer.access.value})" for answer in wrong)
        yield f"Over ONVIF {listed} answers {column.subject} with data."


def _unclear(
    column: OnvifColumn, columns: Sequence[OnvifColumn], roles: dict[str, list[str]]
) -> Iterator[str]:
    """Where a subject gets the same fault as the administrator: whether it was asked who it is."""
    admin = next((c for c in columns if c.subject == "admin"), None)
    for answer in column.answers:
        other = admin.answer_to(answer.name) if admin is not None else None
        if _state(column, answer, roles) != "unclear":
            continue
        if answer.outcome is Outcome.OTHER and answer.http_status >= _BROKEN:
            yield f"{answer.name} answers {column.subject} with HTTP {answer.http_status} alone"
        elif other is None or (other.outcome, other.detail) == (answer.outcome, answer.detail):
            yield (
                f"{answer.name} answers {column.subject} with {answer.outcome.value} "
                f"({answer.detail[:80]}) as it does the administrator"
            )


def _deletes(
    onvif: OnvifLink, account: str, role: str, secrets: Secrets, evidence: Any
) -> list[str]:
    """Try to delete a user as this role. Raises LinkError when none could be made."""
    user = TrialViewer(OnvifUserWay(onvif), f"Tr1al{random.token_hex(3)}", secrets.trial_password())
    with user:
        tried = evidence.observe(onvif.delete_user(account, user.username), f"delete as {role}")
        gone = tried.answer.outcome is Outcome.DATA
        if gone:
            gone = all(known.name != user.username for known in onvif.users().users)
        if gone:
            user.forget()
    if user.left_behind:
        raise Inconclusive(user.left_behind, "not-offered")
    return [f"Over ONVIF the {role} may delete users (WRITE_SYSTEM)."] if gone else []
