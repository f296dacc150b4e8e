"""Databases of installed packages: dpkg and opkg status files, apk's ``installed``.

dpkg: deb-control(5) stanzas with ``Status``; opkg: the same form; apk: lines ``P:name``,
``V:version`` (Alpine's package database, apk-tools' ``doc/apk-v2.5.scd``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devices.identity.errors import PackageDatabaseError

DATABASES = (
    "/usr/lib/opkg/status",
    "/var/lib/opkg/status",
    "/var/lib/dpkg/status",
    "/lib/apk/db/installed",
)
"""Where the databases lie on a device, the usual places."""

MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Package:
    """An installed package; ``version`` as the package manager writes it."""

    name: str
    version: str


def parse_packages(text: str) -> tuple[Package, ...]:
    """Read a database of any of the three kinds, by its content.

    Packages that are known but not installed are left out. Raises PackageDatabaseError.
    """
    if len(text) > MAX_BYTES:
        raise PackageDatabaseError(f"more than the {MAX_BYTES} characters read")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first[1:2] == ":" and first[0].isalpha():
        found = tuple(_apk(text))
    elif first.startswith("Package:"):
        found = tuple(_control(text))
    else:
        raise PackageDatabaseError(f"neither dpkg, opkg nor apk; it begins {first[:40]!r}")
    if not found:
        raise PackageDatabaseError("no package in it has a name and a version")
    return found


def _apk(text: str) -> Iterator[Package]:
    for stanza in _stanzas(text):
        fields = {line[0]: line[2:].strip() for line in stanza if line[1:2] == ":"}
        if fields.get("P") and fields.get("V"):
            yield Package(fields["P"], fields["V"])


def _control(text: str) -> Iterator[Package]:
    for stanza in _stanzas(text):
        fields = {}
        for line in stanza:
            name, colon, value = line.partition(":")
            if colon and not line[0].isspace():
                fields[name.strip().lower()] = value.strip()
        status = fields.get("status", "install ok installed").split()
        if status[-1:] == ["installed"] and fields.get("package") and fields.get("version"):
            yield Package(fields["package"], fields["version"])


def _stanzas(text: str) -> Iterator[list[str]]:
    stanza: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            stanza.append(line)
        elif stanza:
            yield stanza
            stanza = []
