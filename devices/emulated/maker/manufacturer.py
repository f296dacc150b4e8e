"""The maker's side of the emulated world: authorities, device identities, signers.

One pair of files is the camera's identity: ``otp/device-key.pem`` and ``otp/device-cert.pem``
(chain: leaf, device authority). It is at the same time the certificate of its TLS services, so
the TLS handshake itself proves possession of the key, on this camera as on any other. The leaf
is an IDevID (IEEE 802.1AR-2018, clause 8): no end of validity, the serial number in the subject,
a hardwareModuleName (RFC 4108, section 5) beside the IP address in subjectAltName.

Under ``device_certificate = "none"`` the pair is a self-signed TLS certificate without identity.

Nothing here is readable by the camera: everything lies in the bench's ``STATE/manufacturer``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from devices.emulated.maker.authority import (
    Authority,
    Extension,
    PrivateKey,
    name,
    pem,
    private_pem,
    sign,
    signature_and_key_transport,
    signature_only,
    write_private,
)
from devices.emulated.maker.shared_keys import shared_key
from devices.emulated.posture import Posture
from devices.emulated.unit import MANUFACTURER, Unit
from devices.identity import hardware_module

ORIGIN_ISSUER = "Chamber of Commerce and Industry (demonstration)"
FOREIGN_MANUFACTURER = "Northlight"
HARDWARE_TYPE = "1.3.6.1.4.1.32473.2100"
"""The product's hwType, below the enterprise number for examples (RFC 5612)."""

SignerKey = Literal["ec-p256", "rsa-1024", "rsa-2048"]
Credentials = tuple[bytes, bytes]
"""A private key and its certificate chain (leaf first, without the root), both PEM."""


@dataclass(frozen=True)
class Manufacturer:
    """The manufacturer, and the chamber of commerce that certifies the origin of its goods.

    ``root`` signs ``devices`` (identities of cameras) and ``updates`` (signers of firmware);
    ``origin`` belongs to another organisation and signs certificates of origin.
    """

    directory: Path
    root: Authority
    devices: Authority
    updates: Authority
    origin: Authority

    @property
    def device_trust(self) -> Path:
        """PEM of the authority that device identities chain to."""
        return self.directory / "device-trust.pem"

    @property
    def update_trust(self) -> Path:
        """PEM of the authorities that signers of firmware chain to (root and update authority)."""
        return self.directory / "update-trust.pem"

    @property
    def origin_trust(self) -> Path:
        """PEM of the authority that signs certificates of origin."""
        return self.directory / "origin-trust.pem"

    @property
    def cloud_trust(self) -> Path:
        """PEM of the authority of the maker's cloud; its key is beside it, for test benches."""
        return self.directory / "cloud-ca.pem"

    @property
    def update_signer(self) -> Credentials:
        """The key and chain that genuine firmware is signed with."""
        return (
            (self.directory / "update-signer-key.pem").read_bytes(),
            (self.directory / "update-signer.pem").read_bytes(),
        )

    def issue_device(self, unit: Unit, address: str, posture: Posture) -> Credentials:
        """Issue the identity and TLS certificate of ``unit``, reached at ``address``.

        Honours ``posture.device_certificate`` and ``posture.certificate_flaw``.
        """
        if posture.device_certificate == "none":
            return _self_signed(name("localhost", address), [_alternative_names(address)])
        if posture.device_certificate == "other-serial":
            unit = _sibling(unit)
        names = _alternative_names(address, unit)
        if posture.certificate_flaw == "wrong-name":
            names = _alternative_names("192.0.2.10", unit)
        subject = name(unit.manufacturer, f"{unit.model} {unit.serial}", serial=unit.serial)
        if posture.certificate_flaw == "self-signed":
            return _self_signed(subject, [names])
        authority = self.devices
        if posture.device_certificate == "foreign-ca":
            authority = Authority.root(FOREIGN_MANUFACTURER, "Device Root CA").subordinate(
                FOREIGN_MANUFACTURER, "Device CA"
            )
        return _identity(authority, subject, names, posture)

    def issue_update_signer(self, key_type: SignerKey = "ec-p256") -> Credentials:
        """Issue another signer of firmware that the update authority vouches for."""
        return issue_signer(self.updates, MANUFACTURER, "Firmware signer", key_type)

    def issue_stranger(self, key_type: SignerKey = "ec-p256") -> Credentials:
        """A signer of the same names below an authority that nobody trusts."""
        root = Authority.root(MANUFACTURER, "Root CA")
        updates = root.subordinate(MANUFACTURER, "Firmware Update CA")
        return issue_signer(updates, MANUFACTURER, "Firmware signer", key_type)


