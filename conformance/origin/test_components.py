"""Components with a history, and traces of another maker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.identity.inventory import ComponentInventory, InventoryItem
from devices.identity.versions import is_below, upstream
from devices.links.inside import MarkedFiles
from devices.links.reports import Banners

Knowledge = Callable[[str], list[dict[str, Any]]]
_MENDED = frozenset(("resolved", "resolved_with_pedigree", "not_affected", "false_positive"))


@case(
    "ORIGIN-010",
    severity="critical",
    needs=("documents", "ssh"),
    catches=("origin-vulnerable-component",),
)
def test_no_component_has_a_published_backdoor(
    component_inventory: ComponentInventory, knowledge: Knowledge
) -> None:
    """No component has a published backdoor or a published hole that lets anyone in.

    Method: compare name and upstream version of every component in the bill of materials and in
    the camera's package database with the suite's table of published cases.
    Pass: none is concerned. For a weakness, not for a backdoor, a statement of the manufacturer
    in the bill of materials (VEX: resolved, not affected, false positive) is accepted.
    """
    if not component_inventory.items:
        raise Inconclusive("no component is known", "insufficient")
    problems = [
        f"{item.name} {item.version} ({item.source}): {row['what']} ({row['source']})."
        for row in knowledge("components")
        for item in component_inventory.items
        if _concerned(item, row) and not _stated_mended(item, row)
    ]
    assert not problems, " ".join(problems)


@case(
    "ORIGIN-011",
    severity="high",
    needs=("ssh",),
    catches=("origin-foreign-brand",),
)
def test_no_trace_of_another_maker(
    banners: Banners, brand_files: MarkedFiles, knowledge: Knowledge, device: DeviceFile
) -> None:
    """Nothing on the camera bears the marks of another maker.

    Method: look for marks of known makers of camera software in what the camera shows without
    login (greetings, headers, page titles) and in its programs and web pages over SSH, and
    compare them with the declared manufacturer. A hit is an indication that a person assesses.
    Pass: no mark of a maker other than the declared manufacturer is found.
    """
    problems = []
    for row in knowledge("brands"):
        if _is_own(row, device.device.manufacturer):
            continue
        problems += [
            f"{banner.source} shows {mark!r}, a mark of {row['maker']}."
            for mark in row["marks"]
            for banner in banners.banners
            if _stands_in(mark, banner.text)
        ]
        problems += [
            f"{hit.path} holds {hit.text!r}, a mark of {row['maker']}."
            for hit in brand_files.found
            if hit.text in row["marks"]
        ]
    assert not problems, (
        f"The declared manufacturer is {device.device.manufacturer}. {' '.join(problems)}"
    )
    if not banners.banners or not brand_files.searched:
        raise Inconclusive("the camera showed nothing to look at", "insufficient")


def _concerned(item: InventoryItem, row: dict[str, Any]) -> bool:
    if item.name.casefold() not in row["names"]:
        return False
    version = upstream(item.version)
    if not version:
        return "first" not in row and "below" not in row and "last" not in row
    if "first" in row and is_below(version, row["first"]):
        return False
    if "last" in row and is_below(row["last"], version):
        return False
    return "below" not in row or is_below(version, row["below"])


def _stated_mended(item: InventoryItem, row: dict[str, Any]) -> bool:
    if row["kind"] == "backdoor":
        return False
    return any(s.vulnerability == row["id"] and s.state in _MENDED for s in item.statements)


def _is_own(row: dict[str, Any], manufacturer: str) -> bool:
    names: Iterable[str] = (row["maker"], *row["also"])
    return any(_stands_in(name, manufacturer) for name in names)


def _stands_in(mark: str, text: str) -> bool:
    """Whether the mark occurs, without regard to case and not inside a longer word."""
    pattern = rf"(?<![A-Za-z0-9]){re.escape(mark)}(?![A-Za-z0-9])"
    return re.search(pattern, text, re.IGNORECASE) is not None
