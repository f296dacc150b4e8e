"""Web media of cameras of other makes: behind a login, leaky, in clear, and broken."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from laboratory import Notes
from web_media_stand import (
    CLIP,
    PUBLISHED,
    Server,
    link_to,
    pictures,
    seen,
    tls_server,
)
from web_stand import Handler, foreign_server, https, raw_server, web_camera

from conformance import policy
from conformance.applicability import absence
from conformance.streams.test_picture import test_declared_streams_play_as_declared as judge_picture
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from conformance.streams.test_web_media import (
    test_no_live_video_of_the_web_server_without_login as judge_live,
)
from conformance.streams.test_web_media import test_no_recording_without_login as judge_clips
from conformance.streams.test_web_media import (
    test_no_web_video_in_clear_or_for_other_sites as judge_clear,
)
from conformance.streams.test_web_media import test_web_video_plays_as_declared as judge_played
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile, Stream
from devices.emulated.bench.declaration import _web_media
from devices.links.capture import Flow
from devices.links.web_media.link import WebMediaLink
from devices.links.web_media.observations import ClearMedia, WebMedia
from devices.links.web_media.wire import DiscreetCapture
from devices.permit import Permit

LIVE = ("mjpeg", "hls", "locked", "websocket")
EVERY = (*LIVE, "clip", "clips")


def variant(**attributes: Any) -> type[Server]:
    return type("Variant", (Server,), attributes)


def test_a_camera_behind_its_login_passes(tmp_path: Path) -> None:
    with seen(Server, tmp_path, EVERY) as (device, media):
        assert media.complete
        judge_live(media, device)
        judge_clips(media, device)
        judge_played(media, device)
    found = {one.name: one.found for one in media.played}
    assert found["locked"] == ("hls", "mpeg-ts")
    assert found["clips"] == ("clip-list", "mp4")
    assert found["websocket"] == ("annex-b",)


@pytest.mark.parametrize(
    ("path", "name", "judge", "says"),
    [
        ("/live.mjpeg", "mjpeg", judge_live, r"live\.mjpeg gives video \(mjpeg\)"),
        ("/hls/index.m3u8", "hls", judge_live, r"index\.m3u8 gives a playlist"),
        ("/hls/seg.ts", "hls", judge_live, r"seg\.ts gives video \(mpeg-ts\)"),
        ("/locked/key", "locked", judge_live, "locked/key gives a key"),
        ("/socket", "websocket", judge_live, r"/socket gives video \(annex-b\)"),
        ("/clip.mp4", "clip", judge_clips, r"clip\.mp4 gives video \(mp4\)"),
        ("/clip.mp4", "clips", judge_clips, r"clip\.mp4 gives video \(mp4\)"),
        ("/sd", "clips", judge_clips, "/sd gives a list of recordings"),
    ],
)
def test_what_is_open_fails(tmp_path: Path, path: str, name: str, judge: Any, says: str) -> None:
    with (
        seen(variant(open_paths=(path,)), tmp_path, [name]) as (device, media),
        pytest.raises(AssertionError, match=says + ".* without login"),
    ):
        judge(media, device)


def test_open_segments_are_no_finding_where_their_key_is_kept(tmp_path: Path) -> None:
    with seen(variant(open_paths=("/locked/seg.ts",)), tmp_path, ["locked"]) as (device, media):
        judge_live(media, device)


def test_a_login_page_for_everything_is_a_refusal(tmp_path: Path) -> None:
    """The camera asks for no login by status; Basic is nevertheless what it takes."""
    with tls_server(variant(pages=True), tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg", "clips"])
        media = link.media(PUBLISHED)
        link.close()
    with pytest.raises(Inconclusive, match="no video came with an account either"):
        judge_live(media, device)  # no challenge, no session: this link cannot log in
    with pytest.raises(Inconclusive, match="a page comes in its place"):
        judge_played(media, device)


def test_published_addresses_are_found(tmp_path: Path) -> None:
    hidden = variant(open_paths=("/video.mjpg",), get_video_mjpg=Server.get_live_mjpeg)
    with seen(hidden, tmp_path, ["mjpeg"]) as (device, media):
        with pytest.raises(AssertionError, match=r"/video\.mjpg gives video \(mjpeg\)"):
            judge_live(media, device)
        judge_played(media, device)  # another address of what is declared
    behind = variant(get_video_mp4=Server.get_clip_mp4)
    with seen(behind, tmp_path, []) as (device, media):
        with pytest.raises(AssertionError, match=r"/video\.mp4 .* no such video is declared"):
            judge_played(media, device)
        with pytest.raises(NotApplicable, match="2 published addresses"):
            judge_clips(media, device)


def test_nothing_declared_and_nothing_found_does_not_apply(tmp_path: Path) -> None:
    with seen(Server, tmp_path, []) as (device, media):
        for judge in (judge_live, judge_clips, judge_played):
            with pytest.raises(NotApplicable):
                judge(media, device)
            with pytest.raises(Inconclusive):
                judge(replace(media, published=()), device)
            with pytest.raises(Inconclusive):
                judge(replace(media, shortfall="half of it"), device)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"codec": "h265"}, "is h264, declared is h265"),
        ({"width": 640}, "shows 64x48 pixels, declared are 640x48"),
    ],
)
def test_other_video_than_declared_fails(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with (
        seen(Server, tmp_path, ["hls"], **changes) as (device, media),
        pytest.raises(AssertionError, match=says),
    ):
        judge_played(media, device)


class Starting(Server):
    """Makes segments from the first request on: the playlist is not there yet."""

    asked: ClassVar[list[str]] = []

    def get_hls_index_m3u8(self) -> bool:
        self.asked.append(self.path)
        return len(self.asked) > 1 and super().get_hls_index_m3u8()


def test_a_live_stream_gets_the_time_to_begin(tmp_path: Path) -> None:
    with seen(Starting, tmp_path, ["hls"]) as (device, media):
        judge_live(media, device)
        judge_played(media, device)


class Garbage(Server):
    """Gives something as video that is none."""

    open_paths: ClassVar[tuple[str, ...]] = ("/clip.mp4",)

    def get_clip_mp4(self) -> bool:
        self.answer(200, bytes(1000), Content_Type="video/mp4")
        return True


def test_what_is_not_known_is_open(tmp_path: Path) -> None:
    with seen(Garbage, tmp_path, ["clip"]) as (device, media):
        with pytest.raises(Inconclusive, match="neither video that is known"):
            judge_clips(media, device)
        with pytest.raises(Inconclusive, match="no recording, and lists none"):
            judge_played(media, device)


class Tokens(Server):
    """Recordings at addresses that hold a secret, for whoever has it."""

    token: ClassVar[str] = "9f86d081884c7d659a2feaa0c55ad015"
    checked: ClassVar[bool] = True

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        given = self.path.partition("?t=")[2]
        if given and (given == self.token or not self.checked):
            return self.answer(200, CLIP, Content_Type="video/mp4")
        return super().do_GET()

    def get_sd(self) -> bool:
        self.answer(200, b'{"url": "/clip.mp4?t=%s"}' % self.token.encode())
        return True


def test_a_token_in_the_address_is_neither_a_refusal_nor_open(tmp_path: Path) -> None:
    with seen(Tokens, tmp_path, ["clips"]) as (device, media):
        with pytest.raises(Inconclusive, match="holds a token of at most 128 bits") as undecided:
            judge_clips(media, device)
        assert undecided.value.cause == "token-in-address"
        assert Tokens.token not in repr(media)
    unchecked = type("Unchecked", (Tokens,), {"checked": False})
    with (
        seen(unchecked, tmp_path, ["clips"]) as (device, media),
        pytest.raises(AssertionError, match="without login"),
    ):
        judge_clips(media, device)


def test_without_any_part_of_an_observation_nothing_passes(tmp_path: Path) -> None:
    with seen(Server, tmp_path, ["mjpeg", "clip", "websocket"]) as (device, media):
        pass
    clear = ClearMedia(front=None, asked=0, ports=())
    judge_any(device, replace(media, played=()), clear, missing="played")
    judge_any(device, replace(media, answers=()), clear, missing="answers")
    judge_any(device, replace(media, published=()), clear, missing="published")
    judge_any(device, WebMedia(played=(), answers=(), published=()), clear, missing="all")


def judge_any(device: DeviceFile, media: WebMedia, clear: ClearMedia, *, missing: str) -> None:
    if missing in {"answers", "all"}:
        for judge in (judge_live, judge_clips):
            with pytest.raises(Inconclusive):
                judge(media, device)
    if missing in {"played", "all"}:
        with pytest.raises(Inconclusive):
            judge_played(media, device)
    with pytest.raises(Inconclusive):
        judge_clear(media, clear, device)


def test_a_dead_camera_is_no_verdict(tmp_path: Path) -> None:
    device, link = link_to("https://127.0.0.1:1", tmp_path, ["mjpeg", "clip"])
    media = link.media(PUBLISHED)
    assert not media.complete
    for judge in (judge_live, judge_clips, judge_played):
        with pytest.raises(Inconclusive):
            judge(media, device)
    (stream,) = link.mjpeg(0.1).streams
    assert (stream.outcome, stream.cause) == ("failed", "unreachable")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed\r\nContent-Length: 9\r\n\r\n--",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 101 Hello\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxx",
        b"ICY 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_half_and_hostile_answers_are_no_verdict(tmp_path: Path, said: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(said)

    with raw_server(answer) as url:
        device, link = link_to(url, tmp_path, ["mjpeg", "websocket", "hls"])
        media = link.media([])
        link.close()
    assert {one.outcome for one in media.played} <= {"failed", "silent", "refused"}
    with pytest.raises((Inconclusive, AssertionError)) as judged:
        judge_played(media, device)
    assert "decodes" not in str(judged.value)
    with pytest.raises(Inconclusive):
        judge_live(media, device)


# -- in clear --------------------------------------------------------------------------------


def clear_of(link: WebMediaLink, url: str, media: WebMedia) -> ClearMedia:
    found = link.clear([int(url.rpartition(":")[2])], media, PUBLISHED)
    link.close()
    return found


class Closed(Handler):
    """Sends everybody to TLS."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(301, Location="https://127.0.0.1/")


