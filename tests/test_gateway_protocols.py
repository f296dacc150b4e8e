"""The parsers behind the gateway: what is right comes back, what is not is Garbled, never more."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.description import Outbound
from devices.errors import Garbled
from devices.links.gateway.endpoints import is_declared, matches
from devices.links.gateway.names import Names
from devices.links.gateway.observations import Destination
from devices.links.gateway.recognise import opening, recognise, recognise_flow, rows
from devices.protocols import dns, ntp, proxy_protocol, srt
from devices.protocols.proxy_protocol import Forwarded
from devices.protocols.rtp import NTP_EPOCH, RtpPacket
from devices.protocols.tls import client_offer

PORTS = st.integers(0, 65535)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
LABELS = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join)


@given(
    st.ip_addresses(v=4), st.ip_addresses(v=4), PORTS, PORTS, st.sampled_from(["tcp", "udp"]),
    NAMES, st.binary(max_size=64),
)  # fmt: skip
def test_a_proxy_header_comes_back(
    source: object, target: object, a: int, b: int, transport: str, name: str, rest: bytes
) -> None:
    told = Forwarded(str(source), a, str(target), b, transport, name)  # type: ignore[arg-type]
    data = proxy_protocol.header(told) + rest
    assert proxy_protocol.split(data) == (told, rest)
    assert proxy_protocol.split(data[: (a + b) % (len(data) - len(rest))]) is None


def test_version_1_and_6() -> None:
    line = b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 443\r\nrest"
    found = proxy_protocol.split(line)
    assert found == (Forwarded("2001:db8::1", 4000, "2001:db8::2", 443), b"rest")
    again = Forwarded("2001:db8::1", 4000, "2001:db8::2", 443, "udp")
    assert proxy_protocol.split(proxy_protocol.header(again)) == (again, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
        b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
        b"PROXY TCP4 a b 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        b"PROXY " + b"x" * 200,
        proxy_protocol.header(Forwarded("1.2.3.4", 1, "1.2.3.4", 2))[:12] + b"\x11\x11\x00\x00",
        proxy_protocol.header(Forwarded("1.2.3.4", 1, "1.2.3.4", 2))[:12] + b"\x21\x11\xff\xff",
        proxy_protocol.header(Forwarded("1.2.3.4", 1, "1.2.3.4", 2))[:12] + b"\x21\x11\x00\x01\x00",
    ],
)
def test_malformed_proxy_headers(data: bytes) -> None:
    with pytest.raises(Garbled):
        proxy_protocol.split(data)


@given(st.integers(0, 65535), NAMES, ADDRESSES)
def test_dns_questions_and_answers_come_back(number: int, name: str, address: str) -> None:
    kind = dns.A if ipaddress.ip_address(address).version == 4 else dns.AAAA
    asked = dns.Question(number, name, kind)
    assert dns.parse_query(dns.query(asked)) == asked
    assert dns.parse_answer(dns.answer(asked, address), asked) == address
    assert dns.parse_answer(dns.answer(asked), asked) == ""
    with pytest.raises(Garbled):
        dns.parse_query(dns.answer(asked))


def test_dns_names_do_not_run_in_circles() -> None:
    head = bytes.fromhex("000101000001000000000000")
    for name in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\xff", b"\x3f", b"\x80a"):
        with pytest.raises(Garbled):
            dns.parse_query(head + name + b"\x00\x01\x00\x01")


def test_each_name_has_an_address_of_its_own_until_there_are_none() -> None:
    names = Names("192.0.2.1", "198.51.100.0/30")
    found = []
    for name in ("a.example", "b.example", "a.example", "c.example"):
        question = dns.Question(1, name, dns.A)
        answer = names.respond(dns.query(question))
        assert answer is not None
        found.append(dns.parse_answer(answer, question))
    assert found == ["198.51.100.1", "198.51.100.2", "198.51.100.1", ""]
    assert names.name_of("198.51.100.2") == "b.example"
    assert names.asked == ("a.example", "b.example", "c.example")
    assert names.respond(b"nothing") is None
    question = dns.Question(1, "a.example", dns.AAAA)
    assert dns.parse_answer(names.respond(dns.query(question)) or b"", question) == ""


def hello_of(context: ssl.SSLContext, name: str | None) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context.check_hostname = False
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_client_hello_of_openssl() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2", "http/1.1"])
    data = hello_of(context, "Cloud.Example")
    assert client_offer.begins_tls(data)
    found = client_offer.parse(data)
    assert found is not None
    assert (found.server_name, found.alpn, found.version) == (
        "cloud.example",
        ("h2", "http/1.1"),
        0x0304,
    )
    without = client_offer.parse(hello_of(context, None))
    assert without is not None
    assert without.server_name == ""
    assert without.fingerprint == found.fingerprint
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    other = client_offer.parse(hello_of(context, None))
    assert other is not None
    assert other.fingerprint != found.fingerprint
    for cut in range(len(data)):
        assert client_offer.parse(data[:cut]) is None


def test_a_client_hello_in_several_records() -> None:
    data = hello_of(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "a.example")
    message = data[5:]
    pieces = [message[at : at + 50] for at in range(0, len(message), 50)]
    cut = b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in pieces)
    assert client_offer.parse(cut) == client_offer.parse(data)


@given(st.integers(1, 4), st.binary(min_size=47, max_size=47), st.floats(0, 4e9))
def test_the_time_is_told(version: int, rest: bytes, now: float) -> None:
    said = ntp.answer(bytes([version << 3 | 3]) + rest, now)
    assert said is not None
    assert (said[0], len(said)) == (version << 3 | 4, 48)
    assert said[24:32] == rest[39:47]  # the client's own time comes back
    seconds, fraction = struct.unpack("!II", said[40:48])
    assert abs((seconds + fraction / 2**32) - (now + NTP_EPOCH) % 2**32) < 0.001
    assert ntp.answer(said, now) is None


@given(st.binary(max_size=400))
@example(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")
@example(b"\x16\x03\x01\x00\x00")
def test_arbitrary_bytes_are_garbled_at_most(data: bytes) -> None:
    for parse in (
        client_offer.parse,
        proxy_protocol.split,
        dns.parse_query,
        srt.parse,
        lambda d: dns.parse_answer(d, dns.Question(int.from_bytes(d[:2], "big"), "a", dns.A)),
        lambda d: client_offer.parse(b"\x16\x03\x01\x01\x90\x01\x00\x01\x8c" + d.ljust(396)),
        lambda d: srt.parse(b"\x80\x00" + d),
        lambda d: ntp.answer(d, 0.0),
        lambda d: proxy_protocol.split(b"PROXY TCP4 " + d + b"\r\n"),
    ):
        with contextlib.suppress(Garbled):
            parse(data)
    for transport in ("tcp", "udp"):
        recognise(data, transport, 123)
    recognise_flow([data, data], 1)
    assert len(opening(data)) <= 400


def test_patterns_do_not_run_away() -> None:
    for data in (b"POST " + b"a" * 2043, b"POST / HTTP/1.1\r\n" + b"a\r\n" * 680, b"0" * 2048):
        recognise(data, "tcp", 1)
    assert len({row.name for row in rows()}) > 20


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"GET /a?token=1 HTTP/1.1\r\nCookie: a=b\r\nHost: h\r\n", "GET /a?… HTTP/1.1\nHost: h"),
        (b"USER secret\r\nPASS x\r\n", "USER"),
        (b"PLAY rtsp://u:p@h/ RTSP/1.0\r\nCSeq: 2\r\n", "PLAY rtsp://…@h/ RTSP/1.0\nCSeq: 2"),
        (b"\x01\x02secret", "01 02 73 65 63 72 65 74"),
    ],
)  # fmt: skip
def test_samples_hold_no_secret(data: bytes, shown: str) -> None:
    assert opening(data) == shown


def rtp(payloads: list[bytes]) -> list[bytes]:
    return [
        RtpPacket(96, number, number * 3000, 0x1234, payload).to_bytes()
        for number, payload in enumerate(payloads)
    ]


def test_rtp_is_readable_only_where_its_payload_is_video() -> None:
    assert recognise_flow(rtp([b"\x65" + bytes(40)] * 12), 5004)[0] == "rtp-video"
    assert recognise_flow(rtp([b"\x47" + bytes(187)] * 12), 5004)[0] == "rtp-video"
    noise = [bytes((i * 37 + j * 101 + i * j) % 251 for j in range(60)) for i in range(12)]
    assert recognise_flow(rtp([b"\xff" + one for one in noise]), 5004)[0] == "rtp"
    assert recognise_flow(rtp([b"\x65" + bytes(40)] * 2), 5004)[0] == ""


def endpoint(host: str, port: int = 443, transport: str = "tcp") -> Outbound:
    return Outbound.model_validate(
        {"host": host, "port": port, "transport": transport, "purpose": "x"}
    )


@pytest.mark.parametrize(
    ("destination", "host", "answer"),
    [
        (Destination("tcp", "198.51.100.1", 443, ("a.example",)), "A.example.", "yes"),
        (Destination("tcp", "198.51.100.1", 443, ("b.a.example",)), "*.a.example", "yes"),
        (Destination("tcp", "198.51.100.1", 443, ("a.example",)), "*.a.example", "no"),
        (Destination("tcp", "198.51.100.1", 443, ("evila.example",)), "a.example", "no"),
        (Destination("tcp", "198.51.100.1", 443, ("b.example",)), "a.example", "no"),
        (Destination("tcp", "198.51.100.1", 443), "a.example", "unknown"),
        (Destination("tcp", "198.51.100.1", 443), "198.51.100.1", "yes"),
        (Destination("tcp", "198.51.100.1", 443), "198.51.100.2", "no"),
        (Destination("tcp", "2001:db8::1", 443), "[2001:DB8:0::1]", "yes"),
        (Destination("tcp", "", 443, ("a.example",)), "198.51.100.2", "unknown"),
        (Destination("tcp", "", 0, ("a.example",)), "a.example", "unknown"),
        (Destination("tcp", "", 0, ("b.example",)), "a.example", "no"),
        (Destination("tcp", "198.51.100.1", 444, ("a.example",)), "a.example", "no"),
        (Destination("udp", "198.51.100.1", 443, ("a.example",)), "a.example", "no"),
    ],
)
def test_destinations_and_declared_endpoints(
    destination: Destination, host: str, answer: str
) -> None:
    assert matches(destination, endpoint(host)) == answer
    assert is_declared(destination, [endpoint("z.example", 1), endpoint(host)]) == answer
