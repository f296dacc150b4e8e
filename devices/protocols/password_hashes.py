"""Stored forms of passwords: which method made them, with what cost and which salt. Sans-io.

Methods are named as crypt(5) names them where it does. Sources: crypt(5) of libxcrypt; the PHC
string format; htpasswd(1) and htdigest(1) of Apache; RFC 2617 (HA1), RFC 2307 (``{SSHA}``);
smbpasswd(5); the modular formats of Passlib; Django's and Werkzeug's password fields.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LONGEST = 512
"""Characters of a stored form; longer text is none."""

NO_PASSWORD = frozenset({"LK", "NP", "UP", "NULL", "np", "lk"})
"""What stands for no password in account files, besides what begins with ``*`` and ``!``."""

_B64 = r"[./0-9A-Za-z]"
_FOUR_BITS = "[.26AEIMQUYcgkosw]"  # what the last letter of 64 bits can be
_ITOA = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DEFAULT_ROUNDS = 5000  # of sha256-crypt and sha512-crypt, where none are named
_BARE = {32: "md5-hex", 40: "sha1-hex", 56: "sha224-hex", 64: "sha256-hex", 128: "sha512-hex"}


@dataclass(frozen=True)
class PasswordHash:
    """One stored form.

    ``cost``: the method's own parameters by name (``rounds``, ``log2``, ``iterations``, ``m`` in
    KiB, ``t``, ``p``, ``n``, ``r``), whole numbers. ``salt`` is empty where there is none.
    """

    scheme: str
    cost: Mapping[str, int] = field(default_factory=dict)
    salt: str = ""


def fingerprint(text: str) -> str:
    """A short name of something that is not to be kept: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def recognise(text: str, *, bare: bool = False) -> PasswordHash | None:
    """The method that made ``text``, or None when it is of no known form.

    ``bare``: the place says that a password is kept here, so that hexadecimal digits alone, and
    13 letters alone, count too. Locked and empty fields are no stored form.
    """
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    for pattern, read in _FORMS:
        if match := pattern.fullmatch(text):
            return read(match)
    return _bare(text) if bare else None


def _bare(text: str) -> PasswordHash | None:
    if re.fullmatch(rf"{_B64}{{12}}{_FOUR_BITS}", text):
        return PasswordHash("descrypt", {}, text[:2])
    if re.fullmatch(rf"_{_B64}{{19}}", text):
        return PasswordHash("bsdi-crypt", {"rounds": _little_endian(text[1:5])}, text[5:9])
    if re.fullmatch(r"[0-9A-Fa-f]+", text) and len(text) in _BARE:
        return PasswordHash(_BARE[len(text)])
    if re.fullmatch(r"\*[0-9A-Fa-f]{40}", text):
        return PasswordHash("mysql41")
    salted = re.fullmatch(r"([0-9A-Za-z./+=_-]{2,64})[:$]([0-9A-Fa-f]+)", text)
    if salted and len(salted[2]) in _BARE:
        return PasswordHash(f"{_BARE[len(salted[2])].removesuffix('-hex')}-salted", {}, salted[1])
    return None


def _little_endian(text: str) -> int:
    return sum(_ITOA.index(letter) << (6 * place) for place, letter in enumerate(text))


def _salted(scheme: str) -> Callable[[re.Match[str]], PasswordHash]:
    return lambda match: PasswordHash(scheme, {}, match["salt"])


def _sha_crypt(scheme: str) -> Callable[[re.Match[str]], PasswordHash]:
    def read(match: re.Match[str]) -> PasswordHash:
        rounds = int(match["rounds"] or _DEFAULT_ROUNDS)
        return PasswordHash(scheme, {"rounds": rounds}, match["salt"])

    return read


def _bcrypt(match: re.Match[str]) -> PasswordHash:
    return PasswordHash("bcrypt", {"log2": int(match["log2"])}, match["salt"])


def _yescrypt(match: re.Match[str]) -> PasswordHash:
    """Flavour, N and r stand in the letters of the parameters (crypt-yescrypt's encode64_uint32).

    Debian's ``j9T`` is flavour ``j``, N = 2 ** 12, r = 32.
    """
    name = "gost-yescrypt" if match["name"] == "gy" else "yescrypt"
    numbers = _variable(match["parameters"])
    if numbers is None or len(numbers) < 3:
        return PasswordHash(name, {}, match["salt"])
    return PasswordHash(name, {"log2": numbers[1] + 1, "r": numbers[2] + 1}, match["salt"])


def _variable(text: str) -> list[int] | None:
    """Numbers of variable length, least first value 0; None when the text ends inside one."""
    numbers, position = [], 0
    while position < len(text):
        start, end, characters, bits = 0, 47, 1, 0
        value, letter = 0, _ITOA.index(text[position])
        while letter > end:
            value += (end + 1 - start) << bits
            start, end = end + 1, end + (62 - end) // 2 + 1
            characters += 1
            bits += 6
        value += (letter - start) << bits
        rest = text[position + 1 : position + characters]
        if len(rest) != characters - 1:
            return None
        for digit in rest:
            bits -= 6
            value += _ITOA.index(digit) << bits
        numbers.append(value)
        position += characters
    return numbers


def _scrypt7(match: re.Match[str]) -> PasswordHash:
    """``$7$``: one letter for log2 N, five for r, five for p."""
    text = match["parameters"]
    cost = {"log2": _ITOA.index(text[0])}
    cost |= {"r": _little_endian(text[1:6]), "p": _little_endian(text[6:11])}
    return PasswordHash("scrypt", cost, match["salt"])


