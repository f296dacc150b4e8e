"""CRED-057: the old password at its change. CRED-058: the numbers of the regulations."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.credentials.lock_end import lock_end
from conformance.guess_policy import GuessPolicy
from conformance.verdict import Inconclusive
from devices.links.guessing.change import guess_old_password
from devices.links.guessing.web import WebSurface
from devices.links.http.link import HttpLink
from devices.secrets import Secrets


@case(
    "CRED-057",
    severity="medium",
    needs=("http",),
    catches=("cred-change-guessed",),
    changes="lockout",
    applies_to=("http",),
)
def test_the_old_password_cannot_be_guessed_at_its_change(
    http: HttpLink, guessing: Any, secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """The old password cannot be guessed where it is changed.

    Method: with a user made for it (else an account set aside with purpose "lockout"), log in to
    the web interface, and in this session call change_password with as many wrong old passwords as
    the declared lock allows and one more (at most one more than the policy "guessing" allows), then
    with the right one. Whether it was changed is seen by a login with the new password, else by
    the answer. A password that was changed is changed back.
    Pass: the right old password changes nothing any more (the account is closed, or the session has
    ended), or each guess takes as long as the policy demands.
    """
    limits = policy("guessing")["limits"]
    if not isinstance(surface := guessing.surface("http"), WebSurface):
        raise Inconclusive("the web login cannot be tried", "no-link")
    new = secrets.trial_password()
    with guessing.accounts.user(surface) as user:
        number, lasts = guessing.allowed + 1, guessing.lock_seconds
        found = evidence.observe(guess_old_password(http, user, number, new, lasts))
        guessing.readmit()
    (only,) = found.rounds
    slow = only.seconds >= len(only.wrong) * float(limits["seconds_per_guess"])
    assert slow or not only.right.accepted, (
        f"{http.operation('change_password').path}: after {len(only.wrong)} wrong old passwords of "
        f"{found.username} in {only.seconds:.1f} s the right one is taken, expected the account or "
        "the session to be closed."
    )


@case(
    "CRED-058",
    severity="medium",
    needs=(),
    catches=("cred-lockout-late", "cred-lockout-brief"),
    changes="lockout",
    revision=2,
)
def test_locks_keep_the_numbers_of_the_regulations(
    lock_ends: Any, guess_policies: list[GuessPolicy], evidence: Any, policy: Any
) -> None:
    """Guessing is stopped as soon, and for as long, as the regulations say in numbers.

    Method: hold what CRED-027 measures on each way in and what CRED-029 measures of the end of a
    lock (both are measured once) against the numbers that the regulations of the profile call for
    (conformance/policies/guessing-*.toml): so many wrong passwords within a window, and the right
    one refused for so long. Regulations without numbers of their own are left to CRED-027.
    Pass: on each way in the right password is refused after that many wrong ones, and is still
    refused when nine tenths of a lock that is declared to last as long are over.
    """
    if not guess_policies:
        raise Inconclusive(
            "no regulation of the profile gives numbers for guessing: see CRED-027", "not-declared"
        )
    evidence.record("guess-policies.json", [each.model_dump() for each in guess_policies])
    each, _ = lock_ends.measured
    for found in each:
        evidence.observe(found, found.surface)
    faults = [text for one in guess_policies for found in each for text in one.breaches(found)]
    longest = max(one.block_seconds for one in guess_policies)
    lasts = lock_ends.lock_seconds
    if lasts < longest:
        faults.append(
            f"A lock is declared to last {lasts:.0f} s, expected {longest:.0f} s or more "
            f"({max(guess_policies, key=lambda p: p.block_seconds).title})."
        )
    assert not faults, " ".join(faults)
    doubts = [text for one in guess_policies for found in each for text in one.doubts(found)]
    if doubts:
        raise Inconclusive("; ".join(doubts), "not-measured")
    _demand_length(lock_ends, longest, evidence, policy)


def _demand_length(lock_ends: Any, seconds: float, evidence: Any, policy: Any) -> None:
    end = evidence.observe(lock_end(lock_ends, policy("guessing")["end"]), "the end of a lock")
    if end.early is None:
        raise Inconclusive(end.shortfall, "not-measured")
    ended = end.early.accepted
    assert not (ended and end.early_at <= seconds), (
        f"{end.surface}: a lock ends before {end.early_at:.0f} s are over, expected {seconds:.0f}."
    )
    if end.unsteady:
        raise Inconclusive(f"{end.surface}: {end.unsteady}", "unsteady-clock")
    if ended or not end.early.clear:
        raise Inconclusive(
            f"{end.surface}: after {end.early_at:.0f} s the right password is answered "
            f"{end.early.answer}: when the lock ended is not known",
            "not-measured",
        )
