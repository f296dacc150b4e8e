"""One observation serves many test cases; what hangs or fails is said, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
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


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def hanging(released: threading.Event) -> Callable[[], Count]:
    def hangs() -> Count:
        released.wait(60)
        return Count(number=0)

    return hangs


def test_a_hang_ends_at_its_limit_for_every_user(
    recipes: dict[str, Recipe], store: EvidenceStore, released: threading.Event
) -> None:
    add(recipes, "hangs", hanging(released), seconds=0.2)
    add(recipes, "upper", lambda hangs: Count(number=hangs.number))
    shared = observations(store)
    for name in ("hangs", "upper", "hangs"):
        with pytest.raises(Inconclusive, match="within its limit") as caught:
            shared.use(name, EvidenceRecorder(store, "A-001"))
        assert caught.value.cause == "timeout"
        assert "hangs" not in shared.waiting_for()  # nobody waits for it again
    shared.settle()
    assert shared.waiting_for() == []


def test_the_limit_counts_from_the_begin_and_not_from_a_wait(
    recipes: dict[str, Recipe], store: EvidenceStore, released: threading.Event
) -> None:
    ended = threading.Event()

    def announce(event: str, what: str) -> None:
        if (event, what) == ("observed", "hangs (not obtained)"):
            ended.set()

    add(recipes, "hangs", hanging(released), seconds=0.2)
    shared = Observations(lambda name: name, store, 1, announce)
    shared.start(["hangs"])
    assert ended.wait(10)  # though no test case waits
    with pytest.raises(Inconclusive, match="within its limit"):
        shared.use("hangs", EvidenceRecorder(store, "A-001"))


def test_a_hang_does_not_starve_those_behind_it(
    recipes: dict[str, Recipe], store: EvidenceStore, released: threading.Event
) -> None:
    add(recipes, "hangs", hanging(released), seconds=0.2)
    add(recipes, "behind", lambda: Count(number=1), seconds=0.1)
    shared = observations(store, parallel=1)
    shared.start(["hangs", "behind"])
    assert shared.use("behind", EvidenceRecorder(store, "A-001")) == Count(number=1)
    shared.settle()


def test_a_late_result_is_dropped_and_gives_no_second_slot(
    recipes: dict[str, Recipe], store: EvidenceStore, released: threading.Event
) -> None:
    said: list[tuple[str, str]] = []
    add(recipes, "hangs", hanging(released), seconds=0.1)
    shared = Observations(lambda name: name, store, 1, lambda *event: said.append(event))
    shared.start(["hangs"])
    thread = next(thread for thread in threading.enumerate() if thread.name == "hangs")
    shared.settle()
    released.set()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(Inconclusive, match="within its limit"):
        shared.use("hangs", EvidenceRecorder(store, "A-001"))
    assert said == [("observing", "hangs"), ("observed", "hangs (not obtained)")]
    assert shared._slots.acquire(blocking=False)
    assert not shared._slots.acquire(blocking=False)


def test_a_link_that_never_comes_up_ends_too(
    recipes: dict[str, Recipe], store: EvidenceStore, released: threading.Event
) -> None:
    ran: list[object] = []

    def sweep(ports: object) -> Count:
        ran.append(ports)
        return Count(number=1)

    add(recipes, "sweep", sweep, seconds=0.1)
    shared = Observations(lambda _: released.wait(60), store, 1, lambda _event, _what: None)
    with pytest.raises(Inconclusive, match="could not begin") as caught:
        shared.use("sweep", EvidenceRecorder(store, "A-001"))
    assert caught.value.cause == "timeout"
    thread = next(thread for thread in threading.enumerate() if thread.name == "sweep")
    released.set()
    thread.join(10)
    assert not ran


def test_a_time_out_of_the_link_itself_is_said(
    recipes: dict[str, Recipe], store: EvidenceStore
) -> None:
    def slow() -> Count:
        raise TimeoutError("the read operation timed out")

    add(recipes, "slow", slow)
    with pytest.raises(Inconclusive, match="slow: timed out: the read") as caught:
        observations(store).use("slow", EvidenceRecorder(store, "A-001"))
    assert caught.value.cause == "timeout"
