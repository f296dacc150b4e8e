"""Naming services by what they say, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.ports.fingerprint import Patience, identify, name_service, name_services

QUICK = Patience(connect=2, greeting=0.3, answer=0.5, late=0.6)
Talk = Callable[[socket.socket], None]


@contextmanager
def service(talk: Talk) -> Iterator[int]:
    """A server that hands each connection to ``talk``; gives its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    def handle(client: socket.socket) -> None:
        with client:
            client.settimeout(5)
            try:
                talk(client)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def greets(words: bytes) -> Talk:
    def talk(client: socket.socket) -> None:
        client.sendall(words)
        client.recv(100)

    return talk


def answers(words: bytes) -> Talk:
    def talk(client: socket.socket) -> None:
        client.recv(2000)
        client.sendall(words)

    return talk


def hangs(client: socket.socket) -> None:
    while client.recv(2000):
        pass


SERVICES = {
    "ssh": greets(b"SSH-2.0-dropbear_2019.78\r\n"),
    "telnet": greets(b"\xff\xfd\x01\xff\xfb\x03camera login: "),
    "ftp": greets(b"220 (none) FTP server ready\r\n"),
    "console": greets(b"HiLinux\r\nuser name:"),
    "rtsp": answers(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"),
    "http": answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}


@pytest.mark.parametrize("protocol", SERVICES)
def test_a_service_is_named_whatever_its_port(protocol: str) -> None:
    with service(SERVICES[protocol]) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol == protocol, named


def test_six_services_are_named_at_once() -> None:
    with ExitStack() as stack:
        ports = {stack.enter_context(service(talk)): name for name, talk in SERVICES.items()}
        named = name_services("127.0.0.1", ports, parallel=6)
    assert {s.port: s.protocol for s in named} == ports


def test_a_service_that_says_nothing_is_unknown_and_does_not_hang() -> None:
    with service(hangs) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert (named.protocol, named.error) == ("unknown", "")


def test_a_prompt_that_follows_its_banner_is_waited_for() -> None:
    def talk(client: socket.socket) -> None:
        client.sendall(b"Welcome to the camera\r\n")
        time.sleep(0.05)
        client.sendall(b"camera login: ")
        client.recv(100)

    with service(talk) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol in {"telnet", "console"}, named


@pytest.mark.parametrize("passive", [False, True])
def test_a_telnet_server_that_greets_late_is_named(*, passive: bool) -> None:
    def talk(client: socket.socket) -> None:
        time.sleep(0.8)
        client.sendall(b"\xff\xfd\x01\xff\xfb\x01camera login: ")
        client.recv(100)

    patience = Patience(connect=2, greeting=0.2, answer=0.2, late=8)
    with service(talk) as port:
        named = name_service("127.0.0.1", port, passive=passive, patience=patience)
    assert named.protocol == "telnet", named


def test_a_greeting_that_drips_without_end_is_cut() -> None:
    def drips(client: socket.socket) -> None:
        while True:
            client.sendall(b".")
            time.sleep(0.2)

    with service(drips) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol == "unknown"


def test_a_web_server_that_echoes_the_protocol_word_is_no_rtsp_server() -> None:
    def talk(client: socket.socket) -> None:
        word = b"RTSP" if b"RTSP" in client.recv(2000) else b"HTTP"
        client.sendall(word + b"/1.0 400 Bad Request\r\nServer: thttpd/2.25b\r\n\r\n")

    with service(talk) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol == "http", named


def test_an_rtsp_server_that_forgets_the_sequence_number_is_named() -> None:
    def talk(client: socket.socket) -> None:
        if b"RTSP" in client.recv(2000):
            client.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")

    with service(talk) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol == "rtsp", named


def test_garbage_without_end_is_cut() -> None:
    def floods(client: socket.socket) -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            client.sendall(b"\x80" * 65536)

    with service(floods) as port:
        named = name_service("127.0.0.1", port, patience=QUICK)
    assert named.protocol == "unknown"
    assert len(named.words) <= 4 * 160


def test_nothing_is_sent_to_a_passive_port() -> None:
    received: list[bytes] = []

    def records(client: socket.socket) -> None:
        received.append(client.recv(100))

    with service(records) as port:
        named = name_service("127.0.0.1", port, passive=True, patience=QUICK)
    assert named.protocol == "unknown"
    assert all(data == b"" for data in received)


def test_a_closed_port_is_an_error_not_an_exception() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert name_service("127.0.0.1", port, patience=QUICK).error


@given(st.binary(max_size=300), st.sampled_from(["", "http-get", "rtsp-options"]))
def test_any_bytes_can_be_looked_at(data: bytes, after: str) -> None:
    assert isinstance(identify(data, after), str)
