"""Who may upload firmware, and over what."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

from conformance.case import case
from conformance.updates.refusal import at_the_door
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LinkError, NotOffered, Unreachable
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_page
from devices.links.update import (
    NO_ANSWER,
    UpdateAttempt,
    UpdateLink,
    UpdateTrial,
    UploadAddress,
)

NOT_FIRMWARE = b"camproof: this is not firmware; it must be refused\n"
"""What is uploaded here: nothing that any camera could install."""

_REFUSED = {401, 403, 404, 405}
"""What somebody without the right to upload is answered; a redirect, to a login, is one too."""


_DID = {True: "restarted or changed", False: "judged its content"}


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
    update: UpdateLink, update_trials: Any, device: DeviceFile, evidence: Any
) -> None:
    """Only administrators may upload firmware.

    Method: ask for an upload address without login, and as a user of the lowest role that the
    device file gives. Where an address is named or declared, upload something there that is no
    firmware, and compare status and content of the answer with those that an administrator gets
    for the same bytes; numbers in the content are left out. Where such an upload is acknowledged,
    watch whether the camera restarts or reports another version. An upload that is judged as the
    administrator's, or has an effect, is a fault; an answer that is neither that nor a refusal
    tells nothing. Nothing that could be installed is sent.
    Pass: everybody but the administrator is refused an address, or is refused at the address
    (401, 403, 404, 405 or a redirect).
    """
    judged = _upload(update, "", evidence)
    looked_inside = isinstance(judged, UpdateAttempt) and not at_the_door(
        judged, update.declared.method
    )
    if not isinstance(judged, UpdateAttempt) or judged.accepted or _stopped(judged):
        raise Inconclusive(
            "how the camera answers content that is no firmware could not be seen: the "
            "administrator got no refusal of it",
            "insufficient",
        )
    faults: list[str] = []
    unclear: list[str] = []
    unanswered: list[str] = []
    for sender in [ANONYMOUS, *_lesser_accounts(update, device)]:
        tried = _upload(update, sender, evidence, update_trials)
        if not isinstance(tried, UpdateTrial) or _turned_away(tried.attempt):
            continue
        attempt = tried.attempt
        said = f"HTTP {attempt.status} {attempt.answer!r}"
        if tried.had_effect or (looked_inside and _same_judgement(attempt, judged)):
            faults.append(
                f"{attempt.target} took an upload from {sender} and "
                f"{_DID[tried.had_effect]} ({said}; an administrator: HTTP {judged.status}); "
                "expected: a refusal for want of rights (401 or 403)"
            )
        elif attempt.status == NO_ANSWER:
            unanswered.append(f"{attempt.target} as {sender}: {attempt.answer}")
        else:
            unclear.append(f"{attempt.target} answered an upload from {sender} with {said}")
    assert not faults, "; ".join(faults)
    if unclear:
        raise Inconclusive(
            f"{'; '.join(unclear)}: neither a refusal for want of rights nor the judgement of the "
            f"content that an administrator gets (HTTP {judged.status} {judged.answer!r}), so who "
            "may upload cannot be told",
            "insufficient",
        )
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
    plain HTTP port that the device file declares or gives a link to, and to a path beside it that
    cannot exist. A page, or a redirect to plain HTTP, that both get tells nothing.
    Pass: the address is https, and no plain port takes an upload or asks for a login to it: each
    one redirects to https, knows no such resource (404, 405, 410, 421, 426, 501), or answers 400
    or 403 as it does beside it.
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
    unclear: list[str] = []
    unanswered: list[str] = []
    for port in _plain_ports(http, device):
        try:
            looked = _look(http.clear(port), parts.path or "/", update, evidence)
        except LinkError as error:
            evidence.record(f"upload port {port}", f"no answer: {error}")
            if not isinstance(error, Unreachable):
                unanswered.append(str(error))
            continue
        if not _closed(*looked):
            (unclear if _unclear(*looked) else faults).append(_told(looked[0]))
    update.send_to(where.uri, NOT_FIRMWARE, "no firmware, to close the address", ANONYMOUS)
    assert not faults, "; ".join(faults)
    if unclear:
        raise Inconclusive(
            f"{'; '.join(unclear)}: whether an upload is taken there cannot be told", "insufficient"
        )
    if unanswered:
        raise Inconclusive(f"no answer in plain HTTP: {'; '.join(unanswered)}", "timeout")


_PLAIN = {"http", "http-redirect"}
_NO_SUCH = {404, 405, 410, 421, 426, 501}
"""A plain port that knows no such upload, or none without TLS."""

_TURNED_DOWN = {400, 403}
"""No such upload either, where any path is answered so. 401 would ask for a login in the clear."""

_BUSY = {408, 429}


def _plain_ports(http: HttpLink, device: DeviceFile) -> list[int]:
    """The plain HTTP ports that are declared, and the one that a link leads to."""
    own = [http.server.port] if http.server.scheme == "http" else []
    declared = [s.port for s in device.declared.services if s.on and s.protocol in _PLAIN]
    return list(dict.fromkeys([*own, *declared]))


def _look(
    client: HttpClient, path: str, update: UpdateLink, evidence: Any
) -> tuple[Exchange, Exchange]:
    """The answers to an upload without TLS, and to one beside it. Raises LinkError."""
    headers, body = update.packed(NOT_FIRMWARE)
    upload = update.declared.upload if update.declared.method == "http" else None
    method = upload.method if upload else "POST"
    try:
        answer = client.request(method, path, headers=headers, body=body)
        evidence.observe(answer, f"upload to {answer.server}")
        beside = client.request(method, impossible_neighbour(path), headers=headers, body=body)
        evidence.observe(beside, f"beside it on {answer.server}")
    finally:
        client.close()
    return answer, beside


def _closed(answer: Exchange, beside: Exchange) -> bool:
    """Whether a plain port sends an upload to TLS, or takes none."""
    if 300 <= answer.status < 400:
        return _redirected_to(answer).startswith("https://")
    if answer.status in _TURNED_DOWN:
        return _as_any(answer, beside)
    return answer.status in _NO_SUCH


def _unclear(answer: Exchange, beside: Exchange) -> bool:
    """Whether an answer that closes nothing does not show an upload either."""
    if answer.status in {403, *_BUSY} or answer.status >= 500:
        return True
    return 200 <= answer.status < 400 and _as_any(answer, beside)


def _as_any(answer: Exchange, beside: Exchange) -> bool:
    """Whether an upload is answered as a request to a path that cannot exist."""
    if answer.status != beside.status:
        return False
    texts = [e.content.decode("utf-8", "replace").replace(e.target, "") for e in (answer, beside)]
    same_text = _without_numbers(texts[0]) == _without_numbers(texts[1])
    return same_text or same_page(answer, beside)


def _redirected_to(answer: Exchange) -> str:
    return urljoin(f"{answer.server}{answer.target}", answer.header("Location")).lower()


def _told(answer: Exchange) -> str:
    redirect = 300 <= answer.status < 400
    to = f" and sends to {_redirected_to(answer)}" if redirect else ""
    return (
        f"{answer.request} without TLS answered {answer.status}{to}; expected: a redirect to "
        "https, or no such resource"
    )


def _lesser_accounts(update: UpdateLink, device: DeviceFile) -> list[str]:
    """An account of the lowest role that the device file gives for the update's service."""
    service = "onvif" if update.declared.method == "onvif" else "http"
    for role in ("viewer", "operator"):
        for name, account in device.accounts.items():
            served = account.services or ["http", "onvif", "rtsp"]
            if account.role == role and account.purpose == "test" and service in served:
                return [name]
    return []


