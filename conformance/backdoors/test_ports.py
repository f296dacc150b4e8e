"""Network ports: what is open is what is declared, and nothing prohibited answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conformance.case import case
from conformance.declared_services import service_on
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Service
from devices.links.ports.fingerprint import UNKNOWN, NamedService
from devices.links.ports.link import PortServices, PortSweep, UdpAnswers
from devices.links.ports.udp import UdpAnswer, UdpState

_ANSWERS_AS = {
    "https": {"https"},
    "onvif": {"https", "http"},
    "http": {"http"},
    "http-redirect": {"http"},
    "rtsps": {"rtsps"},
    "rtsp": {"rtsp"},
    "ssh": {"ssh"},
}
"""What a declared protocol may be named when it is asked; others are not compared."""


@case(
    "BACKDOOR-001",
    severity="critical",
    needs=("ports",),
    catches=(
        "backdoor-telnet",
        "backdoor-telnet-high-port",
        "backdoor-ftp",
        "backdoor-console-port",
        "backdoor-opener",
        "stream-plain-rtsp",
    ),
)
def test_open_tcp_ports_are_those_declared(port_sweep: PortSweep, device: DeviceFile) -> None:
    """Every open TCP port is declared.

    Method: request a connection to each TCP port from 1 to 65535; ask again every port that was
    not refused, and a third time where the two answers differ. Compare the open ports with the
    services that the device file declares. Ports of the bench machine itself are set aside.
    Pass: every open port belongs to a declared service that is on in the state under test.
    """
    declared = [s for s in device.declared.services if s.transport == "tcp"]
    wrong = []
    for port in port_sweep.open:
        service = service_on(declared, port)
        if service is None:
            wrong.append(f"TCP port {port} is open and not declared")
        elif not service.on:
            wrong.append(f"TCP port {port} is open, and {service.name!r} is declared to be off")
    assert not wrong, f"on {port_sweep.address}: " + "; ".join(wrong)
    if not port_sweep.open:
        raise Inconclusive(
            f"no TCP port of {port_sweep.address} is open, not even a declared one: "
            "the camera does not serve, so nothing can be said about what it serves"
        )


@case(
    "BACKDOOR-002",
    severity="critical",
    needs=("ports",),
    catches=(
        "backdoor-telnet",
        "backdoor-telnet-high-port",
        "backdoor-ftp",
        "backdoor-console-port",
        "backdoor-opener",
    ),
)
def test_no_prohibited_service_answers(
    port_services: PortServices, device: DeviceFile, knowledge: Any
) -> None:
    """No telnet, FTP, console, debug or opener service answers on any TCP port.

    Method: on each open TCP port read the greeting, then try TLS, RTSP, HTTP and vendor
    keep-alives, and name the protocol by its answer; ports that are known to act on a first
    message are only listened to. Compare with the prohibited services
    (conformance/knowledge/ports.toml) and with the declared protocol.
    Pass: no prohibited protocol answers, whatever the port and whether declared or not; no open
    port is declared to serve one, whatever answers there; no unnamed service listens on a number
    that only prohibited services use; and every declared protocol is the one that answers.
    """
    rows = [row for row in knowledge("ports") if row["transport"] in ("tcp", "any")]
    offered = [s for s in device.declared.services if s.transport == "tcp"]
    wrong, unclear = [], []
    for service in port_services.services:
        declared = service_on(offered, service.port)
        protocol = declared.protocol if declared else ""
        expected = _ANSWERS_AS.get(protocol)
        if text := _prohibited(service, rows):
            wrong.append(text)
        elif protocol in _never(rows):
            wrong.append(
                f"TCP port {service.port} is open and declared to serve {protocol}, "
                "which is prohibited whether declared or not"
            )
        elif expected and _may_still_be(service, expected):
            unclear.append(f"{service.port} (declared {protocol})")
        elif expected and service.protocol not in expected:
            wrong.append(
                f"TCP port {service.port} is declared as {protocol} "
                f"and answers as {service.protocol}: '{service.words}'"
            )
    assert not wrong, f"on {port_services.address}: " + "; ".join(wrong)
    if unclear:
        raise Inconclusive(f"what answers was not recognised on TCP ports {', '.join(unclear)}")
    if not port_services.services:
        raise Inconclusive("no open TCP port: nothing could be asked what it is")


@case(
    "BACKDOOR-003",
    severity="high",
    needs=("ports",),
    catches=("backdoor-udp-service",),
)
def test_no_undeclared_udp_service_answers(
    udp_answers: UdpAnswers, port_sweep: PortSweep, device: DeviceFile, knowledge: Any
) -> None:
    """No undeclared UDP service answers its protocol's request.

    Method: send to each UDP port of the list (conformance/knowledge/udp_probes.toml) a request of
    the protocol that is known to be served there on cameras, twice if nothing comes back. An open
    TCP port shows that the camera is up: silence of a camera that is off says nothing.
    Pass: every answer comes from a declared UDP service, and none from a prohibited one; at least
    one port answers or refuses, which shows that requests arrive. A silent port says nothing here;
    sockets that wait in silence are the matter of BACKDOOR-004.
    """
    prohibited = {
        row["protocol"] or row["port"]
        for row in knowledge("ports")
        if row["class"] == "F" and row["transport"] in ("udp", "any")
    }
    declared = [s for s in device.declared.services if s.transport == "udp"]
    wrong = []
    for answer in udp_answers.answers:
        if answer.state is not UdpState.REPLY:
            continue
        request = f"a request of {answer.protocol}" if answer.protocol else "what is sent to it"
        what = f"UDP port {answer.port} answers {request}"
        if {answer.protocol, answer.port} & prohibited:
            wrong.append(f"{what}: a prohibited service")
        elif not _declares(declared, answer):
            wrong.append(f"{what} and is not declared")
    assert not wrong, f"on {udp_answers.address}: " + "; ".join(wrong)
    if not port_sweep.open:
        raise Inconclusive(f"{port_sweep.address} has no open TCP port: the camera may be off")
    if not udp_answers.answers:
        raise Inconclusive("no UDP port was asked: all of them belong to the bench machine")
    if all(answer.state is UdpState.SILENT for answer in udp_answers.answers):
        raise Inconclusive(
            f"no UDP port of {udp_answers.address} answered or refused: nothing shows that the "
            "requests reach the camera",
            "unreachable",
        )


def _may_still_be(service: NamedService, expected: set[str]) -> bool:
    """Whether what answers is not known well enough to say that it is something else.

    Inside TLS a slow camera may leave the question unanswered that tells RTSP from HTTP.
    """
    unnamed_in_tls = service.protocol == "tls" and bool(expected & {"https", "rtsps"})
    return service.protocol == UNKNOWN or unnamed_in_tls


def _prohibited(service: NamedService, rows: list[dict[str, Any]]) -> str:
    """Why a service is prohibited, by the rows for TCP; empty when it is not."""
    said = f": '{service.words}'" if service.words else ""
    if service.protocol == UNKNOWN and service.error:
        return ""  # not asked: the observation is partial, and says so
    numbered = [row for row in rows if row["transport"] == "tcp" and row["port"] == service.port]
    # A number alone counts only while what answers there has no name, and only where no
    # acceptable service is known to use the number as well.
    unnamed = service.protocol == UNKNOWN and all(row["class"] == "F" for row in numbered)
    for row in (row for row in rows if row["class"] == "F"):
        anywhere = row["transport"] == "any" and row["protocol"] == service.protocol
        here = row in numbered and (unnamed or row["protocol"] == service.protocol)
        if anywhere or here:
            return f"TCP port {service.port}: {row['meaning']} ({service.protocol}){said}"
    return ""


def _never(rows: list[dict[str, Any]]) -> set[str]:
    """The protocols that no port of a camera may serve."""
    return {row["protocol"] for row in rows if row["class"] == "F" and row["transport"] == "any"}


def _declares(declared: Iterable[Service], answer: UdpAnswer) -> bool:
    """Whether a declared service explains an answer.

    A range is declared for media; a discovery protocol that answers inside it is another service.
    """
    for service in declared:
        if service.on and service.port == answer.port and service.last_port is None:
            return True
        covers = service.port <= answer.port <= (service.last_port or service.port)
        if service.on and covers and service.protocol == answer.protocol:
            return True
    return False
