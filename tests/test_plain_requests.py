"""STREAM-018: RTSP requests in plaintext."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from openings_stand import Scripted, at, scripted
from rtsp_stand import (
    Handler,
    access_to,
    header,
    rtsp_stand,
)

from conformance.streams.test_plaintext import (
    test_every_request_in_plaintext_is_refused as judge_plain,
)
from conformance.verdict import Inconclusive
from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.links.rtsp.plaintext import PlainRequests, plain_requests


def plain(camera: Handler, folder: Path) -> PlainRequests:
    with scripted(camera, folder) as (port, device):
        return plain_requests(access_to(device), [at(port)])


def test_a_port_that_grants_options_alone_is_reported_so(tmp_path: Path) -> None:
    found = plain(Scripted(DESCRIBE=403, SETUP=403, PLAY=455), tmp_path)
    with pytest.raises(AssertionError) as failed:
        judge_plain(found)
    reason = str(failed.value)
    assert "grants OPTIONS without TLS" in reason
    assert "refused: DESCRIBE 403, SETUP 403, PLAY 455" in reason


def test_a_port_that_refuses_everything_passes(tmp_path: Path) -> None:
    found = plain(Scripted(OPTIONS=403, DESCRIBE=403, SETUP=403, PLAY=403), tmp_path)
    assert {answer.status for answer in found.answers} == {403}
    judge_plain(found)


class _DigestFor(Scripted):
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


class _TrackAlone(Scripted):
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
