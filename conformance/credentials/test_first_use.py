"""CRED-044, CRED-047 and CRED-048: first use, the reset that leads back to it, and set-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.case import case
from conformance.password_policy import PasswordPolicy
from conformance.verdict import Inconclusive
from devices.links.password_trials import InterfaceTrials

_RULES = ("length", "kinds", "common", "username", "no-composition")


@case(
    "CRED-044",
    severity="critical",
    needs=("http",),
    catches=("cred-label-not-changed", "cred-onvif-anonymous"),
    changes="factory",
    applies_to=("http", "first-use"),
    revision=2,
)
def test_the_initial_password_opens_nothing_but_its_change(
    factory_visit: Any, evidence: Any
) -> None:
    """Before a password is set nothing works but setting it.

    Method: put the camera into its factory state. Over ONVIF ask for its users and profiles as
    nobody. With the initial password that the device file gives ([factory]), as the user that it is
    of, else as the administrator, log in on the web interface and ask for a closed resource; ask
    for the users over ONVIF; describe the first stream over RTSP. Fewer wrong logins are spent than
    the declared lock allows. What the web interface opens to nobody is judged by CRED-001.
    Pass: nothing is answered with data, neither to nobody nor to the initial password.
    """
    _observe(factory_visit, evidence)
    first_use = evidence.observe(factory_visit.first_use)
    faults = [
        f"{answer.surface} answers {answer.asked} to {answer.login}"
        for answer in first_use.answers
        if answer.open
    ]
    assert not faults, (
        f"Before a password was set, {'; '.join(faults)}; expected nothing but setting one."
    )
    if not first_use.answers:
        raise Inconclusive(
            "no surface could be asked in the factory state: give [links.onvif], or "
            "factory.password where the camera has an initial password",
            "insufficient",
        )


@case(
    "CRED-047",
    severity="high",
    needs=("http",),
    catches=(
        "cred-reset-keeps-users",
        "cred-reset-keeps-keys",
        "cred-reset-keeps-wifi",
        "cred-reset-keeps-log",
        "cred-reset-keeps-recordings",
        "cred-reset-keeps-tls-key",
    ),
    changes="factory",
    applies_to=("http",),
    revision=2,
)
def test_a_factory_reset_leaves_nothing(factory_visit: Any, evidence: Any) -> None:
    """A factory reset leaves nothing of its users.

    Method: make a user and, where the device file describes the operation "wifi", set a wireless
    network, both of made-up names; read the recordings of the declared streams that are clips, and
    the keys of the TLS servers. Reset the camera. Before set-up, log in over SSH as the laboratory,
    and read the keys again. After set-up by the bench, search the files of configuration and logs
    over SSH for the names; read the lists of users, log in as the user, and read the recordings at
    the same addresses and in the list.
    Pass: the laboratory is refused before set-up, neither name is found, no recording of before is
    given again, and no TLS key outlives the reset but one declared as the unit's identity
    (factory.tls_key), which the unit did not sign itself where an authority is declared. Alarms and
    events are not looked at.
    """
    _observe(factory_visit, evidence)
    remains = evidence.observe(factory_visit.remains)
    assert not remains.left, f"After a factory reset, {'; '.join(remains.left)}."
    if not remains.looked:
        raise Inconclusive("nothing shows what the reset has left", "insufficient")


@case(
    "CRED-048",
    severity="critical",
    needs=("http",),
    catches=("cred-setup-open-again", "cred-rule-not-at-setup", "cred-rule-in-page-only"),
    changes="factory",
    applies_to=("http",),
    revision=2,
)
def test_set_up_keeps_the_rule_and_closes(
    factory_visit: Any, password_policies: list[PasswordPolicy], evidence: Any
) -> None:
    """First-use set-up keeps the password rule, and closes behind itself.

    Method: in the factory state call the operation "setup" with the weak passwords of CRED-042,
    until one is taken, and last with a strong one, to know that refusals were of the weak ones; the
    camera is then reset once more. After set-up by the bench call it
    again, as nobody, for another administrator, and ONVIF CreateUsers without login.
    Pass: no weak password that a policy in force has refused is taken, and no later call makes a
    user.
    """
    _observe(factory_visit, evidence)
    evidence.record("password-policies.json", [policy.model_dump() for policy in password_policies])
    set_up = evidence.observe(factory_visit.set_up)
    faults = _weak(set_up.trials, password_policies)
    faults += [
        f"{what} makes a user on a camera that is set up." for what, made in set_up.again if made
    ]
    assert not faults, " ".join(faults)
    if not set_up.trials:
        raise Inconclusive(f"set-up could not be tried: {set_up.shortfall}", "not-offered")


def _weak(trials: Sequence[Any], policies: Sequence[PasswordPolicy]) -> list[str]:
    interface = InterfaceTrials("First-use set-up", "create", tuple(trials))
    return [said for policy in policies for said in policy.breaches(interface, _RULES)]


def _observe(visited: Any, evidence: Any) -> None:
    for number, answer in enumerate(visited.resets, start=1):
        evidence.observe(answer, f"factory reset {number}")
