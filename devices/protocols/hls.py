"""HLS playlists (RFC 8216): the addresses in them, sans-io."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from devices.errors import Garbled

MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 4096

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')


@dataclass(frozen=True)
class Key:
    """How the segments that follow are encrypted (4.3.2.4); ``iv`` is empty when not given."""

    method: str
    uri: str
    iv: bytes


@dataclass(frozen=True)
class Segment:
    """One media segment: its address as written, its sequence number, its key."""

    uri: str
    number: int
    key: Key | None


@dataclass(frozen=True)
class Playlist:
    """A playlist; ``variants`` are those of a master playlist, ``maps`` initialisation sections."""

    variants: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    parts: tuple[str, ...] = field(default=())


def parse_playlist(data: bytes) -> Playlist:
    """Read a playlist; raises Garbled when it is none or has no end."""
    if len(data) > MAX_BYTES:
        raise Garbled(f"an HLS playlist of more than {MAX_BYTES} bytes")
    lines = [line.strip() for line in data.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line]
    if not lines or not lines[0].startswith("#EXTM3U"):
        raise Garbled("not an HLS playlist: it does not begin with #EXTM3U")
    reader = _Reader()
    for line in lines[1 : MAX_ENTRIES + 1]:
        reader.take(line)
    return reader.playlist()


class _Reader:
    def __init__(self) -> None:
        self._variants: list[str] = []
        self._maps: list[str] = []
        self._parts: list[str] = []
        self._segments: list[Segment] = []
        self._key: Key | None = None
        self._number = 0
        self._variant = False

    def take(self, line: str) -> None:
        if not line.startswith("#"):
            if self._variant:
                self._variants.append(line)
                self._variant = False
            else:
                self._segments.append(Segment(line, self._number, self._key))
                self._number += 1
            return
        name, _, value = line.partition(":")
        attributes = {key: text.strip('"') for key, text in _ATTRIBUTE.findall(value)}
        uri = attributes.get("URI", "")
        if name == "#EXT-X-STREAM-INF":
            self._variant = True
        elif name == "#EXT-X-MEDIA-SEQUENCE" and value.isascii() and value.isdigit():
            self._number = int(value[:18])
        elif name == "#EXT-X-KEY":
            self._key = _key(attributes)
        elif name == "#EXT-X-MAP" and uri:
            self._maps.append(uri)
        elif name == "#EXT-X-PART" and uri:
            self._parts.append(uri)

    def playlist(self) -> Playlist:
        return Playlist(
            variants=tuple(self._variants),
            maps=tuple(dict.fromkeys(self._maps)),
            segments=tuple(self._segments),
            parts=tuple(self._parts),
        )


def _key(attributes: dict[str, str]) -> Key | None:
    method = attributes.get("METHOD", "NONE")
    if method == "NONE":
        return None
    digits = attributes.get("IV", "")[2:34]
    valid = re.fullmatch(r"[0-9A-Fa-f]+", digits) is not None
    iv = bytes.fromhex(digits.zfill(32)) if valid else b""
    return Key(method, attributes.get("URI", ""), iv)
