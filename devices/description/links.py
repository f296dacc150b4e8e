"""How the bench reaches the camera."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from devices.description.parts import NamedFile, Part, Port
from devices.description.tcp_login import TcpLogin


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

    ``{username}``, ``{password}``, ``{new_password}``, and what ``[links.http.challenge]`` gives;
    the body is ``json``, ``form`` or ``text``.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    json_body: dict[str, Any] | None = Field(None, alias="json")
    form: dict[str, str] | None = None
    text: str | None = Field(
        None, description="the body as it is (XML); values that are filled in are escaped for XML"
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="header fields of the call; placeholders as in the body"
    )
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


class Computed(Part):
    """A value that the client works out for the login: a hash of a text with placeholders."""

    name: str = Field(pattern=r"^\w+$", description="the placeholder that it fills")
    of: str = Field(description="text with placeholders, as '{username}:{realm}:{password}'")
    hash: Literal["md5", "sha1", "sha256", "sha512"] = "md5"
    form: Literal["hex", "HEX", "base64", "sofia"] = Field(
        "hex", description="how the digest is written; sofia: Xiongmai's eight characters"
    )
    key: str | None = Field(None, description="with it an HMAC: the key, with placeholders")
    rounds: str = Field(
        "1", description="how often: the hash of the hash, in hex; a number or a placeholder"
    )


class HttpChallenge(Part):
    """A login of two steps: the camera says realm, nonce or salt, the client sends a hash.

    Dahua's RPC2, Hikvision's sessionLogin and their like.
    """

    call: Operation = Field(description="asks for the challenge")
    fields: dict[str, str] = Field(
        description="placeholder -> where the answer holds it: a path in its JSON (params.realm), "
        "the local name of an element when the answer is XML, or header:NAME"
    )
    computed: list[Computed] = Field(
        default_factory=list, description="worked out in this order; later ones may use earlier"
    )


class HttpLink(Part):
    """The web interface."""

    url: str
    trust: NamedFile | None = Field(
        None, description="PEM of the authority that signs its certificate"
    )
    authentication: Literal["session", "digest", "basic"] = "digest"
    token: HttpToken | None = None
    challenge: HttpChallenge | None = Field(
        None, description="what has to be asked for before a login with authentication session"
    )
    operations: dict[str, Operation] = Field(
        default_factory=dict,
        description="login, logout, change_password, create_user, delete_user, users, snapshot, "
        "device_information, factory_reset, setup, wifi, configuration (its export), logs, "
        "set_password (an administrator gives {username} the {new_password}): those that the "
        "camera has; further ones that set a password begin with create_user_, change_password_ "
        "or set_password_. Placeholders are {username}, {password}, {new_password}, "
        "{initial_password}, {ssid} and {passphrase}",
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
    tcp: dict[str, TcpLogin] = Field(
        default_factory=dict,
        description="logins of the maker's own on TCP ports, by a name without dots; accounts for "
        'one have services = ["tcp.NAME"]',
    )
