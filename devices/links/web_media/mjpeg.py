"""MJPEG streams over HTTP(S), played and recorded as RTSP streams are."""

from __future__ import annotations

import time
from dataclasses import replace

from devices.description import Stream
from devices.errors import DeviceError
from devices.links.capture import MAX_BYTES, Capture
from devices.links.rtsp import picture
from devices.links.rtsp.analysis import EXAMINED, statistics, tls_payload
from devices.links.rtsp.client import without_userinfo
from devices.links.rtsp.observations import DecodedPictures, PlayedStream, WireFacts
from devices.links.web_media.addresses import shown
from devices.links.web_media.asking import Asker, Got, Wish
from devices.links.web_media.playing import MAX_MEDIA, jpegs_of
from devices.links.web_media.senders import Sender
from devices.observation import Artefact
from devices.protocols import jpeg

FEW_PICTURES = 10
"""Fewer pictures than this are no ground to judge a stream by: it is given longer."""
LONGER = 5
_MARK = b"\xff\xd8\xff"


def play_mjpeg(
    asker: Asker, stream: Stream, sender: Sender, seconds: float, capture: Capture
) -> tuple[PlayedStream, list[Artefact]]:
    """Play for ``seconds``, longer where few pictures come; facts, capture and picture.

    Raises no LinkError: what went wrong is in the facts.
    """
    url = without_userinfo(stream.url)
    scheme = url.partition(":")[0]
    blank = PlayedStream(stream.name, shown(url), scheme, declared=True, outcome="failed")
    png = b""
    began: list[float] = []

    def enough(data: bytearray) -> bool:
        began.append(time.monotonic())
        over = began[-1] - began[0] >= seconds
        return over and data.count(_MARK) > FEW_PICTURES

    wish = Wish(url, MAX_MEDIA, enough, seconds=LONGER * seconds, declared=True)
    try:
        facts, png = _facts(blank, asker.ask(wish, sender, capture))
    except DeviceError as error:
        facts = replace(blank, cause=error.cause, reason=str(error))
    artefacts = [capture.artefact(f"{stream.name}-{scheme}.pcapng")]
    return facts, artefacts + ([Artefact(f"{stream.name}.png", "image/png", png)] if png else [])


def _facts(blank: PlayedStream, got: Got) -> tuple[PlayedStream, bytes]:
    status = got.exchange.status
    facts = replace(blank, outcome="played", status=status, tls_version=got.tls_version)
    if not got.exchange.succeeded:
        return replace(facts, outcome="refused", reason=f"GET is answered {status}"), b""
    pictures = jpegs_of(got)
    if not pictures:
        kind = got.exchange.media_type or "no media type"
        reason = f"no picture came ({kind}, {len(got.data)} bytes)"
        return replace(facts, outcome="silent", reason=reason), b""
    seen = picture.of_jpegs(pictures)
    facts = replace(
        facts,
        codec="mjpeg",
        packets=len(pictures),
        pictures=DecodedPictures(
            seen.frames, seen.width, seen.height, seen.movement, seen.contrast
        ),
        wire=wire_facts(got.wire, encrypted=bool(got.tls_version)),
    )
    return facts, seen.png


def wire_facts(stream: bytes, *, encrypted: bool) -> WireFacts:
    """What an observer has of the bytes that came in."""
    payload = (tls_payload(stream) if encrypted else b"") or stream
    entropy, chi_square = statistics(payload[:EXAMINED])
    return WireFacts(
        carrier="tls" if encrypted else "tcp",
        payload_bytes=min(len(payload), EXAMINED),
        packets=0,
        video_share=0.0,
        nal_units=0,
        entropy=round(entropy, 4),
        chi_square=round(chi_square, 1),
        jpeg_frames=jpeg.count_pictures(stream[:MAX_BYTES]),
    )
