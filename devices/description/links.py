"""How the bench reaches the camera."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

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

    ``{username}``, ``{password}``, ``{new_password}``, what ``[links.http.challenge]`` gives, and
    ``{csrf}``; the body is ``json``, ``form`` or ``text``.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    json_body: dict[str, Any] | list[Any] | None = Field(None, alias="json")
    form: dict[str, str] | None = None
    text: str | None = Field(
        None, description="the body as it is (XML); values that are filled in are escaped for XML"
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="header fields of the call; placeholders as in the body"
    )
    success: list[int] = Field(
        default_factory=lambda: [200, 201, 204],
        description="statuses by which it succeeds; of a login, a redirection too where this is "
        "not given",
    )

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class UploadOperation(Operation):
    """The call that takes a bundle: as the whole body, or as a file in a form."""

    file_field: str | None = Field(
        None,
        description="name of the form field that takes the bundle (multipart/form-data; the texts "
        "of form go beside it); default: the bundle is the body",
    )


_PLACE = (
    "a path in its JSON (data.token; 0.value takes an element of a list), the local name of an "
    "element when the answer is XML, header:NAME, cookie:NAME, or input:NAME of a form in HTML"
)


class HttpToken(Part):
    """Where a login answer carries the session when it is not a cookie."""

    json_field: str = Field(description=_PLACE)
    header: str = "Authorization"
    prefix: str = "Bearer "
    query: str | None = Field(
        None, description="the parameter of the address that carries it, in place of a header"
    )


class HttpCsrf(Part):
    """A value against requests from other sites, which the camera gives after the login."""

    field: str = Field(description=f"where the answer holds it: {_PLACE}")
    call: Operation | None = Field(
        None, description="what to ask for it; default: the login's own answer holds it"
    )
    header: str | None = Field(
        "X-CSRF-Token", description="the header that takes it back; {csrf} in operations does too"
    )


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
        description=f"placeholder -> where the answer holds it: {_PLACE}; later operations may use "
        "what they were given too"
    )
    computed: list[Computed] = Field(
        default_factory=list, description="worked out in this order; later ones may use earlier"
    )


_PLACEHOLDERS = (
    "username",
    "password",
    "new_password",
    "initial_password",
    "ssid",
    "passphrase",
)


def _placeholders(operation: Operation) -> set[str]:
    """Those in address, header fields, form and JSON."""
    texts = [operation.path, *operation.headers.values(), *(operation.form or {}).values()]
    waiting: list[Any] = [*texts, operation.json_body]
    found: set[str] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found |= set(re.findall(r"\{(\w+)\}", value))
    return found


class HttpLink(Part):
    """The web interface."""

    url: str
    trust: NamedFile | None = Field(
        None, description="PEM of the authority that signs its certificate"
    )
    authentication: Literal["session", "digest", "basic", "query"] = "digest"
    query: dict[str, str] = Field(
        default_factory=dict,
        description="with authentication query: the parameters of every address, as user = "
        "'{username}', pwd = '{password}'",
    )
    token: HttpToken | None = None
    csrf: HttpCsrf | None = None
    challenge: HttpChallenge | None = Field(
        None, description="what has to be asked for before a login with authentication session"
    )
    refusal: str | None = Field(
        None,
        description="for cameras that answer 200 to everything: a regular expression; an answer "
        "that holds it is a refusal or an error ('\"result\" *: *false', 'Please log in')",
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

    @model_validator(mode="after")
    def _query_is_given(self) -> Self:
        if (self.authentication == "query") != bool(self.query):
            raise ValueError("query belongs to authentication 'query', and is needed there")
        return self

    @model_validator(mode="after")
    def _placeholders_are_filled(self) -> Self:
        """A text body may have braces of its own; elsewhere they are taken for a mistake."""
        known = {*_PLACEHOLDERS}
        if self.csrf is not None:
            known.add("csrf")
        if self.challenge is not None:
            known |= {*self.challenge.fields, *(each.name for each in self.challenge.computed)}
        for name, operation in self.operations.items():
            if unknown := sorted(_placeholders(operation) - known):
                raise ValueError(
                    f"operations.{name}: {{{unknown[0]}}} is filled by nothing; there are "
                    + ", ".join(f"{{{each}}}" for each in sorted(known))
                )
        return self

    @field_validator("refusal")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        try:
            re.compile((value or "").encode())
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


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
