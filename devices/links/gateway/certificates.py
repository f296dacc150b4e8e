"""The certificates that the suite shows to a camera's TLS clients: genuine ones and bad ones.

Made at run time. What a client says to a bad certificate means something only beside a good one,
and whether it looks at the name only where the rest is in order; both need what the bench holds:
an authority that the camera trusts (a test authority of its maker, or one that the laboratory
installed), or certificates below one, with their keys.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.description import TrustedCertificate
from devices.errors import BenchError
from devices.links.gateway.observations import CertificateKind

KINDS: tuple[CertificateKind, ...] = (
    "genuine",
    "unknown-ca",
    "self-signed",
    "wrong-name",
    "expired",
)
"""In the order in which they are shown: a client that was refused once may wait longer."""

_MOST_CONTEXTS = 200
_OTHER_NAME = "other-host.invalid"
_DAY = timedelta(days=1)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Signer:
    """Who signs: a certificate and its key, and the certificates above it that are sent along."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()


class CertificateShelf:
    """Makes what is shown; ``close`` it in the end. A key is in a file only while it is loaded.

    Raises BenchError when a certificate or key of the bench cannot be read.
    """

    def __init__(self, trusted: Sequence[TrustedCertificate]) -> None:
        held = [_read(entry) for entry in trusted]
        self._authorities = [one for one in held if _is_authority(one.certificate)]
        self._leaves = [one for one in held if not _is_authority(one.certificate)]
        self._rogue = _rogue(self._authorities)
        self._key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
        self._folder = tempfile.TemporaryDirectory(prefix="camproof-gateway-")
        self._contexts: dict[tuple[CertificateKind, str], ssl.SSLContext] = {}

    def close(self) -> None:
        """Remove the keys."""
        self._folder.cleanup()

    def use_rsa(self) -> None:
        """Make keys for clients that know no elliptic curves, from now on."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self._contexts.clear()

    def kinds(self, name: str) -> tuple[CertificateKind, ...]:
        """What can be shown to a client that asks for ``name`` (a host name or an address)."""
        return tuple(kind for kind in KINDS if self._makes(kind, name))

    def context(self, kind: CertificateKind, name: str) -> ssl.SSLContext:
        """Return server settings that show this certificate, and accept any version and suite.

        One context for each: a session can then not be resumed under another certificate.
        """
        key = (kind, name)
        if key not in self._contexts:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.clear()
            chain, private = self._chain(kind, name)
            self._contexts[key] = self._server_context(chain, private)
        return self._contexts[key]

    def _makes(self, kind: CertificateKind, name: str) -> bool:
        if kind in ("unknown-ca", "self-signed") or self._authorities:
            return True
        return any(_kind_of(leaf.certificate, name) == kind for leaf in self._leaves)

    def _chain(
        self, kind: CertificateKind, name: str
    ) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
        for leaf in self._leaves:
            if _kind_of(leaf.certificate, name) == kind:
                return (leaf.certificate, *leaf.above), leaf.key
        if kind == "self-signed":
            return (_issue(None, self._key, name),), self._key
        signer = self._rogue if kind == "unknown-ca" else self._authorities[0]
        shown = _OTHER_NAME if kind == "wrong-name" else name
        leaf_certificate = _issue(signer, self._key, shown, expired=kind == "expired")
        return (leaf_certificate, signer.certificate, *signer.above), self._key

    def _server_context(self, chain: Sequence[x509.Certificate], key: PrivateKey) -> ssl.SSLContext:
        pem = serialization.Encoding.PEM
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = Path(self._folder.name, "shown.pem")
        path.touch(mode=0o600)
        path.write_bytes(private + b"".join(one.public_bytes(pem) for one in chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            context.load_cert_chain(path)
        finally:
            path.unlink()
        return context


def _read(entry: TrustedCertificate) -> Signer:
    try:
        first, *above = x509.load_pem_x509_certificates(entry.certificate.read_bytes())
        key = serialization.load_pem_private_key(entry.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BenchError(f"bench.gateway.trusted: {entry.certificate}: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        kinds = "EC and RSA" if isinstance(key, Ed25519PrivateKey | Ed448PrivateKey) else "TLS"
        raise BenchError(f"bench.gateway.trusted: {entry.key}: only {kinds} keys can be used")
    if key.public_key() != first.public_key():
        raise BenchError(f"bench.gateway.trusted: {entry.key} is not the key of the certificate")
    return Signer(first, key, tuple(above))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _kind_of(leaf: x509.Certificate, name: str) -> CertificateKind | None:
    """What a trusted certificate of the bench is to a client that asks for ``name``."""
    now = datetime.now(UTC)
    in_time = leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc
    if in_time:
        return "genuine" if _names(leaf, name) else "wrong-name"
    return "expired" if _names(leaf, name) else None  # two things wrong tell nothing of either


def _names(leaf: x509.Certificate, name: str) -> bool:
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    listed = [entry.lower() for entry in san.get_values_for_type(x509.DNSName)]
    addresses = [str(entry) for entry in san.get_values_for_type(x509.IPAddress)]
    wildcard = f"*.{name.partition('.')[2]}"
    return name.lower() in listed or name in addresses or wildcard.lower() in listed


def _rogue(authorities: Sequence[Signer]) -> Signer:
    """An authority that nobody trusts; it bears the name of one that the camera trusts, if any."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = authorities[0].certificate.subject if authorities else _subject("Root CA")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 365 * _DAY)
        .not_valid_after(now + 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Signer(certificate, key)


def _issue(
    signer: Signer | None, key: PrivateKey, name: str, *, expired: bool = False
) -> x509.Certificate:
    """Issue a server certificate for ``name``; without a signer it signs itself."""
    now = datetime.now(UTC)
    begin, end = (now - 90 * _DAY, now - 30 * _DAY) if expired else (now - _DAY, now + 90 * _DAY)
    name = name.encode("ascii", "replace").decode() or "-"  # a client may ask for anything
    subject = _subject(name[:64])
    issuer, issuer_key = (signer.certificate, signer.key) if signer else (None, key)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(_usage(key), critical=True)
        .add_extension(_issuer_identifier(issuer, issuer_key), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(key: PrivateKey) -> x509.KeyUsage:
    names = (
        "content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    unused = dict.fromkeys(names, False)
    transport = isinstance(key, rsa.RSAPrivateKey)  # RSA key exchange, up to TLS 1.2
    return x509.KeyUsage(digital_signature=True, key_encipherment=transport, **unused)


def _issuer_identifier(
    issuer: x509.Certificate | None, key: PrivateKey
) -> x509.AuthorityKeyIdentifier:
    """Name the issuer's key as the issuer does: some number their keys in another way."""
    try:
        if issuer is not None:
            own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    except x509.ExtensionNotFound:
        pass
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
