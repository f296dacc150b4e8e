"""Sessions held with servers that break off, garble, stall, or never stop sending."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rtsp_stand import access_to, device_file, header, read_request, scripted_server

from devices.links.rtsp import endings as rtsp_endings
from devices.links.rtsp import voice_line as rtsp_voice
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.backchannels import backchannels
from devices.links.rtsp.endings import endings, silences
from devices.links.rtsp.refusals import refusals
from devices.links.rtsp.voice import voice_receptions
from devices.protocols import mikey
from devices.protocols.rtp import RtpPacket
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys

STREAM = {"name": "main", "path": "/x", "codec": "h264", "width": 320, "height": 240}
KEYS = SrtpKeys(SDES_SUITES["AES_CM_128_HMAC_SHA1_80"], bytes(16), bytes(14))
SDP = "\r\n".join(
    [
        "v=0",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "a=control:video",
        "m=audio 0 RTP/SAVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=control:audio",
        "a=sendonly",
        "a=key-mgmt:" + mikey.key_management(mikey.build(KEYS, ssrc=1, unix_time=0)),
        "",
    ]
)
ANSWERS = {
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}",
    "SETUP": "Session: 77;timeout=1\r\nTransport: {transport};server_port={port}-{port}\r\n\r\n",
}


class Server:
    """Answers 200 to everything, and sends a packet every 20 ms from PLAY on, for ever."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self._answers = {**ANSWERS, **(answers or {})}
        self._end = threading.Event()
        self._senders: list[threading.Thread] = []
        self._target = ("127.0.0.1", 9)

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.split(" ", 1)[0]
            transport = header(request, "Transport")
            if ports := re.search(r"client_port=(\d+)", transport):
                self._target = ("127.0.0.1", int(ports[1]))
            answer = self._answers.get(method, "\r\n")
            if not answer:
                connection.close()
                return
            if answer == "stall":
                self._end.wait(20)
                return
            head = f"RTSP/1.0 200 OK\r\nCSeq: {header(request, 'CSeq')}\r\n"
            text = answer.replace("{transport}", transport).replace("{port}", "9")
            connection.sendall((head + text).encode())
            if method == "PLAY" and self._target[1] != 9:
                self._begin()

    def _begin(self) -> None:
        sender = threading.Thread(target=self._send, args=(self._target,))
        self._senders.append(sender)
        sender.start()

    def _send(self, target: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            for number in range(2000):
                packet = RtpPacket(96, number, number * 1800, 1, b"\x41" + bytes(40)).to_bytes()
                with contextlib.suppress(OSError):
                    own.sendto(packet, target)
                if self._end.wait(0.02):
                    return

    def stop(self) -> None:
        """End everything."""
        self._end.set()
        for sender in self._senders:
            sender.join(timeout=10)


class Asking(Server):
    """Asks its client for a sign of life, again and again."""

    def __call__(self, connection: socket.socket) -> None:
        asker = threading.Thread(target=self._ask, args=(connection,))
        self._senders.append(asker)
        asker.start()
        super().__call__(connection)

    def _ask(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self._end.wait(0.2):
                connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 900\r\n\r\n")


@contextmanager
def camera(
    folder: Path,
    answers: Mapping[str, str] | None = None,
    *,
    kind: Callable[[Mapping[str, str] | None], Server] = Server,
    **declared: Any,
) -> Iterator[RtspAccess]:
    server = kind(answers)
    transports = declared.pop("transports", ["udp"])
    with scripted_server(server) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}",
            folder,
            streams=[STREAM | declared],
            transports=transports,
        )
        try:
            yield access_to(device)
        finally:
            server.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test can wait for."""
    monkeypatch.setattr(rtsp_endings, "TOLD_SECONDS", 0.8)
    monkeypatch.setattr(rtsp_endings, "_AFTER_TIMEOUT", 0.5)
    monkeypatch.setattr(rtsp_voice, "REPORT_SECONDS", 0.3)
    connect = RtspAccess.connect

    def soon(self: RtspAccess, *places: Any, **options: Any) -> Any:
        return connect(self, *places, **{"timeout": 0.5, **options})

    monkeypatch.setattr(RtspAccess, "connect", soon)


@pytest.mark.usefixtures("impatient")
def test_media_without_end_is_heard_past_teardown_and_time_out(tmp_path: Path) -> None:
    with camera(tmp_path) as access:
        told, left = endings(access).endings
    assert (told.way, told.status) == ("teardown", 200)
    assert told.listened - told.last < 0.5
    assert (left.way, left.timeout) == ("connection", 1)
    assert left.last > 1.2  # the declared time-out, and some of the time after it
    assert left.after > 20


@pytest.mark.usefixtures("impatient")
def test_media_without_end_is_heard_past_the_time_out_of_an_open_connection(
    tmp_path: Path,
) -> None:
    with camera(tmp_path) as access:
        (silent,) = silences(access).endings
    assert (silent.way, silent.timeout, silent.asked) == ("silence", 1, 0)
    assert silent.last > 1.2
    assert silent.listened - silent.last < 0.5


@pytest.mark.usefixtures("impatient")
def test_a_camera_that_asks_for_a_sign_of_life_is_counted(tmp_path: Path) -> None:
    with camera(tmp_path, kind=Asking) as access:
        (silent,) = silences(access).endings
    assert silent.asked > 1  # it takes answers for signs of life, and goes on
    assert silent.after > 20


@pytest.mark.usefixtures("impatient")
def test_a_long_time_out_is_not_waited_for(tmp_path: Path) -> None:
    setup = ANSWERS["SETUP"].replace("timeout=1\r", "timeout=66\r")
    with camera(tmp_path, {"SETUP": setup}) as access:
        found = silences(access)
    (silent,) = found.endings
    assert (silent.timeout, silent.listened, found.longest_wait) == (66, 0, 65)
    assert silent.before > 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("teardown", ["", "stall"])
def test_a_teardown_without_an_answer_has_no_status(tmp_path: Path, teardown: str) -> None:
    with camera(tmp_path, {"TEARDOWN": teardown}) as access:
        told = endings(access).endings[0]
    assert told.status == 0
    assert told.before > 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"SETUP": "Transport: {transport}\r\n\r\n"}, "without a Session"),
        ({"SETUP": "Session: 7\r\nTransport: none\r\n\r\n"}, "no RTP transport"),
        ({"SETUP": ""}, "closed before the answer"),
        ({"PLAY": ""}, "closed before the answer"),
        ({"PLAY": "stall"}, "no answer in time"),
        ({"DESCRIBE": "Content-Length: 99999999\r\n\r\n"}, "more than"),
        ({"DESCRIBE": "\r\n"}, "not a session description"),
    ],
)
def test_what_cannot_be_set_up_is_a_shortfall(
    tmp_path: Path, answers: dict[str, str], words: str
) -> None:
    with camera(tmp_path, answers) as access:
        found = endings(access)
    assert not found.endings
    assert words in found.shortfall


@pytest.mark.usefixtures("impatient")
def test_no_media_is_a_shortfall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.links.rtsp.held.FIRST_PACKET_SECONDS", 0.2)
    with camera(tmp_path, transports=["interleaved"]) as access:
        found = endings(access)
    assert "no media arrived" in found.shortfall


@pytest.mark.usefixtures("impatient")
def test_a_server_that_asks_nobody_has_no_login_to_refuse(tmp_path: Path) -> None:
    with camera(tmp_path) as access:
        assert refusals(access).unguarded


def _challenging(connection: socket.socket) -> None:
    """Refuses everything but a description with any login, and closes after each refusal."""
    while request := read_request(connection):
        method, number = request.split(" ", 1)[0], header(request, "CSeq")
        if method == "DESCRIBE" and header(request, "Authorization"):
            connection.sendall(
                f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{ANSWERS['DESCRIBE']}".encode()
            )
            continue
        challenge = 'WWW-Authenticate: Digest realm="x", nonce="y"'
        connection.sendall(f"RTSP/1.0 401 No\r\nCSeq: {number}\r\n{challenge}\r\n\r\n".encode())
        if method != "DESCRIBE":
            return


@pytest.mark.usefixtures("impatient")
def test_wrong_passwords_that_are_taken_are_kept_when_nothing_else_works(tmp_path: Path) -> None:
    with scripted_server(_challenging) as port:
        server = f"rtsp://127.0.0.1:{port}"
        device = device_file(server, tmp_path, streams=[STREAM], transports=["interleaved"])
        found = refusals(access_to(device))
    described = {a.kind: a.status for a in found.answers if a.method == "DESCRIBE"}
    assert set(described.values()) == {200}
    assert [a.status for a in found.answers if a.method == "SETUP"] == [401]
    assert found.shortfall


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "no receiver report"),
        ({"SETUP": "Session: 7\r\nTransport: {transport}\r\n\r\n"}, "where to send"),
        ({"SETUP": ""}, "closed before the answer"),
        ({"PLAY": ""}, "closed before the answer"),
    ],
)
def test_a_back_channel_that_tells_nothing(
    tmp_path: Path, answers: dict[str, str], words: str
) -> None:
    transports = ["srtp-udp"]
    with camera(tmp_path, answers, backchannel="pcmu", transports=transports) as access:
        found = voice_receptions(access)
    assert not found.receptions
    assert words in found.shortfall
    assert found.artefacts


@pytest.mark.usefixtures("impatient")
def test_an_open_back_channel_in_the_clear_is_found(tmp_path: Path) -> None:
    with camera(tmp_path) as access:
        (stream,) = backchannels(access).streams
    assert stream.offered == ("pcmu",)
    assert stream.described_to_anyone
    assert (stream.anonymous, stream.plain, stream.plain_inside) == (200, 200, 200)
