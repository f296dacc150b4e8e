"""SRTP keys in SDP as text: ``a=crypto`` (RFC 4568)."""

from __future__ import annotations

import base64
import binascii
import dataclasses

from devices.errors import Garbled, NotOffered
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys, SrtpSuite


def parse_crypto(value: str) -> SrtpKeys:
    """Parse the value of one ``a=crypto`` attribute, first key.

    Session parameters that weaken the suite are taken into account (RFC 4568, 6.3). Raises
    NotOffered for a suite that is not registered, Garbled otherwise.
    """
    words = value.split()
    if len(words) < 3 or not words[2].startswith("inline:"):
        raise Garbled("not a crypto attribute")
    suite = SDES_SUITES.get(words[1].upper())
    if suite is None:
        raise NotOffered(f"unknown SRTP crypto suite {words[1][:60]!r}")
    inline, *options = words[2].partition(";")[0].removeprefix("inline:").split("|")
    try:
        material = base64.b64decode(inline, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Garbled("the inline key is not base64") from error
    if len(material) != suite.key_bytes + suite.salt_bytes:
        raise Garbled(f"an inline key of {len(material)} bytes for {words[1]}")
    return SrtpKeys(
        suite=_with_parameters(suite, words[3:]),
        key=material[: suite.key_bytes],
        salt=material[suite.key_bytes :],
        mki=_mki(options),
    )


def _with_parameters(suite: SrtpSuite, parameters: list[str]) -> SrtpSuite:
    if "UNENCRYPTED_SRTP" in parameters:
        suite = dataclasses.replace(suite, cipher="NULL")
    if "UNAUTHENTICATED_SRTP" in parameters:
        suite = dataclasses.replace(suite, authentication="NULL", tag_bytes=0)
    return suite


def _mki(options: list[str]) -> bytes:
    for option in options:  # lifetime, then MKI as value:length; either may be missing
        number, colon, length = option.partition(":")
        if not colon:
            continue
        try:
            return int(number).to_bytes(int(length), "big")
        except (ValueError, OverflowError, MemoryError) as error:
            raise Garbled(f"not a master key identifier: {option[:40]!r}") from error
    return b""