@pytest.mark.parametrize(
    ("plain", "raises", "says"),
    [
        (Closed, None, ""),
        (variant(open_paths=("/live.mjpeg",)), AssertionError, "video .* without TLS"),
        (variant(open_paths=("/socket",)), AssertionError, "/socket .* without TLS"),
        (variant(open_paths=("/sd",)), AssertionError, "list of recordings.* without TLS"),
        (variant(open_paths=("/clip.mp4",)), AssertionError, "mp4.* without TLS"),
        (Server, Inconclusive, "a login is asked for without TLS"),
    ],
)
def test_a_plain_port(
    tmp_path: Path, plain: type[Handler], raises: type[Exception] | None, says: str
) -> None:
    with foreign_server(plain) as old, tls_server(Server, tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg", "clips", "websocket"])
        media = link.media(PUBLISHED)
        clear = clear_of(link, old, media)
    if raises is None:
        judge_clear(media, clear, device)
        with pytest.raises(Inconclusive):
            judge_clear(media, replace(clear, ports=(), asked=0), device)
    else:
        with pytest.raises(raises, match=says):
            judge_clear(media, clear, device)


def test_a_basic_login_is_not_sent_in_clear(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listens(Server):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            heard.append(self.headers.get("Authorization", ""))
            super().do_GET()

    with foreign_server(Listens) as old, tls_server(Server, tmp_path) as url:
        _, link = link_to(url, tmp_path, ["mjpeg", "clips", "hls"])
        clear_of(link, old, link.media(PUBLISHED))
    assert heard
    assert not any(heard)


def test_what_is_declared_in_clear_fails(tmp_path: Path) -> None:
    with foreign_server(variant(open_paths=("/hls/index.m3u8", "/hls/seg.ts"))) as url:
        device, link = link_to(url, tmp_path, ["hls"])
        media = link.media([])
        clear = clear_of(link, url, media)
    with pytest.raises(AssertionError, match=r"seg\.ts gives video .* without TLS"):
        judge_clear(media, clear, device)


def test_a_login_declared_in_clear_shows_what_may_be_read(tmp_path: Path) -> None:
    with foreign_server(Server) as url:
        device, link = link_to(url, tmp_path, ["mjpeg", "clips"])
        media = link.media([])
        clear = clear_of(link, url, media)
    judge_played(media, device)
    with pytest.raises(AssertionError, match=r"live\.mjpeg gives video .* without TLS"):
        judge_clear(media, clear, device)


def test_a_login_that_is_not_given_in_clear_is_no_verdict(tmp_path: Path) -> None:
    with foreign_server(variant(scheme="Bearer")) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        media = link.media([])
        link.close()
    with pytest.raises(Inconclusive, match="a login is asked for in clear") as undecided:
        judge_played(media, device)
    assert undecided.value.cause == "no-login"


def test_a_camera_without_web_video_is_asked_only_where_it_has_a_web_interface(
    tmp_path: Path,
) -> None:
    device, _ = link_to("https://127.0.0.1:1", tmp_path, [])
    assert not absence(device, "STREAM-031", ("web-media",))
    bare = device.model_copy(update={"links": device.links.model_copy(update={"http": None})})
    assert "no web interface" in absence(bare, "STREAM-031", ("web-media",))


# -- MJPEG as STREAM-001 and STREAM-003 see it ---------------------------------------------------


class Frozen(Server):
    """Gives one picture for ever."""

    def get_live_mjpeg(self) -> bool:
        part = b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + pictures(1)[0] + b"\r\n"
        self.answer(200, 12 * part, Content_Type="multipart/x-mixed-replace")
        return True


def test_mjpeg_inside_tls_passes_as_any_stream(tmp_path: Path) -> None:
    with tls_server(Server, tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        played = link.mjpeg(0.1)
        link.close()
    judge_picture(played, device, policy.load)
    judge_wire(played, policy.load, Notes())
    (stream,) = played.streams
    assert stream.wire is not None
    assert (stream.wire.carrier, stream.wire.jpeg_frames) == ("tls", 0)
    assert [artefact.name for artefact in played.artefacts] == ["mjpeg-https.pcapng", "mjpeg.png"]


def test_mjpeg_in_clear_is_read_off_the_network(tmp_path: Path) -> None:
    with foreign_server(Server) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        played = link.mjpeg(0.1)
        link.close()
    judge_picture(played, device, policy.load)
    with pytest.raises(AssertionError, match="12 JPEG pictures are readable on the network"):
        judge_wire(played, policy.load, Notes())


def test_frozen_mjpeg_is_left_open(tmp_path: Path) -> None:
    with tls_server(Frozen, tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        played = link.mjpeg(0.1)
        link.close()
    with pytest.raises(Inconclusive, match="it may be frozen"):
        judge_picture(played, device, policy.load)


def test_what_is_no_mjpeg_fails_and_shows_nothing_on_the_network(tmp_path: Path) -> None:
    page = variant(open_paths=("/live.mjpeg",), get_live_mjpeg=Server.get_sd)
    with tls_server(page, tmp_path) as url:
        device, link = link_to(url, tmp_path, ["mjpeg"])
        played = link.mjpeg(0.1)
        link.close()
    with pytest.raises(AssertionError, match=r"does not play: no picture came \(text/html"):
        judge_picture(played, device, policy.load)
    with pytest.raises(Inconclusive):
        judge_wire(played, policy.load, Notes())


def test_cookies_and_tokens_are_no_part_of_a_capture() -> None:
    capture = DiscreetCapture()
    flow = Flow(("127.0.0.1", 1), ("127.0.0.1", 2))
    capture.tcp(flow, b"GET / HTTP/1.1\r\nCookie: sid=abcdef\r\n\r\n", outgoing=True)
    capture.tcp(flow, b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=uvwxyz; Secure\r\n\r\n", outgoing=False)
    data = capture.artefact("c.pcapng").data
    assert b"abcdef" not in data
    assert b"uvwxyz" not in data
    assert b"Cookie: xxxxxxxxxx\r\n" in data


def test_the_emulated_camera_passes_whole(tmp_path: Path) -> None:
    """Sessions, cookies, Origin and live segments: what the foreign servers above lack."""
    with web_camera(tmp_path) as (camera, lab):
        streams = [
            Stream(**row) for row in _web_media(https(camera).removeprefix("https://") + "/api")
        ]
        declared = lab.device.declared.model_copy(update={"streams": streams})
        device: DeviceFile = lab.device.model_copy(update={"declared": declared})
        granted = device.authorisation
        link = WebMediaLink(
            device, Permit(granted.addresses, granted.allow, granted.expires), lab.secrets
        )
        media = link.media(PUBLISHED)
        clear = link.clear([8080], media, PUBLISHED)
        link.close()
    assert media.complete, media.shortfall
    for judge in (judge_live, judge_clips, judge_played):
        judge(media, device)
    judge_clear(media, clear, device)
    senders = {answer.sender for answer in media.answers if answer.medium == "websocket"}
    assert {"ended session", "made-up session", "foreign origin", "unknown user"} < senders
