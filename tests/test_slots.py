"""The boot environment: trial boots, fallback, anti-rollback, damaged flash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.emulated.firmware.slots import TRIAL_BOOTS, Environment, NoBootableSlot, Slot, Slots
from devices.firmware.swdescription import SwDescription


def description(version: str, index: int) -> bytes:
    return SwDescription(version, "M", ("A",), "p", "0" * 64, "0" * 64, index).to_json()


def install(slots: Slots, version: str, index: int) -> None:
    root = slots.begin_install()
    (root / "version").write_text(version)
    slots.finish_install(description(version, index), b"")


def nothing_against(_: Slot) -> str:
    return ""


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    slots = Slots(tmp_path)
    install(slots, "1", 1)
    slots.adopt_factory_slot()
    return tmp_path


def boot(flash: Path) -> Slots:
    slots = Slots(flash)
    slots.boot(nothing_against)
    return slots


def test_the_factory_uses_slot_a(flash: Path) -> None:
    slots = boot(flash)
    assert (slots.running, slots.version()) == ("a", "1")
    assert (slots.active_root() / "version").read_text() == "1"
    assert slots.environment() == Environment("a", "", 0, 1)


def test_a_confirmed_update_stays(flash: Path) -> None:
    install(boot(flash), "2", 2)
    slots = boot(flash)
    assert (slots.running, slots.version()) == ("b", "2")
    slots.confirm()
    assert boot(flash).environment() == Environment("b", "", 0, 2)


def test_an_update_that_never_comes_up_is_given_up(flash: Path) -> None:
    install(boot(flash), "2", 2)
    assert [boot(flash).version() for _ in range(TRIAL_BOOTS + 1)] == ["2"] * TRIAL_BOOTS + ["1"]
    assert boot(flash).environment().rollback_index == 1


def test_an_update_that_does_not_verify_is_passed_over(flash: Path) -> None:
    install(boot(flash), "2", 2)
    slots = Slots(flash)
    slots.boot(lambda slot: "damaged" if slot.name == "b" else "")
    slots.confirm()
    assert (slots.running, slots.environment().trial) == ("a", "")


def test_a_third_update_goes_to_the_slot_that_is_free(flash: Path) -> None:
    install(boot(flash), "2", 2)
    slots = boot(flash)
    slots.confirm()
    install(slots, "3", 3)
    assert boot(flash).running == "a"
    assert (flash / "slot-a" / "rootfs" / "version").read_text() == "3"


def test_an_interrupted_update_leaves_the_old_one(flash: Path) -> None:
    slots = boot(flash)
    (slots.begin_install() / "half").write_text("...")
    assert boot(flash).version() == "1"


def test_in_place_an_interrupted_update_leaves_nothing(flash: Path) -> None:
    slots = Slots(flash, in_place=True)
    slots.boot(nothing_against)
    slots.begin_install()
    with pytest.raises(NoBootableSlot):
        Slots(flash, in_place=True).boot(nothing_against)


def test_a_reinstalled_trial_slot_is_not_tried_while_it_is_written(flash: Path) -> None:
    slots = boot(flash)
    install(slots, "2", 2)
    slots.begin_install()
    assert slots.environment().trial == ""


@given(text=st.text(max_size=60) | st.sampled_from(['{"active": "c"}', "[]", "null"]))
def test_a_damaged_environment_reads_as_the_default(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("flash")
    (folder / "env.json").write_text(text, encoding="utf-8", errors="replace")
    assert Slots(folder).environment() == Environment()


def test_a_damaged_manifest_is_a_reason_not_a_crash(flash: Path) -> None:
    for content in ("", "[]", "{}", '{"description": "!", "signature": ""}'):
        (flash / "slot-a" / "manifest.json").write_text(content)
        with pytest.raises(NoBootableSlot, match="slot a: "):
            boot(flash)
