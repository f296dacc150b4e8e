"""Known secrets in bytes, clear or in a coding that anyone can undo. Sans-io.

What is found is named by place and coding; the secret itself never leaves.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax import saxutils  # writes only

SHORTEST = 6
"""Characters: a shorter secret occurs by chance."""

_SHORTEST_MASKED = 8
_MASKS = (1, 2, 3, 4, 8)
"""Lengths of repeated XOR keys that are looked through; whatever their bytes."""
_LEAST_MASKED = 6  # bytes of a pattern that remain of a secret below a long key
_SOFIA = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

UNSALTED = frozenset({"MD5", "SHA-1", "SHA-256", "SHA-512"})
"""Codings of this module that are one-way, though without salt: a table undoes them."""


@dataclass(frozen=True)
class Found:
    """Where a secret is: whose it is, in which coding, and at which byte (-1: not known)."""

    whose: str
    coding: str
    offset: int


def sofia_hash(secret: str) -> str:
    """Xiongmai's eight letters of a password, which its services take in place of the password.

    MD5, two bytes together modulo 62 (tothi/pwn-hisilicon-dvr).
    """
    digest = hashlib.md5(secret.encode(), usedforsecurity=False).digest()
    return "".join(_SOFIA[(digest[i] + digest[i + 1]) % 62] for i in range(0, 16, 2))


class SecretSearch:
    """Looks for secrets given as (whose, secret); those shorter than SHORTEST are left out."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        self._forms: list[tuple[str, str, bytes]] = []
        self._masked: list[tuple[str, int, bytes]] = []
        self.names: list[str] = []
        for whose, secret in secrets:
            if len(secret) < SHORTEST:
                continue
            self.names.append(whose)
            forms: dict[bytes, str] = {}
            for coding, form in _forms(secret):
                if len(form) >= SHORTEST:
                    forms.setdefault(form, coding)  # the first name is the plainest
            self._forms += [(whose, coding, form) for form, coding in forms.items()]
            raw = secret.encode()
            self._masked += [(whose, length, mask) for length, mask in _patterns(raw)]

    def find(self, data: bytes) -> list[Found]:
        """Each secret in each coding at its first place."""
        found = [
            Found(whose, coding, offset)
            for whose, coding, raw in self._forms
            if (offset := data.find(raw)) >= 0
        ]
        plain = {each.whose for each in found if each.coding == "clear"}
        for length in _MASKS:
            wanted = [(w, mask) for w, n, mask in self._masked if n == length and w not in plain]
            if wanted and len(data) > length:
                differences = _differences(data, length)
                coding = "XOR with one byte" if length == 1 else f"XOR with {length} bytes"
                found += [
                    Found(whose, coding, offset)
                    for whose, mask in wanted
                    if (offset := differences.find(mask)) >= 0
                ]
        return _most_telling(found)


def _most_telling(found: list[Found]) -> list[Found]:
    """A clear secret in UTF-8 also matches where its codings equal it; one is enough."""
    seen: dict[tuple[str, int], Found] = {}
    for each in found:
        seen.setdefault((each.whose, each.offset), each)
    return list(seen.values())


def _patterns(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(length of a repeated key, what it cannot hide), of secrets that make a telling pattern."""
    if len(raw) < _SHORTEST_MASKED or len(set(raw)) <= 3:
        return
    for length in _MASKS:
        mask = _differences(raw, length)
        if len(mask) >= _LEAST_MASKED and (length == 1 or len(set(mask)) > 3):
            yield length, mask


def _differences(data: bytes, by: int) -> bytes:
    """Each byte XOR the one ``by`` later: the same whatever ``by`` bytes all are masked with."""
    one = int.from_bytes(data[:-by], "big")
    return (one ^ int.from_bytes(data[by:], "big")).to_bytes(len(data) - by, "big")


def _forms(secret: str) -> Iterator[tuple[str, bytes]]:
    raw = secret.encode()
    yield "clear", raw
    yield "UTF-16", secret.encode("utf-16-le")
    yield "UTF-16", secret.encode("utf-16-be")
    yield "reversed", raw[::-1]
    yield "URL-encoded", quote(secret, safe="").encode()
    yield "URL-encoded", re.sub("%..", lambda m: m[0].lower(), quote(secret, safe="")).encode()
    yield "hexadecimal", raw.hex().encode()
    yield "hexadecimal", raw.hex().upper().encode()
    for each in (" ", ":", "-"):
        yield "hexadecimal", raw.hex(each).encode()
        yield "hexadecimal", raw.hex(each).upper().encode()
    yield "hexadecimal", "\\x".join(f"{byte:02x}" for byte in raw).encode()
    for between in (", ", ","):
        yield "hexadecimal", between.join(f"0x{byte:02x}" for byte in raw).encode()
        yield "hexadecimal", between.join(f"0x{byte:02X}" for byte in raw).encode()
    yield from (("clear", form) for form in _escaped(secret))
    yield "ROT13", codecs.encode(secret, "rot13").encode()
    yield from (("Base64", piece) for piece in _base64_pieces(raw))
    yield "Base64 of the reversed", base64.b64encode(raw[::-1]).rstrip(b"=")
    yield "Base64 twice", base64.b64encode(base64.b64encode(raw)).rstrip(b"=")[:-1]
    yield "Base64 of UTF-16", base64.b64encode(secret.encode("utf-16-le")).rstrip(b"=")[:-1]
    yield "Xiongmai's hash, which is taken as the password", sofia_hash(secret).encode()
    for name, method in (("MD5", "md5"), ("SHA-1", "sha1")):
        yield from _digests(name, method, raw)
    for name, method in (("SHA-256", "sha256"), ("SHA-512", "sha512")):
        yield from _digests(name, method, raw)


def _escaped(secret: str) -> Iterator[bytes]:
    """How XML, JSON and shells write a secret with marks of theirs: it is clear all the same."""
    yield html.escape(secret, quote=False).encode()
    yield html.escape(secret).encode()
    yield saxutils.escape(secret, {'"': "&quot;", "'": "&apos;"}).encode()
    yield re.sub(r"[&<>\"']", lambda m: f"&#{ord(m[0])};", secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/").encode()
    yield re.sub(r"[&<>']", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(secret)[1:-1]).encode()
    yield re.sub(r"([^\w./@%+=:,-])", r"\\\1", secret).encode()


def _digests(name: str, method: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    digest = hashlib.new(method, raw, usedforsecurity=False).digest()
    yield name, digest
    yield name, digest.hex().encode()
    yield name, digest.hex().upper().encode()
    yield name, base64.b64encode(digest).rstrip(b"=")


def _base64_pieces(raw: bytes) -> Iterator[bytes]:
    """What of a secret's Base64 is the same whatever stands before and after it."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw)
        whole = (before + len(raw)) * 8 // 6
        piece = coded[-(-before * 8 // 6) : whole]
        if len(piece) >= _SHORTEST_MASKED:
            yield piece
            urlsafe = piece.translate(bytes.maketrans(b"+/", b"-_"))
            if urlsafe != piece:
                yield urlsafe
