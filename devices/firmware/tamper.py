"""Update bundles that a camera must refuse, made from a genuine one.

Container checksums are recomputed and archives packed again, so that nothing but the
cryptographic check can notice the change. What is changed is chosen to do the least harm should
a camera install it after all: one letter of a text file, the last digit of a version.

SWUpdate bundles are taken apart; of other formats only generic changes are possible.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from devices.firmware.cms import describe_signers
from devices.firmware.cms_sign import Digest, sign_detached
from devices.firmware.cpio import CpioEntry, read_cpio, write_cpio
from devices.firmware.impostor import impostor_of
from devices.firmware.swdescription import NAME
from devices.firmware.swupdate import SIGNATURE

_TEXT_FILES = re.compile(r"\.(txt|html?|md|css)$|(^|/)(banner|issue|motd|README|COPYING|LICENSE)$")
_VERSION = re.compile(rb'("?\bversion"?\s*[:=]\s*"[^"]*?)(\d)([^"\d]*")')
_COMPRESSIONS: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress, lambda data: gzip.compress(data, mtime=0)),
    (b"\xfd7zXZ\0", lzma.decompress, lzma.compress),
    (b"BZh", bz2.decompress, bz2.compress),
)


class NotPossible(ValueError):
    """This change cannot be made to a bundle of this format; the message says why."""


@dataclass(frozen=True)
class TamperedBundle:
    """A bundle to be refused. ``change`` says in words what was done to the genuine one."""

    change: str
    data: bytes


def payload_changed(bundle: bytes, format_name: str) -> TamperedBundle:
    """Change the software inside the bundle. Raises NotPossible."""
    if format_name != "swupdate":
        position = len(bundle) * 3 // 4
        return TamperedBundle(f"byte {position} was inverted", _inverted(bundle, position))
    entries = _swupdate(bundle)
    number = max(
        (n for n, e in enumerate(entries) if e.name not in (NAME, SIGNATURE)),
        key=lambda n: len(entries[n].data),
        default=-1,
    )
    if number < 0:
        raise NotPossible("the bundle has no payload")
    entry = entries[number]
    entries[number] = replace(entry, data=_changed_content(entry.data))
    return TamperedBundle(
        f"one byte inside {entry.name} was changed, checksums were recomputed", write_cpio(entries)
    )


def description_changed(bundle: bytes, format_name: str) -> TamperedBundle:
    """Change what the bundle says about itself: the last digit of its version."""
    entries = _swupdate(bundle, format_name)
    changed, times = _VERSION.subn(_next_digit, entries[0].data, count=1)
    if not times:
        raise NotPossible(f"{NAME} states no version")
    entries[0] = replace(entries[0], data=changed)
    return TamperedBundle(f"the version in {NAME} was changed", write_cpio(entries))


def signature_changed(bundle: bytes, format_name: str) -> TamperedBundle:
    """Change the signature value itself: the last byte of the CMS message."""
    entries = _swupdate(bundle, format_name)
    number = _signature_number(entries)
    data = entries[number].data
    entries[number] = replace(entries[number], data=_inverted(data, len(data) - 1))
    return TamperedBundle(f"the last byte of {SIGNATURE} was inverted", write_cpio(entries))


def signature_removed(bundle: bytes, format_name: str) -> TamperedBundle:
    """Remove the signature."""
    entries = _swupdate(bundle, format_name)
    del entries[_signature_number(entries)]
    return TamperedBundle(f"{SIGNATURE} was removed", write_cpio(entries))


def signed_by_impostor(bundle: bytes, format_name: str) -> TamperedBundle:
    """Sign again with a new key below a new authority, both with the genuine names."""
    entries = _swupdate(bundle, format_name)
    number = _signature_number(entries)
    try:
        genuine = describe_signers(entries[number].data)[0]
    except ValueError as error:
        raise NotPossible(f"the genuine signature cannot be read: {error}") from error
    key, chain = impostor_of(genuine)
    digest: Digest = "sha512" if genuine.digest == "sha512" else "sha256"
    signature = sign_detached(entries[0].data, key, chain, digest)
    entries[number] = replace(entries[number], data=signature)
    return TamperedBundle(
        f"the bundle was signed again by another key with the same names ({genuine.subject})",
        write_cpio(entries),
    )


def truncated(bundle: bytes, share: float = 0.9) -> TamperedBundle:
    """Leave only the first ``share`` of the bundle, whatever its format is."""
    length = max(1, int(len(bundle) * share))
    return TamperedBundle(f"the bundle ends after {length} of {len(bundle)} bytes", bundle[:length])


def _swupdate(bundle: bytes, format_name: str = "swupdate") -> list[CpioEntry]:
    if format_name != "swupdate":
        raise NotPossible(f"bundles of the format {format_name!r} are not taken apart here")
    try:
        entries = read_cpio(bundle)
    except ValueError as error:
        raise NotPossible(f"not a SWUpdate bundle: {error}") from error
    if not entries or entries[0].name != NAME:
        raise NotPossible(f"not a SWUpdate bundle: it does not begin with {NAME}")
    return entries


def _signature_number(entries: list[CpioEntry]) -> int:
    for number, entry in enumerate(entries):
        if entry.name == SIGNATURE and entry.data:
            return number
    raise NotPossible("the genuine bundle is not signed")


def _changed_content(payload: bytes) -> bytes:
    """Change one byte of what the payload holds, and pack it as it was packed."""
    for magic, unpack, pack in _COMPRESSIONS:
        if payload.startswith(magic):
            try:
                return pack(_changed_archive(unpack(payload)))
            except (OSError, EOFError, ValueError, lzma.LZMAError):
                break
    return _changed_archive(payload)


def _changed_archive(data: bytes) -> bytes:
    if not data:
        raise NotPossible("the payload is empty")
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            files = [member for member in archive if member.isfile() and member.size]
    except tarfile.TarError:
        files = []
    if not files:
        return _inverted(data, len(data) * 3 // 4)
    chosen = next((f for f in files if _TEXT_FILES.search(f.name)), max(files, key=_size))
    start, content = chosen.offset_data, data[chosen.offset_data :][: chosen.size]
    letters = [n for n, byte in enumerate(content) if chr(byte).isalpha() and byte < 0x80]
    if not letters:
        return _inverted(data, start + chosen.size - 1)
    position = start + letters[-1]
    return data[:position] + bytes((data[position] ^ 0x20,)) + data[position + 1 :]


def _size(member: tarfile.TarInfo) -> int:
    return member.size


def _inverted(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 0xFF,)) + data[position + 1 :]


def _next_digit(match: re.Match[bytes]) -> bytes:
    head, digit, tail = match.groups()
    return head + str((int(digit) + 1) % 10).encode() + tail
