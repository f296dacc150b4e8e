"""Who may upload firmware, and over what."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LinkError, Unreachable
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.update import NO_ANSWER, UpdateAttempt, UpdateLink, UploadAddress

NOT_FIRMWARE = b"camproof: this is not firmware; it must be refused\n"
"""What is uploaded here: nothing that any camera could install."""

_REFUSED_AT_THE_DOOR = {401, 403}


@case(
    "UPDATE-009",
    severity="critical",
    needs=(),
    catches=(
        "update-viewer",
        "update-anonymous",
        "cred-onvif-roles",
    ),
    changes="firmware",
    applies_to=("update",),
)
def test_only_administrators_upload_firmware(
    update: UpdateLink, device: DeviceFile, evidence: Any
) -> None:
    """Only administrators may upload firmware.

    Method: ask for an upload address without login, and as a user of the lowest role that the
    device file gives. Where an address is named or declared, upload something there that is no
    firmware, and compare the answer with the one that an administrator gets for the same bytes.
    Nothing that could be installed is sent.
    Pass: everybody but the administrator is refused an address, or is refused at the address
    before the camera looks at the content.
    """
    senders = [ANONYMOUS, *_lesser_accounts(update, device)]
    judged = _upload(update, "", evidence)
    if not isinstance(judged, UpdateAttempt) or judged.accepted or _unjudged(judged):
        raise Inconclusive(
            "how the camera answers content that is no firmware could not be seen: the "
            "administrator got no refusal of it",
            "insufficient",
        )
    faults = []
    unanswered = []
    for sender in senders:
        attempt = _upload(update, sender, evidence)
        if isinstance(attempt, UpdateAttempt) and attempt.status == NO_ANSWER:
            unanswered.append(f"{attempt.target} as {sender}: {attempt.answer}")
        if isinstance(attempt, UpdateAttempt) and _looked_inside(attempt, judged):
            faults.append(
                f"{attempt.target} took an upload from {sender} and judged its content "
                f"(HTTP {attempt.status} {attempt.answer!r}, as for an administrator); expected: "
                "a refusal for want of rights (401 or 403)"
            )
    assert not faults, "; ".join(faults)
    if unanswered:
        raise Inconclusive(f"no answer to an upload: {'; '.join(unanswered)}", "unreachable")


@case(
    "UPDATE-012",
    severity="high",
    needs=("http",),
    catches=("update-http",),
    changes="firmware",
    applies_to=("update",),
)
def test_firmware_is_uploaded_over_tls_only(
    update: UpdateLink, http: HttpLink, device: DeviceFile, evidence: Any
) -> None:
    """Firmware is uploaded over TLS only.

    Method: ask for an upload address as administrator (or take the declared one) and look at its
    scheme. Then upload something that is no firmware, without login, to the same path on every
    plain HTTP port that the device file declares.
    Pass: the address is https, and no plain port takes an upload or asks for a login to it.
    """
    where = evidence.observe(update.address(), "upload address")
    if not where.granted:
        raise Inconclusive(f"the camera names no upload address: {where.answer}", "not-offered")
    parts = urlsplit(where.uri)
    faults = []
    if parts.scheme != "https":
        faults.append(
            f"the camera has firmware uploaded to {where.uri.split('?')[0]}: scheme "
            f"{parts.scheme!r}, expected https"
        )
    unanswered = []
    ports = [s.port for s in device.declared.services if s.on and s.protocol in _PLAIN]
    for port in ports:
        client = http.clear(port)
        try:
            answer = evidence.observe(
                client.request("POST", parts.path or "/", body=NOT_FIRMWARE), f"upload port {port}"
            )
        except LinkError as error:
            evidence.record(f"upload port {port}", f"no answer: {error}")
            if not isinstance(error, Unreachable):
                unanswered.append(str(error))
            continue
        finally:
            client.close()
        if answer.status not in _CLOSED_PLAIN:
            faults.append(
                f"{answer.request} without TLS answered {answer.status}; expected: a redirect to "
                "https, or no such resource"
            )
    update.send_to(where.uri, NOT_FIRMWARE, "no firmware, to close the address", ANONYMOUS)
    assert not faults, "; ".join(faults)
    if unanswered:
        raise Inconclusive(f"no answer in plain HTTP: {'; '.join(unanswered)}", "timeout")


_PLAIN = {"http", "http-redirect"}
_CLOSED_PLAIN = {301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 421, 426, 501}
"""A plain port that sends away, or knows no such upload. 401 would ask for a login in the clear."""


def _lesser_accounts(update: UpdateLink, device: DeviceFile) -> list[str]:
    """An account of the lowest role that the device file gives for the update's service."""
    service = "onvif" if update.declared.method == "onvif" else "http"
    for role in ("viewer", "operator"):
        for name, account in device.accounts.items():
            served = account.services or ["http", "onvif", "rtsp"]
            if account.role == role and account.purpose == "test" and service in served:
                return [name]
    return []


def _upload(update: UpdateLink, sender: str, evidence: Any) -> UpdateAttempt | UploadAddress:
    """Upload what is no firmware as ``sender``; the address alone where it is refused."""
    where: UploadAddress = update.address(sender)
    who = where.sender
    evidence.observe(where, f"address for {who}")
    if not where.granted:
        return where
    attempt = update.send_to(where.uri, NOT_FIRMWARE, "no firmware", who)
    observed: UpdateAttempt = evidence.observe(attempt, f"upload by {who}")
    return observed


def _unjudged(attempt: UpdateAttempt) -> bool:
    """Whether the camera refused before it looked at the content, or did not answer."""
    return attempt.status == NO_ANSWER or attempt.status in _REFUSED_AT_THE_DOOR


def _looked_inside(attempt: UpdateAttempt, judged: UpdateAttempt) -> bool:
    """Whether the camera got as far as for an administrator, or further."""
    if attempt.status in _REFUSED_AT_THE_DOOR:
        return False
    return attempt.accepted or attempt.status == judged.status
