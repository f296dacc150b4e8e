"""How a password is tried against a stored form, on the bench: computed here, or by libcrypt."""

from __future__ import annotations

import base64
import binascii
import ctypes
import ctypes.util
import functools
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping

import bcrypt

from devices.identity.credential_stores import Entry
from devices.protocols.unix_crypt import md5_crypt, sha_crypt

Check = Callable[[str], bool]

# More than this takes seconds a password, or memory by the gigabyte: such a form is not tried.
_MOST: Mapping[str, Mapping[str, int]] = {
    "bcrypt": {"log2": 13},
    "yescrypt": {"log2": 14, "r": 32},
    "gost-yescrypt": {"log2": 14, "r": 32},
    "scrypt": {"log2": 16, "r": 32, "p": 4},
    "bsdi-crypt": {"rounds": 200_000},
    "sha256-crypt": {"rounds": 200_000},
    "sha512-crypt": {"rounds": 200_000},
}
_MOST_ITERATIONS = 2_000_000
_BY_LIBRARY = {"descrypt", "bsdi-crypt", "yescrypt", "gost-yescrypt"}
_BARE = {"md5-hex": "md5", "sha1-hex": "sha1", "sha256-hex": "sha256", "sha512-hex": "sha512"}
_LDAP = re.compile(r"\{(?i:S?(?P<name>SHA256|SHA512|SHA|MD5))\}(?P<rest>\S+)")
_PBKDF2 = re.compile(
    r"(?P<lead>\$pbkdf2[-_]?|pbkdf2[:_])(?P<digest>sha-?\d+)?[:$](?P<rounds>\d{1,9})"
    r"\$(?P<salt>[^$]*)\$(?P<made>\S+)"
)


def check_of(entry: Entry) -> Check | None:
    """What tells whether a password opens a stored form; None where that is not computed here."""
    text, scheme = entry.text, entry.hash.scheme if entry.hash is not None else ""
    if entry.hash is None or _too_costly(scheme, entry.hash.cost):
        return None
    return _crypt(scheme, text) or _digested(scheme, entry) or _with_salt(scheme, text)


def _crypt(scheme: str, text: str) -> Check | None:
    if scheme in ("md5-crypt", "apr1-md5"):
        _, magic, salt, _ = text.split("$")
        return lambda password: _same(md5_crypt(password, salt, f"${magic}$"), text)
    if scheme in ("sha256-crypt", "sha512-crypt"):
        return lambda password: _same(sha_crypt(password, text), text)
    if scheme == "bcrypt":
        return _bcrypt(text)
    in_library = scheme in _BY_LIBRARY or (scheme == "scrypt" and text.startswith("$7$"))
    return _by_library(text) if in_library else None


def _digested(scheme: str, entry: Entry) -> Check | None:
    text = entry.text.lower()
    if scheme == "unrecognised" and not text.startswith("$"):  # clear, perhaps
        return lambda password: _same(password, entry.text)
    if scheme in _BARE:
        return lambda password: _same(_digest(_BARE[scheme], password.encode()), text)
    if scheme == "mysql41":
        return lambda password: _same(
            _digest("sha1", bytes.fromhex(_digest("sha1", password.encode()))), text[1:]
        )
    if scheme.startswith("digest-ha1"):
        return _ha1(entry, "sha256" if scheme.endswith("sha256") else "md5")
    return None


def _with_salt(scheme: str, text: str) -> Check | None:
    if match := _LDAP.fullmatch(text):
        return _ldap(match)
    match = _PBKDF2.fullmatch(text) if scheme.startswith("pbkdf2") else None
    return _pbkdf2(match) if match is not None else None


def _too_costly(scheme: str, cost: Mapping[str, int]) -> bool:
    most = _MOST.get(scheme, {})
    return any(cost.get(key, 0) > value for key, value in most.items())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(name: str, data: bytes) -> str:
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _bcrypt(text: str) -> Check | None:
    """``$2x$`` and ``$2$`` are of old, faulty libraries."""
    stored = text.encode()
    if not re.match(rb"\$2[aby]\$(?:0[4-9]|1\d)\$", stored):
        return None
    return lambda password: bcrypt.checkpw(password.encode()[:72], stored)


def _ha1(entry: Entry, name: str) -> Check | None:
    if not entry.realm:
        return None
    begin = f"{entry.account}:{entry.realm}:"
    return lambda password: _same(_digest(name, (begin + password).encode()), entry.text.lower())


def _ldap(match: re.Match[str]) -> Check | None:
    """RFC 2307: the digest of the password and of the salt that stands behind the digest."""
    name = {"SHA": "sha1"}.get(match["name"].upper(), match["name"].lower())
    try:
        raw = base64.b64decode(match["rest"], validate=True)
    except (binascii.Error, ValueError):
        return None
    size = hashlib.new(name, usedforsecurity=False).digest_size
    made, salt = raw[:size], raw[size:]
    return lambda password: _same(_digest(name, password.encode() + salt), made.hex())


def _pbkdf2(match: re.Match[str]) -> Check | None:
    """Passlib's form (Base64 of its own, salt as well), Werkzeug's (hexadecimal) and Django's."""
    name, rounds = (match["digest"] or "sha1").lower().replace("-", ""), int(match["rounds"])
    hexadecimal = re.fullmatch(r"[0-9a-f]{40,128}", match["made"])
    salt = match["salt"].encode()
    try:
        if match["lead"].startswith("$"):
            salt = _base64(match["salt"])
        made = bytes.fromhex(match["made"]) if hexadecimal else _base64(match["made"])
    except (binascii.Error, ValueError):
        return None
    if not 1 <= rounds <= _MOST_ITERATIONS or not made or name not in hashlib.algorithms_available:
        return None
    return lambda password: hmac.compare_digest(
        hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds, len(made)), made
    )


def _base64(text: str) -> bytes:
    plain = text.replace(".", "+").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


_ONE_AT_A_TIME = threading.Lock()  # crypt(3) answers in one buffer for all


@functools.cache
def _library() -> Callable[[bytes, bytes], bytes | None] | None:
    """crypt(3) of the bench's C library, where it has one."""
    name = ctypes.util.find_library("crypt")
    try:
        found = ctypes.CDLL(name).crypt if name else None
    except (OSError, AttributeError):
        return None
    if found is not None:
        found.restype, found.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_char_p]
    return found


def _by_library(text: str) -> Check | None:
    crypt, stored = _library(), text.encode()

    def computed(password: str) -> bytes:
        with _ONE_AT_A_TIME:
            made = crypt(password.encode(), stored) if crypt is not None else None
        return made if made is not None and not made.startswith(b"*") else b""

    if len(computed("made up")) != len(stored):  # a library without this method
        return None
    return lambda password: hmac.compare_digest(computed(password), stored)