def _phc(match: re.Match[str]) -> PasswordHash:
    cost = {key: int(value) for key, value in re.findall(r"(\w+)=(\d{1,12})", match["cost"])}
    if "ln" in cost:
        cost["log2"] = cost.pop("ln")
    return PasswordHash(match["name"], cost, match["salt"])


def _pbkdf2(match: re.Match[str]) -> PasswordHash:
    digest = (match["digest"] or "sha1").lower().replace("-", "")
    return PasswordHash(f"pbkdf2-{digest}", {"iterations": int(match["rounds"])}, match["salt"])


def _werkzeug_scrypt(match: re.Match[str]) -> PasswordHash:
    """``scrypt:N:r:p``; N itself is written, a power of two."""
    cost = {"log2": int(match["n"]).bit_length() - 1, "r": int(match["r"]), "p": int(match["p"])}
    return PasswordHash("scrypt", cost, match["salt"])


def _ldap(match: re.Match[str]) -> PasswordHash | None:
    kind = match["kind"].upper()
    if kind == "CRYPT":
        return recognise(match["rest"], bare=True)
    try:
        raw = base64.b64decode(match["rest"], validate=True)
    except (binascii.Error, ValueError):
        return None
    name, length = {
        "SHA": ("sha1-base64", 20),
        "SSHA": ("sha1-salted", 20),
        "MD5": ("md5-base64", 16),
        "SMD5": ("md5-salted", 16),
        "SSHA256": ("sha256-salted", 32),
        "SSHA512": ("sha512-salted", 64),
        "SHA256": ("sha256-base64", 32),
        "SHA512": ("sha512-base64", 64),
    }[kind]
    return PasswordHash(name, {}, raw[length:].hex()) if len(raw) >= length else None


_ROUNDS = r"(?:rounds=(?P<rounds>\d{1,9})\$)?"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], PasswordHash | None]], ...] = tuple(
    (re.compile(pattern, re.ASCII), read)
    for pattern, read in (
        (rf"\$1\$(?P<salt>[^$:\s]{{0,8}})\${_B64}{{22}}", _salted("md5-crypt")),
        (rf"\$apr1\$(?P<salt>[^$:\s]{{0,8}})\${_B64}{{22}}", _salted("apr1-md5")),
        (
            rf"\$md5(?:,rounds=\d{{1,9}})?\$(?P<salt>[^$:\s]{{0,16}})\$+{_B64}{{22}}",
            _salted("sun-md5"),
        ),
        (rf"\$2[abxy]?\$(?P<log2>\d\d)\$(?P<salt>{_B64}{{22}}){_B64}{{31}}", _bcrypt),
        (rf"\$5\${_ROUNDS}(?P<salt>[^$:\s]{{0,16}})\${_B64}{{43}}", _sha_crypt("sha256-crypt")),
        (rf"\$6\${_ROUNDS}(?P<salt>[^$:\s]{{0,16}})\${_B64}{{86}}", _sha_crypt("sha512-crypt")),
        (
            (
                rf"\$(?P<name>g?y)\$(?P<parameters>{_B64}{{1,40}})\$(?P<salt>{_B64}{{0,86}})"
                rf"\${_B64}{{43}}"
            ),
            _yescrypt,
        ),
        (rf"\$7\$(?P<parameters>{_B64}{{11}})(?P<salt>[^$:\s]{{0,64}})\${_B64}{{43}}", _scrypt7),
        (
            (
                r"\$(?P<name>argon2(?:id|i|d))\$(?:v=\d+\$)?(?P<cost>[mtp]=\d+(?:,[a-z]+=[^$,]+)*)"
                r"\$(?P<salt>[^$\s]*)\$[^$\s]+"
            ),
            _phc,
        ),
        (r"\$(?P<name>scrypt)\$(?P<cost>ln=[^$]+)\$(?P<salt>[^$\s]*)\$[^$\s]+", _phc),
        (
            (
                r"\$pbkdf2(?:[-_](?P<digest>sha-?\d+))?\$(?:i=)?(?P<rounds>\d{1,9})(?:,l=\d+)?"
                r"\$(?P<salt>[^$\s]*)\$[^$\s]+"
            ),
            _pbkdf2,
        ),
        (
            r"pbkdf2[:_](?P<digest>sha\d+)[:$](?P<rounds>\d{1,9})\$(?P<salt>[^$\s]*)\$[^$\s]+",
            _pbkdf2,
        ),
        (
            (
                r"(?:\{|\$)(?:PBKDF2[-_]?)(?P<digest>SHA\d+)?[}$](?P<rounds>\d{1,9})\$"
                r"(?P<salt>[^$\s]*)\$[^$\s]+"
            ),
            _pbkdf2,
        ),
        (
            (
                r"scrypt:(?P<n>\d{1,9}):(?P<r>\d{1,4}):(?P<p>\d{1,4})\$(?P<salt>[^$\s]*)"
                r"\$[0-9a-f]{32,128}"
            ),
            _werkzeug_scrypt,
        ),
        (r"\$(?:3|NT)\$\$?(?P<salt>)[0-9A-Fa-f]{32}", _salted("nt")),
        (
            (
                r"\{(?P<kind>(?i:SHA|SSHA|MD5|SMD5|SSHA256|SSHA512|SHA256|SHA512|CRYPT))\}"
                r"(?P<rest>\S+)"
            ),
            _ldap,
        ),
    )
)
