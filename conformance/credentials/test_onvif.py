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
    logged_in,
)
from devices.secrets import Secrets
from devices.trial_password import strong_password

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
    revision=2,
)
def test_onvif_replay(onvif_replay: OnvifReplay) -> None:
    """A recorded ONVIF login is worthless, and passwords are not taken in clear.

    Method: send one request, of an operation that is refused without login, with a fresh login
    (WS-UsernameToken with PasswordDigest, dated by the camera's own clock; HTTP digest where the
    camera takes nothing else), then the same login once more, byte for byte; then a new token that
    is dated an hour back; then a token with the password in clear (PasswordText), dated now and
    with a nonce. A fresh right login goes between them.
    Pass: the fresh login is accepted and each of the others is answered with a refusal or a fault.
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
    unheard = [
        f"{what}: {outcome.value}"
        for what, outcome in (
            ("the same login once more", onvif_replay.repeated),
            ("the outdated login", onvif_replay.outdated),
            ("the password in clear", onvif_replay.password_text),
        )
        if outcome in {Outcome.OTHER, Outcome.NOT_SUPPORTED}
    ]
    if unheard:
        raise Inconclusive(
            f"no refusal, and no fault of the ONVIF service: {'; '.join(unheard)}", "not-measured"
        )


@case(
    "CRED-015",
    severity="critical",
    needs=("onvif",),
    catches=("cred-onvif-anonymous",),
    applies_to=("onvif",),
    revision=3,
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
    revision=2,
)
def test_onvif_roles(
    *,
    onvif: OnvifLink,
    onvif_anonymous_access: OnvifAccess,
    onvif_admin_access: OnvifAccess,
    secrets: Secrets,
    evidence: Any,
    policy: Policy,
) -> None:
    """An ONVIF user may do what the role allows, and no more.

    Method: as the viewer and as the operator of the device file, call every operation of CRED-015,
    and try to create an administrator of a random name (it is deleted again at once, should that
    succeed). Where that is answered with a fault that names no right, the administrator tries the
    same. The access class of each operation and the classes of each role are those of the
    default access policy of ONVIF Core.
    Pass: no operation beyond the role's classes answers with data, no user can be created, and
    each account gets data from what its role allows, some of it refused without login.
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
    doubts: list[str] = []
    for role, account in accounts:
        access = evidence.observe(onvif.access(account), f"access of {role}")
        if not logged_in(access.answers, onvif_anonymous_access.answers):
            doubts.append(
                f"the {role} account {account} gets nothing over ONVIF that is refused without "
                "login: its login is not seen to be taken"
            )
        faults.extend(_beyond(role, access, allowed[role]))
        faults.extend(_creation(onvif, (role, account), secrets, evidence, doubts))
    assert not faults, f"{'; '.join(faults)}."
    if doubts:
        raise Inconclusive("; ".join(doubts), "login-refused")
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
    onvif: OnvifLink, who: tuple[str, str], secrets: Secrets, evidence: Any, doubts: list[str]
) -> Iterator[str]:
    role, account = who
    # No longer than cameras of the field take: they check that before they check who asks.
    name, password = f"x{random.token_hex(4)}", strong_password(12)
    secrets.remember("created user", password)
    tried = evidence.observe(
        onvif.create_user(account, name, password, "Administrator"), f"CreateUsers as {role}"
    ).answer
    if tried.outcome in {Outcome.NOT_AUTHORISED, Outcome.NOT_SUPPORTED}:
        return
    if tried.outcome is Outcome.DATA:
        left = _deleted(onvif, name, role, evidence)
        yield f"The {role} may create an administrator over ONVIF{left}"
        return
    admin = onvif.create_user(onvif.default_account(), name, password, "Administrator")
    evidence.observe(admin, f"CreateUsers as the administrator, after {role}")
    if admin.answer.outcome is not Outcome.DATA:
        doubts.append(
            f"CreateUsers is answered {role} and administrator with a fault ({tried.detail}; "
            f"{admin.answer.detail}), so that it does not show who may: is there room for a user?"
        )
    elif left := _deleted(onvif, name, role, evidence):
        doubts.append(f"the user that the administrator made{left}")


def _deleted(onvif: OnvifLink, name: str, role: str, evidence: Any) -> str:
    """Delete a user that was made; says so where that fails."""
    deleted = onvif.delete_user(onvif.default_account(), name)
    evidence.observe(deleted, f"DeleteUsers after {role}")
    return "" if deleted.answer.outcome is Outcome.DATA else f" ({name} could not be deleted)"


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
