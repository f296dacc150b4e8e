"""What the web media link hands upward: facts about media, and who gets them."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import ClassVar

from devices.links.http.exchange import Exchange
from devices.links.rtsp.observations import DecodedPictures
from devices.observation import Observation
from devices.protocols.containers import claims_video

UNKNOWN = "unknown user"
ENDED = "ended session"
MADE_UP = "made-up session"
FOREIGN = "foreign origin"
"""Senders that are no user; ``anonymous`` is the fifth."""

_PAGES = ("text/", "application/json", "application/xml", "application/problem", "image/svg")


@dataclass(frozen=True)
class MediaPart:
    """One address of a medium. ``part``: itself, playlist, initialisation, segment, key, clip.

    ``url`` is for people and evidence, with tokens masked; ``whole`` is what to ask for.
    """

    part: str
    url: str
    address: InitVar[str] = ""
    # No field: fields are evidence, and an address may hold a token.
    _address: ClassVar[str] = ""

    def __post_init__(self, address: str) -> None:
        object.__setattr__(self, "_address", address or self.url)

    @property
    def whole(self) -> str:
        """The address itself; for use, not for evidence."""
        return self._address


@dataclass(frozen=True, kw_only=True)
class MediaAnswer(Observation):
    """One request for a part of a medium, and what came.

    ``medium`` is the name in the device file, empty for a published path. ``exchange`` is None
    when the camera hung up. ``media`` is what came by its bytes: a word of
    ``devices.protocols.containers``, ``clip-list``, ``key``, ``rtsp`` (an answer with a session
    description inside a WebSocket); empty when it is none. ``upgraded``: a WebSocket was opened.
    ``token_bits`` is an upper bound of the secret in the address itself, 0 when there is none;
    ``token_checked``: the same address with another secret gets nothing.
    """

    medium: str
    part: str
    sender: str
    exchange: Exchange | None
    media: str = ""
    upgraded: bool = False
    token_bits: int = 0
    token_checked: bool = False

    @property
    def request(self) -> str:
        """The request for people."""
        return self.exchange.request if self.exchange is not None else f"{self.medium} {self.part}"

    @property
    def in_clear(self) -> bool:
        """Whether it went without TLS."""
        return self.exchange is not None and self.exchange.protection == "none"

    @property
    def unclear(self) -> bool:
        """A success that is neither media that is known here nor a page or message."""
        answer = self.exchange
        if answer is None or self.media or not answer.succeeded:
            return False
        kind = answer.media_type
        return claims_video(kind) or (answer.body_bytes > 0 and not kind.startswith(_PAGES))


@dataclass(frozen=True)
class PlayedMedium:
    """One declared medium, asked for with an account.

    ``outcome``: ``played`` (media came), ``silent`` (a success without media), ``refused`` (the
    camera answered ``status``), ``failed`` (``cause`` and ``reason`` say why it could not be
    tried), ``not-measured`` (media that this link does not open). ``found`` are the words for
    what came, playlists and their media, in the order in which they were asked for. ``codec`` is
    that of the coded pictures, lower case; ``encrypted``: the segments are, with a key of their
    own. ``parts`` are the addresses that it is made of, ``listed`` the paths of recordings that a
    list of them names.
    """

    name: str
    url: str
    container: str
    outcome: str
    status: int = 0
    cause: str = ""
    reason: str = ""
    tls_version: str = ""
    found: tuple[str, ...] = ()
    codec: str = ""
    encrypted: bool = False
    pictures: DecodedPictures | None = None
    parts: tuple[MediaPart, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WebMedia(Observation):
    """The declared media, and what each of their parts gives to whom.

    ``answers`` holds for each part the requests of strangers and, right after, one with an
    account. ``published`` are requests to published addresses, without login and with one.
    """

    played: tuple[PlayedMedium, ...]
    answers: tuple[MediaAnswer, ...]
    published: tuple[MediaAnswer, ...]


@dataclass(frozen=True)
class ClearMediaPort:
    """One port spoken to without TLS. ``closed``: it speaks no HTTP, with what happened."""

    port: int
    closed: str = ""
    answers: tuple[MediaAnswer, ...] = ()

    @property
    def behind_login(self) -> tuple[MediaAnswer, ...]:
        """Requests that a login is asked for, and that no login has got past."""
        past = {a.request for a in self.answers if a.exchange and a.exchange.status != 401}
        asked = (a for a in self.answers if a.exchange and a.exchange.status == 401)
        return tuple({a.request: a for a in asked if a.request not in past}.values())


@dataclass(frozen=True, kw_only=True)
class ClearMedia(Observation):
    """Plain HTTP and WebSocket on every port where they might be.

    ``front`` is the answer of the web interface itself: the camera was there when it was asked.
    ``asked`` counts the addresses that each port was asked for.
    """

    front: Exchange | None
    asked: int
    ports: tuple[ClearMediaPort, ...]
