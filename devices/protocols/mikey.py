"""MIKEY messages that carry SRTP keys in SDP and RTSP (RFC 3830, RFC 4567), sans-io.

The form that RTSP servers send: an initiator message of the pre-shared-key method with T, RAND,
SP and KEMAC, whose key data is not encrypted (NULL), so that the RTSP connection alone keeps it
secret. Keys are taken when they are traffic encryption keys (TEK).
"""

from __future__ import annotations

import base64
import binascii
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.errors import Garbled, NotOffered
from devices.protocols.rtp import NTP_EPOCH
from devices.protocols.srtp_suite import SrtpKeys, SrtpSuite

MAX_MESSAGE = 16 * 1024

# Payload types: RFC 3830, table 6.1.b.
_LAST, _KEMAC, _T, _SP, _RAND, _KEY_DATA = 0, 1, 5, 10, 11, 20
_TEK, _TEK_WITH_SALT = 2, 3
_CIPHERS = {0: "NULL", 1: "AES-CM", 2: "AES-F8", 6: "AES-GCM"}
"""SRTP encryption algorithms: RFC 3830, table 6.10.1.b; 6 from RFC 7714, 14.1."""
_DEFAULTS = {0: 1, 1: 16, 2: 1, 3: 20, 4: 14, 5: 0, 6: 0, 7: 1, 8: 1, 10: 1, 20: 16}
"""SRTP policy parameters by type, when the SP payload leaves them out (RFC 3830, 6.10.1)."""
_GSTREAMER_TAGS = (4, 10)
"""GStreamer 1.22 writes the length of the tag where that of the authentication key belongs."""


@dataclass(frozen=True)
class CryptoSession:
    """One entry of the SRTP-ID map (RFC 3830, 6.1.1)."""

    policy: int
    ssrc: int
    rollover: int = 0


@dataclass(frozen=True)
class Mikey:
    """The parts of a MIKEY message that this package uses.

    ``key_encryption`` is the KEMAC's encryption algorithm: 0 means that the keys are readable.
    """

    csb_id: int
    sessions: tuple[CryptoSession, ...] = ()
    policies: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    key_encryption: int = 0
    material: bytes = field(default=b"", repr=False)
    salt: bytes = field(default=b"", repr=False)
    mki: bytes = b""

    def srtp_keys(self) -> SrtpKeys:
        """Return suite and keys for the first crypto session.

        Raises NotOffered for encrypted keys or unknown transforms, Garbled for wrong lengths.
        """
        if self.key_encryption != 0:
            raise NotOffered("the MIKEY key data is encrypted with a key that was not agreed here")
        number = self.sessions[0].policy if self.sessions else 0
        suite = srtp_suite({**_DEFAULTS, **self.policies.get(number, {})})
        salt = self.salt or self.material[suite.key_bytes :]
        if len(self.material) < suite.key_bytes or len(salt) < suite.salt_bytes:
            raise Garbled(f"MIKEY key data of {len(self.material)} bytes for {suite.name}")
        return SrtpKeys(suite, self.material[: suite.key_bytes], salt[: suite.salt_bytes], self.mki)


def srtp_suite(parameters: Mapping[int, int]) -> SrtpSuite:
    """Return the suite that SRTP policy parameters describe (RFC 3830, 6.10.1).

    Raises NotOffered for an unknown encryption algorithm.
    """
    algorithm = parameters[0] if parameters[7] else 0
    if algorithm not in _CIPHERS:
        raise NotOffered(f"unknown MIKEY encryption algorithm {algorithm}")
    cipher = _CIPHERS[algorithm]
    if cipher == "AES-GCM":
        return SrtpSuite(cipher, parameters[1], 12, "AEAD", parameters[20])
    tag = parameters.get(11, parameters[3] if parameters[3] in _GSTREAMER_TAGS else 10)
    authenticated = bool(parameters[2] and parameters[10] and tag)
    return SrtpSuite(
        cipher=cipher,
        key_bytes=parameters[1],
        salt_bytes=parameters[4],
        authentication="HMAC-SHA1" if authenticated else "NULL",
        tag_bytes=tag if authenticated else 0,
    )


