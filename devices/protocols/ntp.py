"""The time for who asks for it: one answer of an NTP server (RFC 5905, 7.3), sans-io."""

from __future__ import annotations

import struct

from devices.protocols.rtp import NTP_EPOCH

_SIZE = 48
_CLIENT, _SERVER = 3, 4
_STRATUM = 2  # of a server that has its time from another
_PRECISION = -20  # 2^-20 s
_REFERENCE = b"\x7f\x00\x00\x01"


def answer(query: bytes, now: float) -> bytes | None:
    """Return the answer to a client's question; None when it is none. ``now``: Unix time in s."""
    if len(query) < _SIZE or query[0] & 7 != _CLIENT or not 1 <= query[0] >> 3 & 7 <= 4:
        return None
    stamp = _stamp(now)
    head = struct.pack("!BBBbII", query[0] & 0x38 | _SERVER, _STRATUM, query[2], _PRECISION, 0, 0)
    return head + _REFERENCE + stamp + query[40:48] + stamp + stamp


def _stamp(now: float) -> bytes:
    whole = int(now)
    return struct.pack("!II", whole + NTP_EPOCH & 0xFFFFFFFF, int((now - whole) * 2**32))
