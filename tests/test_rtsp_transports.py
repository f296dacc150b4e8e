"""How the RTSP client gets at media: profiles, channels, redirects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_stand import (
    CRYPTO,
    KEYS,
    REPORT,
    ScriptedCamera,
    packets,
    play,
)
from rtsp_stand import (
    header,
)

from devices.errors import NotOffered, Unreachable
from devices.links.rtsp.redirect import MAX_REDIRECTS, following, target_of
from devices.protocols.rtsp import Interleaved
from devices.protocols.srtp import protector


class _KnowsNoNow(ScriptedCamera):
    """Has never heard of ``npt=now-``."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "PLAY" and header(request, "Range"):
            return 457, "", ""
        return super().answer(method, request)


def test_a_server_that_does_not_know_the_range_is_asked_without(tmp_path: Path) -> None:
    camera = _KnowsNoNow()
    assert play(camera, tmp_path).outcome == "played"
    assert camera.seen.count("PLAY") >= 2


class _SavpfAlone(ScriptedCamera):
    """Describes SAVP and SAVPF, as gst-rtsp-server does, and sets up SAVPF alone."""

    agreed = "RTP/SAVPF/TCP;unicast;interleaved=0-1"
    description = "v=0\r\n" + "".join(
        f"m=video 0 RTP/{profile} 97\r\na=rtpmap:97 H264/90000\r\na=control:{profile}\r\n"
        f"a=crypto:1 {CRYPTO}\r\n"
        for profile in ("SAVP", "SAVPF")
    )

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "SETUP" and ("SAVPF" not in header(request, "Transport")):
            return 461, "", ""
        return super().answer(method, request)

    def frames(self) -> list[bytes]:
        sender = protector(KEYS)
        return [Interleaved(0, sender.protect(packet)).to_bytes() for packet in packets(20)]


def test_the_next_profile_is_asked_for_after_a_461(tmp_path: Path) -> None:
    camera = _SavpfAlone()
    stream = play(camera, tmp_path, "srtp-interleaved")
    assert (stream.outcome, stream.agreed) == ("played", "RTP/SAVPF/TCP")
    assert stream.srtp is not None
    assert (stream.srtp.verified, stream.srtp.failed) == (20, 0)
    asked = [seen.split(";")[0] for seen in camera.seen if seen.startswith("SETUP")]
    assert asked[:2] == ["SETUP RTP/SAVP/TCP", "SETUP RTP/SAVPF/TCP"]


def test_a_461_to_every_profile_names_them(tmp_path: Path) -> None:
    camera = _SavpfAlone()
    camera.answer = lambda method, request: (  # type: ignore[method-assign]
        (461, "", "") if method == "SETUP" else ScriptedCamera.answer(camera, method, request)
    )
    stream = play(camera, tmp_path, "srtp-interleaved")
    assert (stream.outcome, stream.status) == ("refused", 461)
    assert stream.reason == "SETUP is answered 461 X (461 to RTP/SAVP, RTP/SAVPF)"


def _on(channels: tuple[int, int], *, agreed: str = "") -> ScriptedCamera:
    camera = ScriptedCamera()
    camera.agreed = agreed or camera.agreed
    media = [Interleaved(channels[0], packet).to_bytes() for packet in packets(20)]
    report = Interleaved(channels[1], REPORT).to_bytes()
    camera.frames = lambda: [report, *media, report]  # type: ignore[method-assign]
    return camera


@pytest.mark.parametrize(
    ("channels", "agreed"),
    [
        ((0, 1), ""),
        ((0, 0), ""),  # multiplexed, RFC 5761
        ((1, 0), ""),  # the other way round
        ((6, 7), ""),  # not those that SETUP agreed
        ((1, 0), "RTP/AVP/TCP;unicast;interleaved=1-0"),
        ((200, 3), "RTP/AVP/TCP;unicast"),
    ],
)
def test_media_and_rtcp_are_told_apart_on_any_channels(
    channels: tuple[int, int], agreed: str, tmp_path: Path
) -> None:
    stream = play(_on(channels, agreed=agreed), tmp_path)
    assert (stream.outcome, stream.packets, stream.nal_units) == ("played", 20, 20)
    assert stream.beside is not None
    assert (stream.beside.rtcp, stream.beside.rtcp_readable, stream.beside.texts) == (
        2,
        2,
        ("u@h",),
    )


