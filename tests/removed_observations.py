"""A pytest plugin that spoils observations: ``-p removed_observations``, for tests of the suite.

The environment says which (``CAMPROOF_SPOILED``, names with commas) and how (``CAMPROOF_SPOIL``):
``missing`` cannot be taken, ``partial`` says that something is missing, ``empty`` holds nothing
and does not say so. What is not spoiled comes from the folder ``CAMPROOF_KEPT``, and goes there
when it was taken for the first time.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from devices.errors import Unreachable
from devices.observation import Observation
from fixtures.observed import RECIPES


def pytest_configure() -> None:
    """Replace the recipes, which fixtures.plugin has entered by now."""
    for name, recipe in list(RECIPES.items()):
        kept = Path(os.environ["CAMPROOF_KEPT"], name)
        RECIPES[name] = dataclasses.replace(recipe, function=_once(recipe.function, kept))
    for name in filter(None, os.environ["CAMPROOF_SPOILED"].split(",")):
        recipe = RECIPES[name]
        if os.environ["CAMPROOF_SPOIL"] == "missing":
            RECIPES[name] = dataclasses.replace(recipe, function=_unreachable, arguments=())
        else:
            spoil = _emptied if os.environ["CAMPROOF_SPOIL"] == "empty" else _partial
            RECIPES[name] = dataclasses.replace(recipe, function=_then(recipe.function, spoil))


def _unreachable() -> Observation:
    raise Unreachable("taken away for a test")


def _once(function: Callable[..., Observation], kept: Path) -> Callable[..., Observation]:
    def taken(**values: Any) -> Observation:
        if not kept.exists():
            kept.write_bytes(pickle.dumps(function(**values)))
        found: Observation = pickle.loads(kept.read_bytes())
        return found

    return taken


def _then(
    function: Callable[..., Observation], spoil: Callable[[Observation], Observation]
) -> Callable[..., Observation]:
    def taken(**values: Any) -> Observation:
        return spoil(function(**values))

    return taken


def _partial(observation: Observation) -> Observation:
    return dataclasses.replace(observation, shortfall="half of it, for a test")


def _emptied(observation: Any) -> Any:
    """Every collection empty, in its parts too, and every count of what it holds zero."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(observation):
        value = getattr(observation, field.name)
        if isinstance(value, tuple | Mapping):
            changes[field.name] = type(value)()
        elif dataclasses.is_dataclass(value):
            changes[field.name] = _emptied(value)
        elif type(value) is int:
            changes[field.name] = 0
    return dataclasses.replace(observation, **changes)
