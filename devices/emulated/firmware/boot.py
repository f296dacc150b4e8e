"""The first stages of the camera: boot loader and kernel log, on the serial console.

Runs at the very start of the camera's process, before any service, and returns only when the
firmware of a slot is to be started. The verification it reports is real: the signature over the
slot's description, and the digest over its root file system.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from devices.emulated.firmware.boot_prompt import autoboot
from devices.emulated.firmware.slots import NoBootableSlot, Slot, Slots
from devices.emulated.posture import Posture
from devices.emulated.uart import Uart
from devices.emulated.unit import Unit
from devices.firmware.cms import CmsError, load_trust, verify_detached
from devices.firmware.tree import tree_digest


def boot(flash: Path, uart: Uart, posture: Posture) -> Slots:
    """Run the boot stages and return the slots, one of them chosen.

    Does not return while the boot loader's prompt is in use, nor ever when no slot may be
    started: such a camera stays as dead as a real one until its power is cut.
    """
    unit = Unit.read(flash / "otp" / "unit.json")
    texts = _texts()
    facts = {"manufacturer": unit.manufacturer, "model": unit.model, "hardware": unit.hardware}
    uart.read_now()  # noise from before power was applied
    uart.write(texts["banner"].format(**facts))
    autoboot(uart, posture.bootloader, texts)
    slots = Slots(flash, in_place=not posture.update_atomic)
    try:
        slot = slots.boot(lambda candidate: _verify(candidate, slots, flash, uart, posture))
    except NoBootableSlot as error:
        uart.write(f"ERROR: {error}\nERROR: no bootable slot, system halted\n")
        _halt(uart)
    uart.write(f"Starting slot {slot.name}: firmware {slot.release.version}\n\n")
    facts["bootargs"] = texts["environment"]["bootargs"]
    if posture.boot_single:
        facts["bootargs"] = facts["bootargs"].replace("/sbin/init", "/bin/sh")
    for seconds, line in texts["kernel"]["lines"]:
        uart.write(f"[{seconds:12.6f}] {line.format(**facts)}\n")
    return slots


def _verify(slot: Slot, slots: Slots, flash: Path, uart: Uart, posture: Posture) -> str:
    """Say why a slot may not be started, or nothing. As strict as this camera's updates are."""
    uart.write(f"Verifying slot {slot.name}: {slot.release.version} ... ")
    reason = (
        _signature_objection(slot, flash, posture)
        or _rollback_objection(slot, slots, posture)
        or _tree_objection(slot, posture)
    )
    uart.write(f"FAILED ({reason})\n" if reason else "OK\n")
    return reason


def _signature_objection(slot: Slot, flash: Path, posture: Posture) -> str:
    if not posture.update_signature_checked:
        return ""
    if not slot.signature:
        return "" if posture.update_unsigned_accepted else "not signed"
    trust = load_trust((flash / "otp" / "update-trust.pem").read_bytes())
    try:
        verify_detached(
            slot.signature, slot.description, trust if posture.update_signer_checked else None
        )
    except CmsError as error:
        return str(error)
    return ""


def _rollback_objection(slot: Slot, slots: Slots, posture: Posture) -> str:
    index, least = slot.release.rollback_index, slots.environment().rollback_index
    if posture.update_rollback_refused and index < least:
        return f"rollback index {index} is below {least}"
    return ""


def _tree_objection(slot: Slot, posture: Posture) -> str:
    if not posture.update_payload_checked or posture.firmware_modified:
        return ""
    if tree_digest(slot.root) != slot.release.tree_sha256:
        return "the root file system is not the signed one"
    return ""


def _halt(uart: Uart) -> None:
    while True:
        uart.read(None)


def _texts() -> dict[str, Any]:
    with Path(__file__).with_name("boot.toml").open("rb") as stream:
        return tomllib.load(stream)
