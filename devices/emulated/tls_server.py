"""The TLS server side of the emulated camera, shared by every encrypted service.

The unit comes from its maker with a key and a certificate chain in one-time-programmable memory
(``otp/device-key.pem``, ``otp/device-cert.pem``): a camera cannot sign for an authority, so it
makes no certificate of its own, except where a fault says that it does.
"""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from devices.emulated.flash import write_whole
from devices.emulated.posture import Posture

STRONG = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256"
)
"""Forward-secret AEAD suites of TLS 1.2 in OpenSSL's names; TLS 1.3 has no others."""

CBC_SHA1 = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA"
"""Suites with CBC and HMAC-SHA-1: the only ECDHE suites that TLS 1.0 and 1.1 know."""

STATIC_RSA = "AES256-GCM-SHA384:AES128-GCM-SHA256"
"""RSA key exchange: whoever gets the key later reads what was recorded before."""

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
}


class TlsHost(Protocol):
    """What the TLS server needs of a camera."""

    @property
    def flash(self) -> Path:
        """The camera's flash directory."""

    @property
    def posture(self) -> Posture:
        """How the camera behaves."""


def server_context(camera: TlsHost) -> ssl.SSLContext:
    """Return the TLS settings of the camera's services, as its posture says.

    Raises FileNotFoundError when the unit was never given its key and certificate.
    """
    posture = camera.posture
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    )
    context.set_ciphers(_cipher_list(posture))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # versions below 1.2, on purpose
        context.minimum_version = _VERSIONS[posture.tls_minimum]
    otp = camera.flash / "otp"
    context.load_cert_chain(otp / "device-cert.pem", otp / "device-key.pem")
    if posture.tls_ciphers == "rsa-key-exchange" and not _is_rsa(otp / "device-key.pem"):
        # OpenSSL holds one certificate for each kind of key; static RSA needs one with RSA.
        context.load_cert_chain(_rsa_certificate(camera.flash / "data" / "tls"))
    return context


def _cipher_list(posture: Posture) -> str:
    suites = [STRONG]
    if posture.tls_ciphers == "cbc" or posture.tls_minimum != "TLSv1.2":
        suites.append(CBC_SHA1)
    if posture.tls_ciphers == "rsa-key-exchange":
        suites.append(STATIC_RSA)
    if posture.tls_minimum != "TLSv1.2" or posture.certificate_flaw in {"rsa-1024", "sha1"}:
        suites.append("@SECLEVEL=0")  # OpenSSL 3 otherwise refuses what these faults need
    return ":".join(suites)


def _is_rsa(key_file: Path) -> bool:
    return isinstance(load_pem_private_key(key_file.read_bytes(), None), rsa.RSAPrivateKey)


def _rsa_certificate(directory: Path) -> Path:
    """PEM file of a self-signed RSA certificate and its key, made at first use."""
    path = directory / "rsa.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_whole(path, private + certificate.public_bytes(Encoding.PEM))
    return path
