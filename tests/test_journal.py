"""The journal of changes: what was begun and not undone is open, whatever cut the run short."""

from __future__ import annotations

import contextlib
import json
import math
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_clock_control import control

from devices.errors import OutsideAuthorisation
from devices.journal import (
    CHANGES,
    KINDS,
    SECRETS,
    Change,
    Journal,
    JournalBusy,
    JournalError,
    Unit,
)

STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "ended"]), st.sampled_from(KINDS), st.sampled_from("ab")),
    max_size=20,
)


def entered(journal: Journal) -> set[tuple[str, str]]:
    return {(change.kind, change.subject) for change in journal.open()}


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_what_is_read_again_is_what_was_open(steps: list[tuple[str, str, str]]) -> None:
    expected: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        journal.take()
        for step, kind, subject in steps:
            if step == "begin":
                journal.begin(kind, subject)  # type: ignore[arg-type]
                expected.add((kind, subject))
            else:
                journal.ended(kind, subject)  # type: ignore[arg-type]
                expected.discard((kind, subject))
        assert entered(journal) == expected
        journal.close()
        assert entered(Journal.read(Path(folder))[0]) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2000))
def test_a_file_cut_anywhere_is_what_was_written_before(cut: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder, device_file=folder / "camera.toml")
        first = journal.begin("user", "ana", "http", secrets=["Quiet-Harbour-7"])
        journal.begin("clock")
        journal.end(first, "deleted")
        journal.begin("power")
        journal.close()
        whole = (folder / CHANGES).read_bytes()
        (folder / CHANGES).write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        again, _ = Journal.read(folder)
        states = [set(), set(), {"user"}, {"user", "clock"}, {"clock"}, {"clock", "power"}]
        assert {change.kind for change in again.open()} == states[lines]
        again.begin("factory")  # goes on after the last whole line
        again.close()
        assert {c.kind for c in Journal.read(folder)[0].open()} == states[lines] | {"factory"}


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda t: t.encode() + b"\n")))
def test_any_bytes_are_a_journal_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / CHANGES).write_bytes(data)
        for damaged in (False, True):
            with contextlib.suppress(JournalError):
                Journal.read(Path(name), damaged=damaged)


ROW = {"id": "1", "kind": "user", "via": "", "subject": "a", "at": "", "until": "", "secrets": []}


@pytest.mark.parametrize(
    "row",
    [
        {"change": ROW | {"kind": "volcano"}},
        {"change": ROW | {"until": "tomorrow"}},
        {"change": ROW | {"until": "2026-01-01T00:00:00"}},
        {"change": ROW | {"secrets": 5}},
        {"change": ROW | {"subject": 5}},
        {"change": []},
        {"nothing": 1},
        [],
    ],
)
def test_a_row_that_is_none_of_ours_is_an_error(row: object, tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text(json.dumps(row) + "\n")
    with pytest.raises(JournalError, match="line 1"):
        Journal.read(tmp_path)


def test_passwords_are_apart_and_go_with_the_last_change(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = journal.begin("password", "ana", "http", secrets=["Own-1", "New-2"])
    assert journal.begin("password", "ana", "http", secrets=["New-2", "New-3"]) == first
    journal.begin("password", "ana", "http", secrets=["New-2", "New-4"])
    other = journal.begin("clock")
    text = (tmp_path / CHANGES).read_text()
    assert "Own-1" not in text
    assert "New-" not in text
    assert stat.S_IMODE((tmp_path / SECRETS).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / CHANGES).stat().st_mode) == 0o600
    journal.close()

    again, _ = Journal.read(tmp_path)
    change = again.open()[0]
    passwords = again.originals(change)
    assert passwords[0] == "Own-1"  # first what it was, last the two that it may be now
    assert passwords[-2:] == ["New-2", "New-4"]
    again.end(first, "put back")
    assert (tmp_path / SECRETS).exists()
    again.end(other, "put back")
    assert not (tmp_path / SECRETS).exists()
    again.close()


def test_one_process_at_a_time_writes(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.begin("clock")
    second, _ = Journal.read(tmp_path)
    with pytest.raises(JournalError, match="still going on"):
        second.take()
    first.close()
    second.take()
    second.close()


def test_a_lock_tells_when_it_ends() -> None:
    journal = Journal()
    journal.begin("lock", "ana", "rtsp", seconds=300)
    change = journal.open()[0]
    now = datetime.fromisoformat(change.until)
    assert change.seconds_left(now - timedelta(seconds=40)) == 40
    assert change.seconds_left(now + timedelta(seconds=40)) == 0
    assert Change("1", "clock", "", "", "").seconds_left(datetime.now(UTC)) == 0
    assert Change("1", "clock", "", "", "").age() == math.inf
    begun = datetime.fromisoformat(change.at)
    assert change.age(begun + timedelta(seconds=7)) == 7


def test_every_kind_has_words() -> None:
    for kind in KINDS:
        assert Change("1", kind, "http", "ana", "").words
    made = Change("1", "user", "http", "ana: b; c", "")
    assert made.what == "the user ana: b; c was created over the web interface"
    assert made.words == f"{made.what}; delete it"
    locked = Change("1", "lock", "tcp.vendor", "ana", "", "then")
    assert locked.what == "ana may be locked over the login vendor until then"


def test_what_may_not_be_moved_is_not_entered(tmp_path: Path) -> None:
    bench = control(tmp_path, "lockout", url="http://127.0.0.1:9/clock")
    with pytest.raises(OutsideAuthorisation), bench.moved(60):
        pass
    assert bench._permit.journal.open() == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=4))
def test_what_stands_between_damaged_lines_is_read(garbage: list[bytes]) -> None:
    """Whatever the garbage is: it is no entry of ours, for it would have to be a JSON object."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder, device_file=folder / "camera.toml", unit=Unit("Acme", "C1", "7"))
        journal.begin("clock")
        journal.begin("power")
        journal.close()
        lines = (folder / CHANGES).read_bytes().splitlines(keepends=True)
        (folder / CHANGES).write_bytes(b"".join([*lines[:2], *garbage, *lines[2:]]))
        again, path = Journal.read(folder, damaged=True)
        assert [change.kind for change in again.open()] == ["clock", "power"]
        assert again.damaged == tuple(range(3, 3 + len(garbage)))
        assert (path, str(again.unit)) == (folder / "camera.toml", "Acme C1 7")


def test_whoever_takes_it_reads_what_stands_there_then(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.begin("clock")
    with pytest.raises(JournalBusy):
        Journal.taken(tmp_path)
    first.begin("power")
    first.ended("clock")
    first.close()
    second = Journal.taken(tmp_path)
    assert [change.kind for change in second.open()] == ["power"]
    second.close()
