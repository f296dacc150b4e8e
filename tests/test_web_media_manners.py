"""Web media with the manners of cameras in the field, where a verdict could go wrong."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_media_stand import (
    ANNEX_B,
    CLIP,
    STREAMS,
    Server,
    link_to,
    pictures,
    seen,
    tls_server,
)
from web_stand import Handler, foreign_server, laboratory, raw_server

from conformance.streams.test_web_media import (
    test_no_live_video_of_the_web_server_without_login as judge_live,
)
from conformance.streams.test_web_media import test_no_recording_without_login as judge_clips
from conformance.streams.test_web_media import (
    test_no_web_video_in_clear_or_for_other_sites as judge_clear,
)
from conformance.streams.test_web_media import test_web_video_plays_as_declared as judge_played
from conformance.verdict import Inconclusive
from devices.links.http.survey import survey_snapshots
from devices.links.web_media.conversation import unwrapped
from devices.links.web_media.observations import ClearMediaPort
from devices.protocols import websocket
from devices.protocols.containers import recognise

AHEAD = 4000.0  # s that a camera's clock is ahead of the bench's


@pytest.fixture(autouse=True)
def _dash_and_others(monkeypatch: pytest.MonkeyPatch) -> None:
    more: dict[str, dict[str, Any]] = {
        "dash": {"path": "/dash/live.mpd", "container": "dash"},
        "master": {"path": "/master/index.m3u8", "container": "hls"},
        "sample": {"path": "/sample/index.m3u8", "container": "hls"},
        "moved": {"path": "/live.m3u8", "container": "hls"},
    }
    for name, row in more.items():
        monkeypatch.setitem(STREAMS, name, row)
    monkeypatch.setattr("devices.links.web_media.access._PAUSE", 0.01)


class Strange(Server):
    """A camera with media of more kinds."""

    def playlist(self, *lines: str) -> bool:
        text = "\n".join(["#EXTM3U", *lines, ""]).encode()
        self.answer(200, text, Content_Type="application/vnd.apple.mpegurl")
        return True

    def get_master_index_m3u8(self) -> bool:
        return self.playlist("#EXT-X-STREAM-INF:BANDWIDTH=1", "sub/video.m3u8?stream=1")

    def get_sample_index_m3u8(self) -> bool:
        return self.playlist(
            '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/sample/key.bin"', "#EXTINF:1,", "seg.ts"
        )

    def get_sample_key_bin(self) -> bool:
        self.answer(200, bytes(range(16)), Content_Type="binary/octet-stream")
        return True

    def get_live_m3u8(self) -> bool:
        self.answer(302, Location="/hls/index.m3u8")
        return True


def variant(**attributes: Any) -> type[Strange]:
    return type("Variant", (Strange,), attributes)


# -- what would have passed without having been asked --------------------------------------------


def test_a_playlist_whose_media_was_never_seen_proves_nothing(tmp_path: Path) -> None:
    """A master playlist is kept from strangers; the one below it is broken, so all else unseen."""
    with (
        seen(Strange, tmp_path, ["master"]) as (device, media),
        pytest.raises(Inconclusive, match=r"master \(segment\)"),
    ):
        judge_live(media, device)


def test_the_key_of_a_scheme_that_is_not_opened_is_asked_for(tmp_path: Path) -> None:
    with seen(Strange, tmp_path, ["sample"]) as (device, media):
        judge_live(media, device)
        with pytest.raises(Inconclusive, match="SAMPLE-AES"):
            judge_played(media, device)
    with (
        seen(variant(open_paths=("/sample/key.bin",)), tmp_path, ["sample"]) as (device, media),
        pytest.raises(AssertionError, match=r"key\.bin gives a key, 16 bytes read, without login"),
    ):
        judge_live(media, device)


def test_a_key_that_only_an_app_can_fetch_leaves_the_verdict_open(tmp_path: Path) -> None:
    def skd(self: Strange) -> bool:
        return self.playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://7"', "#EXTINF:1,", "seg.ts")

    with (
        seen(variant(get_sample_index_m3u8=skd), tmp_path, ["sample"]) as (device, media),
        pytest.raises(Inconclusive, match=r"sample \(key\)"),
    ):
        judge_live(media, device)


def test_what_a_redirect_leads_strangers_to_is_given_to_strangers(tmp_path: Path) -> None:
    with seen(Strange, tmp_path, ["moved"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)  # the segment is relative to where the redirect led
    leaky = variant(open_paths=("/live.m3u8", "/hls/index.m3u8"))
    with (
        seen(leaky, tmp_path, ["moved"]) as (device, media),
        pytest.raises(AssertionError, match=r"index\.m3u8 gives a playlist.* without login"),
    ):
        judge_live(media, device)


def test_strangers_sent_to_a_login_page_are_refused(tmp_path: Path) -> None:
    class Redirects(Strange):
        open_paths: ClassVar[tuple[str, ...]] = ("/login.html",)

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            if status == 401 and not self.headers.get("Authorization"):
                headers |= {"Location": "/login.html"}
            super().answer(status, body, **headers)

        def get_login_html(self) -> bool:
            self.answer(200, b"<html>Log in</html>", Content_Type="text/html")
            return True

    with seen(Redirects, tmp_path, ["mjpeg", "hls"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)


def test_a_port_whose_front_page_is_broken_is_asked_for_video_all_the_same(tmp_path: Path) -> None:
    class Broken(Strange):
        open_paths: ClassVar[tuple[str, ...]] = ("/live.mjpeg",)

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path == "/":
                self.wfile.write(b"<html>old manners</html>")  # HTTP/0.9
                self.close_connection = True
            else:
                super().do_GET()

    with foreign_server(Broken) as old, tls_server(Strange, tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        media = link.media([])
        clear = link.clear([int(old.rpartition(":")[2])], media, [])
        link.close()
    with pytest.raises(AssertionError, match=r"live\.mjpeg gives video \(mjpeg\).* without TLS"):
        judge_clear(media, clear, device)
    silent = replace(clear, ports=(ClearMediaPort(80, closed="timeout: no answer in time"),))
    with pytest.raises(Inconclusive, match="takes connections and did not answer"):
        judge_clear(media, silent, device)


# -- what would have failed by the bench's own doing ---------------------------------------------


def dash_by_number(ahead: float, *, told: bool) -> type[Strange]:
    """Live DASH whose segments are counted by a clock that is ahead of the bench's."""

    def manifest(self: Strange) -> bool:
        text = (
            b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" '
            b'availabilityStartTime="1970-01-01T00:00:00Z"><Period>'
            b'<AdaptationSet contentType="video"><SegmentTemplate timescale="1" duration="100" '
            b'startNumber="0" media="seg-$Number$.m4s"/><Representation id="1" bandwidth="1"/>'
            b"</AdaptationSet></Period></MPD>"
        )
        self.answer(200, text, Content_Type="application/dash+xml")
        return True

    def date_time_string(_self: Strange, _timestamp: float | None = None) -> str:
        return formatdate(time.time() + ahead, usegmt=True) if told else "not set"

    def segment(self: Strange) -> bool:
        self.answer(200, CLIP, Content_Type="video/iso.segment")
        return True

    newest = int((time.time() + ahead) // 100)
    kept = {f"get_dash_seg-{n}_m4s": segment for n in range(newest - 5, newest + 1)}
    return variant(get_dash_live_mpd=manifest, date_time_string=date_time_string, **kept)


def test_segments_counted_by_the_cameras_clock(tmp_path: Path) -> None:
    with seen(dash_by_number(AHEAD, told=True), tmp_path, ["dash"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)
    with (
        seen(dash_by_number(AHEAD, told=False), tmp_path, ["dash"]) as (device, media),
        pytest.raises(Inconclusive, match="newest by the clock"),
    ):
        judge_played(media, device)


def test_a_recording_that_was_not_fetched_whole_is_not_judged(tmp_path: Path) -> None:
    """MP4 with its index at the end, of which a slow line gave the first half."""

    def half(self: Strange) -> bool:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(CLIP)))
        self.end_headers()
        self.wfile.write(CLIP[: len(CLIP) // 2])
        self.wfile.flush()
        self.close_connection = True
        return True

    with seen(variant(get_clip_mp4=half), tmp_path, ["clip"]) as (device, media):
        judge_clips(media, device)
        with pytest.raises(Inconclusive, match="only its first"):
            judge_played(media, device)


def test_a_role_that_may_not_watch_is_no_failure_of_the_stream(tmp_path: Path) -> None:
    def forbidden(self: Strange) -> bool:
        self.answer(403)
        return True

    with (
        seen(variant(get_live_mjpeg=forbidden), tmp_path, ["mjpeg"]) as (device, media),
        pytest.raises(Inconclusive, match="may not see it"),
    ):
        judge_played(media, device)


# -- MJPEG and WebSockets as vendors send them ------------------------------------------------


def mjpeg(content_type: str, part: str, *, chunked: bool = False) -> type[Strange]:
    """``part`` is what stands before each picture, with ``{n}`` for its length."""

    def live(self: Strange) -> bool:
        self.protocol_version = "HTTP/1.1" if chunked else "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for picture in pictures(12):
            data = part.format(n=len(picture)).encode() + picture + b"\r\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        self.wfile.flush()
        self.close_connection = True
        return True

    return variant(get_live_mjpeg=live)


@pytest.mark.parametrize(
    "camera",
    [
        mjpeg('multipart/x-mixed-replace; boundary="a b"', "--a b\r\nContent-Length: {n}\r\n\r\n"),
        mjpeg("multipart/x-mixed-replace;boundary=--x", "--x\nContent-type: image/jpeg\n\n"),
        mjpeg("multipart/x-mixed-replace;boundary=--x", "----x\r\nContent-Length: {n}\r\n\r\n"),
        mjpeg("multipart/x-mixed-replace; boundary=x", "--x\r\nX: 1\r\n\r\n", chunked=True),
        mjpeg("multipart/mixed", "--x\r\nContent-Length: 1\r\n\r\n"),
        mjpeg("image/jpeg", ""),
    ],
    ids=["quoted", "dashes-and-bare-lf", "two-more", "chunked", "no-boundary", "no-multipart"],
)
def test_mjpeg_in_every_dress(tmp_path: Path, camera: type[Strange]) -> None:
    with seen(camera, tmp_path, ["mjpeg"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)


def socket_of(*frames: bytes) -> type[Strange]:
    """A WebSocket that sends these frames; a sub-protocol that nobody asked for is named."""

    def opened(self: Strange) -> bool:
        self.send_response(101)
        self.send_header("upgrade", "WebSocket")
        self.send_header("connection", "keep-alive, Upgrade")
        self.send_header(
            "sec-websocket-accept", websocket.accept_of(self.headers["Sec-WebSocket-Key"])
        )
        self.end_headers()
        self.wfile.write(b"".join(frames))
        self.wfile.flush()
        self.close_connection = True
        return True

    return variant(get_socket=opened)


def test_a_websocket_with_fragments_and_pings_between_them_plays(tmp_path: Path) -> None:
    frames: list[bytes] = []
    for unit in ANNEX_B:
        first, rest = unit[:9], unit[9:]
        frames += [
            bytes([websocket.BINARY]) + websocket.to_frame(0, first)[1:],
            websocket.to_frame(websocket.PING, b"still there?"),
            websocket.to_frame(websocket.CONTINUATION, rest),
        ]
    with seen(socket_of(*frames), tmp_path, ["websocket"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)


def wrapped(*, picture: bytes) -> bytes:
    text = json.dumps({"type": "frame", "data": base64.b64encode(picture).decode()})
    return websocket.to_frame(websocket.TEXT, text.replace("/", "\\/").encode())


def test_pictures_wrapped_in_json_are_seen(tmp_path: Path) -> None:
    camera = socket_of(*(wrapped(picture=picture) for picture in pictures(8)))
    with seen(camera, tmp_path, ["websocket"], codec="mjpeg") as (device, media):
        judge_live(media, device)
        judge_played(media, device)
    leaky = type("Leaky", (camera,), {"open_paths": ("/socket",)})
    with (
        seen(leaky, tmp_path, ["websocket"]) as (device, media),
        pytest.raises(AssertionError, match=r"/socket gives video \(jpeg\) without login"),
    ):
        judge_live(media, device)


@pytest.mark.parametrize(
    ("camera", "says"),
    [
        (socket_of(websocket.to_frame(websocket.TEXT, b'{"hello": 1}')), "1 messages of text came"),
        (socket_of(), "has to speak first"),
    ],
)
def test_a_websocket_that_shows_nothing_is_left_open(
    tmp_path: Path, camera: type[Strange], says: str
) -> None:
    with seen(camera, tmp_path, ["websocket"]) as (device, media):
        for judge in (judge_live, judge_played):
            with pytest.raises(Inconclusive, match=says):
                judge(media, device)


@given(st.binary(max_size=400))
def test_unwrapping_gives_media_or_nothing(data: bytes) -> None:
    assert not unwrapped(data) or recognise(unwrapped(data))
    picture = b"\xff\xd8\xff\xe0" + data
    inside = unwrapped(b'{"data":"' + base64.b64encode(picture + bytes(60)) + b'"}')
    assert inside.startswith(picture)


# -- snapshots -----------------------------------------------------------------------------------


def test_a_snapshot_behind_a_broken_front_page_is_found(tmp_path: Path) -> None:
    class Broken(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path == "/snap":
                return self.answer(200, pictures(1)[0], Content_Type="image/jpeg")
            self.wfile.write(b"not HTTP")
            self.close_connection = True
            return None

    with foreign_server(Broken) as old, foreign_server(Handler) as url:
        lab = laboratory(url, tmp_path, http={"authentication": "basic"}, declared={})
        port = int(old.rpartition(":")[2])
        seen_there = survey_snapshots(lab.http, ["/snap"], [port], None)
        assert [answer.picture for answer in seen_there.clear] == [True]
        with raw_server(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as other:
            port = int(other.rpartition(":")[2])
            nothing = survey_snapshots(lab.http, ["/snap"], [port], None)
        assert not nothing.clear
        assert nothing.complete
        lab.http.close()
