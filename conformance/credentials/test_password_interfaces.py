"""CRED-042 and CRED-043: one rule for passwords, on every interface that sets one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.case import case
from conformance.password_policy import PasswordPolicy
from conformance.verdict import Inconclusive
from devices.links.password_trials import PasswordTrials, differing

_GUESSABLE = ("common", "username")
_FORM = ("length", "kinds", "reuse", "no-composition")


@case(
    "CRED-042",
    severity="high",
    needs=(),
    catches=(
        "cred-rule-in-page-only",
        "cred-rule-not-at-change",
        "cred-onvif-weak-passwords",
        "cred-onvif-weak-change",
        "cred-short-password",
        "cred-simple-password",
    ),
    changes="settings",
    applies_to=("users",),
    revision=2,
)
def test_every_interface_keeps_one_password_rule(
    password_trials: PasswordTrials, password_policies: list[PasswordPolicy], evidence: Any
) -> None:
    """Every interface that sets a password keeps the same rule, and the rule of the policy.

    Method: with users made for it, and removed again, set weak passwords by every operation of the
    web interface that the device file describes for it, called without the page and its scripts,
    and by ONVIF CreateUsers and SetUser: too short, without a kind of character, common ones, and
    such as hold the user name. Set a strong one before and after. A password is taken when a login
    with it then works. Where no user can be made, the account that may be locked is changed
    instead, and gets its own password again. Hold each against the policies
    (conformance/policies/passwords-*.toml) of the regulations that the profile selects from, and of
    those that the maker claims. Look for further interfaces among the declared resources and at
    published paths.
    Pass: no interface takes what a policy has refused or another interface refuses, by length,
    kinds of character or age; and every interface that was found could be tried.
    """
    _observe(password_trials, password_policies, evidence)
    faults = [*_breaches(password_trials, password_policies, _FORM), *_unequal(password_trials)]
    assert not faults, " ".join(faults)
    _demand_tried(password_trials)


@case(
    "CRED-043",
    severity="high",
    needs=(),
    catches=(
        "cred-common-passwords",
        "cred-username-inside",
        "cred-username-as-password",
        "cred-rule-in-page-only",
        "cred-rule-not-at-change",
        "cred-onvif-weak-passwords",
        "cred-onvif-weak-change",
    ),
    changes="settings",
    applies_to=("users",),
    revision=2,
)
def test_common_passwords_and_user_names_are_refused(
    password_trials: PasswordTrials, password_policies: list[PasswordPolicy], evidence: Any
) -> None:
    """Passwords in common use, and such as hold the user name, are refused everywhere.

    Method: as CRED-042; of the list of common passwords (conformance/knowledge/
    common_passwords.csv) those that come first among the ones that no rule of length and kinds
    would refuse, and the first of all.
    Pass: no interface takes one of them where a policy in force has it refused.
    """
    _observe(password_trials, password_policies, evidence)
    faults = list(_breaches(password_trials, password_policies, _GUESSABLE))
    assert not faults, " ".join(faults)
    _demand_tried(password_trials)
    if not any(policy.demands(_GUESSABLE) for policy in password_policies):
        raise Inconclusive(
            "no policy of the profile's regulations says anything of common passwords or user "
            "names; claim one under declared.passwords.policies",
            "not-declared",
        )


def _observe(trials: PasswordTrials, policies: Sequence[PasswordPolicy], evidence: Any) -> None:
    evidence.record("password-policies.json", [policy.model_dump() for policy in policies])
    evidence.observe(trials, "password trials")


def _breaches(
    trials: PasswordTrials, policies: Sequence[PasswordPolicy], rules: Sequence[str]
) -> Iterator[str]:
    for interface in trials.interfaces:
        for policy in policies:
            for breach in policy.breaches(interface, rules):
                yield breach[0].upper() + breach[1:]


def _unequal(trials: PasswordTrials) -> Iterator[str]:
    for what, (takers, refusers) in differing(trials.interfaces).items():
        verb = "take" if len(takers) > 1 else "takes"
        said = f"{' and '.join(takers)} {verb} {what}, which {' and '.join(refusers)} refused."
        yield said[0].upper() + said[1:]


def _demand_tried(trials: PasswordTrials) -> None:
    if not any(interface.trials for interface in trials.interfaces):
        why = trials.shortfall or "none is given"
        raise Inconclusive(f"no interface that sets passwords could be tried: {why}", "no-link")
