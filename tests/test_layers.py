"""The house: imports run down only (docs of the rooms are in CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("camproof", "conformance", "devices", "fixtures", "reports")
MAY_IMPORT = {
    "devices": {"devices"},
    "conformance": {"conformance", "devices"},
    "fixtures": {"fixtures", "conformance", "devices"},
    "reports": {"reports", "conformance"},
    "camproof": set(ROOMS),
}
EMULATOR_DOORS = {
    "camproof.assess", "camproof.emulate", "camproof.twin",
}  # fmt: skip


def modules(room: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts), path


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_down_only(room: str) -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules(room)
        for other in imported(path)
        if other.partition(".")[0] in ROOMS and other.partition(".")[0] not in MAY_IMPORT[room]
    ]
    assert not wrong


def test_only_the_commands_that_start_a_camera_know_the_emulated_one() -> None:
    wrong = [
        f"{name} imports {other}"
        for room in ROOMS
        for name, path in modules(room)
        for other in imported(path)
        if other.startswith("devices.emulated")
        and not name.startswith("devices.emulated")
        and name not in EMULATOR_DOORS
    ]
    assert not wrong


def test_no_test_case_reads_a_posture_or_names_a_fault_but_in_catches() -> None:
    wrong = []
    for name, path in modules("conformance"):
        if not path.name.startswith("test_"):
            continue
        text = path.read_text("utf-8")
        if "posture" in text.lower() or "emulated" in text.lower():
            wrong.append(name)
    assert not wrong


def test_devices_knows_no_pytest() -> None:
    wrong = [
        name
        for name, path in modules("devices")
        if any(module.partition(".")[0] == "pytest" for module in imported(path))
    ]
    assert not wrong


def test_protocols_open_no_sockets() -> None:
    forbidden = {"socket", "asyncio", "selectors", "select", "requests", "paramiko", "ssl"}
    wrong = [
        f"{name} imports {other}"
        for name, path in modules("devices/protocols")
        for other in imported(path)
        if other.partition(".")[0] in forbidden
    ]
    assert not wrong
