"""Parsers of web media: what cameras send, and whatever else may come."""

from __future__ import annotations

import contextlib
import os
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.web_media.addresses import token_bits, token_of, with_other_token
from devices.links.web_media.clips import clip_addresses
from devices.protocols import containers, dash, hls, jpeg, multipart, websocket


def a_jpeg(shade: int = 90) -> bytes:
    picture = np.full((48, 64, 3), shade, np.uint8)
    picture[10:30, 10:30] = 255 - shade
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


PICTURE = a_jpeg()


def test_pictures_are_found_whatever_stands_between_them() -> None:
    stream = b"head" + PICTURE + b"\xff\xd8\xffnone" + PICTURE + PICTURE[:-2]
    assert jpeg.pictures(stream) == [PICTURE, PICTURE]
    assert jpeg.count_pictures(stream) == 3


def test_ciphertext_holds_no_picture() -> None:
    noise = bytearray(os.urandom(200_000))
    for at in range(0, 100_000, 1000):
        noise[at : at + 3] = b"\xff\xd8\xff"
    assert jpeg.count_pictures(bytes(noise)) == 0


@given(st.binary(max_size=600))
def test_any_bytes_are_searched_for_pictures(noise: bytes) -> None:
    assert jpeg.pictures(noise + PICTURE)[-1:] == [PICTURE] or b"\xff\xd8" in noise
    jpeg.count_pictures(b"\xff\xd8\xff" + noise)


@pytest.mark.parametrize(
    ("content_type", "stream"),
    [
        (
            "multipart/x-mixed-replace; boundary=x",
            b"--x\r\n%h\r\n\r\n%b\r\n--x\r\n%h\r\n\r\n%b\r\n--x",
        ),
        (
            'multipart/x-mixed-replace;boundary="--x"',
            b"--x\r\n%h\r\n\r\n%b\r\n--x\n%h\n\n%b\n--x\r\n",
        ),
        (
            "multipart/x-mixed-replace; boundary=--x",
            b"\r\n--x\r\n%h\r\n\r\n%b--x\r\n%h\r\n\r\n%b--x\r\n",
        ),
        (
            "multipart/x-mixed-replace; boundary=x",
            b"x\r\n%h\r\n\r\n%b\r\nx\r\n%h\r\n\r\n%b\r\nx\r\n",
        ),
    ],
)
@pytest.mark.parametrize(
    "length", [b"", b"Content-Length: %d" % len(PICTURE), b"Content-Length: 9"]
)
def test_parts_of_many_manners(content_type: str, stream: bytes, length: bytes) -> None:
    head = b"Content-Type: image/jpeg" + (b"\r\n" + length if length else b"")
    data = stream.replace(b"%h", head).replace(b"%b", PICTURE)
    found = list(multipart.parts(data, multipart.boundary_of(content_type)))
    bodies = [part.body.rstrip(b"\r\n") for part in found]
    assert bodies[:1] == [PICTURE]
    assert set(bodies) == {PICTURE}
    assert found[0].headers["content-type"] == "image/jpeg"


def test_parts_end_where_their_length_says_though_a_boundary_is_inside() -> None:
    body = b"a\r\n--x\r\nb"
    data = b"--x\r\nContent-Length: 9\r\n\r\n" + body + b"\r\n--x\r\n"
    assert next(part.body for part in multipart.parts(data, "x")) == body


@given(st.binary(max_size=400), st.text(max_size=12))
def test_any_bytes_are_parts_or_none(noise: bytes, boundary: str) -> None:
    for part in multipart.parts(b"--x\r\n\r\n" + noise + b"\r\n--x\r\n", "x"):
        assert len(part.body) <= len(noise) + 20
    list(multipart.parts(noise, multipart.boundary_of(f"multipart/mixed; boundary={boundary}")))


def test_the_accept_value_is_that_of_the_rfc() -> None:
    assert websocket.accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(
    sent=st.lists(st.tuples(st.sampled_from([1, 2, 9, 10]), st.binary(max_size=300))),
    mask=st.binary(min_size=4, max_size=4),
    step=st.integers(1, 50),
    masking=st.booleans(),
)
def test_messages_come_back_however_they_are_cut(
    sent: list[tuple[int, bytes]], mask: bytes, step: int, *, masking: bool
) -> None:
    sent = [(opcode, data[:125] if opcode > 8 else data) for opcode, data in sent]
    stream = b"".join(
        websocket.to_frame(opcode, data, mask if masking else b"") for opcode, data in sent
    )
    reader = websocket.Reader()
    found = [
        (message.opcode, message.payload)
        for at in range(0, len(stream), step)
        for message in reader.feed(stream[at : at + step])
    ]
    assert found == sent


