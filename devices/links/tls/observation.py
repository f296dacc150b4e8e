"""What the TLS link observes: one endpoint, and all endpoints of a camera."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devices.identity.certificates import Certificate
from devices.identity.paths import PathValidation
from devices.links.tls.key_agreement import KeyAgreement
from devices.links.tls.safeguards import DowngradeProtection
from devices.links.tls.sessions import SessionFindings
from devices.observation import Observation
from devices.protocols.cipher_suites import CipherSuite


@dataclass(frozen=True)
class ServerChain:
    """One certificate chain that a server shows.

    ``path`` tells whether it leads to the declared authority (None: none is declared), judged at
    a time when the leaf is valid: its validity is a fact of its own. ``pinned``: the declared
    trust is this very certificate. ``names_endpoint``: a name in the leaf's subjectAltName is the
    host that the device file uses. ``self_signed``: the leaf's own key signed it.
    """

    certificates: tuple[Certificate, ...]
    self_signed: bool
    pinned: bool
    names_endpoint: bool
    path: PathValidation | None
    public_key: bytes = b""

    @property
    def key_sha256(self) -> str:
        """The hexadecimal SHA-256 of the leaf's public key, as published lists have it."""
        return hashlib.sha256(self.public_key).hexdigest()

    @property
    def leaf(self) -> Certificate:
        """The server's own certificate."""
        return self.certificates[0]


@dataclass(frozen=True, kw_only=True)
class TlsServer(Observation):
    """What one endpoint accepts.

    ``suites``: version label -> accepted suites in the order in which the server chose them;
    ``unlisted``: versions of which more weak suites may be accepted than stand there;
    ``refusals``: version label -> how it was refused. ``secure_renegotiation`` (RFC 5746) and
    ``extended_master_secret`` (RFC 7627) are None when no version below TLS 1.3 is accepted.
    ``connections``: how many connections all of this took, and ``seconds`` how long.
    """

    name: str
    protocol: str
    host: str
    port: int
    suites: Mapping[str, tuple[CipherSuite, ...]] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    chains: tuple[ServerChain, ...] = ()
    compression: bool = False
    secure_renegotiation: bool | None = None
    extended_master_secret: bool | None = None
    unlisted: tuple[str, ...] = ()
    agreement: KeyAgreement = field(default_factory=KeyAgreement)
    downgrade: DowngradeProtection = field(default_factory=DowngradeProtection)
    sessions: SessionFindings = field(default_factory=SessionFindings)
    connections: int = 0
    seconds: float = 0.0
    at: datetime

    @property
    def where(self) -> str:
        """``https at 192.0.2.7:443``."""
        return f"{self.name} at {self.host}:{self.port}"

    @property
    def versions(self) -> tuple[str, ...]:
        """Labels of the accepted versions."""
        return tuple(self.suites)


@dataclass(frozen=True, kw_only=True)
class TlsScan(Observation):
    """All TLS endpoints of a camera; one that could not be measured is in ``shortfall``."""

    servers: tuple[TlsServer, ...] = ()
