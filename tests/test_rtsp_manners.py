"""RTSP servers with manners of the field, at which a verdict could go wrong."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from rtsp_stand import access_to, device_file, header, read_request, scripted_server

from conformance import policy
from conformance.streams.test_endings import (
    test_streams_end_when_told_to as judge_endings,
)
from conformance.streams.test_multicast import test_multicast_is_off_unless_declared as judge_groups
from conformance.streams.test_plaintext import (
    test_every_request_in_plaintext_is_refused as judge_plain,
)
from conformance.streams.test_transport import test_rtsp_is_served_inside_tls_only as judge_ports
from conformance.verdict import Inconclusive
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.endings import StreamEnding, StreamEndings
from devices.links.rtsp.groups import group_offers
from devices.links.rtsp.plaintext import plain_requests
from devices.links.rtsp.probes import endpoints

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}
SDP = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"


class Camera:
    """Grants everything but ``refused``; SETUP is answered with ``transport``.

    ``mute`` methods get no answer.
    """

    def __init__(
        self, *, transport: str = "", refused: tuple[str, ...] = (), mute: tuple[str, ...] = ()
    ) -> None:
        self.transport, self.refused, self.mute = transport, refused, mute

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.partition(" ")[0]
            if method in self.mute:
                continue
            status = 403 if method in self.refused else 200
            lines = [f"RTSP/1.0 {status} x", f"CSeq: {header(request, 'CSeq')}"]
            body = SDP if method == "DESCRIBE" and status == 200 else ""
            if method == "SETUP" and status == 200:
                lines += ["Session: 17", f"Transport: {self.transport}"]
            lines.append(f"Content-Length: {len(body)}")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


# STREAM-016


@pytest.mark.parametrize(
    ("transport", "to_group"),
    [
        ("RTP/AVP;destination=239.1.1.1;port=5000-5001;ttl=16", True),
        ("RTP/AVP/UDP;port=5000-5001;ttl=1", True),
        ("RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001", True),
        ("RTP/AVP;unicast;destination=127.0.0.1;client_port=5000-5001", False),
        ("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ttl=127", False),
        ("RTP/AVP/TCP;interleaved=0-1", False),
    ],
)
def test_a_group_is_one_however_the_answer_says_it(
    tmp_path: Path, transport: str, *, to_group: bool
) -> None:
    with scripted_server(Camera(transport=transport)) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, tmp_path, streams=[STREAM], transports=["interleaved"])
        found = group_offers(access_to(device), [])
    assert {offer.given for offer in found.offers} == {to_group}
    if to_group:
        with pytest.raises(AssertionError, match="multicast is not declared"):
            judge_groups(found, device)
    else:
        judge_groups(found, device)


# STREAM-018


def test_a_request_in_plaintext_that_is_left_unanswered_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow board: what DESCRIBE would have given, nobody waited for."""
    monkeypatch.setattr("devices.links.rtsp.plaintext.PROBE_SECONDS", 0.3)
    camera = Camera(refused=("OPTIONS", "SETUP", "PLAY"), mute=("DESCRIBE",))
    with scripted_server(camera) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM], transports=["interleaved"]
        )
        found = plain_requests(access_to(device), [Endpoint("127.0.0.1", port, encrypted=False)])
    with pytest.raises(Inconclusive, match=r"DESCRIBE .* was not answered in time"):
        judge_plain(found)


def test_a_port_that_never_answers_speaks_no_rtsp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.plaintext.PROBE_SECONDS", 0.2)
    mute = Camera(mute=("OPTIONS", "DESCRIBE", "SETUP", "PLAY"))
    with scripted_server(mute) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM], transports=["interleaved"]
        )
        found = plain_requests(access_to(device), [Endpoint("127.0.0.1", port, encrypted=False)])
    assert found.ports == ()
    judge_plain(found)


# STREAM-002


def test_rtsp_on_a_port_that_nobody_knows_is_found(tmp_path: Path) -> None:
    with scripted_server(Camera()) as port:
        device = device_file(f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM])
        found = endpoints(access_to(device), [])
    closed = replace(found, endpoints=tuple(replace(e, encrypted=True) for e in found.endpoints))
    services = (NamedService(554, "rtsps"), NamedService(6554, "rtsp"))
    with pytest.raises(AssertionError, match="port 6554 answers RTSP without TLS"):
        judge_ports(closed, PortServices(address="127.0.0.1", services=services))
    judge_ports(closed, PortServices(address="127.0.0.1", services=services[:1]))
    with pytest.raises(Inconclusive, match="no open port"):
        judge_ports(closed, PortServices(address="127.0.0.1", services=()))


# STREAM-021


def test_a_stream_whose_connection_the_camera_closes_has_ended() -> None:
    ended = StreamEnding(
        "main", "rtsps://192.0.2.7/s", "interleaved", "teardown",
        status=200, before=20, listened=0.1, closed=True,
    )  # fmt: skip
    nothing = StreamEndings(endings=())
    judge_endings(StreamEndings(endings=(ended,)), nothing, policy.load)
    unheard = StreamEndings(endings=(replace(ended, closed=False),))
    with pytest.raises(Inconclusive, match="long enough"):
        judge_endings(unheard, nothing, policy.load)
