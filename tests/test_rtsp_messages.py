"""RTSP messages, session descriptions and RTSP headers: whole, in pieces, and hostile."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.protocols import rtsp, sdp
from devices.protocols.rtsp import Event, Interleaved, Parser, Request, Response
from devices.protocols.transport import parse_session, parse_transports

WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789/;=.-", min_size=1, max_size=20)
HEADERS = st.lists(st.tuples(st.text("abcXYZ-", min_size=1, max_size=9), WORD), max_size=5).map(
    lambda pairs: tuple(p for p in pairs if p[0].lower() != "content-length")
)
BODY = st.binary(max_size=200)
MESSAGES = st.lists(
    st.one_of(
        st.builds(
            Request,
            headers=HEADERS,
            body=BODY,
            method=st.sampled_from(["OPTIONS", "DESCRIBE", "GET_PARAMETER"]),
            uri=WORD,
        ),
        st.builds(
            Response,
            headers=HEADERS,
            body=BODY,
            status=st.integers(100, 599),
            reason=st.just("Some Reason"),
        ),
        st.builds(Interleaved, channel=st.integers(0, 255), payload=BODY),
    ),
    max_size=5,
)


def _parsed(data: bytes, cuts: list[int]) -> list[Event]:
    parser = Parser()
    events: list[Event] = []
    edges = sorted({min(c, len(data)) for c in cuts} | {0, len(data)})
    for start, end in itertools.pairwise(edges):
        parser.feed(data[start:end])
        events += parser.events()
    return events


def _essence(event: Event) -> tuple[object, ...]:
    if isinstance(event, Interleaved):
        return (event.channel, event.payload)
    kept = tuple(h for h in event.headers if h[0] != "Content-Length")
    first = (event.method, event.uri) if isinstance(event, Request) else (event.status,)
    return (*first, kept, event.body)


@given(MESSAGES, st.lists(st.integers(0, 2000), max_size=12))
def test_messages_survive_any_cut(messages: list[Event], cuts: list[int]) -> None:
    data = b"".join(message.to_bytes() for message in messages)
    assert [_essence(e) for e in _parsed(data, cuts)] == [_essence(m) for m in messages]


@given(st.binary(max_size=600))
def test_hostile_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        _parsed(b"RTSP/1.0 200 OK\r\n" + data, [10])
        _parsed(data, [5])
    except Garbled:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"\x15\x03\x03\x00\x02\x02\x0a",  # a TLS alert
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nno colon\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"RTSP/1.0 200 OK\r\nX: " + b"a" * 40_000,
    ],
)
def test_what_is_not_rtsp_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(Garbled):
        _parsed(data, [])


def test_forgiven_forms_of_real_cameras() -> None:
    data = b"\r\n\nRTSP/1.0 200\nCSeq: 1\nX: a\n  b\n\n"
    (answer,) = _parsed(data, [])
    assert isinstance(answer, Response)
    assert (answer.status, answer.get("cseq"), answer.get("x")) == (200, "1", "a b")


def test_header_values_cannot_smuggle_lines() -> None:
    data = Request(headers=(("X", "a\r\nEvil: 1"),)).to_bytes()
    (request,) = _parsed(data, [])
    assert isinstance(request, Request)
    assert not request.get("Evil")


DESCRIPTION = b"""v=0
o=- 1 1 IN IP4 192.0.2.1
s=x
a=control:*
m=audio 0 RTP/AVP 0
a=control:trackID=1
m=video 0 RTP/SAVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IAKQ==,aM4xsg==;profile-level-id=420029
a=control:trackID=2
"""


def test_description_of_a_camera_with_sound() -> None:
    description = sdp.parse(DESCRIPTION.replace(b"\n", b"\r\n"))
    (video,) = description.video()
    assert (video.encoding, video.payload_type, video.secure) == ("H264", 96, True)
    assert [unit[0] & 0x1F for unit in video.parameter_sets()] == [7, 8]
    assert video.control == "trackID=2"


@given(st.binary(max_size=500))
def test_hostile_descriptions_raise_nothing_else(data: bytes) -> None:
    try:
        for media in sdp.parse(b"v=0\r\n" + data).media:
            media.parameter_sets()
            _ = (media.encoding, media.payload_type, media.control)
    except Garbled:
        pass


@pytest.mark.parametrize("data", [b"", b"<html>", b"v=0\n" + b"a=x\n" * 3000, b"v=0\nm=video x\n"])
def test_what_is_no_description_is_refused(data: bytes) -> None:
    with pytest.raises(Garbled):
        sdp.parse(data)


@pytest.mark.parametrize(
    ("request_url", "content_base", "control", "expected"),
    [
        ("rtsps://c:322/a", "", "trackID=0", "rtsps://c:322/a/trackID=0"),
        ("rtsps://c:322/a", "rtsp://c:322/a/", "stream=0", "rtsps://c:322/a/stream=0"),
        ("rtsps://c/a", "rtsp://10.0.0.9/a/", "x", "rtsps://c/a/x"),
        ("rtsps://c/a", "", "rtsp://10.0.0.9:554/b/t1", "rtsps://c/b/t1"),
        ("rtsp://c/cam?ch=1&s=0", "", "trackID=0", "rtsp://c/cam?ch=1&s=0/trackID=0"),
        ("rtsp://c/a", "rtsp://c/a/", "*", "rtsp://c/a/"),
    ],
)
def test_control_urls_stay_on_the_host(
    request_url: str, content_base: str, control: str, expected: str
) -> None:
    base = sdp.base_url(request_url, content_base)
    assert sdp.control_url(base, control) == expected


def test_transport_header() -> None:
    first, second = parse_transports("RTP/SAVPF/UDP;unicast;client_port=5000-5001,RTP/AVP/TCP;x=1")
    assert (first.profile, first.lower, first.secure) == ("SAVPF", "UDP", True)
    assert first.pair("client_port") == (5000, 5001)
    assert (second.lower, second.pair("interleaved")) == ("TCP", None)
    assert parse_transports(second.to_text()) == [second]


@pytest.mark.parametrize(
    ("text", "lower"),
    [
        ("RTP/AVP;unicast;client_port=5000-5001", "UDP"),
        ("RTP/AVP;unicast;interleaved=0-1", "TCP"),
        ("RTP/AVP/UDP;unicast;interleaved=0-1", "UDP"),
    ],
)
def test_channels_of_the_connection_mean_tcp(text: str, lower: str) -> None:
    assert parse_transports(text)[0].lower == lower


@given(st.text(max_size=200))
def test_hostile_transports_and_sessions_raise_nothing_else(text: str) -> None:
    parse_session(text)
    with contextlib.suppress(Garbled):
        parse_transports(text)


def test_session_header() -> None:
    assert parse_session("abc;timeout=5") == ("abc", 5.0)
    assert parse_session("abc") == ("abc", 60.0)
    assert rtsp.REASONS[461] == "Unsupported Transport"
