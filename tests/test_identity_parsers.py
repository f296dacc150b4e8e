"""Parsers of papers: what they read; hostile bytes raise their own error and nothing else."""

from __future__ import annotations

import contextlib
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.identity.certificates import load_chain
from devices.identity.errors import (
    CertificateError,
    OriginCertificateError,
    PackageDatabaseError,
    SbomError,
)
from devices.identity.hardware_module import HardwareModuleName
from devices.identity.origin_certificate import parse_certificate
from devices.identity.packages import Package, parse_packages
from devices.identity.sbom import parse_sbom
from devices.identity.versions import is_below, key, upstream

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=20,
)
CERTIFICATE: dict[str, Any] = {
    "format": "certificate-of-origin/1",
    "number": "1",
    "issuer": {"name": "Chamber", "country": "VN"},
    "issued": "2026-01-01",
    "expires": "2027-01-01",
    "country_of_origin": "VN",
    "goods": {
        "manufacturer": "M",
        "model": "X",
        "serials": ["A9"],
        "serial_ranges": [{"first": "B10", "last": "B20"}],
    },
}
CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "metadata": {"timestamp": "2026-01-01T00:00:00Z", "component": {"name": "fw", "version": "1"}},
    "components": [
        {
            "type": "library",
            "bom-ref": "a",
            "name": "xz",
            "version": "5.4.6",
            "components": [
                {
                    "type": "file",
                    "name": "/lib/a.so",
                    "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
                }
            ],
        }
    ],
    "vulnerabilities": [
        {"id": "CVE-1", "analysis": {"state": "resolved"}, "affects": [{"ref": "a"}]}
    ],
}
SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "documentNamespace": "https://example.com/1",
    "name": "fw",
    "packages": [
        {
            "SPDXID": "SPDXRef-a",
            "name": "xz",
            "versionInfo": "5.4.6",
            "supplier": "Organization: Tukaani",
            "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:generic/xz@5.4.6"}],
        }
    ],
    "files": [
        {
            "fileName": "./lib/a.so",
            "checksums": [{"algorithm": "SHA256", "checksumValue": "ab" * 32}],
        }
    ],
}


def _replaced(document: dict[str, Any], path: list[str], value: Any) -> bytes:
    copy = json.loads(json.dumps(document))
    table = copy
    for step in path[:-1]:
        table = table[step]
    table[path[-1]] = value
    return json.dumps(copy).encode()


def test_a_certificate_of_origin_is_read() -> None:
    certificate = parse_certificate(json.dumps(CERTIFICATE).encode())
    assert certificate.country == "VN"
    assert certificate.valid_on(date(2026, 1, 1))
    assert certificate.valid_on(date(2027, 1, 1))
    assert not certificate.valid_on(date(2027, 1, 2))
    assert [certificate.covers_serial(s) for s in ("A9", "B10", "B15", "B20")] == [True] * 4
    assert not any(certificate.covers_serial(s) for s in ("A8", "B9", "B21", "B100", "C15", ""))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["format"], "certificate-of-origin/2", "format"),
        (["issued"], "01.02.2026", "issued"),
        (["expires"], "2020-01-01", "expires"),
        (["issuer", "country"], "Vietnam", "country"),
        (["goods"], [], "goods"),
        (["goods", "serial_ranges"], [{"first": "B20", "last": "B10"}], "serial_ranges"),
        (["goods", "serials"], "A9", "serials"),
    ],
)
def test_a_wrong_part_of_a_certificate_is_named(path: list[str], value: Any, named: str) -> None:
    with pytest.raises(OriginCertificateError, match=named):
        parse_certificate(_replaced(CERTIFICATE, path, value))


@pytest.mark.parametrize("document", [CYCLONEDX, SPDX], ids=["CycloneDX", "SPDX"])
def test_both_forms_of_bills_say_the_same(document: dict[str, Any]) -> None:
    bill = parse_sbom(json.dumps(document).encode())
    assert bill.faults == ()
    assert [(c.name, c.version) for c in bill.components] == [("xz", "5.4.6")]
    assert [(f.path, f.sha256) for f in bill.files] == [("/lib/a.so", "ab" * 32)]


