"""The hardwareModuleName of device identity certificates (RFC 4108, section 5).

IEEE 802.1AR-2018, clause 8.10.4, puts it into subjectAltName as an otherName: the type of the
hardware and the serial number of the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import core
from cryptography import x509

OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4")
"""id-on-hardwareModuleName."""


class _Asn1(core.Sequence):  # type: ignore[misc]
    """``HardwareModuleName ::= SEQUENCE { hwType OID, hwSerialNum OCTET STRING }``."""

    _fields = [("hw_type", core.ObjectIdentifier), ("hw_serial_num", core.OctetString)]  # noqa: RUF012


@dataclass(frozen=True)
class HardwareModuleName:
    """``hardware_type`` is a dotted object identifier; ``serial`` the octets of hwSerialNum."""

    hardware_type: str
    serial: bytes

    @property
    def serial_text(self) -> str:
        """The serial number as a label would print it: text when it is text, else hexadecimal."""
        if self.serial.isascii() and self.serial.decode("ascii").isprintable():
            return self.serial.decode("ascii")
        return self.serial.hex().upper()

    def encoded(self) -> bytes:
        """DER."""
        encoded: bytes = _Asn1({"hw_type": self.hardware_type, "hw_serial_num": self.serial}).dump()
        return encoded

    @classmethod
    def parse(cls, der: bytes) -> HardwareModuleName:
        """Read DER; raises ValueError."""
        try:
            value = _Asn1.load(der, strict=True)
            return cls(value["hw_type"].dotted, bytes(value["hw_serial_num"].native))
        except (TypeError, IndexError, KeyError) as error:
            raise ValueError(f"not a hardwareModuleName: {error}") from error