@pytest.mark.parametrize("size", [125, 126, 65535, 65536])
def test_every_way_to_write_a_length(size: int) -> None:
    (message,) = websocket.Reader().feed(websocket.to_frame(2, bytes(size)))
    assert len(message.payload) == size


def test_fragments_are_joined_around_a_ping() -> None:
    stream = b"\x02\x02ab" + websocket.to_frame(9, b"p") + b"\x00\x01c" + b"\x80\x01d"
    found = websocket.Reader().feed(stream)
    assert [(m.opcode, m.payload) for m in found] == [(9, b"p"), (2, b"abcd")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x82\x7f" + struct.pack("!Q", 1 << 62),
        b"\xc2\x00",
        b"\x83\x00",
        b"\x80\x01x",
        b"\x89\x7e\x00\x80",
    ],
)
def test_what_is_no_websocket_is_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        websocket.Reader().feed(data)


@given(st.binary(max_size=400))
def test_any_frames_are_messages_or_garbled(data: bytes) -> None:
    with contextlib.suppress(Garbled):
        websocket.Reader().feed(data)


TS = (b"\x47" + bytes(187)) * 4


@pytest.mark.parametrize(
    ("data", "media_type", "word"),
    [
        (PICTURE, "", "jpeg"),
        (b"--x\r\n\r\n" + PICTURE, "multipart/x-mixed-replace", "mjpeg"),
        (b"\r\n--x\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE, "video/x-jpeg", "mjpeg"),
        (b"\xef\xbb\xbf#EXTM3U\n", "text/plain", "hls"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<MPD xmlns="u">', "", "dash"),
        (TS, "", "mpeg-ts"),
        (TS[:188], "video/mp2t", "mpeg-ts"),
        (TS[:188], "text/plain", ""),
        (b"\0\0\0\x18ftypisom", "", "mp4"),
        (b"\0\0\0\x18moofxxxx", "", "mp4"),
        (b"\0\0\0\x01\x67\x42\0\x1f", "", "annex-b"),
        (b"\0\0\x01\x09\xf0", "", "annex-b"),
        (b"\0\0\0\x01\x40\x01\x0c\x01", "", "annex-b"),
        (b"\0\0\0\x01\xe7\x42\0\x1f", "", ""),
        (b"\0\0\x01\xba\x44", "", "mpeg-ps"),
        (b"RIFF\x10\0\0\0AVI LIST", "", "avi"),
        (b"<html><body>G</body>", "text/html", ""),
        (b"G" + b"<html>" * 90, "text/html", ""),
        (b"", "video/mp4", ""),
    ],
)
def test_media_is_recognised_by_its_bytes(data: bytes, media_type: str, word: str) -> None:
    assert containers.recognise(data, media_type) == word


@given(st.binary(max_size=64), st.sampled_from(["", "video/mp2t", "multipart/x", "text/html"]))
def test_anything_is_recognised_or_not(data: bytes, media_type: str) -> None:
    known = containers.VIDEO | containers.PLAYLISTS | containers.STILLS | {""}
    assert containers.recognise(data, media_type) in known


PLAYLIST = b"""#EXTM3U
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="init.mp4"
#EXTINF:1,
a.m4s
#EXT-X-KEY:METHOD=AES-128,URI="key.bin?x=1,2",IV=0x1F
#EXTINF:1,
b.m4s
#EXT-X-KEY:METHOD=NONE
c.m4s
"""


def test_a_playlist_names_its_parts() -> None:
    found = hls.parse_playlist(PLAYLIST)
    assert found.maps == ("init.mp4",)
    assert [(s.uri, s.number) for s in found.segments] == [("a.m4s", 7), ("b.m4s", 8), ("c.m4s", 9)]
    key = found.segments[1].key
    assert key == hls.Key("AES-128", "key.bin?x=1,2", bytes(15) + b"\x1f")
    assert found.segments[0].key is found.segments[2].key is None


def test_a_master_playlist_names_its_variants() -> None:
    text = b'#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1"\r\nlow/index.m3u8\r\n'
    assert hls.parse_playlist(text).variants == ("low/index.m3u8",)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_playlist_or_garbled(data: bytes) -> None:
    with contextlib.suppress(Garbled):
        hls.parse_playlist(data)
    hls.parse_playlist(b"#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,IV=0x" + data)


def manifest(inner: str, attributes: str = "") -> bytes:
    return (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}><Period><AdaptationSet '
        f'mimeType="audio/mp4"><Representation id="a"/></AdaptationSet><AdaptationSet '
        f'contentType="video">{inner}</AdaptationSet></Period></MPD>'
    ).encode()


REPRESENTATION = '<Representation id="v1" bandwidth="9" codecs="avc1.42"/>'


@pytest.mark.parametrize(
    ("inner", "attributes", "initialisation", "segment"),
    [
        (
            (
                '<SegmentTemplate initialization="$RepresentationID$/i.mp4" '
                f'media="$Number%05d$.m4s" startNumber="3" duration="2"/>{REPRESENTATION}'
            ),
            "",
            "v1/i.mp4",
            "00003.m4s",
        ),
        (
            (
                '<SegmentTemplate media="$Time$-$Bandwidth$-$$.m4s"><SegmentTimeline><S t="10" '
                f'd="5" r="2"/></SegmentTimeline></SegmentTemplate>{REPRESENTATION}'
            ),
            "",
            "",
            "20-9-$.m4s",
        ),
        (
            f'<SegmentTemplate media="$Number$.m4s" duration="2"/>{REPRESENTATION}',
            'type="dynamic" availabilityStartTime="1970-01-01T00:00:00Z"',
            "",
            "49.m4s",
        ),
        (
            (
                '<Representation id="v"><BaseURL>d/</BaseURL><SegmentList><Initialization '
                'sourceURL="i"/><SegmentURL media="1"/><SegmentURL media="2"/></SegmentList>'
                "</Representation>"
            ),
            "",
            "d/i",
            "d/2",
        ),
        (
            '<Representation id="v"><BaseURL>whole.mp4</BaseURL></Representation>',
            "",
            "",
            "whole.mp4",
        ),
    ],
)
def test_a_manifest_names_its_parts(
    inner: str, attributes: str, initialisation: str, segment: str
) -> None:
    found = dash.parse_manifest(manifest(inner, attributes), now=100.0)
    assert (found.initialisation, found.segment) == (initialisation, segment)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html/>",
        b"<MPD/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><MPD>&a;</MPD>',
        b"<MPD>" * 10,
        bytes(dash.MAX_BYTES + 1),
    ],
)
def test_what_is_no_manifest_is_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        dash.parse_manifest(data, now=0.0)


