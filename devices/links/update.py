"""Firmware updates as a user does them: a bundle sent where the camera takes bundles.

ONVIF: StartFirmwareUpgrade names an address, to which the bundle is posted (ONVIF Core, firmware
upgrade over HTTP). Or the web interface's own upload, as the device file declares it.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from urllib3.filepost import encode_multipart_formdata

from devices.description import DeviceFile, Update, UploadOperation
from devices.errors import DeviceFileError, LinkError, NotOffered, OutsideAuthorisation
from devices.identity.reported import parse_reported
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.server import Server, protection_of, server_of
from devices.links.http.transport import Transport
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.sessions import ANONYMOUS
from devices.observation import Observation
from devices.permit import Permit
from devices.secrets import Secrets

NO_ANSWER = 0
"""Status of an upload whose connection ended before an answer."""

_UPLOAD_SECONDS = 120.0
_LONGEST_DELAY = 120.0
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


@dataclass(frozen=True, kw_only=True)
class InstalledVersion(Observation):
    """The firmware version that the camera reports, and where it does."""

    version: str
    source: str


@dataclass(frozen=True, kw_only=True)
class UploadAddress(Observation):
    """Where a sender may upload firmware. ``uri`` is empty when the camera named none.

    ``sender`` is an account of the device file or ``anonymous``; ``answer`` the refusal.
    """

    sender: str
    uri: str
    answer: str
    delay_seconds: float = 0.0

    @property
    def granted(self) -> bool:
        """Whether the camera named an address."""
        return bool(self.uri)


@dataclass(frozen=True, kw_only=True)
class UpdateAttempt(Observation):
    """One bundle sent to the camera, and its answer.

    ``bundle`` says what was sent; ``status`` is the HTTP status, NO_ANSWER when the connection
    ended before one; ``accepted`` whether the status says that the bundle was taken.
    """

    bundle: str
    bundle_sha256: str
    sender: str
    target: str
    status: int
    answer: str
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class UpdateTrial(Observation):
    """What a bundle did to the camera.

    ``before`` and ``after`` are the versions reported; ``after`` is empty when the camera did not
    come back. ``restarted`` tells whether it went away after the upload, ``seconds`` how long the
    upload took until its answer.
    """

    attempt: UpdateAttempt
    before: str
    after: str
    restarted: bool
    seconds: float

    @property
    def taken(self) -> bool:
        """Whether the camera took the bundle; some restart without an answer to it."""
        return self.attempt.accepted or self.had_effect

    @property
    def had_effect(self) -> bool:
        """Whether anything happened: another version, a restart, or no camera any more."""
        return self.restarted or self.after != self.before


@dataclass(frozen=True, kw_only=True)
class PowerCut(Observation):
    """A power cut during an update.

    ``after_seconds``: since the upload began; ``finished`` tells whether the camera had answered
    the upload by then, ``went_away`` whether the cut was seen from outside; ``version`` is what
    runs afterwards, empty when nothing came back.
    """

    after_seconds: float
    finished: bool
    went_away: bool
    version: str


class UpdateLink:
    """Sends bundles to one camera, and asks for the version that runs."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        if device.declared.update is None:
            raise NotOffered("the device file declares no update mechanism")
        self.declared: Update = device.declared.update
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._http = HttpLink(device, permit, secrets) if device.links.http else None
        self._onvif = OnvifLink(device, permit, secrets) if device.links.onvif else None

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()

    def version(self) -> InstalledVersion:
        """The version that the camera reports, over ONVIF if it can.

        Raises LinkError; NotOffered when nothing tells it.
        """
        if self._onvif is not None:
            reported = self._onvif.device_information().firmware_version
            if not reported:
                raise NotOffered("GetDeviceInformation tells no firmware version")
            return InstalledVersion(version=reported, source="ONVIF GetDeviceInformation")
        if self._http is not None and self._http.offers("device_information"):
            client = self._http.account(self.administrator())
            exchange = self._http.perform(client, "device_information")
            client.close()
            if version := parse_reported(exchange.content, exchange.request).firmware:
                return InstalledVersion(version=version, source=exchange.request)
        raise NotOffered("nothing that the device file gives tells the running version")

    def administrator(self) -> str:
        """The account that updates are done with. Raises DeviceFileError."""
        if self.declared.method == "onvif" and self._onvif is not None:
            return self._onvif.default_account()
        return self.account_of("admin")

    def account_of(self, role: Any) -> str:
        """The first account with this role for the update's own service."""
        service = "onvif" if self.declared.method == "onvif" else "http"
        found = self._secrets.account(role=role, service=service)
        if found is None:
            raise DeviceFileError(f"the device file gives no account of role {role!r}")
        return found[0]

    def address(self, sender: str = "") -> UploadAddress:
        """Ask where ``sender`` (default: the administrator) may upload. Raises LinkError."""
        sender = sender or self.administrator()
        if self.declared.method == "http":
            operation, http = self._upload_operation()
            uri = f"{http.server.url}{operation.path}"
            return UploadAddress(sender=sender, uri=uri, answer="declared by the device file")
        if self._onvif is None:
            raise NotOffered("the update is declared over ONVIF, but [links.onvif] is missing")
        upload = self._onvif.start_firmware_upgrade(sender)
        answer = f"HTTP {upload.answer.http_status} {upload.answer.outcome} {upload.answer.detail}"
        return UploadAddress(
            sender=sender,
            uri=upload.uri,
            answer=answer.strip(),
            delay_seconds=_seconds(upload.delay),
        )

    def send(self, bundle: bytes, what: str, sender: str = "") -> UpdateAttempt:
        """Upload a bundle as ``sender``; ``what`` describes it for the evidence.

        A connection that ends without an answer is an attempt too. Raises LinkError when the
        camera names no address, or cannot be reached at all.
        """
        sender = sender or self.administrator()
        where = self.address(sender)
        if not where.granted:
            raise NotOffered(f"the camera names no upload address for {sender}: {where.answer}")
        threading.Event().wait(where.delay_seconds)
        return self.send_to(where.uri, bundle, what, sender)

    def send_to(self, uri: str, bundle: bytes, what: str, sender: str) -> UpdateAttempt:
        """As send, to a given address."""
        self._permit.journal.begin("firmware")
        client, method, target = self._client(uri, sender)
        seconds = max(_UPLOAD_SECONDS, self.declared.restart_seconds)
        headers, body = self.packed(bundle)
        try:
            exchange = client.request(
                method,
                target,
                headers=headers,
                body=body,
                seconds=seconds,
            )
            status, answer = exchange.status, _said(exchange)
        except LinkError as error:
            status, answer = NO_ANSWER, str(error)
        finally:
            client.close()
        return UpdateAttempt(
            bundle=what,
            bundle_sha256=hashlib.sha256(bundle).hexdigest(),
            sender=sender,
            target=f"{method} {uri}",
            status=status,
            answer=answer,
            accepted=self._accepting(status),
        )

    def without_effect(self) -> None:
        """What was offered last changed nothing on the camera, nor did anything before."""
        self._permit.journal.ended("firmware", how="no bundle had an effect")

    def packed(self, bundle: bytes) -> tuple[Mapping[str, str], bytes]:
        """The headers and the body in which the device file has bundles sent."""
        upload = self.declared.upload if self.declared.method == "http" else None
        if upload is None or upload.file_field is None:
            return {"Content-Type": "application/octet-stream"}, bundle
        # Some web interfaces look at the name's ending first.
        name = self.declared.bundle.name if self.declared.bundle else "firmware.bin"
        part = (name, bundle, "application/octet-stream")
        body, kind = encode_multipart_formdata({**(upload.form or {}), upload.file_field: part})
        return {"Content-Type": kind}, body

    def begin(self, bundle: bytes, what: str) -> Future[UpdateAttempt]:
        """Upload in the background, for what happens meanwhile."""
        future: Future[UpdateAttempt] = Future()

        def run() -> None:
            try:
                future.set_result(self.send(bundle, what))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                future.set_exception(error)

        # A daemon: after a power cut the connection may hang until its time-out.
        threading.Thread(target=run, name="upload", daemon=True).start()
        return future

    def _client(self, uri: str, sender: str) -> tuple[HttpClient, str, str]:
        """A client for the upload, its method and its target."""
        if self.declared.method == "http":
            operation, http = self._upload_operation()
            client = http.anonymous() if sender == ANONYMOUS else http.account(sender)
            return client, operation.method, operation.path
        parts = urlsplit(uri)
        server = self._server(uri)
        trust = self._device.links.onvif.trust if self._device.links.onvif else None
        client = HttpClient(Transport(server, protection_of(server, trust)))
        if sender != ANONYMOUS:
            username = self._device.accounts[sender].username
            client.use_digest(username, self._secrets.password(sender))
        return client, "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _server(self, uri: str) -> Server:
        """The server in ``uri``, or its port on the camera's own host.

        Behind address translation a camera names a host that only it knows.
        """
        try:
            return server_of(uri, self._permit)
        except OutsideAuthorisation:
            if self._device.links.onvif is None:
                raise
            parts, entry = urlsplit(uri), urlsplit(self._device.links.onvif.url)
            port = f":{parts.port}" if parts.port else ""
            host = f"[{entry.hostname}]" if ":" in str(entry.hostname) else entry.hostname
            return server_of(f"{parts.scheme}://{host}{port}", self._permit)

    def _upload_operation(self) -> tuple[UploadOperation, HttpLink]:
        if self.declared.upload is None or self._http is None:
            raise NotOffered(
                "the update is declared over HTTP, but declared.update.upload or [links.http] is "
                "missing"
            )
        return self.declared.upload, self._http

    def _accepting(self, status: int) -> bool:
        if self.declared.method == "http" and self.declared.upload is not None:
            return status in {*self.declared.upload.success, 202}
        return 200 <= status < 300


def _said(exchange: Exchange) -> str:
    return exchange.content[:200].decode("utf-8", "replace").strip()


def _seconds(duration: str) -> float:
    """An xs:duration in seconds, bounded; what is none counts as zero."""
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return min(((days * 24 + hours) * 60 + minutes) * 60 + seconds, _LONGEST_DELAY)
