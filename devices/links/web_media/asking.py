"""Asks for one address as somebody, and says what came."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from devices.errors import Garbled
from devices.links.capture import Capture
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.http.server import Server, server_of
from devices.links.web_media.addresses import joined, shown
from devices.links.web_media.conversation import Conversation
from devices.links.web_media.senders import Sender
from devices.links.web_media.wire import ANSWER_SECONDS, MediaWire
from devices.permit import Permit
from devices.protocols.containers import ENOUGH, recognise
from devices.protocols.websocket import accept_of, upgrade_fields

_TRIES = 3
_FOLLOWED = 2


def web_server(url: str, permit: Permit) -> Server:
    """The server of an http(s) or ws(s) URL. Raises Garbled, OutsideAuthorisation, Unreachable."""
    scheme, mark, rest = url.partition("://")
    http_scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
    return server_of(f"{http_scheme}{mark}{rest}", permit)


def target_of(url: str) -> str:
    """Path and query of a URL, as a request line takes them."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return re.sub(r"[^\x21-\x7e]", lambda m: f"%{ord(m[0]) & 0xFF:02X}", target)


@dataclass
class Got:
    """An answer. ``data`` is its body, or what came through the WebSocket, as far as it was read.

    ``upgraded`` says that a WebSocket was opened. ``wire`` are the bytes that came in after TLS
    was set up, as on the network; kept where a capture was asked for. ``url`` is the address that
    gave the answer: behind a redirect, what it contains is relative to that one. ``texts`` counts
    messages of a WebSocket that are text, with no media in it.
    """

    exchange: Exchange
    data: bytes = field(default=b"", repr=False)
    tls_version: str = ""
    upgraded: bool = False
    wire: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)
    texts: int = 0

    @property
    def media(self) -> str:
        """The word for what came, by its first bytes."""
        if self.upgraded:
            return recognise(self.data)
        return recognise(self.data, self.exchange.media_type) if self.exchange.succeeded else ""


def at_first_media(data: bytes | bytearray) -> bool:
    """Enough to know that there is media: what a stranger is asked for, and no more."""
    start = bytes(data[:ENOUGH])
    return len(data) >= ENOUGH or bool(recognise(start)) or b"\xff\xd8\xff" in start


def never(data: bytes | bytearray) -> bool:
    """Nothing short of the end is enough."""
    del data
    return False


@dataclass(frozen=True)
class Wish:
    """What to ask for and how much of it.

    ``few`` sends a Range for so many bytes, 0 for none. ``subprotocol`` and ``first_message`` are
    for WebSockets. ``declared``: the device file itself says that this address is in clear, so a
    Basic login there gives away what the camera gives away anyhow.
    """

    url: str
    limit: int = ENOUGH
    enough: Callable[[bytearray], bool] = at_first_media
    seconds: float = ANSWER_SECONDS
    few: int = 0
    subprotocol: str = ""
    first_message: bytes = b""
    declared: bool = False

    @property
    def websocket(self) -> bool:
        """Whether a WebSocket is asked for."""
        return self.url.lower().startswith("ws")


class Asker:
    """Sends requests for media, each on a connection of its own.

    ``trusted_host``: the host that session fields may be sent to, inside TLS; ``clear_session``
    lets them go without it, where the session itself was begun in clear.
    """

    def __init__(
        self, permit: Permit, trusted_host: str = "", *, clear_session: bool = False
    ) -> None:
        self._permit = permit
        self._trusted_host = trusted_host
        self._clear_session = clear_session

    def ask(self, wish: Wish, sender: Sender, capture: Capture | None = None) -> Got:
        """Ask, answering a challenge if the sender can. Raises LinkError, OutsideAuthorisation."""
        server = web_server(wish.url, self._permit)
        encrypted = server.scheme == "https"
        got = self._once(wish, sender, server, capture)
        for _ in range(_TRIES - 1):
            values = got.exchange.all_headers("WWW-Authenticate")
            may_be_read = encrypted or wish.declared
            if got.exchange.status != 401 or not sender.take_up(values, may_be_read=may_be_read):
                break
            got = self._once(wish, sender, server, capture)
        if got.exchange.status == 401 and encrypted and not sender.answered and sender.preemptive:
            got = self._once(wish, replace(sender, login=None), server, capture)
        if sender.login is not None and got.exchange.succeeded:
            sender.login.proved = True
        return got

    def follow(self, wish: Wish, sender: Sender) -> Got:
        """As ask(), and where a redirect on the same host leads to; raises the same."""
        got = self.ask(wish, sender)
        for _ in range(_FOLLOWED):
            location = got.exchange.header("Location")
            if not 300 <= got.exchange.status < 400 or not location:
                break
            url = joined(wish.url, location)
            if urlsplit(url).hostname != urlsplit(wish.url).hostname:
                break
            wish = replace(wish, url=url)
            got = self.ask(wish, sender)
        return got

    def _once(self, wish: Wish, sender: Sender, server: Server, capture: Capture | None) -> Got:
        target = target_of(wish.url)
        fields = self._fields(server, sender, target, declared=wish.declared)
        if wish.few:
            fields["Range"] = f"bytes=0-{wish.few - 1}"
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        if wish.websocket:
            fields |= upgrade_fields(key, wish.subprotocol, sender.origin or server.url)
        began = time.monotonic()
        data, cut, messages, texts = b"", False, list[bytes](), 0
        wire = MediaWire(server, capture)
        wire.wire.tap = bytearray() if capture is not None else None
        try:
            answer = wire.request("GET", target, fields, wish.seconds)
            upgraded = wish.websocket and answer.status == 101
            if not upgraded:
                data, cut = wire.body(answer, wish.limit, wish.enough, wish.seconds)
            elif answer.getheader("Sec-WebSocket-Accept", "").strip() != accept_of(key):
                raise Garbled(f"{wish.url}: an upgrade without the right Sec-WebSocket-Accept")
            else:
                conversation = Conversation(wire, wish.limit, wish.seconds)
                messages = conversation.have(wish.first_message, wish.enough)
                texts = conversation.texts
        finally:
            wire.close()
        exchange = make_exchange(
            sender=sender.name,
            method="GET",
            target=shown(target),
            server=server.url,
            protection=wire.protection,
            status=answer.status,
            headers=answer.getheaders(),
            body=data,
            truncated=cut,
            seconds=time.monotonic() - began,
        )
        data = data or b"".join(messages)
        tapped = bytes(wire.wire.tap or b"")
        return Got(exchange, data, wire.wire.tls_version, upgraded, tapped, wish.url, texts)

    def _fields(
        self, server: Server, sender: Sender, target: str, *, declared: bool
    ) -> dict[str, str]:
        fields = {
            "Host": server.url.partition("://")[2],
            "User-Agent": "camproof",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        confidential = server.scheme == "https" or self._clear_session
        if server.host == self._trusted_host and confidential:
            fields |= sender.fields
        value = sender.preemptive
        if sender.login is not None:
            value = sender.login.authorization("GET", target) or ""
        if value.startswith("Basic ") and server.scheme == "http" and not declared:
            value = ""  # what a password may not be sent by
        return fields | ({"Authorization": value} if value else {})
