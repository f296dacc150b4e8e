"""A bundle that must be refused, offered; what a refusal is, and what only looks like one."""

from __future__ import annotations

from typing import Any

from conformance.verdict import Inconclusive
from devices.firmware.tamper import TamperedBundle
from devices.links.update import NO_ANSWER, UpdateTrial

AT_THE_DOOR = {401, 403, 404, 405, 407, 411, 413}
"""Answers to the sender, the address or the size of an upload: its content was not looked at."""


def demand_refusal(trials: Any, evidence: Any, bundle: TamperedBundle) -> None:
    """Offer a bundle that must be refused; put the camera right if it was not."""
    trial: UpdateTrial = evidence.observe(trials.offer(bundle))
    if not trial.had_effect:
        _demand_judgement(trial, bundle)
        return
    if trial.after:
        evidence.observe(trials.restore(), "put right")
    raise AssertionError(
        f"the camera took a bundle that it must refuse ({bundle.change}): HTTP "
        f"{trial.attempt.status} {trial.attempt.answer!r}; it "
        f"{'restarted' if trial.restarted else 'did not restart'} and reports "
        f"{trial.after or 'nothing any more'} (before: {trial.before}); expected: a refusal"
    )


def _demand_judgement(trial: UpdateTrial, bundle: TamperedBundle) -> None:
    """Raise Inconclusive unless the camera refused the bundle for what is in it."""
    attempt = trial.attempt
    if attempt.accepted:
        raise Inconclusive(
            f"the camera acknowledged the upload ({bundle.change}) with HTTP {attempt.status}, but "
            "neither restarted nor reports another version: whether it was refused later cannot "
            "be told",
            "insufficient",
        )
    if attempt.status == NO_ANSWER or attempt.status in AT_THE_DOOR or 300 <= attempt.status < 400:
        raise Inconclusive(
            f"the upload ({bundle.change}) ended with "
            f"{f'HTTP {attempt.status}' if attempt.status else 'no answer'} {attempt.answer!r}: "
            "nothing shows that the camera looked into the bundle",
            "insufficient",
        )
