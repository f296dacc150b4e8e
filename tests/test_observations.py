"""One observation serves many test cases; what hangs or fails is said, and bounded."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import laboratory
import pytest

from conformance.verdict import Inconclusive
from devices.errors import Unreachable
from devices.observation import Observation
from devices.secrets import Secrets
from fixtures import observed
from fixtures.evidence import EvidenceRecorder, EvidenceStore
from fixtures.observed import Observations, Recipe


@dataclass(frozen=True, kw_only=True)
class Count(Observation):
    number: int


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    own: dict[str, Recipe] = {}
    monkeypatch.setattr(observed, "RECIPES", own)
    return own


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path, Secrets(laboratory.device()))


def add(recipes: dict[str, Recipe], name: str, function: object, seconds: float = 30) -> None:
    arguments = tuple(function.__code__.co_varnames[: function.__code__.co_argcount])  # type: ignore[attr-defined]
    recipes[name] = Recipe(name, function, "http", seconds, arguments)  # type: ignore[arg-type]


def observations(store: EvidenceStore, parallel: int = 4) -> Observations:
    return Observations(lambda name: f"link {name}", store, parallel, lambda _event, _what: None)


def test_taken_once_and_evidence_of_every_user(
    recipes: dict[str, Recipe], store: EvidenceStore
) -> None:
    calls = []

    def sweep(ports: object) -> Count:
        calls.append(ports)
        return Count(number=len(calls))

    add(recipes, "sweep", sweep)
    shared = observations(store)
    first, second = EvidenceRecorder(store, "A-001"), EvidenceRecorder(store, "A-002")
    assert shared.use("sweep", first) is shared.use("sweep", second)
    assert calls == ["link ports"]
    assert first.items == second.items != []


def test_an_observation_may_rest_on_another(
    recipes: dict[str, Recipe], store: EvidenceStore
) -> None:
    add(recipes, "base", lambda: Count(number=20))
    add(recipes, "upper", lambda base: Count(number=base.number + 1))
    shared = observations(store, parallel=1)
    shared.start(["upper", "base"])
    found = shared.use("upper", EvidenceRecorder(store, "A-001"))
    assert isinstance(found, Count)
    assert found.number == 21


def test_what_a_link_raised_reaches_every_user(
    recipes: dict[str, Recipe], store: EvidenceStore
) -> None:
    def fails() -> Count:
        raise Unreachable("refused")

    add(recipes, "fails", fails)
    shared = observations(store)
    for case in ("A-001", "A-002"):
        recorder = EvidenceRecorder(store, case)
        with pytest.raises(Unreachable, match="refused"):
            shared.use("fails", recorder)
        assert not recorder.items


def test_a_hang_ends_at_its_limit(recipes: dict[str, Recipe], store: EvidenceStore) -> None:
    released = threading.Event()

    def hangs() -> Count:
        released.wait(60)
        return Count(number=0)

    add(recipes, "hangs", hangs, seconds=0.2)
    shared = observations(store)
    with pytest.raises(Inconclusive, match="within its limit") as caught:
        shared.use("hangs", EvidenceRecorder(store, "A-001"))
    assert caught.value.cause == "timeout"
    shared.settle()
    assert shared.waiting_for() == ["hangs"]
    released.set()
