"""The TLS messages: what is built and what is read, however it is cut or broken."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled, LinkError, NotOffered
from devices.protocols.cipher_suites import cipher_suites, suite_name
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.flight import (
    CertificateMessage,
    FlightReader,
    Message,
    OtherMessage,
    ServerHello,
)
from devices.protocols.tls.records import Alert
from devices.protocols.tls.registry import Extension, TlsVersion

RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"


def record(kind: int, content: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(content)) + content


def handshake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(
    suite: int = 0xC02B, version: int = 0x0303, random: str = "11" * 32, extensions: bytes = b""
) -> bytes:
    body = struct.pack(">H", version) + bytes.fromhex(random) + b"\x00"
    body += struct.pack(">HB", suite, 0)
    if extensions:
        body += struct.pack(">H", len(extensions)) + extensions
    return handshake(2, body)


def certificates(*chain: bytes) -> bytes:
    inner = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    return handshake(11, len(inner).to_bytes(3, "big") + inner)


def read(data: bytes) -> list[Message]:
    return FlightReader().feed(data)


def test_a_flight_is_read_in_whatever_pieces_it_comes() -> None:
    messages = server_hello() + certificates(b"leaf", b"issuer") + handshake(14, b"")
    fragments = [messages[i : i + 7] for i in range(0, len(messages), 7)]
    wire = b"".join(record(22, fragment) for fragment in fragments)
    reader = FlightReader()
    found = [message for byte in wire for message in reader.feed(bytes([byte]))]
    assert found == [
        ServerHello(0x0303, 0xC02B, 0, random=b"\x11" * 32),
        CertificateMessage((b"leaf", b"issuer")),
        OtherMessage(14, b""),
    ]
    assert reader.idle


def test_tls_1_3_is_told_by_its_extension() -> None:
    chosen = struct.pack(">HHH", Extension.SUPPORTED_VERSIONS, 2, 0x0304)
    (hello,) = read(record(22, server_hello(0x1301, extensions=chosen)))
    assert isinstance(hello, ServerHello)
    assert (hello.version, hello.suite, hello.retry) == (0x0304, 0x1301, False)


def test_a_hello_retry_request_names_version_and_suite_too() -> None:
    chosen = struct.pack(">HHH", Extension.SUPPORTED_VERSIONS, 2, 0x0304)
    (hello,) = read(record(22, server_hello(0x1302, random=RETRY, extensions=chosen)))
    assert isinstance(hello, ServerHello)
    assert hello.retry
    assert hello.version == TlsVersion.TLS_1_3


def test_alerts_have_names() -> None:
    assert read(record(21, b"\x02\x46")) == [Alert(2, "protocol_version")]
    assert read(record(21, b"\x02\xee")) == [Alert(2, "238")]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"RTSP/1.0 400 Bad Request\r\n", b"<html>"]
)
def test_a_port_without_tls_is_named_as_such(answer: bytes) -> None:
    with pytest.raises(NotOffered, match="without TLS"):
        read(answer)


@pytest.mark.parametrize(
    "wire",
    [
        b"\x00\x01\x02\x03\x04",
        record(22, b"", version=0x0503),
        struct.pack(">BHH", 22, 0x0303, 0xFFFF),
        record(22, b"\x02\xff\xff\xff"),
        record(22, handshake(2, b"\x03\x03")),
        record(22, handshake(11, b"\x00\x00\x09\x00\x00\x08ab")),
        record(21, b"\x02"),
    ],
)
def test_what_is_no_tls_is_garbled(wire: bytes) -> None:
    with pytest.raises(Garbled):
        read(wire)


def test_a_flood_is_ended() -> None:
    reader = FlightReader()
    reader.feed(record(23, bytes(16_000)) * 16)
    with pytest.raises(Garbled, match="more than"):
        reader.feed(record(23, bytes(16_000)))


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_bytes_are_read_or_refused(pieces: list[bytes]) -> None:
    reader = FlightReader()
    with contextlib.suppress(LinkError):
        for piece in pieces:
            reader.feed(piece)


@given(st.data())
def test_a_damaged_flight_is_read_or_refused(data: st.DataObject) -> None:
    wire = bytearray(
        record(22, server_hello(extensions=struct.pack(">HHH", 43, 2, 0x0304)))
        + record(22, certificates(b"leaf"))
    )
    place = data.draw(st.integers(0, len(wire) - 1))
    wire[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LinkError):
        FlightReader().feed(bytes(wire))


@pytest.mark.parametrize("version", [v for v in TlsVersion if v > TlsVersion.SSL_2_0])
@given(codes=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=200))
def test_a_client_hello_offers_one_version_and_its_suites(
    version: TlsVersion, codes: list[int]
) -> None:
    wire = ClientHello(version, tuple(codes)).record()
    kind, _, length = struct.unpack_from(">BHH", wire)
    assert (kind, length) == (22, len(wire) - 5)
    body = wire[9:]
    assert int.from_bytes(wire[6:9], "big") == len(body)
    legacy, at = int.from_bytes(body[:2], "big"), 34
    assert legacy == min(version, 0x0303)
    at += 1 + body[at]
    size = int.from_bytes(body[at : at + 2], "big")
    assert body[at + 2 : at + 2 + size] == b"".join(struct.pack(">H", code) for code in codes)
    at += 2 + size
    deflate = version is not TlsVersion.TLS_1_3
    assert body[at : at + 1 + body[at]] == (b"\x02\x01\x00" if deflate else b"\x01\x00")
    rest = body[at + 1 + body[at] :]
    assert (rest == b"") == (version is TlsVersion.SSL_3_0)
    offered = struct.pack(">HHBH", Extension.SUPPORTED_VERSIONS, 3, 2, 0x0304)
    assert (offered in rest) == (version is TlsVersion.TLS_1_3)


def test_suite_names_tell_what_suites_are() -> None:
    by_name = {suite.name: suite for suite in cipher_suites().values()}
    assert len(by_name) == len(cipher_suites()) > 200
    strong = by_name["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    assert (strong.forward_secret, strong.aead, strong.needs_tls12) == (True, True, True)
    static = by_name["TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert (static.forward_secret, static.aead, static.needs_tls12) == (False, False, False)
    assert not by_name["TLS_DH_anon_WITH_RC4_128_MD5"].authenticated
    assert not by_name["TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"].forward_secret
    assert suite_name(0xFEFE) == "0xFEFE"
