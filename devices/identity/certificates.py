"""X.509 certificates of a camera, as facts (RFC 5280).

A device identity (IDevID) is described in IEEE 802.1AR-2018, clause 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from devices.identity.errors import CertificateError
from devices.identity.hardware_module import OID, HardwareModuleName

MAX_BYTES = 256 * 1024
"""A chain that is larger is not read: a camera may send anything."""

MAX_CERTIFICATES = 16


@dataclass(frozen=True)
class Certificate:
    """What one certificate says.

    ``subject`` and ``issuer`` are RFC 4514 strings; ``key`` is a text such as ``EC secp256r1`` or
    ``RSA 2048``; ``subject_serial`` the subject's attribute serialNumber (2.5.4.5), empty without;
    ``sha256`` the hexadecimal digest of the DER.
    """

    subject: str
    issuer: str
    serial_number: int
    not_before: datetime
    not_after: datetime
    key: str
    signature_hash: str
    subject_serial: str
    organisation: str
    hardware_modules: tuple[HardwareModuleName, ...]
    names: tuple[str, ...]
    authority: bool
    sha256: str

    @property
    def has_no_end(self) -> bool:
        """Whether it is valid without a well-defined end (99991231235959Z, RFC 5280, 4.1.2.5)."""
        return self.not_after.year == 9999

    @property
    def unit_serials(self) -> tuple[str, ...]:
        """Every serial number of a unit that it names, without repetition."""
        found = [self.subject_serial, *(module.serial_text for module in self.hardware_modules)]
        return tuple(dict.fromkeys(serial for serial in found if serial))


def load_chain(data: bytes) -> list[x509.Certificate]:
    """Read certificates from PEM (any number) or one from DER. Raises CertificateError."""
    if len(data) > MAX_BYTES:
        raise CertificateError(
            f"{len(data)} bytes are more than the {MAX_BYTES} that a chain may have"
        )
    try:
        if b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"not an X.509 certificate: {error}") from error
    if len(found) > MAX_CERTIFICATES:
        raise CertificateError(
            f"{len(found)} certificates are more than the {MAX_CERTIFICATES} read"
        )
    return found


def load_der_chain(chain: Sequence[bytes]) -> list[x509.Certificate]:
    """Read a chain as TLS sends it: DER, leaf first. Raises CertificateError."""
    if not chain:
        raise CertificateError("the chain is empty")
    if len(chain) > MAX_CERTIFICATES:
        raise CertificateError(
            f"{len(chain)} certificates are more than the {MAX_CERTIFICATES} read"
        )
    return [load_chain(der)[0] for der in chain]


def describe(certificate: x509.Certificate) -> Certificate:
    """The facts of a certificate. Raises CertificateError when a part cannot be decoded."""
    try:
        return Certificate(
            subject=readable(certificate.subject),
            issuer=readable(certificate.issuer),
            serial_number=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key=key_text(certificate),
            signature_hash=_signature_hash(certificate),
            subject_serial=_attribute(certificate.subject, NameOID.SERIAL_NUMBER),
            organisation=_attribute(certificate.subject, NameOID.ORGANIZATION_NAME),
            hardware_modules=_hardware_modules(certificate),
            names=_names(certificate),
            authority=_is_authority(certificate),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CertificateError(f"a part of the certificate cannot be decoded: {error}") from error


def pem(chain: Sequence[x509.Certificate]) -> bytes:
    """The chain as PEM, for evidence."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def readable(name: x509.Name) -> str:
    """A distinguished name as text (RFC 4514)."""
    return name.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"})


def key_text(certificate: x509.Certificate) -> str:
    """The kind and size of the key: ``EC secp256r1``, ``RSA 2048``, ``Ed25519``."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"unknown {certificate.public_key_algorithm_oid.dotted_string}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def _signature_hash(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return f"unknown {certificate.signature_algorithm_oid.dotted_string}"
    return algorithm.name if algorithm is not None else "none of its own"


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = [attribute.value for attribute in name.get_attributes_for_oid(oid)]
    return ", ".join(v if isinstance(v, str) else v.hex() for v in values)


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return []


def _hardware_modules(certificate: x509.Certificate) -> tuple[HardwareModuleName, ...]:
    return tuple(
        HardwareModuleName.parse(name.value)
        for name in _alternative_names(certificate)
        if isinstance(name, x509.OtherName) and name.type_id == OID
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    names = _alternative_names(certificate)
    return tuple(str(n.value) for n in names if isinstance(n, x509.DNSName | x509.IPAddress))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