def test_statements_of_the_maker_are_read() -> None:
    statements = parse_sbom(json.dumps(CYCLONEDX).encode()).statements
    assert [(s.vulnerability, s.reference, s.state) for s in statements] == [
        ("CVE-1", "a", "resolved")
    ]


def test_what_a_bill_lacks_is_a_fault_not_an_error() -> None:
    broken = _replaced(CYCLONEDX, ["components"], [{"type": "thing", "name": "a"}, {}, 5])
    assert len(parse_sbom(broken).faults) == 3


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"<bom/>", b'{"bomFormat":"CycloneDX","specVersion":"9"}', b"[" * 9999],
)
def test_what_is_no_bill_raises(data: bytes) -> None:
    with pytest.raises(SbomError):
        parse_sbom(data)


OPKG = """\
Package: xz
Version: 5.4.6-1
Status: install ok installed
Description: Compression
 of data

Package: gone
Version: 1
Status: deinstall ok not-installed
"""
APK = "C:Q1abc=\nP:xz-libs\nV:5.4.6-r0\n\nP:musl\nV:1.2.5-r1\n"


def test_package_databases_are_told_apart() -> None:
    assert parse_packages(OPKG) == (Package("xz", "5.4.6-1"),)
    assert parse_packages(APK) == (Package("xz-libs", "5.4.6-r0"), Package("musl", "1.2.5-r1"))
    for text in ("", "hello", "Package: a\n"):
        with pytest.raises(PackageDatabaseError):
            parse_packages(text)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("5.6.1-1", "5.6.1"),
        ("5.6.1+really5.4.5-1", "5.4.5"),
        ("1:2.0-r3", "2.0"),
        ("2022.83-1+deb12u1", "2022.83"),
        ("2.4.1", "2.4.1"),
    ],
)
def test_the_upstream_version_of_a_package(version: str, expected: str) -> None:
    assert upstream(version) == expected


def test_versions_are_in_order() -> None:
    order = ["0.94.14rc21", "0.94.14", "1.0", "1.0.1", "1.0.1f", "1.0.1g", "2.8.9", "2.8.48"]
    assert sorted(order, key=key) == order
    assert is_below("2.8.9", "2.8.48")


@given(st.text(), st.text())
def test_any_two_versions_compare(first: str, second: str) -> None:
    assert is_below(upstream(first), upstream(second)) in (True, False)


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_the_parsers_own_error(data: bytes) -> None:
    for parse, error in (
        (parse_certificate, OriginCertificateError),
        (parse_sbom, SbomError),
        (load_chain, CertificateError),
        (HardwareModuleName.parse, ValueError),
    ):
        with contextlib.suppress(error):
            parse(data)


@given(st.text(max_size=300))
def test_hostile_text_raises_the_parsers_own_error(text: str) -> None:
    for start in ("", "Package: a\n", "P:a\n"):
        with contextlib.suppress(PackageDatabaseError):
            parse_packages(start + text)


@settings(max_examples=200)
@given(st.sampled_from(["components", "metadata", "vulnerabilities", "serialNumber"]), JSON)
def test_hostile_parts_of_a_cyclonedx_bill(part: str, value: Any) -> None:
    with contextlib.suppress(SbomError):
        parse_sbom(_replaced(CYCLONEDX, [part], value))


@settings(max_examples=200)
@given(st.sampled_from(["packages", "files", "documentDescribes", "creationInfo"]), JSON)
def test_hostile_parts_of_an_spdx_bill(part: str, value: Any) -> None:
    with contextlib.suppress(SbomError):
        parse_sbom(_replaced(SPDX, [part], value))


@settings(max_examples=200)
@given(st.sampled_from([*CERTIFICATE]), JSON)
def test_hostile_parts_of_a_certificate(part: str, value: Any) -> None:
    with contextlib.suppress(OriginCertificateError):
        parse_certificate(_replaced(CERTIFICATE, [part], value))


@given(st.binary(max_size=64))
def test_a_hardware_module_name_survives_a_round_trip(serial: bytes) -> None:
    name = HardwareModuleName("1.3.6.1.4.1.32473.1", serial)
    assert HardwareModuleName.parse(name.encoded()) == name
