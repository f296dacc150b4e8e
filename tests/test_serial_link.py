"""The serial link over a pty, a raw TCP port and RFC 2217, and what it does when ports go away.

And what the test case of the console makes of consoles of other makes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pty
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import serial.rfc2217
from web_stand import Kept

from conformance import console, knowledge
from conformance.backdoors import test_serial as serial_cases
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import TimedOut, Unreachable
from devices.links.serial import port as port_module
from devices.links.serial.link import SerialLink
from devices.links.serial.observations import BootLog
from devices.permit import Permit
from devices.secrets import Secrets

_PATIENCE = 10.0


def link_to(url: str) -> SerialLink:
    device = DeviceFile.model_validate(
        {
            "device": {
                "manufacturer": "M",
                "model": "X",
                "hardware": "1",
                "serial": "1",
                "firmware": {"version": "1"},
            },
            "authorisation": {
                "granted_by": "a test",
                "reference": "a test",
                "expires": date.today() + timedelta(days=1),
                "addresses": ["127.0.0.1"],
            },
            "links": {"serial": {"url": url}},
        }
    )
    authorisation = device.authorisation
    permit = Permit(authorisation.addresses, authorisation.allow, authorisation.expires)
    return SerialLink(device, permit, Secrets(device))


class TcpBoard:
    """A terminal server's raw port: whatever ``react`` returns is printed."""

    def __init__(self, react: Callable[[bytes], bytes]) -> None:
        self.react = react
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self.server.getsockname()[1]}"
        self.client: socket.socket | None = None
        self.connected = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self.client, _ = self.server.accept()
            except OSError:
                return
            self.connected.set()
            with self.client as client:
                try:
                    while data := client.recv(4096):
                        client.sendall(self.react(data))
                except OSError:
                    continue

    def print(self, text: bytes) -> None:
        assert self.connected.wait(_PATIENCE)
        assert self.client is not None
        self.client.sendall(text)

    def hang_up(self) -> None:
        assert self.client is not None
        self.connected.clear()
        self.client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed twice
            self.server.shutdown(socket.SHUT_RDWR)
            if self.client is not None:
                self.client.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self._thread.join(_PATIENCE)


@pytest.fixture
def board() -> Iterator[TcpBoard]:
    made = TcpBoard(lambda data: b"" if data == b"?" else b"echo " + data)
    yield made
    made.close()


@pytest.fixture
def link(board: TcpBoard) -> Iterator[SerialLink]:
    made = link_to(board.url)
    yield made
    made.close()


def test_a_raw_port_is_read_and_written(board: TcpBoard, link: SerialLink) -> None:
    mark = link.mark()
    board.print(b"U-Boot 2023.01\r\nlogin: ")
    assert link.wait_for("^login: $", _PATIENCE, mark)
    answer = link.exchange("root\r", "echo root", _PATIENCE)
    assert (answer.sent, answer.text) == ("'root\\r'", "echo root\r")
    assert "U-Boot" in link.text_since(mark)


def test_secrets_are_not_named_as_sent(link: SerialLink) -> None:
    assert link.exchange("geheim\r", "echo", _PATIENCE, shown="a password").sent == "a password"


def test_silence_is_an_answer_to_an_exchange_and_a_time_out_to_a_wait(link: SerialLink) -> None:
    assert link.exchange("?", "anything", 0.2).text == ""
    with pytest.raises(TimedOut, match="did not print 'never'"):
        link.wait_for("never", 0.1, link.mark())


def test_a_port_that_hangs_up_is_opened_again(board: TcpBoard, link: SerialLink) -> None:
    mark = link.mark()
    board.print(b"before\r\n")
    link.wait_for("before", _PATIENCE, mark)
    board.hang_up()
    assert board.connected.wait(_PATIENCE)
    assert "echo again" in answer_of(link, "again")
    assert link.text_since(mark).startswith("before\r\n")


def answer_of(link: SerialLink, text: str) -> str:
    """Type until the link has the port open again; opening flushes what comes too early."""
    for _ in range(50):
        with contextlib.suppress(Unreachable):
            if answer := link.exchange(text, "echo", 0.2).text:
                return answer
        threading.Event().wait(0.05)
    return ""


def test_a_port_that_is_gone_is_unreachable(board: TcpBoard) -> None:
    link = link_to(board.url)
    mark = link.mark()
    assert board.connected.wait(_PATIENCE)
    board.close()
    try:
        with pytest.raises(Unreachable, match="socket://127"):
            link.wait_for("anything", 1.0, mark)
        with pytest.raises(Unreachable):
            link.send("x")
    finally:
        link.close()


def test_a_port_that_never_was_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(Unreachable):
        link_to(url)
    with pytest.raises(Unreachable):
        link_to("/dev/does-not-exist")
    with pytest.raises(Unreachable):
        link_to("nonsense://")


def test_a_flood_keeps_the_newest_and_says_what_is_missing(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "BUFFER_LIMIT", 4096)
    mark = link.mark()
    board.print(b"x" * 10_000 + b"END")
    link.wait_for("END", _PATIENCE, mark)
    log = link.log_since(mark, 0.0)
    assert log.text.endswith("END")
    assert "were not kept" in log.shortfall
    assert len(log.text) <= 4096


