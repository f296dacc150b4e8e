"""SRTP and its keys: the RFC's vectors, against libsrtp, and hostile messages."""

from __future__ import annotations

import base64
import dataclasses

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled, LinkError, NotOffered
from devices.protocols import mikey, sdes
from devices.protocols.rtp import RtpPacket, sender_report
from devices.protocols.srtp import Receiver, protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys, SrtpSuite
from devices.protocols.srtp_transform import CounterMode, derive

KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")  # RFC 3711, B.3
SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
STANDARD = SrtpKeys(SDES_SUITES["AES_CM_128_HMAC_SHA1_80"], KEY, SALT)
SUITES = [
    *(s for s in SDES_SUITES.values() if s.cipher != "AES-F8"),
    SrtpSuite("NULL", 16, 14, "HMAC-SHA1", 10),
    SrtpSuite("AES-CM", 16, 14, "NULL", 0),
]


def _keys(suite: SrtpSuite) -> SrtpKeys:
    return SrtpKeys(suite, bytes(range(suite.key_bytes)), bytes(range(suite.salt_bytes)))


def _packet(sequence: int, payload: bytes = b"picture") -> bytes:
    return RtpPacket(96, sequence % 65536, 9, 77, payload).to_bytes()


def test_key_derivation_of_rfc_3711() -> None:
    assert derive(KEY, SALT, 0, 16).hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert derive(KEY, SALT, 2, 14).hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert derive(KEY, SALT, 1, 20).hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s.name)
def test_receiver_opens_what_the_protector_sent(suite: SrtpSuite) -> None:
    sender, receiver = protector(_keys(suite)), Receiver(_keys(suite))
    for sequence in range(65_530, 65_545):  # across the rollover
        packet = _packet(sequence)
        sent = sender.protect(packet)
        assert len(sent) == len(packet) + suite.tag_bytes
        assert receiver.unprotect(sent) == packet


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
def test_own_transform_agrees_with_libsrtp(name: str) -> None:
    keys = SrtpKeys(SDES_SUITES[name], KEY, SALT)
    theirs, ours = protector(keys), CounterMode(keys)
    for sequence in range(65_530, 65_545):
        assert ours.protect(_packet(sequence)) == theirs.protect(_packet(sequence))
    profile = getattr(pylibsrtp.Policy, f"SRTP_PROFILE_AES128_CM_SHA1_{name[-2:]}")
    session = pylibsrtp.Session(
        pylibsrtp.Policy(
            key=KEY + SALT,
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
            srtp_profile=profile,
        )
    )
    report = sender_report(77, unix_time=1.0, timestamp=1, packets=1, octets=1, name="c")
    assert session.unprotect_rtcp(ours.protect_rtcp(report)) == report


def test_long_packet_and_key_identifier() -> None:
    keys = dataclasses.replace(STANDARD, mki=b"\x00\x00\x00\x01")
    sent = protector(keys).protect(_packet(1))
    assert sent[-14:-10] == keys.mki
    assert Receiver(keys).unprotect(sent) == _packet(1)
    long_packet = _packet(2, b"x" * 9000)
    assert Receiver(STANDARD).unprotect(CounterMode(STANDARD).protect(long_packet)) == long_packet


@pytest.mark.parametrize("suite", SUITES[:-1], ids=lambda s: s.name)
def test_changed_packet_is_refused(suite: SrtpSuite) -> None:
    sent = bytearray(protector(_keys(suite)).protect(_packet(1)))
    sent[15] ^= 1
    with pytest.raises(Garbled):
        Receiver(_keys(suite)).unprotect(bytes(sent))


@given(st.binary(max_size=80))
def test_hostile_packets_raise_nothing_else(data: bytes) -> None:
    for receiver in (Receiver(STANDARD), Receiver(_keys(SUITES[-1])), CounterMode(STANDARD)):
        try:
            receiver.unprotect(data)
        except Garbled:
            continue


@pytest.mark.parametrize(
    "suite", [s for s in SUITES if s.cipher in ("AES-CM", "NULL")], ids=lambda s: s.name
)
def test_mikey_round_trip(suite: SrtpSuite) -> None:
    message = mikey.build(_keys(suite), ssrc=77, unix_time=1_700_000_000.5)
    parsed = mikey.parse_key_management(mikey.key_management(message))
    assert parsed.srtp_keys() == _keys(suite)
    assert parsed.sessions[0].ssrc == 77


def test_mikey_as_gstreamer_writes_it() -> None:
    sample = (
        "AQAFAFdShs8BAABu5QURAAAAAAsA7q1fGgjDbagKEKEVhZfb19gDMOugyTHKKn4BAAAAFQABAQEBEAIBAQMBCgcBAQ"
        "gBAQoBAQAAACIAIAAeerlpn26U4ZjlPZtHCR1I5p+Aay2wqk/sxRmVuL4HAA=="
    )
    keys = mikey.parse_key_management(f'prot=mikey;uri="rtsp://x";data="{sample}"').srtp_keys()
    assert keys.suite == SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]


@given(st.binary(max_size=120), st.integers(0, 150), st.binary(max_size=4))
def test_hostile_mikey_raises_nothing_else(data: bytes, at: int, put: bytes) -> None:
    good = mikey.build(STANDARD, ssrc=1, unix_time=0)
    for message in (data, good[:at], good[:at] + put + good[at + len(put) :]):
        try:
            mikey.parse(message).srtp_keys()
        except LinkError:
            continue


@pytest.mark.parametrize("name", [n for n in SDES_SUITES if not n.startswith("F8")])
def test_sdes_round_trip(name: str) -> None:
    keys = _keys(SDES_SUITES[name])
    inline = base64.b64encode(keys.key + keys.salt).decode()
    assert sdes.parse_crypto(f"1 {name} inline:{inline}|2^31") == keys
    with_mki = sdes.parse_crypto(f"1 {name} inline:{inline}|2^31|1:4")
    assert with_mki.mki == b"\x00\x00\x00\x01"
    weak = sdes.parse_crypto(f"1 {name} inline:{inline} UNENCRYPTED_SRTP UNAUTHENTICATED_SRTP")
    assert (weak.suite.cipher, weak.suite.tag_bytes) == ("NULL", 0)


def test_unknown_sdes_suite_is_not_offered() -> None:
    with pytest.raises(NotOffered):
        sdes.parse_crypto("1 ROT13 inline:AAAA")


@given(st.text(max_size=80))
def test_hostile_crypto_lines_raise_nothing_else(text: str) -> None:
    for line in (text, f"1 AES_CM_128_HMAC_SHA1_80 inline:{text}"):
        try:
            sdes.parse_crypto(line)
        except LinkError:
            continue


def test_fingerprint_tells_keys_apart_and_hides_them() -> None:
    other = dataclasses.replace(STANDARD, key=KEY[::-1])
    assert STANDARD.fingerprint != other.fingerprint
    assert KEY.hex() not in repr(STANDARD)
