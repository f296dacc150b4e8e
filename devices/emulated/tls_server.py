"""The TLS server side of the emulated camera, shared by every encrypted service.

The unit comes from its maker with a key and a certificate chain in one-time-programmable memory
(``otp/device-key.pem``, ``otp/device-cert.pem``): a camera cannot sign for an authority, so it
makes no certificate of its own, except where a fault says that it does.
"""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path
from typing import Protocol

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
