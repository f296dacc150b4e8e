"""The fault matrix: which faults are run."""

from __future__ import annotations

from camproof.selftest import covering
from conformance import catalogue


def test_a_cover_shows_every_test_case_failing_once() -> None:
    known = catalogue.load()
    faults = known.faults()
    chosen = covering(known, faults)
    caught = {case for fault in chosen for case in known.catchers(fault.id)}
    assert caught == {case for fault in faults for case in known.catchers(fault.id)}
    assert len(chosen) < len(faults) / 2
    assert covering(known, faults[:1]) == list(faults[:1])
