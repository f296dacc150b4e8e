"""The genuine update, the way back, and a power cut in the middle."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.updates.refusal import judge_refusals
from conformance.verdict import Inconclusive
from devices.firmware.tamper import TamperedBundle
from devices.identity.versions import names_version
from devices.links.power import PowerControl
from devices.links.update import UpdateTrial

CUTS = (0.35, 0.6, 0.85)
"""When the power is cut: shares of the time that an installation takes."""

SPARE_CUTS = (0.5, 0.7)
"""Tried besides when every installation had ended before its cut."""


@case(
    "UPDATE-001",
    severity="high",
    needs=("image",),
    catches=("update-ignored", "origin-false-version"),
    changes="firmware",
    applies_to=("update",),
)
def test_a_genuine_update_is_installed(update_trials: Any, evidence: Any) -> None:
    """A genuine, newer bundle is installed.

    Method: upload the bundle that the device file declares as genuine and newer, as
    administrator, and ask the camera for its version until it is another one or the declared time
    has passed. Some cameras restart without an answer, and some report the version within a longer
    text. Where test cases of refusal had the bundle offered already, it is not offered again.
    Pass: the camera takes it, is there again within the declared time, and reports the version of
    the bundle.
    """
    trial: UpdateTrial = evidence.observe(update_trials.control())
    expected: str | None = update_trials.declared.bundle_version
    if expected and names_version(trial.before, expected):
        raise Inconclusive(
            f"the camera ran {trial.before} already: no change of version can be seen",
            "insufficient",
        )
    said = f"HTTP {trial.attempt.status} {trial.attempt.answer!r}"
    assert trial.taken, f"the camera refused the genuine bundle: {said}"
    assert trial.after, (
        "the camera did not come back within "
        f"{update_trials.declared.restart_seconds:.0f} s after installing the genuine bundle"
    )
    other = trial.after != trial.before
    assert names_version(trial.after, expected) if expected else other, (
        f"the camera answered the genuine bundle with {said} and reports version {trial.after} "
        f"afterwards (before: {trial.before}); expected: {expected or 'another version'}"
    )


@case(
    "UPDATE-006",
    severity="high",
    needs=("image",),
    catches=("update-rollback",),
    changes="firmware",
    applies_to=("update",),
)
def test_an_older_version_is_refused(update_trials: Any, evidence: Any) -> None:
    """A genuine bundle of an older version is refused.

    Method: upload, as administrator, a bundle that the manufacturer made and signed for an
    earlier release (declared.update.older in the device file); and, unless that was done before,
    the newer genuine one in the same way. Should the camera install the older one, the newest
    genuine bundle is installed afterwards.
    Pass: the camera refuses the older one for its content, does not restart, and reports the
    version that it had; and it takes the newer one.
    """

    def older(trials: Any) -> TamperedBundle:
        return TamperedBundle("a genuine bundle of an older version", trials.file("older"))

    judge_refusals(update_trials, evidence, [update_trials.offer_to_refuse(older)])


@case(
    "UPDATE-008",
    severity="high",
    needs=("image", "power"),
    catches=("update-not-atomic",),
    changes="firmware",
    applies_to=("update",),
)
def test_a_power_cut_during_an_update_does_no_harm(
    update_trials: Any, power: PowerControl, evidence: Any
) -> None:
    """A power cut during an update leaves a working camera.

    Method: install the genuine bundle once, unless that was done before, to learn how long it
    takes; then begin again and cut the power at several moments of that time; give power again
    and ask the camera for its version. When every installation ended before its cut, cut again by
    the time that the quickest one took.
    Pass: each time the camera comes back by itself within the declared time, with the version from
    before or the one of the bundle, and at least one cut came before the installation had ended.
    """
    if not update_trials.install_seconds:
        evidence.observe(update_trials.restore(), "a whole installation")
    before, newer = update_trials.version(), update_trials.declared.bundle_version
    effective = 0
    for share in (*CUTS, *SPARE_CUTS):
        if effective and share in SPARE_CUTS:
            break
        cut = evidence.observe(update_trials.cut_power(power, share))
        effective += not cut.finished
        if not cut.went_away:
            raise Inconclusive(
                "the camera went on answering while its power was said to be off: the power "
                "control does not switch it",
                "bench",
            )
        assert cut.version, (
            f"after a power cut {cut.after_seconds:.1f} s into an update the camera did not come "
            "back; expected: it starts the old or the new version"
        )
        known = cut.version == before or (newer and names_version(cut.version, newer))
        assert known, (
            f"after a power cut {cut.after_seconds:.1f} s into an update the camera reports "
            f"{cut.version}; expected: {' or '.join(sorted({before, newer or before}))}"
        )
    if not effective:
        raise Inconclusive(
            "every upload was answered before the power was cut: the camera does not install the "
            "version that it runs, or too fast to be interrupted",
            "insufficient",
        )
