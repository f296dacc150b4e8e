"""The TLS server side of the emulated camera, shared by every encrypted service.

The unit comes from its maker with a key and a certificate chain in one-time-programmable memory
(``otp/device-key.pem``, ``otp/device-cert.pem``): a camera cannot sign for an authority, so it
makes no certificate of its own, except where a fault says that it does (``data/tls.pem``).
"""

from __future__ import annotations

import ssl
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from asn1crypto.algos import DHParameters
from asn1crypto.pem import armor
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

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

DHE = "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256"
"""Finite-field Diffie-Hellman, in the group of ``_PRIMES``."""

_PRIMES = {
    # RFC 2409, 6.2: the second Oakley group, of 1024 bits
    "dh-1024": int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E"
        "3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF"
        "5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
        16,
    ),
    # RFC 3526, 3: 2048 bits, for clients that know no curve of 224 bits
    "secp224r1": int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E"
        "3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF"
        "5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D3"
        "9A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08"
        "CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF69558171839"
        "95497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
        16,
    ),
}
_ALLOW_CLIENT_RENEGOTIATION = 1 << 8  # SSL_OP_ALLOW_CLIENT_RENEGOTIATION, of OpenSSL 3

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
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _set_renegotiation(context, allowed=posture.tls_renegotiation)
    context.set_ciphers(_cipher_list(posture))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # versions below 1.2, on purpose
        context.minimum_version = _VERSIONS[posture.tls_minimum]
    if posture.tls_own_key:
        context.load_cert_chain(_own_key(camera.flash / "data" / "tls.pem"))
    else:
        otp = camera.flash / "otp"
        context.load_cert_chain(otp / "device-cert.pem", otp / "device-key.pem")
    if posture.tls_groups != "strong":
        _weaken_groups(context, posture.tls_groups)
    return context


def _own_key(path: Path) -> Path:
    """A key and a certificate that the camera makes for itself, once in its owner's time."""
    if path.exists():
        return path
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "IPCamera")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def _set_renegotiation(context: ssl.SSLContext, *, allowed: bool) -> None:
    if not allowed:
        context.options |= ssl.OP_NO_RENEGOTIATION
    elif ssl.OPENSSL_VERSION_INFO >= (3,):  # which refuses it unless it is told otherwise
        context.options |= _ALLOW_CLIENT_RENEGOTIATION


def _weaken_groups(context: ssl.SSLContext, groups: str) -> None:
    """Weak Diffie-Hellman; the ssl module takes one curve at a time, so TLS 1.3 has to go."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_dh_parameters(_PRIMES[groups]))
        file.flush()
        context.load_dh_params(file.name)
    if groups == "secp224r1":
        context.set_ecdh_curve(groups)
        context.maximum_version = ssl.TLSVersion.TLSv1_2


def _dh_parameters(prime: int) -> str:
    """PKCS #3 parameters with the generator 2, as PEM."""
    der = DHParameters({"p": prime, "g": 2}).dump()
    return str(armor("DH PARAMETERS", der), "ascii")


def _cipher_list(posture: Posture) -> str:
    suites = [STRONG]
    if posture.tls_ciphers == "cbc" or posture.tls_minimum != "TLSv1.2":
        suites.append(CBC_SHA1)
    if posture.tls_ciphers == "rsa-key-exchange":
        suites.append(STATIC_RSA)
    if posture.tls_groups != "strong":
        suites.append(DHE)
    weak = posture.tls_minimum != "TLSv1.2" or posture.certificate_flaw in {"rsa-1024", "sha1"}
    if weak or posture.tls_groups != "strong" or posture.tls_signatures == "sha1":
        suites.append("@SECLEVEL=0")  # OpenSSL 3 otherwise refuses what these faults need
    return ":".join(suites)
