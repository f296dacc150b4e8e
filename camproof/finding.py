"""What ``doctor`` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass

READY, ABSENT, NOT_GIVEN, FAULT = "ready", "absent", "not given", "fault"


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    ``state`` is READY, FAULT, ABSENT (nothing declared, nothing missed), or NOT_GIVEN: nothing
    declared, and some test case needs it.
    """

    what: str
    state: str
    detail: str


def not_given(what: str, key: str, missed: dict[str, str]) -> Finding:
    """Say once what is left out: ``missed`` keeps what nobody has spoken of yet."""
    text = missed.pop(key, "")
    state = NOT_GIVEN if text else ABSENT
    return Finding(what, state, text or f"the device file gives no {key}")