def _upload(update: UpdateLink, sender: str, evidence: Any, trials: Any = None) -> Any:
    """Upload what is no firmware as ``sender``; the address alone where it is refused.

    With ``trials`` it is watched what comes of it: an UpdateTrial in place of an UpdateAttempt.
    """
    where: UploadAddress = update.address(sender)
    who = where.sender
    evidence.observe(where, f"address for {who}")
    if not where.granted:
        return where

    def send() -> UpdateAttempt:
        return update.send_to(where.uri, NOT_FIRMWARE, "no firmware", who)

    return evidence.observe(_watched(trials, send) if trials else send(), f"upload by {who}")


def _watched(trials: Any, send: Callable[[], UpdateAttempt]) -> UpdateTrial:
    try:
        watched: UpdateTrial = trials.watch(send)
    except NotOffered:  # nothing tells the version: the answer alone remains to be judged
        return UpdateTrial(attempt=send(), before="", after="", restarted=False, seconds=0.0)
    return watched


def _turned_away(attempt: UpdateAttempt) -> bool:
    return attempt.status in _REFUSED or 300 <= attempt.status < 400


def _stopped(attempt: UpdateAttempt) -> bool:
    """Whether not even the administrator got as far as an answer about the upload."""
    return attempt.status == NO_ANSWER or _turned_away(attempt)


def _same_judgement(attempt: UpdateAttempt, judged: UpdateAttempt) -> bool:
    """Whether status and content are those of the administrator's answer."""
    same_content = _without_numbers(attempt.answer) == _without_numbers(judged.answer)
    return attempt.status == judged.status and same_content


def _without_numbers(text: str) -> str:
    """What stays the same when times, sizes and the numbers of requests change."""
    return re.sub(r"\w*\d\w*", "#", text)
