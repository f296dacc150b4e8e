"""Logs, support information and backups that a camera gives out over ONVIF (Core, 8.6).

Asked for as an administrator; everything here only reads.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from devices.errors import Garbled, LinkError, NotOffered
from devices.links.http.exchange import Exchange
from devices.links.onvif import requests
from devices.links.onvif.client import SoapClient
from devices.links.onvif.session import OnvifSession
from devices.protocols import soap
from devices.protocols.digest import DigestClient, parse_challenges
from devices.protocols.multipart import boundary_of
from devices.protocols.soap import element

_MAX_FILE = 8 * 1024 * 1024
_MAX_ADDRESSES = 8
_MAX_PARTS = 16
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{64,}={0,2}\s*")


@dataclass
class SystemFiles:
    """Answers as (name, bytes), and what was there and could not be had."""

    files: list[tuple[str, bytes]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_system_files(session: OnvifSession) -> SystemFiles:
    """All of it. What the camera does not offer is left out; what it refuses an administrator too.

    Raises LinkError when nobody can log in.
    """
    with contextlib.suppress(NotOffered, Garbled):  # each operation then tells for itself
        session.gate()
    found = SystemFiles()
    for body in _questions():
        try:
            _ask(session, found, body)
        except LinkError as error:
            found.problems.append(f"{soap.local(body)}: {error}")
    return found


def _ask(session: OnvifSession, found: SystemFiles, body: Element) -> None:
    name = soap.local(body)
    try:
        reply = session.call("device", body)
    except Garbled:
        answer = session.client.last
        if answer is None or not answer.media_type.startswith("multipart/"):
            raise
        _take_raw(found, name, answer)  # with attachments (MTOM) it is no plain SOAP
        return
    answer = session.client.last
    if answer is None:
        return
    if reply.body is not None:
        _take_raw(found, name, answer)
        _take_text(found, name, reply.body)
        if name == "GetSystemUris":
            _follow(session, found, reply.body)
    elif answer.succeeded and answer.media_type.startswith("multipart/"):
        _take_raw(found, name, answer)  # the envelope does not come early


def _questions() -> Iterator[Element]:
    for kind in ("System", "Access"):
        yield element("tds:GetSystemLog", element("tds:LogType", kind))
    for name in ("GetSystemSupportInformation", "GetSystemBackup", "GetSystemUris"):
        yield requests.plain("device", name)


def _take_raw(found: SystemFiles, name: str, answer: Exchange) -> None:
    """The answer as it was sent, and each of its attachments."""
    found.files.append((name, answer.content))
    if answer.truncated:
        found.problems.append(f"{name} answers more than {len(answer.content)} bytes")
    if answer.media_type.startswith("multipart/"):
        boundary = boundary_of(answer.header("Content-Type"))
        pieces = answer.content.split(b"--" + boundary.encode("latin-1", "replace"))
        for number, piece in enumerate(pieces[1:_MAX_PARTS], start=1):
            content = piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            if content:
                found.files.append((f"{name}, part {number}", content))


def _take_text(found: SystemFiles, name: str, body: Element) -> None:
    """What an element holds in Base64, or with characters that XML writes otherwise."""
    for node in body.iter():
        text = node.text or ""
        if not text.strip():
            continue
        label = f"{name}, {soap.local(node)}"
        if _BASE64.fullmatch(text):
            try:
                found.files.append((label, base64.b64decode("".join(text.split()))))
            except (binascii.Error, ValueError):
                continue
        elif len(text) >= 6:
            found.files.append((label, text.encode("utf-8", "surrogatepass")))


def _follow(session: OnvifSession, found: SystemFiles, body: Element) -> None:
    """Fetch the addresses of GetSystemUris, on the camera's own server, with its digest login."""
    written = [(soap.local(node), (node.text or "").strip()) for node in body.iter()]
    addresses = [(name, uri) for name, uri in written if "://" in uri]
    for name, uri in addresses[:_MAX_ADDRESSES]:
        try:
            answer = _fetch(session, *session.client_at(uri))
        except (LinkError, ValueError) as error:
            found.problems.append(f"{name} of GetSystemUris: {error}")
            continue
        if answer.succeeded and answer.content:
            found.files.append((f"{name} of GetSystemUris", answer.content))
            if answer.truncated:
                found.problems.append(f"{name} of GetSystemUris is more than {_MAX_FILE} bytes")
        else:
            found.problems.append(f"{name} of GetSystemUris: {answer.request}: {answer.status}")


def _fetch(session: OnvifSession, client: SoapClient, target: str) -> Exchange:
    answer = client.get(target, _MAX_FILE)
    login = session.credentials
    if answer.status != 401 or login is None:
        return answer
    digest = DigestClient(login.username, login.password)
    digest.challenged(parse_challenges(tuple(answer.all_headers("WWW-Authenticate"))))
    authorization = digest.authorization("GET", target, b"")
    if authorization is None:
        return answer
    return client.get(target, _MAX_FILE, authorization=authorization, sender=login.username)
