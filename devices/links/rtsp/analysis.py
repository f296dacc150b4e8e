"""From a recording to facts: what an observer sees, what the keys open, what can be decoded."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from devices.errors import Garbled, NotOffered
from devices.links.rtsp import picture
from devices.links.rtsp.describe import OfferedKeys, codec_of
from devices.links.rtsp.observations import DecodedPictures, SrtpFacts, WireFacts
from devices.links.rtsp.recording import Recording
from devices.protocols import sdp, websocket
from devices.protocols.h26x import (
    Codec,
    Depacketiser,
    depacketise,
    is_parameter_set,
    is_pps,
)
from devices.protocols.rtp import RtpPacket, is_rtcp, parse_rtp
from devices.protocols.rtp_jpeg import jpeg_files, jpeg_frames
from devices.protocols.rtsp import Interleaved, Parser
from devices.protocols.srtp import Receiver

EXAMINED = 1024 * 1024
"""Bytes of payload that the statistics look at."""
VIDEO_SHARE = 0.8
"""Share of well-formed payloads from which packets count as video; random bytes reach 0.4."""

_TELLING = 8
"""Bytes of a parameter set that do not occur in ciphertext by chance."""

_CODECS: tuple[Codec, ...] = ("h264", "h265")
_APPLICATION_DATA = 23  # TLS record type, RFC 8446, 5.1
_NONCE = 8  # bytes before the ciphertext of a TLS 1.2 AEAD record that may count up, RFC 5288, 3


def wire_facts(recording: Recording, known: Iterable[bytes] = ()) -> WireFacts:
    """Return what can be had from the recorded bytes without any key.

    ``known`` are parameter sets of the stream, looked for in the bytes as they are.
    """
    if recording.datagrams:
        carrier, candidates = "udp", recording.wire
        found, stream = rtp_packets(candidates), b"".join(candidates)
        payload = b"".join(p.payload for p in found) or stream
    else:
        stream = byte_stream(recording)
        carrier = "tls" if recording.tls_version else "tcp"
        found = rtp_packets(interleaved(stream))
        records = tls_payload(stream) if carrier == "tls" else b""
        payload = records or b"".join(p.payload for p in found) or stream
    share, codec = max((video_share(found, codec), codec) for codec in _CODECS)
    units = len(depacketise(codec, found)[0]) if share >= VIDEO_SHARE else 0
    entropy, chi_square = statistics(payload[:EXAMINED])
    return WireFacts(
        carrier=carrier,
        payload_bytes=min(len(payload), EXAMINED),
        packets=len(found),
        video_share=round(share, 3),
        nal_units=units,
        entropy=round(entropy, 4),
        chi_square=round(chi_square, 1),
        jpeg_frames=jpeg_frames(found) + jpeg_files(stream),
        parameter_sets=_found_in(recording.wire if recording.datagrams else [stream], known),
    )


def _found_in(wire: Iterable[bytes], known: Iterable[bytes]) -> int:
    """Count the units that occur in the bytes; those too short to tell are left out."""
    joined = b"\0".join(wire)
    return sum(len(unit) >= _TELLING and unit in joined for unit in set(known))


def statistics(data: bytes) -> tuple[float, float]:
    """Return entropy in bits per byte and chi-square over 256 classes; zeros for no data."""
    if not data:
        return 0.0, 0.0
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256).astype(float)
    expected = len(data) / 256
    shares = counts[counts > 0] / len(data)
    entropy = float(-(shares * np.log2(shares)).sum())
    return math.fabs(entropy), float(((counts - expected) ** 2 / expected).sum())


def unlock(recording: Recording, offered: OfferedKeys) -> tuple[SrtpFacts, list[bytes]]:
    """Open SRTP packets with the keys offered; returns the facts and the RTP packets."""
    keys = offered.keys
    if keys is None:
        raise NotOffered(offered.problem)
    receiver = Receiver(keys)
    opened: list[bytes] = []
    failed = 0
    for packet in recording.packets:
        try:
            opened.append(receiver.unprotect(packet))
        except Garbled:
            failed += 1
    facts = SrtpFacts(
        suite=keys.suite.name,
        cipher=keys.suite.cipher,
        key_bits=8 * keys.suite.key_bytes,
        tag_bits=8 * keys.suite.tag_bytes,
        key_exchange=offered.exchange,
        fingerprint=keys.fingerprint,
        verified=len(opened),
        failed=failed,
    )
    return facts, opened


def rtp_packets(candidates: Iterable[bytes]) -> list[RtpPacket]:
    """Return those that are RTP."""
    found: list[RtpPacket] = []
    for data in candidates:
        if is_rtcp(data):
            continue
        try:
            found.append(parse_rtp(data))
        except Garbled:
            continue
    return found


def of_track(packets: Sequence[RtpPacket], media: sdp.Media) -> list[RtpPacket]:
    """Return the packets of the section's payload type and of the busiest source."""
    typed = [p for p in packets if p.payload_type == media.payload_type]
    sources = Counter(p.ssrc for p in typed)
    busiest = sources.most_common(1)
    return [p for p in typed if busiest and p.ssrc == busiest[0][0]]


