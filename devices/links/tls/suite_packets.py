"""Which cipher suites are offered together, so that few connections tell much.

Suites of one class (key exchange and kind of cipher) are eliminated among themselves: a server that
prefers one class then shows the others too. Classes are first offered several at a time, because a
good server refuses them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls.registry import TlsVersion

BATCH = 100
"""Suites per ClientHello: old stacks choke on more than 255 bytes of suites."""

EACH_WEAK, EACH_BROKEN = 2, 1
"""Of how many suites of a weak class the rest is left unasked, unless everything is asked for."""

ALL = 1000
"""More than there are."""

_WEAK_12, _WEAK, _BROKEN = 2, 4, 5  # classes; 0 and 1 are strong

Batch = tuple[list[int], int]
"""Suites of one class, and how many of them are listed."""


def candidates(version: TlsVersion) -> list[int]:
    """The suites that may be negotiated in a version."""
    return [
        suite.code
        for suite in cipher_suites().values()
        if suite.tls13 == (version is TlsVersion.TLS_1_3)
        and (version >= TlsVersion.TLS_1_2 or not suite.needs_tls12)
    ]


def packets(version: TlsVersion) -> Iterator[list[Batch]]:
    """Batches to offer together, never more than ``BATCH`` suites: the strongest alone, first."""
    packet: list[Batch] = []
    for number, suites in _batches(version):
        size = sum(len(others) for others, _ in packet)
        if packet and (size + len(suites) > BATCH or number <= 1):
            yield packet
            packet = []
        packet.append((suites, _listed(number)))
    yield packet


def _batches(version: TlsVersion) -> Iterator[tuple[int, list[int]]]:
    classes: dict[int, list[int]] = {}
    for code in candidates(version):
        number = _class(cipher_suites()[code])
        if version < TlsVersion.TLS_1_2:
            number = max(number, _WEAK)  # none is strong
        classes.setdefault(number, []).append(code)
    for number in sorted(classes):
        for start in range(0, len(classes[number]), BATCH):
            yield number, classes[number][start : start + BATCH]


def _listed(number: int) -> int:
    if number < _WEAK_12:
        return ALL
    return EACH_BROKEN if number == _BROKEN else EACH_WEAK


def _class(suite: CipherSuite) -> int:
    if suite.tls13:
        return 0  # all of them in one batch
    if not suite.authenticated or "EXPORT" in suite.key_exchange or suite.broken:
        return _BROKEN
    elliptic = suite.key_exchange.startswith("ECDHE")
    if suite.aead and suite.forward_secret:
        return 0 if elliptic else 1
    if elliptic:
        return _WEAK_12
    return _WEAK_12 + 1 if suite.forward_secret else _WEAK
