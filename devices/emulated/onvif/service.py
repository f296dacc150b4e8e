"""SOAP over HTTP: from a request to the operation that answers it, or to a fault."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable
from functools import cache
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from aiohttp import web

from devices.emulated.onvif import device, events, media, media2, network, security, users
from devices.emulated.onvif.call import Call, Caller, NotAuthorized, OnvifFault, Operation
from devices.emulated.onvif.events import PullPoints
from devices.emulated.onvif.login import Login, StaleNonce
from devices.emulated.onvif.upgrade import Uploads, start_firmware_upgrade
from devices.errors import Garbled
from devices.protocols import soap
from devices.protocols.onvif_operations import AccessClass, service_of

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

MAX_REQUEST = 256 * 1024  # bytes; the largest ONVIF request is some kilobytes
PATHS = {
    "/onvif/device_service": "device",
    "/onvif/media_service": "media",
    "/onvif/media2_service": "media2",
    "/onvif/events_service": "events",
    "/onvif/security_service": "security",
}
_PULL_POINT = "/onvif/events_service/{name}"
_ROLES = tomllib.loads(Path(__file__).with_name("roles.toml").read_text(encoding="utf-8"))
_MAY_CALL = {role: frozenset(classes) for role, classes in _ROLES["may_call"].items()}
_OPERATIONS: dict[str, dict[str, Operation]] = {
    "device": {
        **device.OPERATIONS,
        **network.OPERATIONS,
        **users.OPERATIONS,
        "StartFirmwareUpgrade": start_firmware_upgrade,
    },
    "media": media.OPERATIONS,
    "media2": media2.OPERATIONS,
    "events": events.OPERATIONS,
    "security": security.OPERATIONS,
}
_CAPABILITIES = {name: table["GetServiceCapabilities"] for name, table in _OPERATIONS.items()}
_ON_A_PULL_POINT = frozenset({"PullMessages", "Renew", "Unsubscribe", "SetSynchronizationPoint"})
_READS = frozenset(access for access in AccessClass if access.startswith("READ_"))


def add_onvif_routes(app: web.Application, camera: Camera) -> None:
    """Serve ONVIF, and the upload addresses that it hands out, in ``app``."""
    service = OnvifService(camera, _uploads(camera))
    for path in (*PATHS, _PULL_POINT):
        app.router.add_post(path, service.handle)
    add_upload_route(app, camera)


def add_upload_route(app: web.Application, camera: Camera) -> None:
    """Serve the upload addresses alone, as a port without TLS does under a fault."""
    app.router.add_post("/onvif/upload/{token}", _uploads(camera).handle)


@cache
def _uploads(camera: Camera) -> Uploads:
    """The upload addresses of a camera, shared by its ports."""
    return Uploads(camera)


class OnvifService:
    """The entry points of one camera."""

    def __init__(self, camera: Camera, uploads: Uploads) -> None:
        self._camera = camera
        self._uploads = uploads
        self._pull_points = PullPoints()
        self._login = Login(camera)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one SOAP request."""
        body = await _read(request)
        try:
            answer = self._dispatch(request, body)
            return _answer(soap.envelope(await answer if isawaitable(answer) else answer))
        except (_NoCredentials, StaleNonce) as fault:
            response = _fault(fault, 401)
            for challenge in self._login.challenges(stale=isinstance(fault, StaleNonce)):
                response.headers.add("WWW-Authenticate", challenge)
            return response
        except OnvifFault as fault:
            return _fault(fault, 400 if fault.code == "Sender" else 500)

    def _dispatch(self, request: web.Request, body: bytes) -> Element | Awaitable[Element]:
        if not body and "Authorization" not in request.headers:
            raise _NoCredentials  # an HTTP client that asks for the challenge before it sends
        try:
            message = soap.parse(body)
        except Garbled as error:
            raise OnvifFault("Sender", "WellFormed", reason=str(error)) from error
        arguments = message.body
        if arguments is None:
            raise OnvifFault("Sender", "InvalidArgs", reason="the body is empty")
        operation, access = _find(PATHS.get(request.path, "events"), arguments)
        caller = None
        if access is not AccessClass.PRE_AUTH:
            caller = self._login.caller(request, message, body)
            self._authorise(caller, access, arguments)
        return operation(
            Call(
                self._camera,
                self._uploads,
                self._pull_points,
                arguments,
                caller,
                _authority(request),
                request.path,
                _CAPABILITIES,
            )
        )

    def _authorise(self, caller: Caller | None, access: AccessClass, arguments: Element) -> None:
        posture, operation = self._camera.posture, soap.local(arguments)
        if caller is None:
            open_read = posture.onvif_anonymous and access in _READS
            open_update = operation == "StartFirmwareUpgrade" and not posture.update_needs_login
            if not (open_read or open_update or self._open_event(arguments)):
                raise _NoCredentials
            return
        free = not posture.onvif_roles_enforced or operation in posture.onvif_open_operations
        free = free or (operation == "StartFirmwareUpgrade" and not posture.update_needs_admin)
        if not free and access.value not in _MAY_CALL[caller.role]:
            self._camera.audit.write("onvif-refused", user=caller.name, detail=operation)
            raise NotAuthorized

    def _open_event(self, arguments: Element) -> bool:
        """Whether a fault gives events to who has no login, or to who knows an address."""
        posture = self._camera.posture
        service = service_of(soap.namespace(arguments))
        if service is None or service.name != "events":
            return False
        known = posture.onvif_subscription_open and soap.local(arguments) in _ON_A_PULL_POINT
        return posture.onvif_events_anonymous or known


class _NoCredentials(NotAuthorized):
    """Nobody is logged in: answered with the challenges of HTTP digest (ONVIF Core, 5.9.1)."""


def _find(path_service: str, arguments: Element) -> tuple[Operation, AccessClass]:
    """The operation by its namespace: many devices serve all services at one address."""
    definition = service_of(soap.namespace(arguments))
    name = soap.local(arguments)
    service = definition.name if definition else path_service
    operation = _OPERATIONS[service].get(name)
    if definition is None or operation is None:
        reason = "Optional action not implemented"
        raise OnvifFault("Receiver", "ActionNotSupported", reason=reason)
    return operation, definition.access[name]


def _authority(request: web.Request) -> str:
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    return f"{name[0]}:{name[1]}" if name else request.host


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_REQUEST:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_REQUEST, actual_size=len(body))
    return bytes(body)


def _answer(envelope: bytes, status: int = 200) -> web.Response:
    response = web.Response(body=envelope, status=status)
    response.headers["Content-Type"] = soap.CONTENT_TYPE
    return response


def _fault(fault: OnvifFault, status: int) -> web.Response:
    return _answer(soap.fault(fault.code, fault.subcodes, fault.reason), status)
