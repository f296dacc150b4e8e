"""Two firmware slots on flash and the boot environment that chooses between them.

    env.json                 {"active", "trial", "attempts", "rollback_index"}
    slot-a/manifest.json     the signed description of what the slot holds; absent: slot not valid
    slot-a/rootfs/           the root file system

An update goes to the slot that is not running. Every step leaves a flash that boots: the slot's
manifest goes first and comes back last, ``env.json`` is replaced in one rename, and a freshly
written slot is only tried a few times until the camera confirms that it came up. A power cut is
therefore survived at any moment, except with ``in_place``, which writes over the running slot.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from devices.firmware.swdescription import SwDescription, parse_description

TRIAL_BOOTS = 3
_NAMES = ("a", "b")


class NoBootableSlot(Exception):
    """Neither slot may be started; the message gives the reason per slot."""


@dataclass(frozen=True)
class Environment:
    """The boot environment. ``trial`` is the slot to be tried next, empty when none is."""

    active: str = "a"
    trial: str = ""
    attempts: int = 0
    rollback_index: int = 0

    @classmethod
    def parse(cls, text: str) -> Environment:
        """Read it from JSON; raises ValueError."""
        match json.loads(text):
            case {
                "active": "a" | "b" as active,
                "trial": "" | "a" | "b" as trial,
                "attempts": int(attempts),
                "rollback_index": int(index),
            }:
                return cls(active, trial, attempts, index)
        raise ValueError("not a boot environment")


@dataclass(frozen=True)
class Slot:
    """One slot with a valid manifest; ``signature`` is empty for an unsigned installation."""

    name: str
    root: Path
    release: SwDescription
    description: bytes
    signature: bytes


class Slots:
    """Both slots of one flash directory."""

    def __init__(self, flash: Path, *, in_place: bool = False) -> None:
        self._flash = flash
        self._in_place = in_place
        self._running = ""
        self.busy = False
        """Whether an update is under way; whoever installs sets it."""

    def environment(self) -> Environment:
        """The boot environment on flash; a missing or damaged one reads as the default."""
        try:
            return Environment.parse((self._flash / "env.json").read_text("utf-8"))
        except (OSError, ValueError):
            return Environment()

    def boot(self, objection: Callable[[Slot], str]) -> Slot:
        """Choose the slot to start: the trial slot while attempts remain, then the active one.

        ``objection`` is the boot loader's verification: empty when the slot may be started, else
        why not. Raises NoBootableSlot.
        """
        environment = self.environment()
        order = self._order(environment)
        if environment.trial:
            self._write_environment(_one_attempt_less(environment))
        reasons = []
        for name in order:
            try:
                slot = self.slot(name)
                reason = objection(slot)
            except (OSError, ValueError) as error:
                reason = str(error)
            if not reason:
                self._running = name
                return slot
            reasons.append(f"slot {name}: {reason}")
        raise NoBootableSlot("; ".join(reasons))

    def confirm(self) -> None:
        """The camera came up: keep the running slot, and never again start an older release."""
        environment = self.environment()
        index = self.slot(self.running).release.rollback_index
        kept = Environment(
            active=self.running, rollback_index=max(index, environment.rollback_index)
        )
        if kept != environment:
            self._write_environment(kept)

    @property
    def running(self) -> str:
        """The name of the slot that was booted (before that: of the active one)."""
        return self._running or self.environment().active

    def active_root(self) -> Path:
        """The root file system that is running."""
        return self._folder(self.running) / "rootfs"

    def version(self) -> str:
        """The version that is running; raises OSError or ValueError when the slot is not valid."""
        return self.slot(self.running).release.version

    def slot(self, name: str) -> Slot:
        """Read one slot; raises OSError or ValueError when it has no valid manifest."""
        folder = self._folder(name)
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        try:
            description = base64.b64decode(manifest["description"])
            signature = base64.b64decode(manifest["signature"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"manifest.json lacks {error}") from error
        release = parse_description(description)
        return Slot(name, folder / "rootfs", release, description, signature)

    def begin_install(self) -> Path:
        """Give up what the target slot holds and return its empty root folder to write into.

        The target is the slot that is not running; with ``in_place`` it is the running one, and
        files are written over the old ones.
        """
        folder = self._folder(self._target())
        folder.mkdir(parents=True, exist_ok=True)
        environment = self.environment()
        if environment.trial == self._target():
            self._write_environment(replace(environment, trial="", attempts=0))
        (folder / "manifest.json").unlink(missing_ok=True)
        sync_folder(folder)
        root = folder / "rootfs"
        if not self._in_place and root.exists():
            shutil.rmtree(root)
        root.mkdir(exist_ok=True)
        return root

    def finish_install(self, description: bytes, signature: bytes) -> None:
        """Make the written slot valid and have it tried at the next boot."""
        target = self._target()
        manifest = {
            "version": parse_description(description).version,
            "description": base64.b64encode(description).decode("ascii"),
            "signature": base64.b64encode(signature).decode("ascii"),
        }
        replace_file(self._folder(target) / "manifest.json", json.dumps(manifest, indent=1))
        if target != self.running:
            environment = self.environment()
            self._write_environment(replace(environment, trial=target, attempts=TRIAL_BOOTS))

    def adopt_factory_slot(self) -> None:
        """Factory flashing only: the slot written last becomes the active one, without a trial."""
        environment = self.environment()
        name = environment.trial or environment.active
        index = self.slot(name).release.rollback_index
        self._write_environment(Environment(active=name, rollback_index=index))

    def _order(self, environment: Environment) -> tuple[str, ...]:
        if self._in_place:
            return (environment.active,)
        if environment.trial and environment.attempts > 0:
            return (environment.trial, environment.active)
        return (environment.active, _other(environment.active))

    def _target(self) -> str:
        if not (self._flash / "env.json").exists():  # an empty flash, in the factory
            return Environment().active
        return self.running if self._in_place else _other(self.running)

    def _folder(self, name: str) -> Path:
        return self._flash / f"slot-{name}"

    def _write_environment(self, environment: Environment) -> None:
        replace_file(self._flash / "env.json", json.dumps(asdict(environment)))


def replace_file(path: Path, text: str) -> None:
    """Replace a file so that a power cut leaves the old or the new content, never half of one."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _other(name: str) -> str:
    return _NAMES[1 - _NAMES.index(name)]


def _one_attempt_less(environment: Environment) -> Environment:
    if environment.attempts <= 1:
        return replace(environment, trial="", attempts=0)
    return replace(environment, attempts=environment.attempts - 1)
