"""SRTP counter mode and NULL transforms, with any tag length or none (RFC 3711, RFC 6188)."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from devices.errors import Garbled, NotOffered
from devices.protocols.rtp import header_length
from devices.protocols.srtp_suite import SrtpKeys

# Labels of the key derivation: RFC 3711, 4.3.2.
_RTP_LABELS, _RTCP_LABELS = (0, 1, 2), (3, 4, 5)
_ENCRYPTED = 1 << 31
"""The E flag before the SRTCP index (RFC 3711, 3.4)."""


def derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """Return a session key (RFC 3711, 4.3.1, key derivation rate 0)."""
    number = int.from_bytes(salt.rjust(14, b"\0"), "big") ^ label << 48
    return _keystream(key, number << 16, length)


def _keystream(key: bytes, counter: int, length: int) -> bytes:
    encryptor = Cipher(
        algorithms.AES(key), modes.CTR((counter % (1 << 128)).to_bytes(16, "big"))
    ).encryptor()
    return encryptor.update(b"\0" * length)


class _Keys:
    """The session keys of RTP or of RTCP."""

    def __init__(self, keys: SrtpKeys, labels: tuple[int, int, int]) -> None:
        cipher, authentication, salt = labels
        self.cipher = derive(keys.key, keys.salt, cipher, keys.suite.key_bytes)
        self.authentication = derive(keys.key, keys.salt, authentication, 20)
        self.salt = int.from_bytes(derive(keys.key, keys.salt, salt, 14), "big")

    def crypt(self, data: bytes, ssrc: int, index: int) -> bytes:
        counter = self.salt << 16 ^ ssrc << 64 ^ index << 16
        stream = _keystream(self.cipher, counter, len(data))
        return bytes(a ^ b for a, b in zip(data, stream, strict=True))

    def tag(self, data: bytes, length: int) -> bytes:
        return hmac.new(self.authentication, data, hashlib.sha1).digest()[:length]


class CounterMode:
    """Both directions of one SRTP stream; keeps the rollover counter of each source."""

    def __init__(self, keys: SrtpKeys) -> None:
        suite = keys.suite
        if suite.cipher not in ("AES-CM", "NULL") or suite.key_bytes not in (16, 24, 32):
            raise NotOffered(f"no implementation of the SRTP suite {suite.name}")
        self._suite, self._mki = suite, keys.mki
        self._rtp, self._rtcp = _Keys(keys, _RTP_LABELS), _Keys(keys, _RTCP_LABELS)
        self._highest: dict[int, int] = {}
        self._rtcp_index = 0

    def protect(self, packet: bytes) -> bytes:
        """Return the SRTP packet (RFC 3711, 3.1)."""
        ssrc, index = self._index(packet)
        self._highest[ssrc] = max(index, self._highest.get(ssrc, index))
        start = header_length(packet)
        body = packet[:start] + self._crypt(packet[start:], ssrc, index)
        tag = self._rtp.tag(body + (index >> 16).to_bytes(4, "big"), self._suite.tag_bytes)
        return body + self._mki + tag

    def unprotect(self, packet: bytes) -> bytes:
        """Return the RTP packet; raises Garbled when the tag is wrong or a part is missing."""
        start, tag_at = header_length(packet), len(packet) - self._suite.tag_bytes
        end = tag_at - len(self._mki)
        if end < start:
            raise Garbled("an SRTP packet shorter than its header and tag")
        ssrc, index = self._index(packet)
        body = packet[:end]
        tag = self._rtp.tag(body + (index >> 16).to_bytes(4, "big"), self._suite.tag_bytes)
        if not hmac.compare_digest(tag, packet[tag_at:]):
            raise Garbled("the SRTP tag does not verify")
        self._highest[ssrc] = max(index, self._highest.get(ssrc, index))
        return body[:start] + self._crypt(body[start:], ssrc, index)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return the SRTCP packet (RFC 3711, 3.4)."""
        ssrc = int.from_bytes(packet[4:8], "big")
        index, self._rtcp_index = self._rtcp_index, self._rtcp_index + 1
        encrypted = self._suite.cipher != "NULL"
        content = self._rtcp.crypt(packet[8:], ssrc, index) if encrypted else packet[8:]
        trailer = (index | (_ENCRYPTED if encrypted else 0)).to_bytes(4, "big")
        body = packet[:8] + content + trailer
        # A short tag is for RTP alone, SRTCP keeps 80 bits (RFC 4568, 6.2.2). A peer without RTP
        # tags sends none here either: the SP payload of MIKEY has one switch for both.
        return body + self._mki + self._rtcp.tag(body, 10 if self._suite.tag_bytes else 0)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Return the RTCP packet; raises Garbled when no tag verifies, or a part is missing.

        Tags of 80 bits, and of the length for RTP that some senders use here as well. A packet
        that says of itself that it is not encrypted (E flag, RFC 3711, 3.4) is returned as it is.
        """
        lengths = {10, self._suite.tag_bytes} if self._suite.tag_bytes else {0}
        for length in sorted(lengths, reverse=True):
            tag_at = len(packet) - length
            index_at = tag_at - len(self._mki) - 4
            if index_at < 8:
                continue
            body = packet[: index_at + 4]
            if not hmac.compare_digest(self._rtcp.tag(body, length), packet[tag_at:]):
                continue
            trailer = int.from_bytes(packet[index_at : index_at + 4], "big")
            content = packet[8:index_at]
            if trailer & _ENCRYPTED and self._suite.cipher != "NULL":
                ssrc = int.from_bytes(packet[4:8], "big")
                content = self._rtcp.crypt(content, ssrc, trailer & (_ENCRYPTED - 1))
            return packet[:8] + content
        raise Garbled("the SRTCP tag does not verify, or a part is missing")

    def _crypt(self, data: bytes, ssrc: int, index: int) -> bytes:
        return data if self._suite.cipher == "NULL" else self._rtp.crypt(data, ssrc, index)

    def _index(self, packet: bytes) -> tuple[int, int]:
        """Return source and 48-bit index of a packet (RFC 3711, 3.3.1)."""
        if len(packet) < 12:
            raise Garbled("not an RTP packet")
        sequence, ssrc = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[8:12], "big")
        highest = self._highest.get(ssrc, sequence)
        step = (sequence - highest + 0x8000) % 0x10000 - 0x8000
        return ssrc, max(highest + step, sequence)
