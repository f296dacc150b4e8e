"""A signer whose names equal those of a genuine one, below an authority that nobody trusts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from devices.firmware.cms import SignatureFacts

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def impostor_of(genuine: SignatureFacts) -> tuple[bytes, bytes]:
    """Make a key of the same type and a chain with the same names; returns PEM of both.

    Only the keys differ, so a camera that compares names, or looks at the certificate that came
    with the bundle instead of at its trust anchor, is taken in.
    """
    leaf = x509.load_der_x509_certificate(genuine.certificate)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _issue(leaf.issuer, authority_key, leaf.issuer, authority_key, authority=True)
    key = _key_like(genuine)
    certificate = _issue(leaf.subject, key, leaf.issuer, authority_key, authority=False)
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), chain


def _key_like(genuine: SignatureFacts) -> _Key:
    if genuine.key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=max(2048, genuine.key_bits))
    return ec.generate_private_key(ec.SECP256R1())


def _issue(
    subject: x509.Name, key: _Key, issuer: x509.Name, issuer_key: _Key, *, authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        usages = [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
