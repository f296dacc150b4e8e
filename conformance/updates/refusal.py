"""Bundles that must be refused, offered; what a refusal is, and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from conformance.verdict import Inconclusive
from devices.firmware.tamper import TamperedBundle
from devices.links.update import NO_ANSWER, UpdateAttempt, UpdateTrial

AT_THE_DOOR = {401, 403, 404, 405, 406, 407, 408, 409, 411, 413, 415, 423, 429}
"""Answers to the sender, the address, the form, the size or the moment of an upload.

Its content was not looked at. ONVIF Core gives 415 another meaning: a file that the device does
not accept.
"""

OTHER_MODEL = "a genuine bundle for another model"

MADE_FROM_THE_GENUINE: dict[str, tuple[Callable[[Any], TamperedBundle], ...]] = {
    "UPDATE-002": (lambda trials: trials.tampered("payload_changed"),),
    "UPDATE-003": (
        lambda trials: trials.tampered("signature_changed"),
        lambda trials: trials.tampered("description_changed"),
    ),
    "UPDATE-004": (lambda trials: trials.tampered("signed_by_impostor"),),
    "UPDATE-005": (lambda trials: trials.tampered("signature_removed"),),
    "UPDATE-007": (lambda trials: trials.truncated(0.5), lambda trials: trials.truncated(0.9)),
    "UPDATE-010": (lambda trials: TamperedBundle(OTHER_MODEL, trials.file("other_model")),),
}
"""Test case -> what it wants refused. All of it is offered before the genuine bundle.

Afterwards it could be refused for the version alone, which runs by then.
"""


def demand_refusals(trials: Any, evidence: Any, case: str) -> None:
    """Raise unless the camera refused each bundle of a test case, and takes the genuine one."""
    judge_refusals(trials, evidence, trials.offered(case, MADE_FROM_THE_GENUINE))


def judge_refusals(trials: Any, evidence: Any, offered: Iterable[Any]) -> None:
    """Raise unless each bundle offered was refused for what is in it.

    A bundle that was taken is a fault, whatever became of the others.
    """
    faults, doubts = [], []
    for one in offered:
        if one.trial is None:
            doubts.append(one.error)
            continue
        trial: UpdateTrial = evidence.observe(one.trial)
        if one.put_right is not None:
            evidence.observe(one.put_right, "put right")
        if trial.had_effect:
            faults.append(_what_was_taken(trial, one.bundle))
        elif doubt := _doubt(trial, one.bundle, trials.declared.method):
            doubts.append(doubt)
    assert not faults, "; ".join(faults)
    for doubt in doubts:
        raise doubt
    _demand_control(trials, evidence)


def at_the_door(attempt: UpdateAttempt, method: str) -> bool:
    """Whether nothing shows that the camera looked at the content; ``method`` as declared."""
    status = attempt.status
    if status == 415 and method == "onvif":
        return False
    return status in AT_THE_DOOR or status == NO_ANSWER or 300 <= status < 400 or status >= 500


def _what_was_taken(trial: UpdateTrial, bundle: TamperedBundle) -> str:
    return (
        f"the camera took a bundle that it must refuse ({bundle.change}): HTTP "
        f"{trial.attempt.status} {trial.attempt.answer!r}; it "
        f"{'restarted' if trial.restarted else 'did not restart'} and reports "
        f"{trial.after or 'nothing any more'} (before: {trial.before}); expected: a refusal"
    )


def _doubt(trial: UpdateTrial, bundle: TamperedBundle, method: str) -> Inconclusive | None:
    """Why it cannot be told that the camera refused the bundle for what is in it, if so."""
    attempt = trial.attempt
    if attempt.accepted:
        return Inconclusive(
            f"the camera acknowledged the upload ({bundle.change}) with HTTP {attempt.status}, but "
            "neither restarted nor reports another version: whether it was refused later cannot "
            "be told",
            "insufficient",
        )
    if at_the_door(attempt, method):
        return Inconclusive(
            f"the upload ({bundle.change}) ended with "
            f"{f'HTTP {attempt.status}' if attempt.status else 'no answer'} {attempt.answer!r}: "
            "nothing shows that the camera looked into the bundle",
            "insufficient",
        )
    return None


def _demand_control(trials: Any, evidence: Any) -> None:
    """Raise Inconclusive unless the camera takes the genuine bundle in the same way."""
    control: UpdateTrial = evidence.observe(trials.control(), "the genuine bundle")
    if not control.taken:
        raise Inconclusive(
            "the camera refused the genuine bundle as well, sent in the same way (HTTP "
            f"{control.attempt.status} {control.attempt.answer!r}; it runs {control.before}): that "
            "it refused the other one shows nothing (see UPDATE-001)",
            "no-control",
        )
