"""Guesses at one account on the serial console and on the web in turn (CRED-027)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import test_serial_start_cases as consoles
from test_guess_manners import Lock, camera, everywhere
from test_guessing import guessing_of
from test_serial_link import TcpBoard
from web_stand import PASSWORD

from devices.description import DeviceFile
from devices.links.guessing import console as guessing_console
from devices.links.guessing.guess import SpreadGuessing


class SharedGetty(consoles.Getty):
    """A console whose count is that of the web interface; None: it counts for nothing."""

    web: Lock | None = None

    @property
    def failures(self) -> int:
        return self.web.failures.get("probe", 0) if self.web is not None else 0

    @failures.setter
    def failures(self, number: int) -> None:
        if self.web is not None and number:
            self.web.failures["probe"] = number


@contextmanager
def both(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, shared: bool, services: list[str]
) -> Iterator[DeviceFile]:
    monkeypatch.setattr(consoles, "PASSWORD", PASSWORD)
    monkeypatch.setattr(guessing_console, "ANSWER_SECONDS", 0.4)
    lock, getty = Lock("account"), SharedGetty(lock=5)
    getty.web = lock if shared else None
    board = TcpBoard(getty.react)
    with camera(lock, folder, monkeypatch, "account", []) as device:
        content = device.model_dump(mode="json", exclude_none=True)
        content["links"]["serial"] = {"url": board.url}
        content["accounts"]["probe"]["services"] = services
        content["bench"]["parallel"] = 1
        yield DeviceFile.model_validate(content)
    board.close()


def test_one_count_for_the_console_and_the_web_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with both(tmp_path, monkeypatch, shared=True, services=["http", "serial"]) as device:
        found = everywhere(device).observations[-1]
    assert isinstance(found, SpreadGuessing)
    assert found.guesses[:2] == ("the web login", "the serial console")
    assert not found.still_open


def test_a_console_that_counts_for_itself_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        both(tmp_path, monkeypatch, shared=False, services=["http", "serial"]) as device,
        pytest.raises(AssertionError, match="accepted over the serial console: failures on one"),
    ):
        everywhere(device)


def test_a_console_with_users_of_its_own_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        both(tmp_path, monkeypatch, shared=False, services=["serial"]) as device,
        guessing_of(device) as guessing,
    ):
        assert guessing.with_console is None
        assert not guessing.console_apart
