"""Which identity a camera proves on its TLS services.

A handshake that is carried through proves that the camera holds the private key of the
certificate it shows: the key signs the handshake (RFC 8446, 4.4.3; RFC 5246, 7.4.3), and the TLS
library refuses a signature that does not fit, whether or not it trusts the certificate.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from devices.description import DeviceFile
from devices.errors import DeviceFileError, Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.identity.certificates import Certificate, describe, load_chain, load_der_chain, pem
from devices.identity.errors import CertificateError
from devices.identity.paths import PathValidation, validate_path
from devices.links.tls.endpoints import TlsEndpoint, tls_endpoints
from devices.observation import Artefact, Observation
from devices.permit import Permit
from devices.secrets import Secrets

_SECONDS = 10.0


@dataclass(frozen=True)
class ProvenIdentity:
    """A certificate whose key the camera holds, with its chain (leaf first).

    ``path`` tells whether it leads to the manufacturer's declared authority.
    """

    endpoint: str
    version: str
    certificates: tuple[Certificate, ...]
    path: PathValidation

    @property
    def leaf(self) -> Certificate:
        """The camera's own certificate."""
        return self.certificates[0]


@dataclass(frozen=True, kw_only=True)
class DeviceIdentity(Observation):
    """The identities that a camera proves; ``unanswered`` lists endpoints that gave none, and why.

    An endpoint without answer is no shortfall: one proven identity is enough.
    """

    identities: tuple[ProvenIdentity, ...]
    unanswered: tuple[str, ...]


class IdentityLink:
    """Asks every TLS endpoint of a camera for its identity."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets  # links are made alike; this one needs none
        self._permit = permit
        self._trust = device.declared.device_certificate_trust
        self._endpoints = tls_endpoints(device)
        self._parallel = device.bench.parallel

    def prove(self) -> DeviceIdentity:
        """Carry a handshake through with every endpoint.

        Raises NotOffered when the device file leads to no TLS endpoint, DeviceFileError when
        the declared authority cannot be read, and the first LinkError when no endpoint answers.
        """
        if not self._endpoints:
            raise NotOffered("the device file declares no TLS service")
        anchors = _anchors(self._trust)
        with ThreadPoolExecutor(max_workers=min(4, self._parallel)) as pool:
            answers = list(pool.map(lambda e: self._attempt(e, anchors), self._endpoints))
        proven = [answer for answer in answers if not isinstance(answer, LinkError)]
        failures = [answer for answer in answers if isinstance(answer, LinkError)]
        if not proven:
            raise failures[0]
        return DeviceIdentity(
            identities=tuple(identity for identity, _ in proven),
            unanswered=tuple(str(failure) for failure in failures),
            artefacts=tuple(artefact for _, artefact in proven),
        )

    def _attempt(
        self, endpoint: TlsEndpoint, anchors: list[x509.Certificate]
    ) -> tuple[ProvenIdentity, Artefact] | LinkError:
        where = f"{endpoint.name} at {endpoint.host}:{endpoint.port}"
        try:
            version, chain = self._handshake(endpoint, where)
            identity = ProvenIdentity(
                endpoint=where,
                version=version,
                certificates=tuple(describe(certificate) for certificate in chain),
                path=validate_path(chain, anchors),
            )
        except LinkError as error:
            return error
        except CertificateError as error:
            return Garbled(f"{where}: {error}")
        name = f"{endpoint.protocol}-{endpoint.port}.pem"
        return identity, Artefact(name, "application/x-pem-file", pem(chain))

    def _handshake(self, endpoint: TlsEndpoint, where: str) -> tuple[str, list[x509.Certificate]]:
        address = self._permit.address(endpoint.host)
        try:
            with (
                socket.create_connection((address, endpoint.port), timeout=_SECONDS) as plain,
                _tolerant().wrap_socket(plain, server_hostname=endpoint.host) as secured,
            ):
                return secured.version() or "TLS", load_der_chain(_chain(secured))
        except ssl.SSLError as error:
            raise Garbled(f"{where}: the TLS handshake failed: {error.reason or error}") from error
        except TimeoutError as error:
            raise TimedOut(f"{where}: no TLS handshake within {_SECONDS:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{where}: {error.strerror or error}") from error


def _tolerant() -> ssl.SSLContext:
    """Speak to any camera: what it should not accept is for other test cases to say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _chain(secured: ssl.SSLSocket) -> Sequence[bytes]:
    """What the server showed; before Python 3.13 the ssl module has the chain inside only."""
    inner = (
        secured if hasattr(secured, "get_unverified_chain") else getattr(secured, "_sslobj", None)
    )
    fetch = getattr(inner, "get_unverified_chain", None)
    if fetch is None:
        leaf = secured.getpeercert(binary_form=True)
        return [leaf] if leaf else []
    der = 2  # _ssl.ENCODING_DER
    return [c if isinstance(c, bytes) else c.public_bytes(der) for c in fetch()]


def _anchors(trust: Path | None) -> list[x509.Certificate]:
    if trust is None:
        return []
    key = "declared.device_certificate_trust"
    try:
        return load_chain(trust.read_bytes())
    except OSError as error:
        raise DeviceFileError(f"{key}: {trust} cannot be read: {error.strerror}") from error
    except CertificateError as error:
        raise DeviceFileError(f"{key}: {trust}: {error}") from error
