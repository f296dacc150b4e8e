"""What a device file leaves out, and which test cases that touches."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from conformance import catalogue
from conformance.applicability import absence
from conformance.case import Case
from conformance.updates.refusal import MADE_FROM_THE_GENUINE
from devices.description import DeviceFile
from fixtures import plugin
from fixtures.observed import LINKS, RECIPES

LINK_SECTIONS = (
    "links.serial", "links.ssh", "links.http", "links.onvif", "bench.power", "bench.gateway",
    "bench.scene", "bench.storage",
)  # fmt: skip
_PAPERS = {
    "certificate_of_origin": "documents.certificate_of_origin",
    "quality_certificate": "documents.quality_certificate",
    "software_bill": "documents.sbom",
    "firmware_image": "device.firmware.image",
    "bundle_signature": "declared.update.bundle",
}
"""Observation -> the key of the device file that names the paper it reads."""

_BUNDLE_KEY = re.compile(r"""trials\.file\(["'](\w+)["']\)""")


@dataclass(frozen=True)
class Absence:
    """A key that is not given, and the test cases that need it, by what becomes of them."""

    key: str
    undecided: tuple[str, ...]
    not_applicable: tuple[str, ...]

    def __str__(self) -> str:
        """For people."""
        # Without a paper some test cases fail and others are INCONCLUSIVE; none passes.
        stay = "stay{s} INCONCLUSIVE" if self.key in LINK_SECTIONS else "cannot pass"
        told = [
            f"{_number(ids, fate)} ({', '.join(ids)})"
            for ids, fate in (
                (self.undecided, stay),
                (self.not_applicable, "do{es} not apply"),
            )
            if ids
        ]
        return f"not given: {'; '.join(told)}"


def _number(ids: tuple[str, ...], fate: str) -> str:
    if len(ids) == 1:
        return f"1 test case {fate.format(s='s', es='es')}"
    return f"{len(ids)} test cases {fate.format(s='', es='')}"


def absences(device: DeviceFile) -> list[Absence]:
    """Everything that some test case needs and that the device file does not give."""
    undecided: dict[str, list[str]] = {}
    not_applicable: dict[str, list[str]] = {}
    for case in catalogue.load().cases():
        silent = absence(device, case.id, case.applies_to)
        for key in sorted(_needed(case)):
            if _given(device, key):
                continue
            if not silent:
                undecided.setdefault(key, []).append(case.id)
            elif key in LINK_SECTIONS:  # a paper about what is not there is not missed
                not_applicable.setdefault(key, []).append(case.id)
    return [
        Absence(key, tuple(undecided.get(key, ())), tuple(not_applicable.get(key, ())))
        for key in sorted({**undecided, **not_applicable}, key=_order)
    ]


def _order(key: str) -> tuple[int, str]:
    return (LINK_SECTIONS.index(key) if key in LINK_SECTIONS else len(LINK_SECTIONS), key)


def _given(device: DeviceFile, key: str) -> bool:
    value: object = device
    for part in key.split("."):
        value = getattr(value, part, None)
    return value is not None


def _needed(case: Case) -> set[str]:
    """The keys of the device file without which a test case cannot pass."""
    return {key for name in _fixtures(case) if (key := _key(name))} | _bundles(case)


def _key(fixture: str) -> str:
    if fixture in LINKS:
        section = LINKS[fixture].section
        return section if section in LINK_SECTIONS else ""
    return _PAPERS.get(fixture, "")


def _fixtures(case: Case) -> Iterator[str]:
    """The links and observations that a test case asks for, and what those are made from."""
    for name in plugin.pytest_plugins:  # each enters its links and observations
        importlib.import_module(name)
    waiting, seen = [*case.needs, *_parameters(case)], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += RECIPES[name].arguments if name in RECIPES else ()


def _parameters(case: Case) -> list[str]:
    function = getattr(importlib.import_module(case.module), case.function)
    return list(inspect.signature(function).parameters)


def _bundles(case: Case) -> set[str]:
    """The genuine bundle, which is every update's control, and those that a test case names."""
    if "update_trials" not in _parameters(case):
        return set()
    function = getattr(importlib.import_module(case.module), case.function)
    keys = {"bundle"}
    for source in (function, *MADE_FROM_THE_GENUINE.get(case.id, ())):
        keys |= set(_BUNDLE_KEY.findall(inspect.getsource(source)))
    return {f"declared.update.{key}" for key in keys}
