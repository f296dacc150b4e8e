"""The production line: from an empty folder to a unit ready to be switched on, with its papers.

STATE/manufacturer/   authorities, signing keys, update bundles: the maker's, not the camera's
STATE/papers/         what comes in the box, and the trust anchors
STATE/secrets/        the laboratory's passwords and SSH key
STATE/flash/          the camera's flash memory
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from devices.emulated.console_accounts import CONSOLE_USERS
from devices.emulated.firmware.slots import Slots
from devices.emulated.flash import read_json, write_json, write_whole
from devices.emulated.label import label_password, make_label
from devices.emulated.maker.manufacturer import Credentials, Manufacturer, make_manufacturer
from devices.emulated.maker.papers import write_papers
from devices.emulated.maker.rootfs import build_rootfs
from devices.emulated.posture import Posture
from devices.emulated.unit import HARDWARE, MODEL, Unit, make_unit
from devices.firmware.swupdate import make_bundle, read_bundle


@dataclass(frozen=True)
class Release:
    """One release of the firmware; ``rollback_index`` rises with every one."""

    file_name: str
    version: str
    rollback_index: int
    model: str = MODEL


CURRENT = Release("lv2100-2.4.1.swu", "2.4.1", 24)
NEWER = Release("lv2100-2.5.0.swu", "2.5.0", 25)
OLDER = Release("lv2100-2.3.0.swu", "2.3.0", 23)
OTHER_MODEL = Release("lv1000-2.5.0.swu", "2.5.0", 25, "LV-1000")


class Production:
    """Makes unit ``number`` in ``state``; a unit that is there already is left as it is."""

    def __init__(self, state: Path, address: str, posture: Posture, number: int = 1) -> None:
        self.state = state
        self.flash = state / "flash"
        self.papers = state / "papers"
        self.secrets = state / "secrets"
        self.bundles = state / "manufacturer" / "bundles"
        self._address = address
        self._posture = posture
        self.manufacturer: Manufacturer = make_manufacturer(state / "manufacturer")
        made = self.flash / "otp" / "unit.json"
        self.unit: Unit = Unit.read(made) if made.exists() else make_unit(number)

    def make_unit(self) -> None:
        """Burn in the unit's identity and flash the current release."""
        self._burn_in()
        if (self.flash / "env.json").exists():
            return
        bundle = read_bundle(self.bundle(CURRENT).read_bytes())
        slots = Slots(self.flash)
        root = slots.begin_install()
        build_rootfs(root, CURRENT.version, self._posture)
        slots.finish_install(bundle.description, bundle.signature)
        slots.adopt_factory_slot()

    def reflash(self) -> None:
        """Erase everything but what was burnt in, and flash the current release again."""
        for name in ("slot-a", "slot-b", "data"):
            shutil.rmtree(self.flash / name, ignore_errors=True)
        (self.flash / "env.json").unlink(missing_ok=True)
        self.make_unit()

    def make_papers(self) -> None:
        """Write what comes in the box, and the releases that updates are tried with."""
        for release in (NEWER, OLDER, OTHER_MODEL):
            self.bundle(release)
        with tempfile.TemporaryDirectory() as folder:
            released = build_rootfs(Path(folder), CURRENT.version, self._posture, released=True)
            write_papers(
                self.papers,
                self.unit,
                CURRENT.version,
                self._posture,
                manufacturer=self.manufacturer,
                released_root=released,
            )

    def bundle(self, release: Release) -> Path:
        """The signed bundle of a release; made when it is first asked for."""
        path = self.bundles / release.file_name
        if not path.exists():
            self.bundles.mkdir(parents=True, exist_ok=True)
            key, certificate = self._signer()
            with tempfile.TemporaryDirectory() as folder:
                root = build_rootfs(Path(folder), release.version, self._posture, released=True)
                data = make_bundle(
                    root,
                    version=release.version,
                    model=release.model,
                    hardware=HARDWARE,
                    rollback_index=release.rollback_index,
                    key=key,
                    cert=certificate,
                    digest=self._posture.update_signature_digest,
                )
            write_whole(path, data)
        return path

    def copy_label(self) -> Path:
        """The label's password, as the laboratory wrote it down; returns the file."""
        path = self.secrets / "label.txt"
        self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, label_password(self.flash / "otp").encode() + b"\n")
        return path

    def laboratory_key(self) -> str:
        """The public half of the laboratory's SSH key; the key is made when first asked for."""
        path = self.secrets / "lab-key"
        if not path.exists():
            self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = ed25519.Ed25519PrivateKey.generate()
            private = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            write_whole(path, private)
        loaded = serialization.load_ssh_private_key(path.read_bytes(), password=None)
        public = loaded.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        line = f"{public.decode()} laboratory"
        write_whole(path.with_suffix(".pub"), line.encode() + b"\n")
        return line

    def _burn_in(self) -> None:
        otp = self.flash / "otp"
        if not (otp / "unit.json").exists():
            self.unit.write(otp / "unit.json")
            write_whole(otp / "update-trust.pem", self.manufacturer.update_trust.read_bytes())
            write_whole(otp / "cloud-trust.pem", self.manufacturer.cloud_trust.read_bytes())
            write_whole(otp / "storage-key.bin", os.urandom(32))
        if not (otp / "console.json").exists():
            label = {name: secrets.token_urlsafe(12) for name in CONSOLE_USERS}
            write_json(otp / "console.json", label)
            self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self.secrets / "console.txt", f"{label[CONSOLE_USERS[0]]}\n".encode())
            make_label(otp, self.unit, self._posture.label_password)
        if read_json(otp / "network.json", {}) == {"address": self._address}:
            return
        # Issued anew when the address changes: the certificate names it.
        write_json(otp / "network.json", {"address": self._address})
        key, chain = self.manufacturer.issue_device(self.unit, self._address, self._posture)
        write_whole(otp / "device-key.pem", key)
        write_whole(otp / "device-cert.pem", chain)

    def _signer(self) -> Credentials:
        if self._posture.update_signer_key == "rsa-1024":
            return self.manufacturer.issue_update_signer("rsa-1024")
        return self.manufacturer.update_signer
