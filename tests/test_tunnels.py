"""STREAM-015: tunnels of RTSP in HTTP."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from openings_stand import at, scripted
from rtsp_stand import (
    Handler,
    access_to,
    header,
    read_request,
    rtsp_stand,
)

from conformance.streams.test_tunnel import test_no_tunnel_around_tls_or_login as judge_tunnels
from conformance.verdict import Inconclusive
from devices.emulated.addresses import PORTS, TUNNEL_PORT
from devices.emulated.posture import Posture
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices
from devices.links.rtsp.doors import doors
from devices.links.rtsp.tunnels import TunnelAnswer, TunnelAnswers, tunnel_answers


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
