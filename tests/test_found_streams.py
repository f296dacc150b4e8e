"""STREAM-017: streams that nobody declared."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path
from typing import Any

import pytest
from openings_stand import SPS, Scripted, at, scripted
from rtsp_stand import (
    Handler,
    Stand,
    access_to,
    device_file,
    header,
    rtsp_stand,
)

from conformance.streams.test_undeclared import (
    test_every_stream_found_is_declared as judge_found,
)
from conformance.verdict import Inconclusive
from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.links.rtsp.announced import AnnouncedStreams, announced_streams
from devices.links.rtsp.found import FoundStream, FoundStreams, found_streams
from devices.links.rtsp.observations import PlayedStreams
from devices.links.rtsp.streams import play_streams
from devices.permit import Permit
from devices.protocols.rtp import RtpPacket
from devices.protocols.rtsp import Interleaved
from devices.secrets import Secrets


def found_on(stand: Stand, paths: list[str]) -> FoundStreams:
    played = play_streams(stand.access, seconds=0.6)
    endpoint = at(PORTS["rtsps"], encrypted=True, host=stand.camera.address)
    return found_streams(stand.access, [endpoint], paths, [], played)


def test_a_hidden_stream_fails_and_another_path_of_a_declared_one_does_not(tmp_path: Path) -> None:
    posture = Posture(rtsp_hidden_stream="/hidden", rtsp_open_paths=("/alias",))
    with rtsp_stand(tmp_path, posture) as stand:
        found = found_on(stand, ["/alias", "/hidden", "/nothing"])
    told = {(s.url.rpartition("/")[2], s.same_as, s.outcome) for s in found.streams}
    assert told == {("alias", "main", "alias"), ("hidden", "", "played")}
    with pytest.raises(AssertionError, match=r"/hidden .published. plays h264"):
        judge_found(found)
    without = [s for s in found.streams if s.same_as]
    judge_found(dataclasses.replace(found, streams=tuple(without)))


def scripted_found(camera: Handler, folder: Path, **changes: Any) -> FoundStreams:
    with scripted(camera, folder, **changes) as (port, device):
        access = access_to(device)
        played = play_streams(access, seconds=0.1)
        return found_streams(access, [at(port)], ["/a", "/b"], [], played)


def test_a_server_that_gives_one_stream_at_every_path_passes(tmp_path: Path) -> None:
    found = scripted_found(Scripted(), tmp_path)
    assert {(s.outcome, s.same_as) for s in found.streams} == {("alias", "main")}
    assert len(found.streams) == 3  # two published paths and the made-up one
    judge_found(found)


class _Channels(Scripted):
    """Another stream at /b, with parameter sets in the stream alone, or none at all."""

    def body(self, url: str) -> str:
        return super().body(url).replace(SPS, "Z0IAKA==" if url.endswith("/b") else SPS)


def test_another_stream_at_a_published_path_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"/b .published. plays h264 with 12 packets"):
        judge_found(scripted_found(_Channels(), tmp_path))


class _Sections(Scripted):
    """Every description has a second video section, of SAVPF or of another lens."""

    def __init__(self, sps: str) -> None:
        super().__init__()
        self._sps = sps

    def body(self, url: str) -> str:
        first = super().body(url)
        second = (
            first.replace("v=0\r\n", "").replace(SPS, self._sps).replace("control:t", "control:u")
        )
        return first + second


def test_a_second_section_is_a_stream_of_its_own(tmp_path: Path) -> None:
    judge_found(scripted_found(_Sections(SPS), tmp_path))
    camera = _Sections("Z0IAKA==")
    with pytest.raises(AssertionError, match=r"/s .declared. plays"):
        judge_found(scripted_found(camera, tmp_path))
    assert "SETUP s/u" in camera.seen


def test_without_knowing_the_declared_stream_nothing_is_decided(tmp_path: Path) -> None:
    with scripted(_Channels(), tmp_path) as (port, device):
        nothing = PlayedStreams(streams=())
        found = found_streams(access_to(device), [at(port)], ["/b"], [], nothing)
    assert found.unknown == (("main", "h264"),)
    with pytest.raises(Inconclusive, match="could be another address of main"):
        judge_found(found)


class _NotFoundIs401(Scripted):
    """401 to any path that it does not have, whoever asks."""

    def __init__(self) -> None:
        super().__init__()
        self.more[401] = 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n'

    def status(self, method: str, url: str, request: str) -> int:
        del method
        return 200 if header(request, "Authorization") and "/s" in url else 401


def test_a_401_for_an_unknown_path_is_no_refused_login(tmp_path: Path) -> None:
    found = scripted_found(_NotFoundIs401(), tmp_path)
    assert (found.shortfall, [a.status for a in found.answers]) == ("", [200, 401, 401, 401])
    judge_found(found)


@pytest.mark.parametrize(
    ("camera", "outcome"), [(Scripted(SETUP=403), "refused"), (Scripted(PLAY=500), "refused")]
)
def test_a_stream_that_is_described_and_refused_is_none(
    camera: Scripted, outcome: str, tmp_path: Path
) -> None:
    with scripted(camera, tmp_path) as (port, device):
        nothing = PlayedStreams(streams=())
        found = found_streams(access_to(device), [at(port)], ["/b"], [], nothing)
    assert {s.outcome for s in found.streams} == {outcome}


def _told(outcome: str) -> FoundStreams:
    stream = FoundStream("rtsps://c/x", "published", "h264", (), "", outcome, reason="why")
    return FoundStreams(asked=0, answers=(), account=True, unknown=(), streams=(stream,))


def test_what_did_not_play_or_was_not_asked_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="no address was answered"):
        judge_found(_told("alias"))
    answered = scripted_found(Scripted(), tmp_path).answers
    with pytest.raises(Inconclusive, match="did not play: why"):
        judge_found(dataclasses.replace(_told("silent"), answers=answered))
    with pytest.raises(Inconclusive, match="no account"):
        judge_found(dataclasses.replace(_told("refused"), answers=answered, account=False))


class _Jpeg(Scripted):
    def body(self, url: str) -> str:
        del url
        return "v=0\r\nm=video 0 RTP/AVP 26\r\na=control:t\r\n"

    def __call__(self, connection: socket.socket) -> None:
        real = connection.sendall

        def sendall(data: bytes) -> None:
            if data[:1] == b"$":
                head = bytes([0, 0, 0, 0, 1, 60, 8, 8])
                packet = RtpPacket(26, data[7], 0, 5, head + bytes(200), marker=True)
                data = Interleaved(0, packet.to_bytes()).to_bytes()
            real(data)

        connection.sendall = sendall  # type: ignore[method-assign,assignment]
        super().__call__(connection)


def test_jpeg_is_told_apart_by_its_size(tmp_path: Path) -> None:
    found = _jpeg(tmp_path, 64)
    assert {(s.codec, s.same_as) for s in found.streams} == {("jpeg", "main")}
    judge_found(found)
    with pytest.raises(AssertionError, match="plays jpeg"):
        judge_found(_jpeg(tmp_path, 320))


def _jpeg(folder: Path, width: int) -> FoundStreams:
    def camera(connection: socket.socket) -> None:
        _Jpeg()(_Sending(connection))  # type: ignore[arg-type]

    return scripted_found(camera, folder, codec="mjpeg", width=width)


class _Sending:
    """A socket whose methods can be replaced."""

    def __init__(self, connection: socket.socket) -> None:
        self.recv, self.sendall = connection.recv, connection.sendall
        self.shutdown = connection.shutdown


def test_without_onvif_nothing_is_announced(tmp_path: Path) -> None:
    device = device_file("rtsp://127.0.0.1:1", tmp_path)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    assert announced_streams(device, permit, Secrets(device)) == AnnouncedStreams(
        asked=False, addresses=()
    )