@given(st.binary(max_size=200), st.text(alphabet="0123456789-PTZ:$%d", max_size=20))
def test_any_bytes_are_a_manifest_or_garbled(data: bytes, value: str) -> None:
    with contextlib.suppress(Garbled):
        dash.parse_manifest(data, now=0.0)
    inner = f'<SegmentTemplate media="{value}" duration="{value}" startNumber="{value}"/>'
    text = manifest(inner + REPRESENTATION, f'type="dynamic" availabilityStartTime="{value}"')
    dash.parse_manifest(text, now=1e9)


def answer(body: bytes) -> Exchange:
    return make_exchange(
        sender="anonymous", method="GET", target="/", server="https://192.0.2.7", protection="TLS",
        status=200, headers=[], body=body, truncated=False, seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "addresses"),
    [
        (b'{"recordings": [{"url": "/api/r/1"}, {"url": "/api/r/2"}]}', ["/api/r/1", "/api/r/2"]),
        (b'[{"name": "20260101.mp4", "text": "no url.mp4 here"}]', ["20260101.mp4"]),
        (b'<a href="/sd/a.avi">a.avi</a><a href="x.html">', ["/sd/a.avi"]),
        (b"<r><uri>http://h/a.mkv?t=1&amp;u=2</uri></r>", ["http://h/a.mkv?t=1&u=2"]),
        (b"a.264\r\nb.h265\r\n", ["a.264", "b.h265"]),
        (b'{"error": "log in first"}', []),
        (b"<html>login</html>", []),
    ],
)
def test_recordings_are_found_in_any_list(body: bytes, addresses: list[str]) -> None:
    assert clip_addresses(answer(body)) == addresses


@given(st.binary(max_size=300))
def test_any_bytes_list_recordings_or_none(body: bytes) -> None:
    assert len(clip_addresses(answer(body))) <= 64
    clip_addresses(answer(b"[" * 400 + body))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://h/clips/20261122T181500-motion-front-door.mp4", ""),
        ("https://h/Camera-Front-Door-20261122T1815/segment00012.ts", ""),
        ("https://h/12345678901234567890.ts", ""),
        ("https://h/a.ts?t=9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
        ("https://h/q83JZk2mX9vB7tYpL0aWcD/a.ts", "q83JZk2mX9vB7tYpL0aWcD"),
    ],
)
def test_tokens_are_told_from_names(url: str, token: str) -> None:
    assert token_of(url) == token
    assert (token_bits(url) >= 64) is bool(token)
    assert (with_other_token(url) != url) is bool(token)
