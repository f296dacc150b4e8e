"""Certificates of origin and of quality, as JSON documents.

No international standard gives such a certificate a machine-readable form that a manufacturer
could hand in with one camera, so camproof documents its own, small enough to be made from the
paper one. Format ``certificate-of-origin/1``::

    {
      "format": "certificate-of-origin/1",
      "number": "CO-2026-000123",
      "issuer": {"name": "Chamber of Commerce of ...", "country": "VN"},
      "issued": "2026-01-15",
      "expires": "2028-01-14",
      "country_of_origin": "VN",
      "goods": {
        "manufacturer": "...", "model": "...",
        "hardware": "B2", "firmware": ["2.4.1"],
        "serials": ["..."], "serial_ranges": [{"first": "...", "last": "..."}]
      }
    }

``quality-certificate/1`` has ``standard`` in place of ``country_of_origin``, and need not list
serial numbers. Dates are ISO 8601, countries ISO 3166-1 alpha-2. ``expires``, ``hardware``,
``firmware``, ``serials`` and ``serial_ranges`` may be left out. The signature stands beside it
(see ``devices.identity.signed_paper``).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from devices.identity.errors import OriginCertificateError

ORIGIN = "certificate-of-origin/1"
QUALITY = "quality-certificate/1"
MAX_BYTES = 4 * 1024 * 1024
_MAX_ITEMS = 100_000
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class SerialRange:
    """Serial numbers of one length from ``first`` to ``last``, both included, in their order."""

    first: str
    last: str

    def covers(self, serial: str) -> bool:
        """Whether ``serial`` lies in the range."""
        return len(serial) == len(self.first) and self.first <= serial <= self.last


@dataclass(frozen=True)
class OriginCertificate:
    """The content of a certificate.

    ``form`` is ORIGIN or QUALITY. ``expires`` None: without end. ``country`` is empty for a
    quality certificate, ``standard`` for a certificate of origin. ``firmware``, ``serials`` and
    ``ranges`` empty: the certificate does not restrict them.
    """

    form: str
    number: str
    issuer: str
    issuer_country: str
    issued: date
    expires: date | None
    country: str
    standard: str
    manufacturer: str
    model: str
    hardware: str
    firmware: tuple[str, ...]
    serials: tuple[str, ...]
    ranges: tuple[SerialRange, ...]

    @property
    def lists_serials(self) -> bool:
        """Whether it names units at all."""
        return bool(self.serials or self.ranges)

    def covers_serial(self, serial: str) -> bool:
        """Whether the unit is among those named."""
        return serial in self.serials or any(r.covers(serial) for r in self.ranges)

    def valid_on(self, day: date) -> bool:
        """Whether ``day`` lies between issue and expiry, both included."""
        return self.issued <= day and (self.expires is None or day <= self.expires)


def parse_certificate(data: bytes) -> OriginCertificate:
    """Read a certificate. Raises OriginCertificateError naming the first part that is wrong."""
    document = _load(data)
    form = _text(document, "format")
    if form not in (ORIGIN, QUALITY):
        raise OriginCertificateError(f"'format' is {form!r}, known are {ORIGIN!r} and {QUALITY!r}")
    issuer, goods = _table(document, "issuer"), _table(document, "goods")
    certificate = OriginCertificate(
        form=form,
        number=_text(document, "number"),
        issuer=_text(issuer, "name"),
        issuer_country=_country(issuer, "country"),
        issued=_date(document, "issued"),
        expires=_date(document, "expires") if "expires" in document else None,
        country=_country(document, "country_of_origin") if form == ORIGIN else "",
        standard=_text(document, "standard") if form == QUALITY else "",
        manufacturer=_text(goods, "manufacturer"),
        model=_text(goods, "model"),
        hardware=_text(goods, "hardware") if "hardware" in goods else "",
        firmware=_texts(goods, "firmware"),
        serials=_texts(goods, "serials"),
        ranges=_ranges(goods),
    )
    if certificate.expires is not None and certificate.expires < certificate.issued:
        raise OriginCertificateError("'expires' lies before 'issued'")
    return certificate


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise OriginCertificateError(f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise OriginCertificateError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise OriginCertificateError("not a JSON object")
    return document


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    if not isinstance(value, dict):
        raise OriginCertificateError(f"{key!r} is missing or not an object")
    return value


def _text(table: dict[str, Any], key: str) -> str:
    return _checked(table.get(key), key)


def _checked(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 500:
        raise OriginCertificateError(f"{key!r} is missing or not a text of 1 to 500 characters")
    return value


def _country(table: dict[str, Any], key: str) -> str:
    value = _text(table, key)
    if not _COUNTRY.fullmatch(value):
        raise OriginCertificateError(f"{key!r} is {value!r}, not a code of ISO 3166-1 alpha-2")
    return value


def _date(table: dict[str, Any], key: str) -> date:
    value = _text(table, key)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise OriginCertificateError(f"{key!r} is {value!r}, not a date YYYY-MM-DD") from error


def _list(table: dict[str, Any], key: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list) or len(value) > _MAX_ITEMS:
        raise OriginCertificateError(f"{key!r} is not a list of at most {_MAX_ITEMS} items")
    return value


def _texts(table: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_checked(item, key) for item in _list(table, key))


def _ranges(goods: dict[str, Any]) -> tuple[SerialRange, ...]:
    found = []
    for item in _list(goods, "serial_ranges"):
        if not isinstance(item, dict):
            raise OriginCertificateError("'serial_ranges' holds something that is not an object")
        first, last = _text(item, "first"), _text(item, "last")
        if len(first) != len(last) or first > last:
            raise OriginCertificateError(
                f"'serial_ranges': {first} to {last} is no range of numbers of one length"
            )
        found.append(SerialRange(first, last))
    return tuple(found)