class _Moved(ScriptedCamera):
    """Sends its client to ``location``, once for each DESCRIBE that names no other path."""

    def __init__(self, location: Callable[[str], str], status: int = 302) -> None:
        super().__init__()
        self._location, self._status = location, status

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        url = request.split()[1]
        if method == "DESCRIBE" and not url.endswith("/new"):
            return self._status, f"Location: {self._location(url)}\r\n", ""
        return super().answer(method, request)


@pytest.mark.parametrize("status", [301, 302, 303, 305])
@pytest.mark.parametrize("location", [lambda url: url + "/new", lambda _: "/new"])
def test_a_redirect_is_followed(
    status: int, location: Callable[[str], str], tmp_path: Path
) -> None:
    stream = play(_Moved(location, status), tmp_path)
    assert stream.outcome == "played"
    assert stream.redirected.endswith("/new")


def test_a_redirect_in_a_circle_ends(tmp_path: Path) -> None:
    camera = _Moved(lambda url: url)
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "not-offered")
    assert len([m for m in camera.seen if m.startswith("DESCRIBE")]) == 2 * (MAX_REDIRECTS + 1)


def test_a_redirect_elsewhere_is_not_followed(tmp_path: Path) -> None:
    stream = play(_Moved(lambda _: "rtsp://192.0.2.9:554/new"), tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "unreachable")
    assert "nothing was sent to it" in stream.reason


def test_a_login_is_never_taken_out_of_tls() -> None:
    with pytest.raises(NotOffered, match="would leave TLS"):
        target_of("rtsps://127.0.0.1/s", "rtsp://127.0.0.1/s")
    assert target_of("rtsp://127.0.0.1/s", "rtsps://u:p@127.0.0.1/t") == "rtsps://127.0.0.1/t"


@given(st.text(max_size=60))
def test_any_location_is_an_address_or_refused(location: str) -> None:
    with contextlib.suppress(NotOffered):
        assert target_of("rtsps://127.0.0.1:322/s", location).startswith("rtsps://")


class _Redirecting(ScriptedCamera):
    """Sends a REDIRECT request instead of media (RFC 2326, 10.10)."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        self._moved = "/new" in request.split()[1]
        self._url = request.split()[1]
        return super().answer(method, request)

    def frames(self) -> list[bytes]:
        if self._moved:
            return super().frames()
        new = f"REDIRECT {self._url} RTSP/1.0\r\nCSeq: 9\r\nLocation: {self._url}/new\r\n\r\n"
        return [new.encode()]


def test_a_redirect_request_is_answered_and_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.player.FIRST_PACKET_SECONDS", 0.3)
    camera = _Redirecting()
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.redirected.endswith("/new")) == ("played", True)
    assert "RTSP/1.0 200 OK" in camera.seen


def test_following_gives_the_reason_of_a_first_refusal() -> None:
    def attempt(url: str) -> str:
        raise Unreachable(url)

    with pytest.raises(Unreachable, match="rtsp://x"):
        following("rtsp://x", attempt)


class _Busy(ScriptedCamera):
    """503 to the first DESCRIBE: the media of the last session is still going down."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "DESCRIBE" and sum(m.startswith("DESCRIBE") for m in self.seen) == 1:
            return 503, "", ""
        return super().answer(method, request)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    assert play(_Busy(), tmp_path).outcome == "played"


class _Large(ScriptedCamera):
    """A session description of a megabyte."""

    description = "v=0\r\n" + "a=x:" + "y" * 1024 * 1024 + "\r\n"


class _Negative(ScriptedCamera):
    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        status, more, body = super().answer(method, request)
        return status, more + "Content-Length: -5\r\n", body


class _Many(ScriptedCamera):
    """Too many sections, none of which can be set up."""

    description = "v=0\r\n" + "m=video 0 RTP/SAVP 97\r\n" * 500


@pytest.mark.parametrize("camera", [_Large(), _Negative(), _Many()])
def test_too_much_and_too_little_is_garbled(camera: ScriptedCamera, tmp_path: Path) -> None:
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "garbled")


def test_a_camera_that_plays_and_stalls_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.player.FIRST_PACKET_SECONDS", 0.2)
    camera = ScriptedCamera()
    camera.hangs = True
    camera.frames = lambda: [b"$\x00\xff"]  # type: ignore[method-assign] # half a frame, then nothing
    assert play(camera, tmp_path).outcome == "silent"
