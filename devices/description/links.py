"""How the bench reaches the camera."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from devices.description.parts import NamedFile, Part, Port


class SerialLink(Part):
    """The serial console: any pyserial URL (device path, socket://, rfc2217://)."""

    url: str
    baud: int = 115200


class SshLink(Part):
    """SSH with an account of the test laboratory."""

    host: str
    port: Port = 22
    account: str


class Operation(Part):
    """One call of the camera's own web interface, with ``{placeholders}`` to fill in.

    ``{username}``, ``{password}``, ``{new_password}``; the body is ``json`` or ``form``.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    json_body: dict[str, Any] | None = Field(None, alias="json")
    form: dict[str, str] | None = None
    success: list[int] = Field(default_factory=lambda: [200, 201, 204])

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class UploadOperation(Operation):
    """The call that takes a bundle: as the whole body, or as a file in a form."""

    file_field: str | None = Field(
        None,
        description="name of the form field that takes the bundle (multipart/form-data; the texts "
        "of form go beside it); default: the bundle is the body",
    )


class HttpToken(Part):
    """Where a login answer carries the session when it is not a cookie."""

    json_field: str
    header: str = "Authorization"
    prefix: str = "Bearer "


class HttpLink(Part):
    """The web interface."""

    url: str
    trust: NamedFile | None = Field(
        None, description="PEM of the authority that signs its certificate"
    )
    authentication: Literal["session", "digest", "basic"] = "digest"
    token: HttpToken | None = None
    operations: dict[str, Operation] = Field(
        default_factory=dict,
        description="login, logout, change_password, create_user, delete_user, users, snapshot, "
        "device_information, factory_reset, setup, wifi: those that the camera has; further ones "
        "that set a password begin with create_user_, change_password_ or set_password_. "
        "Placeholders are {username}, {password}, {new_password}, {initial_password}, {ssid} and "
        "{passphrase}",
    )


class OnvifLink(Part):
    """The ONVIF device service; ``url`` is its entry point."""

    url: str
    trust: NamedFile | None = None
    account: str | None = Field(None, description="default: the first admin account")


class RtspLink(Part):
    """RTSP. The streams' own URLs are declared under ``declared.streams``."""

    trust: NamedFile | None = None
    account: str | None = Field(None, description="default: the first viewer account, else admin")


class Links(Part):
    """How the bench reaches the camera; leave out what the bench does not have."""

    serial: SerialLink | None = None
    ssh: SshLink | None = None
    http: HttpLink | None = None
    onvif: OnvifLink | None = None
    rtsp: RtspLink | None = None