def make_manufacturer(directory: Path) -> Manufacturer:
    """Make the authorities in ``directory``, or read those that are there already."""
    if not (directory / "update-trust.pem").exists():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _found(directory)
    return Manufacturer(
        directory=directory,
        root=Authority.load(directory, "root-ca"),
        devices=Authority.load(directory, "device-ca"),
        updates=Authority.load(directory, "update-ca"),
        origin=Authority.load(directory, "origin-ca"),
    )


def issue_signer(
    authority: Authority, organisation: str, common_name: str, key_type: SignerKey = "ec-p256"
) -> Credentials:
    """Issue a certificate that may sign CMS messages: firmware bundles or papers."""
    key = _make_key(key_type)
    usages = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
    )
    certificate = authority.issue(
        name(organisation, common_name), key, (*authority.end_entity_extensions(), (usages, False))
    )
    return private_pem(key), authority.chain(certificate)


def _found(directory: Path) -> None:
    root = Authority.root(MANUFACTURER, "Root CA")
    devices = root.subordinate(MANUFACTURER, "Device Identity CA")
    updates = root.subordinate(MANUFACTURER, "Firmware Update CA")
    origin = Authority.root(ORIGIN_ISSUER, "Certificates of Origin")
    for authority, stem in (
        (root, "root-ca"),
        (devices, "device-ca"),
        (updates, "update-ca"),
        (origin, "origin-ca"),
    ):
        authority.save(directory, stem)
    Authority.root(MANUFACTURER, "Cloud CA").save(directory, "cloud-ca")
    key, chain = issue_signer(updates, MANUFACTURER, "Firmware signer")
    write_private(directory / "update-signer-key.pem", key)
    (directory / "update-signer.pem").write_bytes(chain)
    (directory / "device-trust.pem").write_bytes(pem(root.certificate))
    (directory / "origin-trust.pem").write_bytes(pem(origin.certificate))
    # Written last: its presence says that everything else is there.
    both = pem(updates.certificate) + pem(root.certificate)
    (directory / "update-trust.pem").write_bytes(both)


def _identity(
    authority: Authority, subject: x509.Name, names: Extension, posture: Posture
) -> Credentials:
    flaw = posture.certificate_flaw
    key, usage = _make_key("rsa-1024" if flaw == "rsa-1024" else "ec-p256"), signature_only()
    if posture.tls_ciphers == "rsa-key-exchange" or posture.tls_groups != "strong":
        key, usage = _make_key("rsa-2048"), signature_and_key_transport()
    key = shared_key(posture) or key
    certificate = authority.issue(
        subject,
        key,
        (usage, authority.key_identifier(), names),
        days=0 if flaw == "expired" else -1,
    )
    if flaw == "sha1":
        certificate = authority.signed_with_sha1(certificate)
    return private_pem(key), authority.chain(certificate)


def _self_signed(subject: x509.Name, extensions: Iterable[Extension]) -> Credentials:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = sign(
        subject=subject,
        public_key=key.public_key(),
        issuer=subject,
        issuer_key=key,
        extensions=(signature_only(), *extensions),
        days=3650,
    )
    return private_pem(key), pem(certificate)


def _alternative_names(address: str, unit: Unit | None = None) -> Extension:
    """SubjectAltName: the address, and for an identity the hardwareModuleName."""
    names: list[x509.GeneralName] = []
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(address)))
    except ValueError:
        names.append(x509.DNSName(address))
    if unit is not None:
        module = hardware_module.HardwareModuleName(HARDWARE_TYPE, unit.serial.encode("ascii"))
        names.append(x509.OtherName(hardware_module.OID, module.encoded()))
    return x509.SubjectAlternativeName(names), False


def _sibling(unit: Unit) -> Unit:
    """Another unit of the same product, whose identity was copied onto this one."""
    number = int(unit.serial.lstrip("LV"))
    return Unit(
        unit.manufacturer, unit.model, unit.hardware, f"LV{number + 7_000_000:08d}", unit.mac
    )


def _make_key(key_type: SignerKey) -> PrivateKey:
    if key_type == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    bits = 1024 if key_type == "rsa-1024" else 2048
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)
