"""SRTP senders and receivers (RFC 3711).

Suites that libsrtp knows are left to it (pylibsrtp). What it does not do is in
``devices.protocols.srtp_transform``: the weak forms a camera may negotiate (NULL cipher, no tag),
AES-192/256 counter mode, master key identifiers, and packets longer than libsrtp's binding takes.
"""

from __future__ import annotations

from typing import Protocol

import pylibsrtp

from devices.errors import Garbled, NotOffered
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys
from devices.protocols.srtp_transform import CounterMode

_PROFILES = {
    SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SDES_SUITES["AES_CM_128_HMAC_SHA1_32"]: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    SDES_SUITES["AEAD_AES_128_GCM"]: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SDES_SUITES["AEAD_AES_256_GCM"]: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
_LIBSRTP_LONGEST = 1300
"""Longest packet given to libsrtp: its binding holds 1,500 bytes, less trailers."""


class Protector(Protocol):
    """The sender's side."""

    def protect(self, packet: bytes) -> bytes:
        """Return the SRTP packet for an RTP packet."""
        ...

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return the SRTCP packet for a compound RTCP packet."""
        ...


class _LibSrtpProtector:
    def __init__(self, keys: SrtpKeys, profile: int) -> None:
        policy = pylibsrtp.Policy(
            key=keys.key + keys.salt,
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=profile,
        )
        self._session = pylibsrtp.Session(policy)

    def protect(self, packet: bytes) -> bytes:
        return bytes(self._session.protect(packet))

    def protect_rtcp(self, packet: bytes) -> bytes:
        return bytes(self._session.protect_rtcp(packet))


def protector(keys: SrtpKeys) -> Protector:
    """Return a sender for these keys; raises NotOffered for a suite without implementation."""
    profile = _PROFILES.get(keys.suite)
    if profile is not None and not keys.mki:
        return _LibSrtpProtector(keys, profile)
    return CounterMode(keys)


class Receiver:
    """The receiver's side of one sender. Packets must come in about the order they were sent."""

    def __init__(self, keys: SrtpKeys) -> None:
        self.keys = keys
        profile = _PROFILES.get(keys.suite)
        self._libsrtp = None
        self._own: CounterMode | None = None
        if profile is not None and not keys.mki:
            self._libsrtp = pylibsrtp.Session(
                pylibsrtp.Policy(
                    key=keys.key + keys.salt,
                    ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
                    srtp_profile=profile,
                )
            )
        if keys.suite.cipher in ("AES-CM", "NULL"):
            self._own = CounterMode(keys)
        if self._libsrtp is None and self._own is None:
            raise NotOffered(f"no implementation of the SRTP suite {keys.suite.name}")

    def unprotect(self, packet: bytes) -> bytes:
        """Check the tag and decrypt; raises Garbled when the packet is not of these keys."""
        if self._libsrtp is not None and (len(packet) <= _LIBSRTP_LONGEST or self._own is None):
            try:
                return bytes(self._libsrtp.unprotect(packet))
            except (pylibsrtp.Error, ValueError) as error:
                raise Garbled(f"SRTP: {error}") from error
        assert self._own is not None
        return self._own.unprotect(packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Check an SRTCP packet's tag and open it; raises Garbled when it is not of these keys.

        One that was sent unencrypted, as its E flag tells (RFC 3711, 3.4), is returned as well.
        """
        if self._own is not None:
            return self._own.unprotect_rtcp(packet)
        assert self._libsrtp is not None
        try:
            return bytes(self._libsrtp.unprotect_rtcp(packet))
        except (pylibsrtp.Error, ValueError) as error:
            raise Garbled(f"SRTCP: {error}") from error