def build(keys: SrtpKeys, *, ssrc: int, unix_time: float) -> bytes:
    """Build an initiator message: header, T, RAND, SP, KEMAC with NULL encryption and MAC."""
    suite = keys.suite
    secured = suite.tag_bytes > 0
    algorithm = next(number for number, name in _CIPHERS.items() if name == suite.cipher)
    parameters = {
        0: algorithm,
        1: suite.key_bytes,
        2: 1 if secured else 0,
        3: 20 if secured else 0,
        4: suite.salt_bytes,
        7: 1 if algorithm else 0,
        8: 1 if algorithm else 0,
        10: 1 if secured else 0,
        11: suite.tag_bytes,
    }
    policy = b"".join(bytes([number, 1, value]) for number, value in parameters.items())
    material = keys.key + keys.salt
    key_data = struct.pack("!BBH", _LAST, _TEK << 4, len(material)) + material
    header = struct.pack("!BBBBIBB", 1, 0, _T, 0, secrets.randbits(32), 1, 0)
    ntp = int((unix_time + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
    return b"".join(
        (
            header + struct.pack("!BII", 0, ssrc, 0),
            struct.pack("!BBQ", _RAND, 0, ntp),
            bytes([_SP, 16]) + secrets.token_bytes(16),
            struct.pack("!BBBH", _KEMAC, 0, 0, len(policy)) + policy,
            struct.pack("!BBH", _LAST, 0, len(key_data)) + key_data + b"\0",
        )
    )


class _Reader:
    """Takes bytes off a message; Garbled when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise Garbled("a MIKEY message that ends within a payload")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def parse(data: bytes) -> Mikey:
    """Parse a message; raises Garbled, and NotOffered for payloads that this form has not."""
    if len(data) > MAX_MESSAGE:
        raise Garbled(f"a MIKEY message of {len(data)} bytes")
    reader = _Reader(data)
    version, _, payload = reader.number(1), reader.number(1), reader.number(1)
    if version != 1:
        raise Garbled(f"MIKEY version {version}")
    reader.take(1)
    csb_id, count, map_type = reader.number(4), reader.number(1), reader.number(1)
    if map_type != 0:
        raise NotOffered(f"MIKEY crypto session map type {map_type}, not SRTP")
    sessions = tuple(
        CryptoSession(reader.number(1), reader.number(4), reader.number(4)) for _ in range(count)
    )
    policies: dict[int, dict[int, int]] = {}
    kemac = _Kemac()
    while payload != _LAST:
        kind, payload = payload, reader.number(1)
        if kind == _T:
            _read_time(reader)
        elif kind == _RAND:
            reader.take(reader.number(1))
        elif kind == _SP:
            number, parameters = _read_policy(reader)
            policies[number] = parameters
        elif kind == _KEMAC:
            kemac = _read_kemac(reader)
        else:
            raise NotOffered(f"MIKEY payload type {kind}")
    return Mikey(
        csb_id, sessions, policies, kemac.encryption, kemac.material, kemac.salt, kemac.mki
    )


def _read_time(reader: _Reader) -> None:
    kind = reader.number(1)
    if kind not in (0, 1, 2):  # NTP-UTC, NTP, counter: RFC 3830, 6.6
        raise Garbled(f"MIKEY timestamp type {kind}")
    reader.take(4 if kind == 2 else 8)


def _read_policy(reader: _Reader) -> tuple[int, dict[int, int]]:
    number, protocol = reader.number(1), reader.number(1)
    if protocol != 0:
        raise NotOffered(f"MIKEY security protocol {protocol}, not SRTP")
    body = _Reader(reader.take(reader.number(2)))
    parameters: dict[int, int] = {}
    while not body.empty:
        kind, length = body.number(1), body.number(1)
        parameters[kind] = int.from_bytes(body.take(length), "big")
    return number, parameters


@dataclass(frozen=True)
class _Kemac:
    encryption: int = 0
    material: bytes = field(default=b"", repr=False)
    salt: bytes = field(default=b"", repr=False)
    mki: bytes = b""


def _read_kemac(reader: _Reader) -> _Kemac:
    encryption = reader.number(1)
    data = reader.take(reader.number(2))
    mac = reader.number(1)
    reader.take(20 if mac == 1 else 0)  # NULL, or HMAC-SHA-1-160: RFC 3830, 6.2
    if encryption != 0:
        return _Kemac(encryption)
    return _read_key_data(_Reader(data))


def _read_key_data(reader: _Reader) -> _Kemac:
    """Read the first key data sub-payload (RFC 3830, 6.13)."""
    reader.take(1)
    kinds = reader.number(1)
    kind, validity = kinds >> 4, kinds & 0x0F
    if kind not in (_TEK, _TEK_WITH_SALT):
        raise NotOffered(f"MIKEY key type {kind}, not a traffic encryption key")
    material = reader.take(reader.number(2))
    salt = reader.take(reader.number(2)) if kind == _TEK_WITH_SALT else b""
    mki = reader.take(reader.number(1)) if validity == 1 else b""
    return _Kemac(0, material, salt, mki)


def key_management(data: bytes) -> str:
    """Return the value of ``a=key-mgmt`` for a message (RFC 4567, 3.1)."""
    return "mikey " + base64.b64encode(data).decode("ascii")


def parse_key_management(value: str) -> Mikey:
    """Parse ``a=key-mgmt`` or the ``KeyMgmt`` header (RFC 4567, 3.1 and 3.2); raises Garbled."""
    text = value.strip()
    if text.lower().startswith("prot="):
        words = dict(word.strip().partition("=")[::2] for word in text.split(";"))
        protocol, encoded = words.get("prot", ""), words.get("data", "").strip('"')
    else:
        protocol, _, encoded = text.partition(" ")
    if protocol.lower() != "mikey":
        raise NotOffered(f"key management protocol {protocol[:40]!r}")
    try:
        return parse(base64.b64decode(encoded.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise Garbled("the MIKEY message is not base64") from error