def test_a_boot_log_is_lines_without_terminal_escapes(board: TcpBoard, link: SerialLink) -> None:
    mark = link.mark()
    board.print(b"\x1b[1;32mgreen\x1b[0m\r\r\nnext \xff\r\n")
    link.wait_for("next", _PATIENCE, mark)
    link.wait_quiet(0.2, _PATIENCE)
    log = link.log_since(mark, 0.0)
    assert log.lines == ("green", "next \ufffd", "")
    assert log.artefacts[0].data.endswith(b"next \xff\r\n")


def test_keys_are_typed_until_a_landmark_shows(board: TcpBoard, link: SerialLink) -> None:
    board.react = lambda data: b"\r\n=> " if b"\x03" in data else b""
    landmarks = {"handover": "Booting Linux", "prompt": r"^=> ?$"}
    found = link.interrupt_boot([" ", "\x03"], landmarks, _PATIENCE, link.mark())
    assert found.reached == "prompt"
    assert found.rounds in (1, 2)  # a busy board answers after the keys were typed once more


def test_typing_into_silence_ends_in_time(board: TcpBoard, link: SerialLink) -> None:
    board.react = lambda _: b""
    found = link.interrupt_boot(["a"], {"prompt": "=>"}, 0.3, link.mark())
    assert found.reached == ""
    assert found.rounds >= 2


def test_a_pty_without_modem_lines_works() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    link = link_to(os.ttyname(slave))
    try:
        mark = link.mark()
        os.write(master, b"(none) login: ")
        link.wait_for(r"\(none\) login: $", _PATIENCE, mark)
        link.send("root\r")
        assert os.read(master, 100) == b"root\r"
    finally:
        link.close()
        os.close(master)
        os.close(slave)


class Port:
    """A serial port as far as a RFC 2217 server looks at one."""

    baudrate, bytesize, parity, stopbits = 9600, 8, "N", 1
    rtscts = xonxoff = False
    dtr = rts = break_condition = False
    cts = dsr = ri = cd = False

    def reset_input_buffer(self) -> None:
        """Nothing is kept."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept."""


def serve_rfc2217(server: socket.socket, port: Port) -> None:
    connection, _ = server.accept()
    # By attribute: the stubs want real ports where any object of their shape will do.
    make: Any = serial.rfc2217.PortManager
    with connection:

        class Writer:
            def write(self, data: bytes) -> None:
                connection.sendall(data)

        manager = make(port, Writer(), logging.getLogger("rfc2217"))
        while data := connection.recv(4096):
            typed = b"".join(manager.filter(data))
            if typed:
                connection.sendall(b"".join(manager.escape(b"echo " + typed)))


# pyserial 3.5 names its thread as one did before Python 3.10.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name).. is deprecated:DeprecationWarning")
def test_a_terminal_server_by_rfc_2217_works() -> None:
    port = Port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_rfc2217, args=(server, port), daemon=True)
        thread.start()
        link = link_to(f"rfc2217://127.0.0.1:{server.getsockname()[1]}")
        try:
            assert "echo root" in link.exchange("root\r", "echo root", _PATIENCE).text
            assert port.baudrate == 115200
        finally:
            link.close()
        thread.join(_PATIENCE)


def shell_at(prompt: bytes) -> Callable[[bytes], bytes]:
    """Echoes what is typed, obeys ``echo``, and prints its prompt."""

    def react(typed: bytes) -> bytes:
        words = typed.strip().removeprefix(b"echo ").replace(b"'", b"")
        said = words + b"\r\n" if b"echo" in typed else b""
        return typed.strip() + b"\r\n" + said + prompt

    return react


def judge_console(
    board: TcpBoard, link: SerialLink, react: Callable[[bytes], bytes], monkeypatch: Any
) -> None:
    for module in (serial_cases, console):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    board.react = react
    log = BootLog(text="Starting kernel ...\r\n", seconds=1.0)
    serial_cases.test_the_serial_console_gives_no_shell(log, link, knowledge.load, Kept())


@pytest.mark.parametrize("prompt", [b"# ", b"IPC# ", b"ready> ", b""])
def test_a_shell_is_found_at_any_prompt_and_at_none(
    board: TcpBoard, link: SerialLink, prompt: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="carried out an echo command"):
        judge_console(board, link, shell_at(prompt), monkeypatch)


def test_a_prompt_that_is_not_known_is_inconclusive(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Inconclusive, match="'Operator code:'") as raised:
        judge_console(board, link, lambda _: b"\r\nOperator code: ", monkeypatch)
    assert raised.value.cause == "unrecognised-prompt"


@pytest.mark.parametrize("said", [b"", b"\r\n[  12.3] eth0: link up\r\n"])
def test_a_console_that_asks_for_nothing_and_obeys_nothing_passes(
    board: TcpBoard, link: SerialLink, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_console(board, link, lambda _: said, monkeypatch)
