"""STREAM-043: the media profiles of ONVIF play inside TLS, as they are described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.onvif.observations import MediaProfile, MediaUri, MediaUris, OnvifMedia
from devices.links.rtsp.observations import PlayedStream, PlayedStreams
from devices.links.rtsp.streams import same_address

_CODECS = {"H264": "h264", "H265": "h265", "JPEG": "mjpeg"}
_ENCRYPTED = ("rtsps", "https", "wss")
_TUNNELS = ("HTTP", "RtspOverHttp")


@case(
    "STREAM-043",
    severity="high",
    needs=("onvif", "rtsp"),
    catches=("stream-profile-false", "stream-uri-plain", "stream-wrong-codec"),
    applies_to=("onvif", "streams"),
    revision=2,
)
def test_media_profiles_play_inside_tls(
    onvif_media: OnvifMedia,
    onvif_stream_uris: MediaUris,
    played_profiles: PlayedStreams,
    played_streams: PlayedStreams,
) -> None:
    """Every ONVIF media profile plays inside TLS, as its encoder configuration says.

    Method: list the profiles of media2 and media with H.264, H.265 or JPEG video, and play each
    rtsps address that is handed out for them inside its connection (one that is also declared is
    played once for STREAM-001); compare codec and picture size with the encoder configuration. Ask
    for the addresses of multicast and of the HTTP tunnel besides. Tunnels and WebSockets are not
    played here (declared ones are by STREAM-001).
    Pass: each profile has an address with TLS that plays with the configured codec and picture
    size (turned by 90 degrees counts as the same, and for JPEG in blocks of 8 pixels); multicast
    and tunnel are refused or given an address with TLS.
    """
    profiles = [p for p in onvif_media.profiles if p.encoding.upper() in _CODECS]
    shown = _by_address([*played_streams.streams, *played_profiles.streams])
    faults = list(_plain(onvif_media.others))
    doubts: list[str] = []
    for profile in profiles:
        uris = [u.uri for u in onvif_stream_uris.uris if _belongs(u, profile)]
        _judge(profile, list(dict.fromkeys(uris)), shown, faults, doubts)
    assert not faults, f"{'; '.join(dict.fromkeys(faults))}."
    if not profiles:
        raise Inconclusive("no media profile has H.264, H.265 or JPEG video", "not-offered")
    if doubts:
        raise Inconclusive(f"{'; '.join(dict.fromkeys(doubts))}.", "not-measured")


def _belongs(uri: MediaUri, profile: MediaProfile) -> bool:
    return (uri.service, uri.profile) == (profile.service, profile.token)


def _by_address(played: Sequence[PlayedStream]) -> dict[str, PlayedStream]:
    """What played inside the connection, by address; the best where it was played more often."""
    found: dict[str, PlayedStream] = {}
    for stream in played:
        if stream.transport == "interleaved":
            known = found.get(same_address(stream.url))
            if known is None or known.outcome != "played":
                found[same_address(stream.url)] = stream
    return found


def _plain(others: Sequence[MediaUri]) -> Iterator[str]:
    for uri in others:
        scheme = _scheme(uri.uri)
        # An address for the tunnel often begins with rtsp and has the port of the web service.
        plain = scheme == "http" if uri.asked_for in _TUNNELS else scheme not in _ENCRYPTED
        if plain:
            yield (
                f"{uri.service} profile {uri.profile}: {uri.asked_for} is given the address of "
                f"scheme {scheme or 'none'}, expected a refusal or TLS"
            )


def _judge(
    profile: MediaProfile,
    uris: Sequence[str],
    shown: Mapping[str, PlayedStream],
    faults: list[str],
    doubts: list[str],
) -> None:
    where = f"{profile.service} profile {profile.token}"
    encrypted = [uri for uri in uris if _scheme(uri) in _ENCRYPTED]
    playable = [uri for uri in encrypted if _scheme(uri) == "rtsps"]
    if uris and not encrypted:
        faults.append(f"{where}: no address leads through TLS")
    elif not playable:
        doubts.append(f"{where}: no rtsps address is handed out, and others are not played")
    for uri in playable:
        played = shown.get(same_address(uri))
        if played is None:
            doubts.append(f"{where}: {uri} was not played")
        elif _cannot_tell(played):
            doubts.append(f"{where}: {played.url} could not be judged: {played.reason}")
        else:
            faults += [f"{where}: {fault}" for fault in _differences(profile, played)]
            if played.outcome == "played" and not _size(played):
                doubts.append(f"{where}: no picture of {played.url} could be decoded")


def _cannot_tell(played: PlayedStream) -> bool:
    if played.outcome == "failed":
        return played.cause != "not-offered"
    return played.outcome == "not-measured"


def _differences(profile: MediaProfile, played: PlayedStream) -> Iterator[str]:
    if played.outcome != "played":
        yield f"{played.url} does not play: {played.reason}"
        return
    codec = _CODECS[profile.encoding.upper()]
    if played.codec != codec:
        yield f"{played.url} is {played.codec or 'of no known codec'}, configured is {codec}"
    size, configured = _size(played), (profile.width, profile.height)
    same = [configured, configured[::-1]]
    if codec == "mjpeg":  # RFC 2435, 3.1.5
        same += [(-(-width // 8) * 8, -(-height // 8) * 8) for width, height in same]
    if size and all(configured) and size not in same:
        yield (
            f"{played.url} shows {size[0]}x{size[1]} pixels, configured are "
            f"{profile.width}x{profile.height}"
        )


def _size(played: PlayedStream) -> tuple[int, int] | None:
    pictures = played.pictures
    return (pictures.width, pictures.height) if pictures is not None and pictures.frames else None


def _scheme(uri: str) -> str:
    try:
        return urlsplit(uri).scheme.lower()
    except ValueError:
        return ""
