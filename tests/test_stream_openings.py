"""STREAM-015 to STREAM-018: tunnels, groups, undeclared streams, requests in plaintext."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from pathlib import Path
from typing import Any

import pytest
from rtsp_stand import (
    Handler,
    Stand,
    access_to,
    device_file,
    header,
    read_request,
    rtsp_stand,
    scripted_server,
)

from conformance.streams.test_multicast import test_multicast_is_off_unless_declared as judge_groups
from conformance.streams.test_plaintext import (
    test_every_request_in_plaintext_is_refused as judge_plain,
)
from conformance.streams.test_tunnel import test_no_tunnel_around_tls_or_login as judge_tunnels
from conformance.streams.test_undeclared import (
    test_every_stream_found_is_declared as judge_found,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.emulated.addresses import PORTS, TUNNEL_PORT
from devices.emulated.posture import Posture
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices
from devices.links.rtsp import client as rtsp_client
from devices.links.rtsp.announced import AnnouncedStreams, announced_streams
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.doors import doors
from devices.links.rtsp.found import FoundStream, FoundStreams, found_streams
from devices.links.rtsp.groups import GroupOffers, group_offers
from devices.links.rtsp.observations import PlayedStreams
from devices.links.rtsp.plaintext import PlainRequests, plain_requests
from devices.links.rtsp.streams import play_streams
from devices.links.rtsp.tunnels import TunnelAnswer, TunnelAnswers, tunnel_answers
from devices.permit import Permit
from devices.protocols.rtp import RtpPacket
from devices.protocols.rtsp import Interleaved
from devices.secrets import Secrets

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}
SPS, PPS = "Z0IAKQ==", "aM4xsg=="


def at(port: int, *, encrypted: bool = False, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(host, port, encrypted)


def scripted(
    camera: Handler, folder: Path, **changes: Any
) -> contextlib.AbstractContextManager[tuple[int, DeviceFile]]:
    @contextlib.contextmanager
    def running() -> Any:
        with scripted_server(camera) as port:
            url = f"rtsp://127.0.0.1:{port}"
            yield (
                port,
                device_file(url, folder, streams=[STREAM | changes], transports=["interleaved"]),
            )

    return running()


class _Rtsp:
    """A scripted RTSP server: a status for each method, and a description for each path."""

    def __init__(self, **statuses: int) -> None:
        self.statuses = statuses
        self.seen: list[str] = []
        self.more: dict[int, str] = {}

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method, url, _ = request.split(None, 2)
            self.seen.append(f"{method} {url.split('/', 3)[-1]}")
            status = self.status(method, url, request)
            body = self.body(url) if method == "DESCRIBE" and status == 200 else ""
            connection.sendall(
                f"RTSP/1.0 {status} X\r\nCSeq: {header(request, 'CSeq')}\r\nSession: 1\r\n"
                f"{self.more.get(status, '')}Transport: {header(request, 'Transport')}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            if method == "PLAY" and status == 200:
                for number in range(12):
                    packet = RtpPacket(97, number, 0, 5, b"\x65" + bytes(300)).to_bytes()
                    connection.sendall(Interleaved(0, packet).to_bytes())
                connection.shutdown(socket.SHUT_WR)

    def status(self, method: str, url: str, request: str) -> int:
        del url, request
        return self.statuses.get(method, 200)

    def body(self, url: str) -> str:
        del url
        return (
            "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
            f"a=fmtp:97 sprop-parameter-sets={SPS},{PPS}\r\na=control:t\r\n"
        )


# STREAM-018


def plain(camera: Handler, folder: Path) -> PlainRequests:
    with scripted(camera, folder) as (port, device):
        return plain_requests(access_to(device), [at(port)])


def test_a_port_that_grants_options_alone_is_reported_so(tmp_path: Path) -> None:
    found = plain(_Rtsp(DESCRIBE=403, SETUP=403, PLAY=455), tmp_path)
    with pytest.raises(AssertionError) as failed:
        judge_plain(found)
    reason = str(failed.value)
    assert "grants OPTIONS without TLS" in reason
    assert "refused: DESCRIBE 403, SETUP 403, PLAY 455" in reason


def test_a_port_that_refuses_everything_passes(tmp_path: Path) -> None:
    found = plain(_Rtsp(OPTIONS=403, DESCRIBE=403, SETUP=403, PLAY=403), tmp_path)
    assert {answer.status for answer in found.answers} == {403}
    judge_plain(found)


class _DigestFor(_Rtsp):
    """Asks for a login by Digest or Basic, and grants everything to who gives one."""

    def __init__(self, scheme: str, *, refuses: bool = False) -> None:
        super().__init__()
        self.more[401] = f'WWW-Authenticate: {scheme} realm="r", nonce="n"\r\n'
        self._refuses = refuses
        self.logins = 0

    def status(self, method: str, url: str, request: str) -> int:
        del url, method
        given = bool(header(request, "Authorization"))
        self.logins += given
        return 200 if given and not self._refuses else 401


def test_what_the_login_gets_in_plaintext_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"grants OPTIONS, DESCRIBE, SETUP, PLAY .* login"):
        judge_plain(plain(_DigestFor("Digest"), tmp_path))


def test_a_password_is_never_sent_in_clear(tmp_path: Path) -> None:
    camera = _DigestFor("Basic")
    found = plain(camera, tmp_path)
    assert camera.logins == 0
    with pytest.raises(Inconclusive, match="password in clear"):
        judge_plain(found)


def test_a_refused_login_is_not_repeated_into_a_lockout(tmp_path: Path) -> None:
    camera = _DigestFor("Digest", refuses=True)
    judge_plain(plain(camera, tmp_path))
    assert camera.logins == 2


class _TrackAlone(_Rtsp):
    """Refuses descriptions, and sets up whoever knows the track, of a second profile."""

    def status(self, method: str, url: str, request: str) -> int:
        if method == "SETUP" and "SAVP" not in header(request, "Transport"):
            return 461
        known = method == "SETUP" and url.endswith("/trackID=1")
        playing = method == "PLAY" and header(request, "Session")
        return 200 if known or playing else 404


def test_usual_tracks_are_tried_where_none_is_known(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"grants SETUP, PLAY without TLS"):
        judge_plain(plain(_TrackAlone(), tmp_path))


def _silent(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.recv(4096)


@pytest.mark.parametrize(
    "handler",
    [
        lambda connection: connection.close(),
        lambda connection: connection.sendall(b"\x15\x03\x03\x00\x02\x02\x46"),
        lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"),
        lambda connection: connection.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n"),
    ],
)
def test_what_speaks_no_rtsp_is_asked_briefly(handler: Handler, tmp_path: Path) -> None:
    found = plain(handler, tmp_path)
    assert (found.ports, len(found.answers)) == ((), 4)
    judge_plain(found)


def test_a_port_that_accepts_and_stalls_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.plaintext.PROBE_SECONDS", 0.2)
    found = plain(_silent, tmp_path)
    assert ["not asked" in answer.problem for answer in found.answers] == [False] * 2 + [True] * 2


def test_a_known_track_of_the_emulated_camera_is_set_up_in_plaintext(tmp_path: Path) -> None:
    refuses = ("OPTIONS", "DESCRIBE")
    with rtsp_stand(tmp_path, Posture(rtsp_plain_port=True, rtsp_plain_refuses=refuses)) as stand:
        found = plain_requests(stand.access, [at(PORTS["rtsp"], host=stand.camera.address)])
    with pytest.raises(AssertionError, match=r"SETUP, PLAY .* refused: OPTIONS 403, DESCRIBE 403"):
        judge_plain(found)


def test_nothing_asked_is_no_pass() -> None:
    with pytest.raises(Inconclusive):
        judge_plain(PlainRequests(asked=(), account=True, answers=()))


# STREAM-015


def tunnels_of(posture: Posture, folder: Path) -> TunnelAnswers:
    with rtsp_stand(folder, posture) as stand:
        host = stand.camera.address
        named = [("rtsps", PORTS["rtsps"]), ("http", TUNNEL_PORT)]
        services = tuple(NamedService(port, protocol) for protocol, port in named)
        found = doors(stand.device, host, PortServices(address=host, services=services))
        return tunnel_answers(stand.access, found)


@pytest.mark.parametrize(
    ("tunnels", "problem"),
    [
        (("tls",), ""),
        (("plain",), "opens an RTSP tunnel without TLS"),
        (("tls", "anonymous"), "DESCRIBE, SETUP, PLAY through the tunnel is granted"),
    ],
)
def test_tunnels_of_the_emulated_camera(
    tunnels: tuple[str, ...], problem: str, tmp_path: Path
) -> None:
    found = tunnels_of(Posture(rtsp_tunnel=tunnels), tmp_path)
    if not problem:
        judge_tunnels(found)
        opened = next(answer for answer in found.answers if answer.opened)
        assert dict(opened.requests)["DESCRIBE"] == 401
        return
    with pytest.raises(AssertionError, match=problem):
        judge_tunnels(found)


def _http(*heads: str) -> Handler:
    """Answers a request without a login with the first head, one with a login with the last."""

    def handler(connection: socket.socket) -> None:
        request = read_request(connection)
        head = heads[-1] if header(request, "Authorization") else heads[0]
        connection.sendall(f"HTTP/1.0 {head}\r\n\r\n".encode())
        connection.recv(4096)

    return handler


TUNNEL = "200 OK\r\nContent-Type: Application/X-RTSP-Tunnelled; charset=x"
DIGEST = '401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"'


@pytest.mark.parametrize(
    ("heads", "problem"),
    [
        ((TUNNEL,), "without TLS without a login"),
        ((DIGEST, TUNNEL), "without TLS to who logs in"),
    ],
)
def test_a_tunnel_in_plaintext_fails_whoever_may_use_it(
    heads: tuple[str, ...], problem: str, tmp_path: Path
) -> None:
    with scripted(_http(*heads), tmp_path) as (port, device):
        found = tunnel_answers(access_to(device), [at(port)])
    with pytest.raises(AssertionError, match=problem):
        judge_tunnels(found)


@pytest.mark.parametrize(
    ("heads", "why"),
    [
        ((DIGEST,), "did not get past"),
        (('401 No\r\nWWW-Authenticate: Basic realm="r"',), "did not get past"),
        ((DIGEST, "404 No"), ""),
        (("200 OK\r\nContent-Type: text/html",), ""),
        (("308 No\r\nLocation: https://192.0.2.1/",), ""),
    ],
)
def test_a_web_page_is_no_tunnel(heads: tuple[str, ...], why: str, tmp_path: Path) -> None:
    with scripted(_http(*heads), tmp_path) as (port, device):
        found = tunnel_answers(access_to(device), [at(port)])
    if not why:
        judge_tunnels(found)
        return
    with pytest.raises(Inconclusive, match=why):
        judge_tunnels(found)


def test_no_answer_in_http_is_no_pass(tmp_path: Path) -> None:
    with scripted(lambda connection: connection.close(), tmp_path) as (port, device):
        found = tunnel_answers(access_to(device), [at(port)])
    with pytest.raises(Inconclusive, match="no port answered"):
        judge_tunnels(found)


def test_requests_that_are_not_refused_for_want_of_a_login_leave_it_open() -> None:
    answer = TunnelAnswer(
        url="https://c/s",
        port=443,
        encrypted=True,
        login="none",
        status=200,
        opened=True,
        requests=(("DESCRIBE", 404), ("SETUP", 401)),
    )
    with pytest.raises(Inconclusive, match="DESCRIBE through it is answered 404"):
        judge_tunnels(TunnelAnswers(answers=(answer,)))


# STREAM-016


def groups(camera: Handler, folder: Path, *transports: str) -> tuple[GroupOffers, DeviceFile]:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM], transports=list(transports))
        return group_offers(access_to(device), []), device


def test_a_camera_that_gives_multicast_unasked_for_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="RTP/AVP/UDP;multicast, and multicast is not declar"):
        judge_groups(*groups(_Rtsp(), tmp_path, "interleaved"))


def test_declared_multicast_must_be_srtp(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="expected SRTP"):
        judge_groups(*groups(_Rtsp(), tmp_path, "srtp-multicast"))
    with rtsp_stand(tmp_path / "srtp", Posture(rtp_multicast="srtp")) as stand:
        streams = [
            s.model_copy(update={"transports": ["srtp-multicast"]})
            for s in stand.device.declared.streams
        ]
        declared = stand.device.declared.model_copy(update={"streams": streams})
        device = stand.device.model_copy(update={"declared": declared})
        found = group_offers(access_to(device), [])
    assert [offer.given for offer in found.offers] == [False, True] * 2
    judge_groups(found, device)


class _Describing(_Rtsp):
    def body(self, url: str) -> str:
        return super().body(url).replace("m=video", "c=IN IP4 239.1.2.3/127\r\nm=video")


def test_a_group_in_the_description_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"group address 239\.1\.2\.3"):
        judge_groups(*groups(_Describing(SETUP=461), tmp_path, "interleaved"))


def test_no_multicast_passes_and_no_answer_does_not(tmp_path: Path) -> None:
    judge_groups(*groups(_Rtsp(SETUP=461), tmp_path, "interleaved"))
    found, device = groups(_Rtsp(DESCRIBE=404), tmp_path, "interleaved")
    assert "404" in found.shortfall
    with pytest.raises(Inconclusive):
        judge_groups(found, device)


class _Busy(_Rtsp):
    """Says that it is busy to the first SETUPs of a profile, and then 461."""

    def __init__(self, status: int, *, times: int, profile: str = "RTP/AVP") -> None:
        super().__init__()
        self._busy, self._left, self._profile = status, times, profile + ";"

    def status(self, method: str, url: str, request: str) -> int:
        del url
        if method != "SETUP":
            return 200
        if self._left and header(request, "Transport").startswith(self._profile):
            self._left -= 1
            return self._busy
        return 461


@pytest.mark.parametrize("status", [453, 503])
@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_a_busy_camera_has_not_refused_multicast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, profile: str
) -> None:
    monkeypatch.setattr(rtsp_client, "BUSY_SECONDS", (0, 0))
    found, device = groups(_Busy(status, times=99, profile=profile), tmp_path, "interleaved")
    assert [o for o in found.offers if o.profile == profile.partition("/")[2]] == []
    assert f"is answered {status} X 3 times" in found.shortfall
    assert not found.complete  # which is INCONCLUSIVE, whatever the other profile says
    if not found.offers:
        with pytest.raises(Inconclusive):
            judge_groups(found, device)


@pytest.mark.parametrize("status", [453, 503])
def test_a_camera_that_was_busy_for_a_moment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(rtsp_client, "BUSY_SECONDS", (0, 0))
    found, device = groups(_Busy(status, times=2), tmp_path, "interleaved")
    assert found.complete, found.shortfall
    assert {offer.status for offer in found.offers} == {461}
    judge_groups(found, device)


# STREAM-017


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
    found = scripted_found(_Rtsp(), tmp_path)
    assert {(s.outcome, s.same_as) for s in found.streams} == {("alias", "main")}
    assert len(found.streams) == 3  # two published paths and the made-up one
    judge_found(found)


class _Channels(_Rtsp):
    """Another stream at /b, with parameter sets in the stream alone, or none at all."""

    def body(self, url: str) -> str:
        return super().body(url).replace(SPS, "Z0IAKA==" if url.endswith("/b") else SPS)


def test_another_stream_at_a_published_path_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"/b .published. plays h264 with 12 packets"):
        judge_found(scripted_found(_Channels(), tmp_path))


class _Sections(_Rtsp):
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


class _NotFoundIs401(_Rtsp):
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
    ("camera", "outcome"), [(_Rtsp(SETUP=403), "refused"), (_Rtsp(PLAY=500), "refused")]
)
def test_a_stream_that_is_described_and_refused_is_none(
    camera: _Rtsp, outcome: str, tmp_path: Path
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
    answered = scripted_found(_Rtsp(), tmp_path).answers
    with pytest.raises(Inconclusive, match="did not play: why"):
        judge_found(dataclasses.replace(_told("silent"), answers=answered))
    with pytest.raises(Inconclusive, match="no account"):
        judge_found(dataclasses.replace(_told("refused"), answers=answered, account=False))


class _Jpeg(_Rtsp):
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
