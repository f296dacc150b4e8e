"""The port sweep against real sockets: open, closed, silent, one's own, and the bench's."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from laboratory import device_file as written

from devices import device_file
from devices.emulated.addresses import reserved_address
from devices.errors import OutsideAuthorisation, Unreachable
from devices.links.ports import tcp as ports_tcp
from devices.links.ports.link import PortsLink
from devices.links.ports.tcp import PortState, SweepLimits
from devices.links.ports.udp import UdpProbe, UdpState, probe
from devices.permit import Permit
from devices.secrets import Secrets

QUICK = SweepLimits(in_flight=64, patience=0.3, seconds=30)


@pytest.fixture
def address() -> Iterator[str]:
    with reserved_address() as reserved:
        yield reserved


def listening(address: str, port: int = 0) -> socket.socket:
    return socket.create_server((address, port))


def link(folder: Path, address: str, more: str = "") -> PortsLink:
    device = device_file.load(written(folder, address=address, more=more))
    granted = device.authorisation
    return PortsLink(device, Permit(granted.addresses, [], granted.expires), Secrets(device))


def test_open_and_closed_ports_are_told_apart(address: str) -> None:
    with listening(address) as server:
        port = server.getsockname()[1]
        near = [p for p in range(port - 20, port + 21) if 0 < p < 65536]
        states = ports_tcp.sweep(address, near, QUICK)
    assert [p for p, state in states.items() if state is PortState.OPEN] == [port]
    assert all(states[p] is PortState.CLOSED for p in near if p != port)


def test_every_port_is_decided(address: str) -> None:
    with ExitStack() as stack:
        ports = {stack.enter_context(listening(address)).getsockname()[1] for _ in range(5)}
        ports |= {
            stack.enter_context(listening(address, p)).getsockname()[1] for p in (1234, 65535)
        }
        states = ports_tcp.sweep(address, range(1, 65536), SweepLimits())
    opened = {port for port, state in states.items() if state is PortState.OPEN}
    assert len(states) == 65535
    assert ports <= opened


def test_a_port_that_never_answers_is_filtered(address: str) -> None:
    """A full backlog drops connection requests, as a packet filter does."""
    with socket.socket() as server, ExitStack() as waiting:
        server.bind((address, 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex((address, port))
        states = ports_tcp.sweep(address, [port], QUICK)
    assert states[port] is PortState.FILTERED


def test_a_connection_to_oneself_is_not_an_open_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is made from the very port that it asks, where nothing listens."""
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]

    class OnTargetPort(socket.socket):
        def connect_ex(self, where: tuple[str, int]) -> int:  # type: ignore[override]
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind(where)
            return super().connect_ex(where)

    monkeypatch.setattr(socket, "socket", OnTargetPort)
    assert ports_tcp.sweep("127.0.0.1", [port], QUICK)[port] is PortState.CLOSED


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (["closed"], PortState.CLOSED),
        (["open", "open"], PortState.OPEN),
        (["open", "closed", "closed"], PortState.CLOSED),
        (["filtered", "open", "open"], PortState.OPEN),
        (["open", "filtered", "closed"], None),
    ],
)
def test_what_is_not_refused_is_asked_again_and_two_of_three_decide(
    answers: list[str], verdict: PortState | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(answers)

    def one_pass(_address: str, ports: list[int], *_: object) -> list[tuple[int, PortState]]:
        return [(port, PortState(next(said))) for port in ports]

    monkeypatch.setattr(ports_tcp, "_pass", one_pass)
    assert ports_tcp.sweep("127.0.0.1", [80], QUICK).get(80) is verdict
    assert list(said) == []


def test_lack_of_descriptors_slows_the_sweep_and_loses_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = iter([errno.EMFILE] * 20)

    class Scarce(socket.socket):
        def connect_ex(self, where: tuple[str, int]) -> int:  # type: ignore[override]
            return next(refused, 0) or super().connect_ex(where)

    monkeypatch.setattr(socket, "socket", Scarce)
    states = ports_tcp.sweep(address, range(20000, 20050), QUICK)
    assert len(states) == 50


def test_a_sweep_out_of_time_says_what_it_did_not_decide(tmp_path: Path, address: str) -> None:
    with listening(address):
        sweep = link(tmp_path, address).sweep(range(1, 2000), seconds=60)
        assert sweep.complete
        states = ports_tcp.sweep(address, range(1, 65536), SweepLimits(seconds=0.0))
    assert states == {}


def test_a_host_that_answers_nowhere_is_unreachable(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ports_tcp, "sweep", lambda _a, ports, _l: dict.fromkeys(ports, PortState.FILTERED)
    )
    with pytest.raises(Unreachable, match="none of 10"):
        link(tmp_path, address).sweep(range(1, 11))


def test_ports_of_the_bench_are_set_aside(tmp_path: Path, address: str) -> None:
    with listening(address) as own, listening(address) as bench:
        own_port, bench_port = own.getsockname()[1], bench.getsockname()[1]
        more = f"[bench]\nhost_tcp_ports = [{bench_port}]\n"
        sweep = link(tmp_path, address, more).sweep([own_port, bench_port])
    assert (sweep.open, sweep.bench) == ((own_port,), (bench_port,))


def test_nothing_is_sent_outside_the_authorisation(tmp_path: Path) -> None:
    device = device_file.load(written(tmp_path, address="127.0.0.1"))
    strict = Permit(["192.0.2.1"], [], device.authorisation.expires)
    with pytest.raises(OutsideAuthorisation):
        PortsLink(device, strict, Secrets(device)).sweep([1])


def test_udp_ports_answer_refuse_or_stay_silent(address: str) -> None:
    with ExitStack() as stack:
        answering, silent, elsewhere, other = (
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(4)
        )
        for sock in (answering, silent, elsewhere, other):
            sock.bind((address, 0))
        ports = [s.getsockname()[1] for s in (answering, silent, elsewhere)]

        def answer(listener: socket.socket, speaker: socket.socket) -> None:
            data, peer = listener.recvfrom(2048)
            speaker.sendto(b"answer to " + data, peer)

        threads = [
            threading.Thread(target=answer, args=pair, daemon=True)
            for pair in ((answering, answering), (elsewhere, other))
        ]
        for thread in threads:
            thread.start()
        free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        free.bind((address, 0))
        closed = free.getsockname()[1]
        free.close()
        probes = [UdpProbe(port, "test", b"probe") for port in (*ports, closed)]
        answers = probe(address, probes, patience=0.5)
    states = [a.state for a in answers]
    assert states == [UdpState.REPLY, UdpState.SILENT, UdpState.REPLY, UdpState.CLOSED]
    assert answers[0].reply == answers[2].reply == b"answer to probe"


@pytest.mark.parametrize("row", [{}, {"hex": "00", "text": "x"}, {"hex": "zz"}])
def test_a_malformed_probe_row_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"hex|text"):
        UdpProbe.from_row({"port": 1, "protocol": "p", **row})
