"""Certificates of origin and of quality: supplied, genuine, valid, and about this camera."""

from __future__ import annotations

from datetime import UTC, datetime

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.identity.origin_certificate import ORIGIN, QUALITY, OriginCertificate
from devices.identity.signed_paper import SignedPaper


@case(
    "ORIGIN-003",
    severity="high",
    needs=("documents",),
    catches=(
        "origin-forged-certificate",
        "origin-certificate-expired",
        "origin-certificate-missing",
    ),
)
def test_certificates_of_origin_and_quality_are_genuine_and_valid(
    certificate_of_origin: SignedPaper, quality_certificate: SignedPaper
) -> None:
    """Certificate of origin and quality certificate are supplied, genuine and valid.

    Method: read both certificates, verify the issuer's signature over each up to the authority
    that the device file names, and compare the dates of issue and expiry with today. Of a paper
    that is no JSON at all, such as a scan, nothing can be told.
    Pass: both are there in a known form, both signatures verify, and today lies within both
    periods of validity.
    """
    papers = [
        (certificate_of_origin, "certificate of origin", ORIGIN),
        (quality_certificate, "quality certificate", QUALITY),
    ]
    problems = [text for paper in papers for text in _problems(*paper)]
    assert not problems, " ".join(problems)
    for paper, what, form in papers:
        if paper.other_format:
            raise Inconclusive(
                f"The {what} ({paper.path}) is in a format that cannot be read here; supply its "
                f"content as JSON in the form {form}, with the issuer's signature beside it "
                "(<paper>.p7s), made from the paper.",
                "format",
            )


@case(
    "ORIGIN-004",
    severity="high",
    needs=("documents",),
    catches=("origin-certificate-other-model", "origin-certificate-other-serial"),
)
def test_certificate_of_origin_is_for_this_camera(
    certificate_of_origin: SignedPaper, quality_certificate: SignedPaper, device: DeviceFile
) -> None:
    """Certificate of origin and quality certificate are about this camera.

    Method: compare manufacturer, model, hardware and firmware in both certificates, and the
    serial numbers in the certificate of origin, with those on the camera's label as the device
    file gives them.
    Pass: manufacturer and model are equal; hardware and firmware are equal or among those listed,
    where a certificate names any; the certificate of origin lists the camera's serial number.
    """
    origin, quality = certificate_of_origin.certificate, quality_certificate.certificate
    if origin is None:
        raise Inconclusive(
            "there is no readable certificate of origin to compare (see ORIGIN-003)", "documents"
        )
    problems = _differences(origin, "certificate of origin", device)
    if quality is not None:
        problems += _differences(quality, "quality certificate", device)
    serial = device.device.serial
    if not origin.covers_serial(serial):
        named = _named_units(origin)
        problems.append(f"The certificate of origin {origin.number} covers {named}, not {serial}.")
    assert not problems, " ".join(problems)
    if quality is None:
        raise Inconclusive(
            "there is no readable quality certificate to compare (see ORIGIN-003)", "documents"
        )


def _problems(paper: SignedPaper, what: str, form: str) -> list[str]:
    if not paper.supplied:
        return [f"No {what} was supplied."]
    certificate = paper.certificate
    if paper.other_format:
        return []
    if certificate is None:
        return [f"The {what} ({paper.path}) cannot be read as one: {paper.malformed}."]
    problems = []
    if certificate.form != form:
        problems.append(f"The paper handed in as {what} is a {certificate.form}.")
    if paper.signature_problem:
        problems.append(
            f"The signature of the {what} {certificate.number} does not hold: "
            f"{paper.signature_problem}."
        )
    today = datetime.now(UTC).date()
    if not certificate.valid_on(today):
        problems.append(
            f"The {what} {certificate.number} is valid from {certificate.issued} to "
            f"{certificate.expires or 'no end'}, which does not include today, {today}."
        )
    return problems


def _differences(certificate: OriginCertificate, what: str, device: DeviceFile) -> list[str]:
    unit = device.device
    pairs = [
        ("manufacturer", (certificate.manufacturer,), unit.manufacturer),
        ("model", (certificate.model,), unit.model),
        ("hardware", (certificate.hardware,) if certificate.hardware else (), unit.hardware),
        ("firmware", certificate.firmware, unit.firmware.version),
    ]
    return [
        f"The {what} {certificate.number} is for {name} {', '.join(listed)}, "
        f"the camera is {expected}."
        for name, listed, expected in pairs
        if listed and expected not in listed
    ]


def _named_units(certificate: OriginCertificate) -> str:
    if not certificate.lists_serials:
        return "no serial number at all"
    ranges = [f"{r.first} to {r.last}" for r in certificate.ranges]
    return ", ".join([*certificate.serials[:5], *ranges[:5]])