def nal_units(media: sdp.Media, packets: Sequence[RtpPacket]) -> tuple[list[bytes], int]:
    """Return NAL units, parameter sets first, and how many payloads were malformed."""
    codec = codec_of(media)
    if codec is None:
        return [], 0
    donl = media.format_parameters.get("sprop-max-don-diff", "0") not in ("", "0")
    units, malformed = depacketise(codec, packets, donl=donl)
    if not any(is_parameter_set(codec, unit) for unit in units):
        units = [*media.parameter_sets(), *units]
    return units, malformed


def parameter_sets(media: sdp.Media, units: Iterable[bytes]) -> list[bytes]:
    """Return the VPS, SPS and PPS among NAL units, each once."""
    codec = codec_of(media)
    if codec is None:
        return []
    return list(dict.fromkeys(unit for unit in units if is_parameter_set(codec, unit)))


def fingerprints(codec: Codec | None, sets: Iterable[bytes]) -> tuple[str, ...]:
    """Return digests of the VPS and SPS, sorted: codec, size and coding, but no picture.

    The PPS is left out: encoders may write another one with each keyframe.
    """
    if codec is None:
        return ()
    told = {hashlib.sha256(s).hexdigest()[:32] for s in sets if not is_pps(codec, s)}
    return tuple(sorted(told))


def decoded(media: sdp.Media, units: Sequence[bytes]) -> tuple[DecodedPictures, bytes]:
    """Return what decoding gives, and the last picture as PNG (empty when there is none)."""
    codec = codec_of(media)
    if codec is None or not units:
        return DecodedPictures(0, 0, 0, 0.0, 0.0), b""
    return _measured(picture.decode(codec, units))


def decoded_jpegs(files: Sequence[bytes]) -> tuple[DecodedPictures, bytes]:
    """As decoded(), for the pictures of an MJPEG stream."""
    return _measured(picture.of_jpegs(files))


def _measured(seen: picture.Pictures) -> tuple[DecodedPictures, bytes]:
    facts = DecodedPictures(
        seen.frames,
        seen.width,
        seen.height,
        seen.movement,
        seen.contrast,
        **dataclasses.asdict(seen.liveliness),
    )
    return facts, seen.png


def byte_stream(recording: Recording) -> bytes:
    """What an observer has of media inside a connection; frames of a clear WebSocket taken off."""
    stream = b"".join(recording.wire)
    if recording.transport == "websocket" and not recording.tls_version:
        return websocket.Reader().data(stream)
    return stream


def interleaved(stream: bytes) -> list[bytes]:
    """Return the media frames that an observer finds in a byte stream; none in ciphertext."""
    parser = Parser()
    frames: list[bytes] = []
    try:
        parser.feed(stream)
        frames.extend(e.payload for e in parser.events() if isinstance(e, Interleaved))
    except Garbled:
        pass  # no RTSP from here on: what was found before counts
    return frames


def tls_payload(stream: bytes) -> bytes:
    """Return the ciphertext of the application data records (RFC 8446, 5.1)."""
    pieces: list[bytes] = []
    at = 0
    while at + 5 <= len(stream):
        length = int.from_bytes(stream[at + 3 : at + 5], "big")
        if stream[at + 1] != 3:
            break
        if stream[at] == _APPLICATION_DATA:
            pieces.append(stream[at + 5 + _NONCE : at + 5 + length])
        at += 5 + length
    return b"".join(pieces)


def video_share(packets: Sequence[RtpPacket], codec: Codec) -> float:
    """Return the share of payloads (0 to 1) that are well-formed video of this codec."""
    if not packets:
        return 0.0
    return sum(is_video(codec, packet.payload) for packet in packets) / len(packets)


def is_video(codec: Codec, payload: bytes) -> bool:
    """Whether an RTP payload is well-formed video of this codec."""
    if codec == "h265" and len(payload) > 1 and (payload[0] & 1 or payload[1] >> 3):
        return False  # nuh_layer_id is 0 in every camera; random bytes have it in 1 of 64
    try:
        Depacketiser(codec).feed(payload)
    except Garbled:
        return False
    return True
