"""WS-Security UsernameToken (OASIS UsernameToken Profile 1.0), as ONVIF devices accept it.

Sans-io. Digest: Base64(SHA-1(nonce + created + password)), section 3.1. The digest proves the
password without showing it; only the nonce and the creation time keep a recorded token from being
used again, and only if the server remembers the one and looks at the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from devices.errors import Garbled
from devices.protocols.soap import Envelope, child, element, local, text

_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
PASSWORD_DIGEST = f"{_PROFILE}#PasswordDigest"
PASSWORD_TEXT = f"{_PROFILE}#PasswordText"
_BASE64 = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)


@dataclass(frozen=True)
class UsernameToken:
    """A login inside a SOAP header.

    ``secret`` is the digest (Base64) or, with ``digested`` false, the password itself. ``created``
    is kept as it was written, because the digest covers those very characters.
    """

    username: str
    secret: str
    digested: bool
    nonce: bytes = b""
    created: str = ""

    def proves(self, password: str) -> bool:
        """Whether this token was made with ``password``."""
        expected = (
            password_digest(self.nonce, self.created, password) if self.digested else password
        )
        return hmac.compare_digest(self.secret.encode(), expected.encode())

    def created_at(self) -> datetime | None:
        """The creation time in UTC; None when it is missing or no time."""
        try:
            moment = datetime.fromisoformat(self.created)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:  # a year before 1 or after 9999 in UTC
            return None


def digest_token(
    username: str, password: str, created: datetime, nonce: bytes | None = None
) -> UsernameToken:
    """Make a login by digest; ``created`` is by the camera's clock."""
    nonce = os.urandom(16) if nonce is None else nonce
    moment = _written(created)
    secret = password_digest(nonce, moment, password)
    return UsernameToken(username, secret, digested=True, nonce=nonce, created=moment)


def text_token(username: str, password: str, created: datetime | None = None) -> UsernameToken:
    """Make a login that shows the password; with ``created``, dated and with a nonce."""
    if created is None:
        return UsernameToken(username, password, digested=False)
    moment, nonce = _written(created), os.urandom(16)
    return UsernameToken(username, password, digested=False, nonce=nonce, created=moment)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Compute the PasswordDigest, Base64."""
    material = nonce + created.encode() + password.encode()
    return base64.b64encode(hashlib.sha1(material, usedforsecurity=False).digest()).decode("ascii")


def security_header(token: UsernameToken) -> Element:
    """The ``wsse:Security`` header block that carries ``token``."""
    kind = PASSWORD_DIGEST if token.digested else PASSWORD_TEXT
    parts = [
        element("wsse:Username", token.username),
        element("wsse:Password", token.secret, Type=kind),
    ]
    if token.nonce:
        nonce = base64.b64encode(token.nonce).decode("ascii")
        parts.append(element("wsse:Nonce", nonce, EncodingType=_BASE64))
    if token.created:
        parts.append(element("wsu:Created", token.created))
    return element("wsse:Security", element("wsse:UsernameToken", *parts))


def username_token(message: Envelope) -> UsernameToken | None:
    """The login in a message's header; None without one. Raises Garbled when it is malformed."""
    security = next((block for block in message.header if local(block) == "Security"), None)
    token = child(security, "UsernameToken") if security is not None else None
    if token is None:
        return None
    password = child(token, "Password")
    kind = password.get("Type", "") if password is not None else ""
    try:
        nonce = base64.b64decode(text(token, "Nonce"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Garbled("the nonce of a UsernameToken is not Base64") from error
    return UsernameToken(
        username=text(token, "Username"),
        secret=(password.text or "") if password is not None else "",
        digested=kind.rpartition("#")[2] == "PasswordDigest",
        nonce=nonce,
        created=text(token, "Created"),
    )
