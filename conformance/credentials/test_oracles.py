"""CRED-031 to 033, and 062: no login tells which users exist, by its answer, time or lock."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.case import case
from conformance.credentials.lock_telling import told_by_lock
from conformance.credentials.telling import demand_same_time, told_by_time, told_by_words
from conformance.verdict import NotApplicable


def _judge(guessing: Any, kind: str, evidence: Any, policy: Any, *, words: bool) -> None:
    rule = policy("guessing")["oracle"]
    with guessing.oracle(kind, rule) as take:
        samples, times = told_by_time(take, rule)
    evidence.observe(samples, "refusals")
    evidence.observe(times, "times compared")
    if words:
        told = told_by_words(samples)
        assert not told, f"{samples.surface}: {told}, expected one answer."
    demand_same_time(times)


@case(
    "CRED-031",
    severity="medium",
    needs=("http",),
    catches=("cred-time-oracle-web",),
    changes="lockout",
    applies_to=("http",),
    revision=2,
)
def test_the_web_login_takes_the_same_time(guessing: Any, evidence: Any, policy: Any) -> None:
    """The time of a refused web login does not tell which users exist.

    Method: with a user made for it (else an account set aside with purpose "lockout"), send wrong
    passwords of this user and of made-up names as long as its own, in random order on one
    connection, with a right login between, so that no lock is reached. Estimate the shift between
    the times of both by Hodges and Lehmann, with the confidence interval of the Mann-Whitney test;
    take more answers while it does not decide (policy "guessing"). Where all of them leave it open,
    and no difference is found, compare the low ends of both samples by a permutation test: those
    tell where a camera pads its answers to a random time.
    Pass: the interval lies within the least shift that the policy counts, or the low ends rule such
    a shift out. It fails when the interval lies beyond; else the times are too noisy to tell.
    """
    _judge(guessing, "http", evidence, policy, words=False)


@case(
    "CRED-032",
    severity="medium",
    needs=("onvif",),
    catches=("cred-time-oracle-onvif", "cred-onvif-tells-unknown-user"),
    changes="lockout",
    applies_to=("onvif",),
    revision=2,
)
def test_onvif_does_not_tell_which_users_exist(guessing: Any, evidence: Any, policy: Any) -> None:
    """ONVIF does not tell which users exist.

    Method: as CRED-031, with an ONVIF operation that is refused without login. Compare status,
    header names, fault, challenges and size too, with the user name left out and what varies
    between refusals of the same kind.
    Pass: the refusals of known and of unknown users are the same, and come after the same time.
    """
    _judge(guessing, "onvif", evidence, policy, words=True)


@case(
    "CRED-033",
    severity="medium",
    needs=("rtsp",),
    catches=("cred-time-oracle-rtsp", "cred-rtsp-tells-unknown-user"),
    changes="lockout",
    applies_to=("rtsp-streams",),
    revision=2,
)
def test_rtsp_does_not_tell_which_users_exist(guessing: Any, evidence: Any, policy: Any) -> None:
    """RTSP does not tell which users exist.

    Method: as CRED-031, with DESCRIBE of the first declared stream. Compare status, header names,
    realm and size too, with the user name left out and what varies between refusals of the same
    kind.
    Pass: the refusals of known and of unknown users are the same, and come after the same time.
    """
    _judge(guessing, "rtsp", evidence, policy, words=True)


@case(
    "CRED-062",
    severity="medium",
    needs=(),
    catches=("cred-lockout-tells-users",),
    changes="lockout",
)
def test_a_lock_does_not_tell_which_users_exist(guessing: Any, evidence: Any) -> None:
    """Wrong passwords enough for a lock are answered alike whether the user exists or not.

    Method: on the web login, ONVIF and RTSP, as far as the camera has them, send wrong passwords of
    a user made for it (else an account set aside with purpose "lockout") and of two made-up names,
    in turn: one more of each than lock the user (see CRED-027), then some more. Where a lock is of
    the address, those of one made-up name first, and those of the user when the lock is over.
    Compare the last answers by status, header names and text, with the user name left out.
    Pass: what the user is answered is what the made-up names are.
    """
    there = {one.kind for one in guessing.surfaces}
    kinds = [kind for kind in ("http", "onvif", "rtsp") if kind in there]
    if not kinds:
        raise NotApplicable("no login of the web interface, of ONVIF or of RTSP was found")
    found = guessing.side_by_side([partial(guessing.lock_refusals, kind) for kind in kinds])
    for one in found:
        evidence.observe(one, one.surface)
    told = [f"{one.surface}: {said}" for one in found if (said := told_by_lock(one))]
    assert not told, f"After the lock, {'; '.join(told)}, expected one answer."
