"""CRED-053: SSH does not tell which users exist, by what it offers, by refusals or their time."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.credentials.telling import demand_same_time, told_by_time, told_by_words
from conformance.verdict import Inconclusive
from devices.links.ssh.observations import SshAuthentication, UserAuthentication

_PASSWORD_METHODS = {"password", "keyboard-interactive"}
_UNLIKELY_NAME = "nobody-of-this-name"


@case(
    "CRED-053",
    severity="medium",
    needs=("ssh",),
    catches=("cred-ssh-user-enumeration", "cred-time-oracle-ssh"),
    changes="lockout",
    applies_to=("ssh",),
    revision=3,
)
def test_ssh_does_not_tell_which_users_exist(
    ssh_authentication: SshAuthentication, guessing: Any, evidence: Any, policy: Any
) -> None:
    """SSH does not tell which user names exist.

    Method: ask which login methods the laboratory's user, who exists, and a user that does not
    exist are offered. Where a password is offered, send wrong ones of a user made for it (else of
    an account set aside with purpose "lockout" and the service "ssh") and of made-up names as long
    as its own, in random order, a connection each, with a right login between, so that no lock is
    reached; compare what is answered, its length, and the time from the password to the answer, as
    CRED-031 does (policy "guessing").
    Pass: both are offered alike, and refused with the same answer after the same time; or nobody is
    offered a password.
    """
    _demand_alike(ssh_authentication)
    if not any(_PASSWORD_METHODS & set(user.methods) for user in ssh_authentication.users):
        return
    rule = policy("guessing")["oracle"]
    with guessing.oracle("ssh", rule) as take:
        samples, times = told_by_time(take, rule)
    evidence.observe(samples, "refusals")
    evidence.observe(times, "times compared")
    told = told_by_words(samples)
    assert not told, f"{samples.surface}: {told}, expected one answer."
    demand_same_time(times)


def _demand_alike(found: SshAuthentication) -> None:
    known = [user for user in found.users if user.known]
    unknown = [user for user in found.users if user.user == _UNLIKELY_NAME]
    where = found.endpoint
    if not known or not unknown:
        raise Inconclusive(f"{where} did not answer for an existing and for a made-up user")
    for one in known:
        for other in unknown:
            assert _answer(one) == _answer(other), (
                f"{where}: {one.user!r}, who exists, is answered {_answer(one)}, a user who does "
                f"not exist {_answer(other)}, expected one answer."
            )


def _answer(user: UserAuthentication) -> str:
    if user.hung_up:
        return "by the end of the connection"
    if user.none_accepted:
        return "by letting in"
    return f"with the methods {', '.join(sorted(user.methods)) or 'none'}"
