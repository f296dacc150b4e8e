"""Faults by name, for the commands that start an emulated camera."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from camproof.errors import CommandError


def posture_of(fault_ids: Sequence[str]) -> dict[str, Any]:
    """The posture fields that these faults change, together.

    Tuples of two faults are joined. Raises CommandError for an unknown fault, and for two faults
    that want different values of one field.
    """
    known = {fault["id"]: fault["posture"] for fault in _rows()}
    changed: dict[str, Any] = {}
    for fault_id in fault_ids:
        if fault_id not in known:
            raise CommandError(
                f"unknown fault {fault_id!r}; `camproof catalogue faults` lists them"
            )
        for name, value in known[fault_id].items():
            if isinstance(value, list):
                changed[name] = [*changed.get(name, []), *value]
            elif changed.get(name, value) != value:
                raise CommandError(f"{fault_id} contradicts another fault: both set {name}")
            else:
                changed[name] = value
    return changed


def _rows() -> list[dict[str, Any]]:
    text = (files("devices.emulated") / "faults.toml").read_text("utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["fault"]
    return rows
