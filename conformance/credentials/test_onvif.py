"""CRED-006, 011, 015 and 016: logins and rights over ONVIF."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import (
    OnvifAccess,
    OnvifReplay,
    OperationAnswer,
    Outcome,
)
from devices.secrets import Secrets

Policy = Callable[[str], dict[str, Any]]


@case(
    "CRED-006",
    severity="high",
    needs=("onvif",),
    catches=("cred-no-lockout-onvif",),
    changes="lockout",
    applies_to=("onvif",),
)
def test_onvif_guessing(
    onvif: OnvifLink, device: DeviceFile, evidence: Any, policy: Policy
) -> None:
    """Passwords cannot be guessed over ONVIF.

    Method: with an account that the device file sets aside for it (purpose "lockout"), log in once
    with the right password, then with wrong ones as often as policy "onvif" says, one after the
    other, then with the right one again. A login is told by the first operation of a list (the
    device information, which any account may read, first) that is refused without login and
    answered to the account. Where the declared lock is of the address, wait until the bench is let
    in again.
    Pass: the right password is refused after the wrong ones, or each of the last answers takes so
    long that guessing is impracticable.
    """
    rule = policy("onvif")["guessing"]
    try:
        account = onvif.account_for_lockout()
    except DeviceFileError as error:
        raise Inconclusive(str(error), "device-file") from error
    guessing = evidence.observe(onvif.guess(account, rule["attempts"]))
    declared = device.declared.lockout
    if declared is not None and declared.scope == "address":
        onvif.wait_until_admitted(onvif.default_account(), declared.seconds + 60)
    if Outcome.DATA in guessing.wrong:
        number = guessing.wrong.index(Outcome.DATA) + 1
        raise AssertionError(f"Wrong password number {number} was accepted over ONVIF.")
    slow = guessing.seconds[-1] >= rule["slow_answer_seconds"]
    if guessing.after not in {Outcome.DATA, Outcome.NOT_AUTHORISED}:
        raise Inconclusive(
            f"after {guessing.attempts} wrong passwords the right one was answered with "
            f"{guessing.after.value}, which tells neither a lock nor a login"
        )
    assert slow or guessing.after is not Outcome.DATA, (
        f"After {guessing.attempts} wrong passwords in {sum(guessing.seconds):.1f} s over ONVIF "
        "the right one is still accepted: nothing stops guessing."
    )


@case(
    "CRED-011",
    severity="high",
    needs=("onvif",),
    catches=("cred-onvif-replay", "cred-onvif-password-text"),
    applies_to=("onvif",),
)
def test_onvif_replay(onvif_replay: OnvifReplay) -> None:
    """A recorded ONVIF login is worthless, and passwords are not taken in clear.

    Method: send one request, of an operation that is refused without login, with a fresh login
    (WS-UsernameToken with PasswordDigest, dated by the camera's own clock; HTTP digest where the
    camera takes nothing else), then the same login once more, byte for byte; then a new token that
    is dated an hour back; then a token with the password in clear (PasswordText). A fresh right
    login goes between them.
    Pass: the fresh login is accepted and none of the others is.
    """
    if onvif_replay.fresh is not Outcome.DATA:
        raise Inconclusive(
            f"a fresh login by {onvif_replay.scheme} was answered with "
            f"{onvif_replay.fresh.value}: there is nothing to compare with",
            "login-refused",
        )
    faults = []
    if onvif_replay.repeated is Outcome.DATA:
        faults.append(f"the same {onvif_replay.scheme} login is accepted a second time")
    if onvif_replay.outdated is Outcome.DATA:
        faults.append(f"a login dated {onvif_replay.outdated_minutes} minutes back is accepted")
    if onvif_replay.password_text is Outcome.DATA:
        faults.append("a login with the password in clear (PasswordText) is accepted")
    assert not faults, f"Over ONVIF, {' and '.join(faults)}."


@case(
    "CRED-015",
    severity="critical",
    needs=("onvif",),
    catches=("cred-onvif-anonymous",),
    applies_to=("onvif",),
)
def test_onvif_without_login(
    onvif_anonymous_access: OnvifAccess, onvif_admin_access: OnvifAccess, policy: Policy
) -> None:
    """Without login, ONVIF answers nothing but what is meant to be open.

    Method: call every operation of the device, media and media2 services that only reads and
    needs no argument but a profile, without any login, and again as an administrator to know which
    of them the camera offers. ONVIF Core states the access class of each; only PRE_AUTH is open.
    Pass: no operation of another class answers with data, and at least one that answers the
    administrator is refused for want of a login.
    """
    open_classes = policy("onvif")["roles"]["anonymous"]
    leaks = [
        answer
        for answer in onvif_anonymous_access.answers
        if answer.outcome is Outcome.DATA and answer.access.value not in open_classes
    ]
    assert not leaks, f"Without login ONVIF answers {_listed(leaks)} with data."
    offered = {a.name for a in onvif_admin_access.answers if a.outcome is Outcome.DATA}
    refused = {
        a.name for a in onvif_anonymous_access.answers if a.outcome is Outcome.NOT_AUTHORISED
    }
    if not offered & refused:
        raise Inconclusive(
            "no operation that an administrator may call was refused for want of a login: the "
            "answers do not show whether a login is asked for"
        )


@case(
    "CRED-016",
    severity="high",
    needs=("onvif",),
    catches=("cred-onvif-roles",),
    changes="settings",
    applies_to=("onvif",),
)
def test_onvif_roles(
    onvif: OnvifLink,
    onvif_admin_access: OnvifAccess,
    secrets: Secrets,
    evidence: Any,
    policy: Policy,
) -> None:
    """An ONVIF user may do what the role allows, and no more.

    Method: as the viewer and as the operator of the device file, call every operation of CRED-015,
    and try to create an administrator of a random name (it is deleted again at once, should that
    succeed). The access class of each operation and the classes of each role are those of the
    default access policy of ONVIF Core.
    Pass: no operation beyond the role's classes answers with data, no user can be created, and
    each account gets data from what its role allows.
    """
    allowed = policy("onvif")["roles"]
    accounts = [
        (role, found[0])
        for role in ("viewer", "operator")
        if (found := secrets.account(role=role, service="onvif")) is not None
    ]
    if not accounts:
        raise Inconclusive("the device file gives no viewer or operator for ONVIF", "device-file")
    faults: list[str] = []
    for role, account in accounts:
        access = evidence.observe(onvif.access(account), f"access of {role}")
        if not any(answer.outcome is Outcome.DATA for answer in access.answers):
            raise Inconclusive(
                f"the {role} account {account} gets no data over ONVIF at all", "login-refused"
            )
        faults.extend(_beyond(role, access, allowed[role]))
        faults.extend(_creation(onvif, account, role, secrets, evidence))
    assert not faults, f"{'; '.join(faults)}."
    _demand_control(onvif_admin_access, allowed["viewer"])


def _beyond(role: str, access: OnvifAccess, classes: list[str]) -> Iterator[str]:
    beyond = [
        answer
        for answer in access.answers
        if answer.outcome is Outcome.DATA and answer.access.value not in classes
    ]
    if beyond:
        yield f"The {role} may call {_listed(beyond)} over ONVIF"


def _creation(
    onvif: OnvifLink, account: str, role: str, secrets: Secrets, evidence: Any
) -> Iterator[str]:
    name, password = f"x{random.token_hex(4)}", f"Aa1!{random.token_urlsafe(12)}"
    secrets.remember("created user", password)
    created = evidence.observe(
        onvif.create_user(account, name, password, "Administrator"), f"CreateUsers as {role}"
    )
    if created.answer.outcome is not Outcome.DATA:
        return
    deleted = onvif.delete_user(onvif.default_account(), name)
    evidence.observe(deleted, f"DeleteUsers after {role}")
    left = "" if deleted.answer.outcome is Outcome.DATA else f" ({name} could not be deleted)"
    yield f"The {role} may create an administrator over ONVIF{left}"


def _demand_control(admin: OnvifAccess, classes: list[str]) -> None:
    """Without an operation that only an administrator may call, a PASS would be empty."""
    if not any(
        answer.outcome is Outcome.DATA and answer.access.value not in classes
        for answer in admin.answers
    ):
        raise Inconclusive(
            "no reading operation beyond a viewer's role answers even the administrator"
        )


def _listed(answers: list[OperationAnswer]) -> str:
    return ", ".join(f"{answer.name} ({answer.access.value})" for answer in answers)
