"""The areas that test cases belong to, in the order in which reports show them."""

from __future__ import annotations

from collections.abc import Iterable

WORDS = {
    "stream": "streams",
    "cred": "credentials",
    "backdoor": "backdoors",
    "update": "updates",
    "origin": "origin",
    "privacy": "privacy",
    "audit": "audit",
    "resil": "resilience",
}
"""The first word of an id (``cred-default-user``, ``CRED-001``), and the area it belongs to.

An area is the folder of ``conformance`` that holds its test cases.
"""
AREAS = tuple(WORDS.values())


def in_order(areas: Iterable[str]) -> list[str]:
    """Each area once: the suite's own in their order, then a laboratory's by name."""
    named = set(areas)
    return [*(area for area in AREAS if area in named), *sorted(named - set(AREAS))]
