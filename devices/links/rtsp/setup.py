"""Agrees on a transport: asks for what is offered, and for the next profile after a 461."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from devices.errors import Garbled, LinkError, NotOffered, Unreachable
from devices.links.rtsp.client import RtspClient
from devices.links.rtsp.describe import Described, Track
from devices.protocols import sdp
from devices.protocols.rtsp import Response
from devices.protocols.transport import Transport, parse_session, parse_transports

TRANSPORTS: dict[str, tuple[str, bool, bool]] = {
    "interleaved": ("TCP", False, False),
    "tunnel": ("TCP", False, False),
    "websocket": ("TCP", False, False),
    "srtp-interleaved": ("TCP", True, False),
    "srtp-udp": ("UDP", True, True),
    "udp": ("UDP", False, True),
    "srtp-multicast": ("UDP", True, True),
    "multicast": ("UDP", False, True),
}
"""Transport words of the device file: lower transport, SRTP, datagrams."""

_UNSUPPORTED = 461


class UdpPorts:
    """An even UDP port and the next one on our side, for RTP and RTCP (RFC 3550, 11)."""

    def __init__(self, local_address: str) -> None:
        family = socket.AF_INET6 if ":" in local_address else socket.AF_INET
        for _ in range(32):
            first = 30_000 + 2 * secrets.randbelow(14_000)
            self.sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                for number, own in enumerate(self.sockets):
                    own.settimeout(0)
                    own.bind((local_address, first + number))
            except OSError:
                self.close()
            else:
                self.first = first
                return
        raise Unreachable("no pair of UDP ports is free on the bench")

    def close(self) -> None:
        """Close both."""
        for own in self.sockets:
            own.close()


@dataclass(frozen=True)
class Session:
    """A session that SETUP made. ``channel`` is that of RTP inside the connection."""

    identifier: str
    timeout: float
    transport: Transport
    channel: int


@dataclass
class Agreement:
    """How SETUP ended: the section and transport last asked for, and the answer to it.

    ``turned_away`` lists the transports that were answered 461 before.
    """

    media: sdp.Media
    wanted: Transport
    answer: Response
    turned_away: list[str] = field(default_factory=list)


@contextmanager
def own_ports(client: RtspClient, *, datagrams: bool) -> Iterator[UdpPorts | None]:
    """Ports on our side for a transport with datagrams, closed at the end; None for others."""
    if not datagrams:
        yield None
        return
    ports = UdpPorts(client.wire.local_address)
    try:
        yield ports
    finally:
        ports.close()


def to_ask_for(
    media: sdp.Media,
    lower: str,
    *,
    secure: bool,
    ports: UdpPorts | None,
    multicast: bool = False,
) -> Transport:
    """Return the transport to ask for in SETUP of a section."""
    feedback = "F" if media.secure == secure and media.protocol.endswith("AVPF") else ""
    profile = ("SAVP" if secure else "AVP") + feedback
    if multicast:
        return Transport(profile, lower, {"multicast": ""})
    parameters = {"unicast": ""}
    if ports is None:
        parameters["interleaved"] = "0-1"
    else:
        parameters["client_port"] = f"{ports.first}-{ports.first + 1}"
    return Transport(profile, lower, parameters)


def agree(
    client: RtspClient,
    described: Described,
    transport: str,
    ports: UdpPorts | None,
    what: Track = "video",
) -> Agreement:
    """Ask for a transport; a profile that is answered 461 is followed by the next one offered.

    Raises Busy when the camera says that it is, again and again.
    """
    lower, secure, _ = TRANSPORTS[transport]
    turned_away: list[str] = []
    agreement: Agreement | None = None
    for media in described.sections(what, secure=secure):
        multicast = is_multicast(transport)
        wanted = to_ask_for(media, lower, secure=secure, ports=ports, multicast=multicast)
        answer = client.patient("SETUP", described.track(media), {"Transport": wanted.to_text()})
        agreement = Agreement(media, wanted, answer, turned_away)
        if answer.status != _UNSUPPORTED:
            break
        turned_away.append(f"RTP/{wanted.profile}")
    assert agreement is not None  # there is a section, or sections() has raised
    return agreement


def is_multicast(transport: str) -> bool:
    """Whether media of this transport goes to a group."""
    return transport.endswith("multicast")


def session_of(answer: Response) -> Session:
    """Read what SETUP agreed; raises Garbled."""
    identifier, timeout = parse_session(answer.get("Session"))
    if not identifier:
        raise Garbled("SETUP is answered without a Session header")
    chosen = parse_transports(answer.get("Transport"))[0]
    channels = chosen.pair("interleaved") or (0, 1)
    return Session(identifier, timeout, chosen, channels[0])


def check_agreed(chosen: Transport, wanted: Transport) -> None:
    """Raise NotOffered when the camera chose another transport than the one asked for."""
    to_group = ["multicast" in each.parameters for each in (chosen, wanted)]
    if (chosen.secure, chosen.lower) != (wanted.secure, wanted.lower) or to_group == [False, True]:
        raise NotOffered(f"SETUP of {wanted.to_text()} is answered with {chosen.to_text()}")


def refusal(agreement: Agreement) -> str:
    """Say how SETUP was refused, with every profile that was asked for."""
    answer = agreement.answer
    said = f"SETUP is answered {answer.status} {answer.reason}".rstrip()
    if len(agreement.turned_away) > 1 or (agreement.turned_away and answer.status != _UNSUPPORTED):
        said += f" (461 to {', '.join(agreement.turned_away)})"
    return said


def leave(client: RtspClient, described: Described, session: Session) -> None:
    """End the session; a camera that has stopped answering is not waited for twice."""
    with contextlib.suppress(LinkError):
        request = client.prepared("TEARDOWN", described.aggregate, {"Session": session.identifier})
        client.send_unanswered(request)
