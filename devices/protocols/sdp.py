"""Session descriptions (RFC 8866) as RTSP cameras use them: a bounded, forgiving parser."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from devices.errors import Garbled

MAX_LINES = 2000
MAX_MEDIA = 32

Attributes = tuple[tuple[str, str], ...]


def _values(attributes: Attributes, name: str) -> list[str]:
    return [value for key, value in attributes if key == name]


@dataclass(frozen=True)
class Media:
    """One ``m=`` section. ``protocol`` is ``RTP/AVP``, ``RTP/SAVP`` and so on, upper case.

    ``connections`` are the values of its ``c=`` lines (RFC 8866, 5.7).
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: Attributes = ()
    connections: tuple[str, ...] = ()

    def all(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return _values(self.attributes, name)

    @property
    def control(self) -> str:
        """The control URL, absolute or relative; empty when the session's own is meant."""
        return next(iter(self.all("control")), "")

    @property
    def secure(self) -> bool:
        """Whether the section offers SRTP."""
        return self.protocol.startswith("RTP/S")

    @property
    def payload_type(self) -> int | None:
        """The first RTP payload type; None when it is not a number."""
        first = self.formats[0] if self.formats else ""
        return int(first) if re.fullmatch(r"\d{1,3}", first) and int(first) < 128 else None

    def _of_format(self, name: str) -> str:
        wanted = str(self.payload_type)
        for value in self.all(name):
            number, _, rest = value.partition(" ")
            if number == wanted:
                return rest.strip()
        return ""

    @property
    def encoding(self) -> str:
        """The encoding name of ``a=rtpmap`` in upper case (``H264``); empty when not given."""
        return self._of_format("rtpmap").partition("/")[0].upper()

    @property
    def dimensions(self) -> tuple[int, int]:
        """Width and height in pixels, by x-dimensions or framesize; zeros when not given."""
        said = next(iter(self.all("x-dimensions")), "") or self._of_format("framesize")
        found = re.fullmatch(r"\s*(\d{1,5})\s*[-,]\s*(\d{1,5})\s*", said)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def format_parameters(self) -> dict[str, str]:
        """The parameters of ``a=fmtp``; names in lower case."""
        pairs = (word.partition("=") for word in self._of_format("fmtp").split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}

    def parameter_sets(self) -> list[bytes]:
        """Return the VPS, SPS and PPS of ``a=fmtp`` (RFC 6184, 8.1; RFC 7798, 7.1)."""
        found: list[bytes] = []
        parameters = self.format_parameters
        for name in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"):
            for text in parameters.get(name, "").split(","):
                try:
                    unit = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4))
                except (binascii.Error, ValueError):
                    continue  # the stream repeats them; a broken copy here is not needed
                found += [unit] if unit else []
        return found


@dataclass(frozen=True)
class SessionDescription:
    """A whole description: session attributes, media sections, and the session's ``c=``."""

    attributes: Attributes = ()
    media: tuple[Media, ...] = ()
    connections: tuple[str, ...] = ()

    def all(self, name: str) -> list[str]:
        """Return every value of a session attribute."""
        return _values(self.attributes, name)

    @property
    def control(self) -> str:
        """The aggregate control URL; ``*`` or empty means the base URL."""
        return next(iter(self.all("control")), "")

    def video(self) -> list[Media]:
        """Return the video sections."""
        return [media for media in self.media if media.kind == "video"]

    def metadata(self) -> list[Media]:
        """Return the sections with ONVIF metadata (ONVIF Streaming, 5.2.2.4)."""
        others = [media for media in self.media if media.kind not in ("video", "audio")]
        return [media for media in others if "ONVIF.METADATA" in media.encoding]


def parse(data: bytes) -> SessionDescription:
    """Parse a description; raises Garbled when it is none (no ``v=0`` line) or over its bounds.

    Unknown lines are stepped over; attributes keep their order.
    """
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise Garbled(f"a session description of {len(lines)} lines")
    if not any(line.strip() == "v=0" for line in lines[:5]):
        raise Garbled(f"not a session description: {data[:60]!r}")
    session, media = _Section(), list[tuple[Media, _Section]]()
    for line in lines:
        section = media[-1][1] if media else session
        if line.startswith("m="):
            media.append((_media_line(line), _Section()))
            if len(media) > MAX_MEDIA:
                raise Garbled(f"more than {MAX_MEDIA} media sections")
        elif line.startswith("a="):
            name, _, value = line[2:].strip().partition(":")
            section.attributes.append((name.strip(), value.strip()))
        elif line.startswith("c="):
            section.connections.append(line[2:].strip())
    sections = tuple(
        replace(m, attributes=tuple(s.attributes), connections=tuple(s.connections))
        for m, s in media
    )
    return SessionDescription(tuple(session.attributes), sections, tuple(session.connections))


@dataclass
class _Section:
    """The lines of a section as they come."""

    attributes: list[tuple[str, str]] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)


def _media_line(line: str) -> Media:
    words = line[2:].split()
    if len(words) < 3 or not re.fullmatch(r"\d{1,5}(/\d{1,5})?", words[1]):
        raise Garbled(f"not a media line: {line[:80]!r}")
    return Media(words[0].lower(), int(words[1].partition("/")[0]), words[2].upper(), (*words[3:],))


def base_url(request_url: str, content_base: str, content_location: str = "") -> str:
    """Return the URL that control URLs are relative to (RFC 2326, C.1.1).

    Scheme, host and port stay those of the request: cameras behind an address translation, and
    servers that write ``rtsp://`` inside RTSPS, name themselves wrongly, and nothing outside the
    authorised address may be contacted.
    """
    base = (content_base or content_location).strip()
    if not base:
        return request_url
    try:
        return on_same_host(request_url, urljoin(request_url, base))
    except ValueError as error:
        raise Garbled(f"not a URL: {base[:80]!r}") from error


def control_url(base: str, control: str) -> str:
    """Resolve a control attribute against the base URL, on the same host and port."""
    if control in ("", "*"):
        return base
    if control.partition(":")[0].lower() in ("rtsp", "rtsps", "rtspu"):
        return on_same_host(base, control)
    # Not urljoin: a base without trailing slash is common, and its last segment must stay.
    return base.rstrip("/") + "/" + control.lstrip("/")


def on_same_host(reference: str, url: str) -> str:
    """Return ``url`` with scheme, host and port of ``reference``; raises Garbled when no URL."""
    try:
        ours, theirs = urlsplit(reference), urlsplit(url)
    except ValueError as error:
        raise Garbled(f"not a URL: {url[:80]!r}") from error
    return theirs._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()
