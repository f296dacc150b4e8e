"""The mark that makes a pytest function a test case of the suite."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pytest

from conformance.applicability import CONDITIONS

Severity = Literal["critical", "high", "medium", "low"]
Change = Literal["nothing", "settings", "lockout", "power", "firmware", "factory"]
CHANGES: tuple[Change, ...] = ("nothing", "settings", "lockout", "power", "firmware", "factory")
"""What a test case changes on the camera, in the order in which the plan runs them."""

LINKS = ("serial", "ssh", "http", "onvif", "rtsp", "tls", "ports", "capture")
RESOURCES = (*LINKS, "power", "clock", "scene", "gateway", "storage", "documents", "image")
"""What ``needs`` may name: links, bench controls, the papers, firmware images and bundles.

A test case names what its PASS cannot do without. One that may judge from any of several sources
names none of them; it is INCONCLUSIVE when all are missing.
"""

_ID = re.compile(r"[A-Z]+-\d{3}")
_F = TypeVar("_F", bound=Callable[..., Any])
ATTRIBUTE = "__camproof_case__"


@dataclass(frozen=True)
class Case:
    """One test case: its stable id, and its published method and pass criterion."""

    id: str
    title: str
    method: str
    criterion: str
    severity: Severity
    needs: tuple[str, ...]
    catches: tuple[str, ...]
    changes: Change
    applies_to: tuple[str, ...]
    revision: int
    module: str
    function: str

    @property
    def area(self) -> str:
        """The folder that the test case lives in (``streams``)."""
        return self.module.rpartition(".")[0].rpartition(".")[2]


def case(
    id: str,  # noqa: A002 - the field's own word, as in the catalogue
    *,
    severity: Severity,
    needs: Sequence[str],
    catches: Sequence[str] = (),
    changes: Change = "nothing",
    applies_to: Sequence[str] = (),
    revision: int = 1,
) -> Callable[[_F], _F]:
    """Declare a pytest function as a test case.

    The docstring is the published method: its first line the title, then ``Method:`` and
    ``Pass:`` paragraphs. ``applies_to`` names conditions of ``conformance.applicability``: where
    the device file declares that one is absent, the verdict is NOT_APPLICABLE before any link is
    touched. Raises ValueError at import when a part is missing or malformed.
    """

    def mark(function: _F) -> _F:
        title, method, criterion = _published(id, inspect.getdoc(function) or "")
        if not _ID.fullmatch(id):
            raise ValueError(f"{id}: a test case id is letters, a hyphen and three digits")
        if unknown := set(needs) - set(RESOURCES):
            raise ValueError(f"{id}: needs names unknown {', '.join(sorted(unknown))}")
        if changes not in CHANGES:
            raise ValueError(f"{id}: changes is one of {', '.join(CHANGES)}")
        if unknown := set(applies_to) - set(CONDITIONS):
            raise ValueError(f"{id}: applies_to names unknown {', '.join(sorted(unknown))}")
        declared = Case(
            id=id,
            title=title,
            method=method,
            criterion=criterion,
            severity=severity,
            needs=tuple(needs),
            catches=tuple(catches),
            changes=changes,
            applies_to=tuple(applies_to),
            revision=revision,
            module=function.__module__,
            function=function.__name__,
        )
        setattr(function, ATTRIBUTE, declared)
        marked: _F = pytest.mark.camproof_case(declared)(function)
        return marked

    return mark


def _published(case_id: str, docstring: str) -> tuple[str, str, str]:
    match = re.fullmatch(
        r"(?P<title>[^\n]+?)\.?\n\s*Method:\s*(?P<method>.+?)\n\s*Pass:\s*(?P<criterion>.+)",
        docstring.strip(),
        re.DOTALL,
    )
    if match is None:
        raise ValueError(f"{case_id}: the docstring needs a title line, 'Method:' and 'Pass:'")
    title, method, criterion = (" ".join(part.split()) for part in match.groups())
    return title, method, criterion
