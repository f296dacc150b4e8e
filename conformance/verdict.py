"""The four verdicts, and how they add up (ETSI TS 103 701 V1.1.1, clause 4.8)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import pytest


class Verdict(StrEnum):
    """What one test case, or one clause, came to."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Inconclusive(Exception):
    """Raised by a test case that cannot judge; ``cause`` is one stable word."""

    def __init__(self, reason: str, cause: str = "insufficient") -> None:
        super().__init__(reason)
        self.cause = cause


class NotApplicable(pytest.skip.Exception):  # type: ignore[name-defined,misc]  # made at run time
    """Raised when the device file declares that what is tested does not exist on the camera.

    To pytest and Allure it is a skip; a skip of any other kind is INCONCLUSIVE.
    """


def combine(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Add verdicts up: FAIL before INCONCLUSIVE before PASS before NOT_APPLICABLE.

    None when there is nothing to add: not assessed.
    """
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE)
    present = set(verdicts)
    return next((verdict for verdict in order if verdict in present), None)
