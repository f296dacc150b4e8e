"""From a stream's URL to what can be set up: the session description, its tracks, its keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from devices.errors import Garbled, LinkError, NotOffered
from devices.links.rtsp.client import RtspClient
from devices.protocols import mikey, sdes, sdp
from devices.protocols.h26x import Codec
from devices.protocols.rtsp import Response
from devices.protocols.srtp_suite import SrtpKeys

_CODECS: dict[str, Codec] = {"H264": "h264", "H265": "h265", "HEVC": "h265"}

_JPEG = 26  # static payload type, RFC 3551, 6
_REDIRECTS = (301, 302, 303, 305)


Track = Literal["video", "metadata"]
"""A kind of track; metadata is ONVIF's (application/vnd.onvif.metadata)."""


@dataclass(frozen=True)
class Described:
    """A session description and the URL that its control attributes are relative to."""

    description: sdp.SessionDescription
    base: str

    @property
    def aggregate(self) -> str:
        """The URL for PLAY and TEARDOWN of the whole session."""
        return sdp.control_url(self.base, self.description.control)

    def track(self, media: sdp.Media) -> str:
        """The URL for SETUP of one section."""
        if not media.control:
            return self.aggregate
        return sdp.control_url(self.base, media.control)

    def only(self, section: int | None) -> Described:
        """Return it with this video section alone; whole without a number, or beyond the last."""
        video = self.description.video()
        if section is None or section >= len(video):
            return self
        return replace(self, description=replace(self.description, media=(video[section],)))

    def video(self, *, secure: bool) -> sdp.Media:
        """Return the video section to set up, one of the wanted profile if there is any.

        Raises NotOffered when there is no video at all.
        """
        return self.sections(secure=secure)[0]

    def sections(self, what: Track = "video", *, secure: bool) -> list[sdp.Media]:
        """Return the sections of a track to try in SETUP: one of each profile that is wanted.

        Servers that offer SAVP and SAVPF have a section for each. Raises NotOffered when there is
        no such track at all.
        """
        sections = self.tracks(what)
        if not sections:
            raise NotOffered(f"the session description has no {what}")
        suited = [m for m in sections if m.secure == secure]
        plain_profile = [m for m in suited if m.protocol.endswith("AVP")]
        each = {m.protocol: m for m in reversed([*plain_profile, *suited])}
        return [each[p] for p in sorted(each, key=len)] or sections[:1]

    def tracks(self, what: Track) -> list[sdp.Media]:
        """Return the sections of one kind."""
        return self.description.video() if what == "video" else self.description.metadata()


@dataclass(frozen=True)
class OfferedKeys:
    """SRTP keys, how they came (``mikey``, ``sdes``), and a problem when they are not readable."""

    exchange: str
    keys: SrtpKeys | None
    problem: str = ""


class NotDescribed(NotOffered):
    """DESCRIBE was answered with ``status`` and no description."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Redirected(NotDescribed):
    """The camera sends its client to ``location``; ``devices.links.rtsp.redirect`` follows."""

    def __init__(self, message: str, status: int, location: str) -> None:
        super().__init__(message, status)
        self.location = location


def describe(client: RtspClient, url: str) -> Described:
    """Ask for the description of a stream, logged in if the client has a login.

    Raises Busy, NotDescribed for another answer than success, and Redirected for one that sends
    elsewhere (RFC 2326, 11.3).
    """
    answer = client.patient("DESCRIBE", url, {"Accept": "application/sdp"})
    if answer.ok:
        return described(answer, url)
    said = f"DESCRIBE {url} is answered {answer.status} {answer.reason}".rstrip()
    if answer.status in _REDIRECTS and (location := answer.get("Location")):
        raise Redirected(f"{said}, to {location[:200]}", answer.status, location)
    raise NotDescribed(said, answer.status)


def described(answer: Response, url: str) -> Described:
    """Return the description that an answer carries; raises Garbled."""
    base = sdp.base_url(url, answer.get("Content-Base"), answer.get("Content-Location"))
    return Described(sdp.parse(answer.body), base)


def has_video(answer: Response) -> bool:
    """Whether a successful answer describes a video stream."""
    if not answer.ok:
        return False
    try:
        return bool(sdp.parse(answer.body).video())
    except Garbled:
        return False


def codec_of(media: sdp.Media) -> Codec | None:
    """Return the codec of a section; None for one that is neither H.264 nor H.265."""
    return _CODECS.get(media.encoding)


def is_jpeg(media: sdp.Media) -> bool:
    """Whether a section is JPEG (RFC 2435): by its name, or by its static payload type."""
    return media.encoding == "JPEG" or (not media.encoding and media.payload_type == _JPEG)


def codec_name(media: sdp.Media) -> str:
    """Return the codec as the device file calls it, else the name in the description."""
    return codec_of(media) or ("mjpeg" if is_jpeg(media) else media.encoding.lower())


def keys_of(
    description: sdp.SessionDescription, media: sdp.Media, setup: Response | None = None
) -> list[OfferedKeys]:
    """Return every SRTP key offered for a section: in it, for the session, or with SETUP."""
    management = [*media.all("key-mgmt"), *description.all("key-mgmt")]
    if setup is not None:
        management += setup.all("KeyMgmt")
    return [*_mikey(management), *_sdes(media.all("crypto"))]


def usable(offered: Iterable[OfferedKeys]) -> OfferedKeys:
    """Return the first keys that can be used; raises NotOffered when there are none."""
    problems = []
    for offer in offered:
        if offer.keys is not None:
            return offer
        problems.append(offer.problem)
    raise NotOffered("; ".join(problems) or "the camera gives no SRTP keys")


def _mikey(values: Iterable[str]) -> Iterable[OfferedKeys]:
    for value in values:
        try:
            yield OfferedKeys("mikey", mikey.parse_key_management(value).srtp_keys())
        except LinkError as error:
            yield OfferedKeys("mikey", None, str(error))


def _sdes(values: Iterable[str]) -> Iterable[OfferedKeys]:
    for value in values:
        try:
            yield OfferedKeys("sdes", sdes.parse_crypto(value))
        except LinkError as error:
            yield OfferedKeys("sdes", None, str(error))
