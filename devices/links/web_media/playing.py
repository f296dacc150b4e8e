"""Plays one declared medium with an account: fetches it, opens its container, decodes pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from devices.description import Stream
from devices.errors import DeviceError, NotOffered
from devices.links.rtsp import picture
from devices.links.rtsp.client import without_userinfo
from devices.links.rtsp.observations import DecodedPictures
from devices.links.web_media.addresses import joined, shown
from devices.links.web_media.asking import Asker, Got, Wish, never
from devices.links.web_media.clips import clip_addresses, clip_paths
from devices.links.web_media.observations import MediaPart, PlayedMedium
from devices.links.web_media.senders import Sender
from devices.protocols import containers, dash, hls, jpeg, multipart

MAX_MEDIA = 24 * 1024 * 1024
"""Bytes of one segment or clip that are fetched at most."""
_LIVE_SECONDS = 6.0
_PICTURES = 6  # of MJPEG, and messages of a WebSocket: enough to know what it is
_BLOCK = 16  # bytes, AES
_JPEG = b"\xff\xd8\xff"

_WHOLE = ("hls", "dash", "clip")  # fetched to their end, where that comes in time
_PAGES = ("text/html", "application/xhtml+xml")
_LOGIN_REFUSED = "the test's login is not taken here, or may not see it"
_LOGIN_IN_CLEAR = "a login is asked for in clear, and the test gives none that could be read"

BY_CLOCK = "by-clock"
"""Cause of a refusal of what this link has reckoned by the time of day, and the camera has not
named."""


class _Refused(Exception):
    def __init__(self, part: str, status: int) -> None:
        what = "it" if part == "itself" else f"its {part}"
        super().__init__(f"{what} is answered {status}")
        self.part, self.status = part, status


class _NotMeasured(Exception):
    """What comes is not opened by this link; the message says why."""


@dataclass
class Playing:
    """What has been learnt of a medium so far; ``media`` are the bytes to decode."""

    asker: Asker
    stream: Stream
    sender: Sender
    url: str
    parts: list[MediaPart] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    media: bytes = field(default=b"", repr=False)
    encrypted: bool = False
    listed: list[str] = field(default_factory=list)
    last: Got | None = None
    by_clock: bool = False

    def fetch(self, part: str, url: str, wish: Wish | None = None) -> Got:
        """Fetch a part and note what it is; raises _Refused when the camera gives none."""
        wish = wish or Wish(url, MAX_MEDIA, never)
        wish = replace(wish, declared=declared_in_clear(self.stream, url))
        got = self.asker.follow(wish, self.sender)
        self.parts.append(MediaPart(part, shown(url), url))
        self.last = got
        if not got.exchange.succeeded and not got.upgraded:
            raise _Refused(part, got.exchange.status)
        self.found.append(got.media)
        return got


def play(asker: Asker, stream: Stream, sender: Sender) -> tuple[PlayedMedium, bytes]:
    """Play a medium; the facts, and its last picture as PNG. Raises no LinkError."""
    container = stream.web_container or "mjpeg"
    playing = Playing(asker, stream, sender, without_userinfo(stream.url))
    facts = PlayedMedium(stream.name, shown(playing.url), container, "played")
    try:
        _WAYS[container](playing)
    except _Refused as refused:
        facts = replace(facts, outcome="refused", status=refused.status, reason=str(refused))
        if refused.part == "segment" and playing.by_clock:
            reason = f"{refused}, which is the newest by the clock: the camera's may be another"
            facts = replace(facts, cause=BY_CLOCK, reason=reason)
    except _NotMeasured as why:
        facts = replace(facts, outcome="not-measured", cause="not-measured", reason=str(why))
    except DeviceError as error:
        facts = replace(facts, outcome="failed", cause=error.cause, reason=str(error))
    return _judged(facts, playing)


def _judged(facts: PlayedMedium, playing: Playing) -> tuple[PlayedMedium, bytes]:
    if facts.outcome == "refused" and facts.status in (401, 403):
        why = _LOGIN_REFUSED if _inside_tls(playing) else _LOGIN_IN_CLEAR
        facts = replace(facts, outcome="failed", cause="no-login", reason=f"{facts.reason}: {why}")
    facts = replace(
        facts,
        found=tuple(word for word in playing.found if word),
        encrypted=playing.encrypted,
        listed=tuple(playing.listed),
        parts=tuple(playing.parts),
    )
    if playing.last is not None:
        status = facts.status or playing.last.exchange.status
        facts = replace(facts, status=status, tls_version=playing.last.tls_version)
    if facts.outcome != "played":
        return facts, b""
    if not playing.media:
        return _without_media(facts, playing.last), b""
    word = playing.found[-1]
    seen, codec = picture.Pictures(), ""
    if word in ("mjpeg", "jpeg"):
        assert playing.last is not None
        seen, codec = picture.of_jpegs(jpegs_of(playing.last)), "mjpeg"
    elif word in containers.VIDEO:
        seen, codec = picture.decode_file(playing.media, word)
    if not seen.frames and facts.container in _WHOLE and _is_cut(playing.last):
        reason = f"only its first {len(playing.media)} bytes were fetched, and they do not decode"
        return replace(facts, outcome="not-measured", cause="not-measured", reason=reason), b""
    pictures = DecodedPictures(seen.frames, seen.width, seen.height, seen.movement, seen.contrast)
    return replace(facts, codec=codec, pictures=pictures), seen.png


def _without_media(facts: PlayedMedium, last: Got | None) -> PlayedMedium:
    """Nothing to decode came. A page in its place says no more than a refusal of the login."""
    if last is not None and last.exchange.media_type in _PAGES:
        why = "a page comes in its place, as for who is not logged in"
        return replace(facts, outcome="failed", cause="no-login", reason=why)
    return replace(facts, outcome="silent", reason="no media came")


def _is_cut(last: Got | None) -> bool:
    return last is not None and last.exchange.truncated


def _inside_tls(playing: Playing) -> bool:
    return playing.last is not None and playing.last.exchange.protection != "none"


def declared_in_clear(stream: Stream, url: str) -> bool:
    """Whether the device file itself says that this server gives its video in clear."""
    own, asked = urlsplit(without_userinfo(stream.url)), urlsplit(url)
    return own.scheme in ("http", "ws") and own.netloc == asked.netloc


def jpegs_of(got: Got) -> list[bytes]:
    """Pictures of a multipart answer by its boundaries, or, where that gives none, as they lie."""
    boundary = multipart.boundary_of(got.exchange.header("Content-Type"))
    bodies = [part.body for part in multipart.parts(got.data, boundary)]
    framed = [body for body in bodies if jpeg.scan_of(body)]
    return framed or jpeg.pictures(got.data)


def _mjpeg(playing: Playing) -> None:
    def enough(data: bytearray) -> bool:
        return data.count(_JPEG) > _PICTURES

    wish = Wish(playing.url, MAX_MEDIA, enough, seconds=_LIVE_SECONDS)
    got = playing.fetch("itself", playing.url, wish)
    if len(jpegs_of(got)) > 1:  # whatever media type it says
        playing.found[-1] = "mjpeg"
    playing.media = got.data if playing.found[-1] in ("mjpeg", "jpeg") else b""


def _hls(playing: Playing) -> None:
    got = playing.fetch("itself", playing.url)
    playlist = hls.parse_playlist(got.data)
    if playlist.variants:
        got = playing.fetch("playlist", joined(got.url, playlist.variants[0]))
        playlist = hls.parse_playlist(got.data)
    url = got.url
    if not playlist.segments:
        return
    head = b""
    if playlist.maps:
        head = playing.fetch("initialisation", joined(url, playlist.maps[-1])).data
    segment = playlist.segments[-1]
    key = _key(playing, url, segment)
    data = playing.fetch("segment", joined(url, segment.uri)).data
    if key:
        data = _opened(data, key, segment)
        playing.found[-1] = containers.recognise(data)
    playing.media = head + data


def _key(playing: Playing, url: str, segment: hls.Segment) -> bytes:
    if segment.key is None:
        return b""
    playing.encrypted = True
    where = joined(url, segment.key.uri) if segment.key.uri else ""
    fetched = where.lower().startswith(("http://", "https://"))
    key = playing.fetch("key", where).data if fetched else b""
    if segment.key.method != "AES-128" or not fetched:
        raise _NotMeasured(f"its segments are encrypted with {segment.key.method}")
    if len(key) != _BLOCK:
        raise _NotMeasured(f"the key of its segments has {len(key)} bytes, AES-128 has {_BLOCK}")
    return key


def _opened(data: bytes, key: bytes, segment: hls.Segment) -> bytes:
    """Take AES-128 in CBC mode off a segment (RFC 8216, 4.3.2.4 and 5.2)."""
    assert segment.key is not None
    vector = segment.key.iv or segment.number.to_bytes(_BLOCK, "big")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    return decryptor.update(data[: len(data) // _BLOCK * _BLOCK])


def _dash(playing: Playing) -> None:
    got = playing.fetch("itself", playing.url)
    manifest = dash.parse_manifest(got.data, _camera_time(got))
    playing.by_clock = manifest.by_clock
    head = b""
    if manifest.initialisation:
        head = playing.fetch("initialisation", joined(got.url, manifest.initialisation)).data
    if manifest.segment:
        playing.media = head + playing.fetch("segment", joined(got.url, manifest.segment)).data


def _camera_time(got: Got) -> float:
    """Unix time by the camera's own clock, where its answer tells it (RFC 9110, 6.6.1)."""
    try:
        return parsedate_to_datetime(got.exchange.header("Date")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return time.time()


def _clip(playing: Playing) -> None:
    got = playing.fetch("itself", playing.url)
    if got.media in containers.VIDEO:
        playing.media = got.data
        return
    addresses = clip_addresses(got.exchange)
    if not addresses:
        raise NotOffered("it is no recording, and lists none")
    playing.found[-1] = "clip-list"
    playing.listed = clip_paths(got.exchange)
    playing.media = playing.fetch("clip", joined(got.url, addresses[-1])).data


def _websocket(playing: Playing) -> None:
    stream = playing.stream
    messages = 0

    def enough(data: bytearray) -> bool:
        nonlocal messages
        messages += 1
        return messages > _PICTURES and bool(data)

    wish = Wish(
        playing.url,
        MAX_MEDIA,
        enough,
        seconds=_LIVE_SECONDS,
        subprotocol=stream.subprotocol or "",
        first_message=(stream.first_message or "").encode(),
    )
    got = playing.fetch("itself", playing.url, wish)
    if not got.upgraded:
        raise _Refused("request for a WebSocket", got.exchange.status)
    if not got.data and got.texts:
        raise _NotMeasured(f"{got.texts} messages of text came, and no video that is known in them")
    if not got.data and not stream.first_message:
        raise _NotMeasured("nothing came: perhaps its player has to speak first (first_message)")
    playing.media = got.data


_WAYS: dict[str, Callable[[Playing], None]] = {
    "mjpeg": _mjpeg,
    "hls": _hls,
    "dash": _dash,
    "clip": _clip,
    "websocket": _websocket,
}
