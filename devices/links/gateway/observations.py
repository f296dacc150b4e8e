"""Facts about what a camera sends by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from devices.description import Transport
from devices.observation import Observation

CertificateKind = Literal["genuine", "unknown-ca", "self-signed", "wrong-name", "expired"]
Outcome = Literal["accepted", "refused", "undecided"]


@dataclass(frozen=True)
class Destination:
    """Where something was going. ``address`` and ``port`` are empty and 0 when not known.

    ``names``: by which DNS name the camera found the address, else the names that it gave itself
    (TLS server name, HTTP Host).
    """

    transport: Transport
    address: str
    port: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: ``cloud.example (198.18.0.1) port 443/tcp``."""
        known = ", ".join(self.names)
        where = f"{known} ({self.address})" if known and self.address else known or self.address
        port = f"port {self.port or 'unknown'}/{self.transport}"
        return f"{where or 'an unknown address'} {port}"


@dataclass(frozen=True)
class Contact:
    """What the camera sent to one destination in one protocol.

    ``protocol`` is a word of ``protocols.toml``, or ``tls``, ``srt``, ``srt-encrypted``, ``rtp``,
    ``rtp-video``, ``dns``, ``text``; ``silent``: it connected and sent nothing; empty: not
    recognised. ``count`` counts connections, or datagrams. ``seconds``: when it was first seen,
    after listening began. ``sample`` is the beginning of it, with what may be secret left out.
    """

    destination: Destination
    protocol: str
    count: int
    seconds: float
    detail: str = ""
    sample: str = ""


@dataclass(frozen=True)
class TlsTrial:
    """One TLS connection of the camera that was shown a certificate.

    ``client`` tells TLS clients apart (a digest of how they say hello). ``outcome`` is
    ``accepted`` when the camera went on to send application data, ``refused`` when it ended the
    connection after the certificate; ``reason`` says how. ``inside`` is the protocol of what it
    sent, ``sample`` its beginning with what may be secret left out.
    """

    destination: Destination
    server_name: str
    client: str
    certificate: CertificateKind
    outcome: Outcome
    reason: str
    version: str = ""
    alpn: tuple[str, ...] = ()
    inside: str = ""
    sent_bytes: int = 0
    sample: str = ""


@dataclass(frozen=True, kw_only=True)
class OutboundTraffic(Observation):
    """Everything that came from the camera to the gateway while it listened.

    ``asked``: names that the camera asked the suite's DNS for. ``shown``: kinds of certificate
    that the bench can show. ``strangers``: connections and datagrams from other addresses, which
    were not answered. ``unreadable``: why the destination of some could not be read.
    """

    listened: float
    contacts: tuple[Contact, ...] = ()
    trials: tuple[TlsTrial, ...] = ()
    asked: tuple[str, ...] = ()
    shown: tuple[CertificateKind, ...] = ()
    strangers: int = 0
    unreadable: tuple[str, ...] = ()
