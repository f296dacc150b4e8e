"""Media over plain HTTP and WebSocket: every port, without login and with a Digest one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from devices.description import Stream
from devices.errors import LinkError, Unreachable
from devices.links.rtsp.client import without_userinfo
from devices.links.web_media.access import (
    PublishedMedium,
    answer_of,
    ask_published,
    wish_for,
)
from devices.links.web_media.addresses import shown
from devices.links.web_media.asking import Asker, Wish, target_of
from devices.links.web_media.observations import (
    ClearMediaPort,
    MediaAnswer,
    MediaPart,
    PlayedMedium,
)
from devices.links.web_media.senders import Sender
from devices.protocols.digest import DigestClient

_ENOUGH = 3
_LASTING = ("itself", "playlist", "clip", "key", "initialisation")
"""Parts that are still there when other ports are asked; live segments are not."""


class ClearSurvey:
    """Asks ports for media in clear. ``login`` makes a Digest login, None without an account."""

    def __init__(
        self,
        asker: Asker,
        streams: Sequence[Stream],
        played: Sequence[PlayedMedium],
        published: Sequence[PublishedMedium],
    ) -> None:
        self._asker = asker
        self._streams = {stream.name: stream for stream in streams}
        self._parts = [
            (self._streams[one.name], one, part)
            for one in played
            for part in (
                one.parts
                or (MediaPart("itself", one.url, without_userinfo(self._streams[one.name].url)),)
            )
            if part.part in _LASTING
        ]
        self._published = published
        self.shortfalls: list[str] = []

    @property
    def asked(self) -> int:
        """Addresses that each port is asked for."""
        return len(self._parts) + len(self._published)

    def port(self, host: str, port: int, login: DigestClient | None) -> ClearMediaPort:
        """Ask one port. Raises OutsideAuthorisation."""
        base = f"http://{host}:{port}"
        closed = ""
        try:
            self._asker.ask(Wish(f"{base}/"), Sender())
        except LinkError as error:
            closed = f"{error.cause}: {error}"
            if error.cause == "unreachable":
                return ClearMediaPort(port, closed=closed)
        answers: list[MediaAnswer] = []
        problems: list[str] = []
        for number, request in enumerate(self._requests(base, port)):
            try:
                answers += self._both(request, login)
            except Unreachable:
                continue  # it hangs up on this one
            except LinkError as error:
                problems.append(f"port {port}: {error}")
            if len(problems) >= _ENOUGH:
                left = self.asked - number - 1
                problems.append(f"port {port}: {left} addresses were not asked")
                break
        if closed and not answers:  # no HTTP here, neither at the front page nor elsewhere
            return ClearMediaPort(port, closed=closed)
        self.shortfalls += problems
        return ClearMediaPort(port, answers=tuple(answers))

    def _both(self, request: _Request, login: DigestClient | None) -> list[MediaAnswer]:
        """Without login, and with one where a Digest login is asked for."""
        first = request(Sender())
        challenges = first.exchange.all_headers("WWW-Authenticate") if first.exchange else []
        refused = first.exchange is not None and first.exchange.status == 401
        if login is None or not refused or not any("digest" in c.lower() for c in challenges):
            return [first]
        return [first, request(_digest_only(login))]

    def _requests(self, base: str, port: int) -> Iterator[_Request]:
        for stream, one, part in self._parts:
            scheme = "ws" if stream.web_container == "websocket" else "http"
            url = scheme + base.removeprefix("http") + target_of(part.whole)
            own = urlsplit(part.whole)
            if own.scheme in ("http", "ws") and (own.port or 80) == port:
                url = part.whole  # declared in clear, at a host of its own perhaps
            yield _Declared(self._asker, stream, one, MediaPart(part.part, shown(url), url))
        for known in self._published:
            yield _Published(self._asker, known, base)


class _Request:
    """One address, asked for as whoever is given. Raises LinkError."""

    def __call__(self, sender: Sender) -> MediaAnswer:
        raise NotImplementedError


class _Declared(_Request):
    def __init__(self, asker: Asker, stream: Stream, one: PlayedMedium, part: MediaPart) -> None:
        self._asker, self._stream, self._one, self._part = asker, stream, one, part

    def __call__(self, sender: Sender) -> MediaAnswer:
        got = self._asker.ask(wish_for(self._stream, self._part), sender)
        return answer_of(self._stream.name, self._part, sender, got, self._one.listed)


class _Published(_Request):
    def __init__(self, asker: Asker, known: PublishedMedium, base: str) -> None:
        self._asker, self._known, self._base = asker, known, base

    def __call__(self, sender: Sender) -> MediaAnswer:
        return ask_published(self._asker.ask, self._known, self._base, sender)


def _digest_only(login: DigestClient) -> Sender:
    return Sender(login.username, login=login)
