"""A certification authority of the emulated world: ECDSA P-256, made at run time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Extension = tuple[x509.ExtensionType, bool]

NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""99991231235959Z: a certificate without a well-defined end (RFC 5280, section 4.1.2.5)."""


@dataclass(frozen=True)
class Authority:
    """One authority: its certificate, its key, and its issuers up to the root (root last)."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuers: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(cls, organisation: str, common_name: str) -> Authority:
        """Make a self-signed root."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = name(organisation, common_name)
        certificate = sign(
            subject=subject,
            public_key=key.public_key(),
            issuer=subject,
            issuer_key=key,
            extensions=_authority_extensions(key.public_key(), path_length=1),
            days=-1,
        )
        return cls(certificate, key)

    def subordinate(self, organisation: str, common_name: str) -> Authority:
        """Make an authority below this one, which issues end-entity certificates only."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(
            name(organisation, common_name),
            key,
            (*_authority_extensions(key.public_key(), path_length=0), self.key_identifier()),
            days=-1,
        )
        return Authority(certificate, key, (self.certificate, *self.issuers))

    def issue(
        self,
        subject: x509.Name,
        key: PrivateKey,
        extensions: Sequence[Extension],
        *,
        days: int = 3650,
    ) -> x509.Certificate:
        """Issue a certificate for ``key``; see :func:`sign` for ``days``."""
        return sign(
            subject=subject,
            public_key=key.public_key(),
            issuer=self.certificate.subject,
            issuer_key=self.key,
            extensions=extensions,
            days=days,
        )

    def signed_with_sha1(self, certificate: x509.Certificate) -> x509.Certificate:
        """Sign ``certificate`` again with SHA-1, which the library no longer does itself."""
        draft = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
        algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha1_ecdsa"})
        content = draft["tbs_certificate"]
        content["signature"] = algorithm
        signed = asn1_x509.Certificate(
            {
                "tbs_certificate": content,
                "signature_algorithm": algorithm,
                "signature_value": self.key.sign(content.dump(), ec.ECDSA(hashes.SHA1())),
            }
        )
        return x509.load_der_x509_certificate(signed.dump())

    def end_entity_extensions(self) -> tuple[Extension, ...]:
        """The extensions that every certificate issued here carries."""
        return (signature_only(), self.key_identifier())

    def chain(self, certificate: x509.Certificate) -> bytes:
        """PEM of ``certificate`` and its issuers without the root, the order TLS sends."""
        above = (self.certificate, *self.issuers)
        return b"".join(pem(each) for each in (certificate, *above[:-1]))

    def save(self, directory: Path, stem: str) -> None:
        """Write ``stem.pem`` (with issuers) and ``stem-key.pem``."""
        chain = (self.certificate, *self.issuers)
        (directory / f"{stem}.pem").write_bytes(b"".join(pem(each) for each in chain))
        write_private(directory / f"{stem}-key.pem", private_pem(self.key))

    @classmethod
    def load(cls, directory: Path, stem: str) -> Authority:
        """Read what :meth:`save` wrote."""
        chain = x509.load_pem_x509_certificates((directory / f"{stem}.pem").read_bytes())
        key = serialization.load_pem_private_key(
            (directory / f"{stem}-key.pem").read_bytes(), password=None
        )
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{directory / stem}-key.pem is not an ECDSA key")
        return cls(chain[0], key, tuple(chain[1:]))

    def key_identifier(self) -> Extension:
        """The extension that names this authority's key in what it issues."""
        public_key = self.key.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), False


def sign(
    *,
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    extensions: Sequence[Extension],
    days: int,
) -> x509.Certificate:
    """Sign a certificate that began five years ago.

    ``days`` counts from now: negative is without end, 0 ended a year ago (an expired one).
    """
    now = datetime.now(UTC).replace(microsecond=0)
    end = NO_EXPIRY if days < 0 else now + timedelta(days=days or -365)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=5 * 365))
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def name(organisation: str, common_name: str, *, serial: str = "") -> x509.Name:
    """A distinguished name; ``serial`` becomes the attribute serialNumber (2.5.4.5)."""
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if serial:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    return x509.Name(attributes)


def signature_only() -> Extension:
    """Key usage digitalSignature alone (critical)."""
    return _key_usage(digital_signature=True), True


def signature_and_key_transport() -> Extension:
    """Key usage for TLS with RSA key exchange: digitalSignature and keyEncipherment (critical)."""
    return _key_usage(digital_signature=True, key_encipherment=True), True


def pem(certificate: x509.Certificate) -> bytes:
    """PEM of one certificate."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def private_pem(key: PrivateKey) -> bytes:
    """PEM (PKCS #8, unencrypted) of a private key."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _authority_extensions(
    public_key: ec.EllipticCurvePublicKey, path_length: int
) -> tuple[Extension, ...]:
    return (
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_key_usage(key_cert_sign=True, crl_sign=True), True),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    )


def _key_usage(**used: bool) -> x509.KeyUsage:
    bits = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(bits | used))
