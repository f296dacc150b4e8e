"""Metadata tracks (application/vnd.onvif.metadata): what is seen of them on the network, by whom.

They tell who moves where, in XML that anybody reads; a camera that encrypts its video need not
encrypt them (ONVIF Streaming, 5.1.2.1.1 and 5.2.2.4).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from devices.description import Stream
from devices.errors import LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.analysis import rtp_packets, unlock
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, describe
from devices.links.rtsp.observations import PathAnswer
from devices.links.rtsp.player import play
from devices.links.rtsp.probes import set_up
from devices.links.rtsp.recording import Recording
from devices.observation import Artefact, Observation

PLAY_SECONDS = 0.3
"""Recorded after the first packet: one document is enough."""
UNDECLARED = "udp"
"""Tried for every track: RTP/AVP over UDP is what must not be had."""

_MAX_INFLATED = 256 * 1024
_XML = re.compile(rb"<\?xml[ \t]|<(?:[\w.-]{1,20}:)?Meta[dD]ata[sS]tream\b|onvif\.org/ver10/schema")


@dataclass(frozen=True)
class MetadataPlayed:
    """One metadata track over one transport, a word of the device file.

    ``outcome``: ``played``, ``silent`` (PLAY succeeded, nothing came), ``refused`` (the camera
    answered ``status``), ``failed`` (``cause``, ``reason``). ``protection`` is what the media was
    sent in: ``tls``, ``srtp`` or ``none``. ``packets`` are RTP packets that came, ``documents``
    how many of them show metadata once opened; ``readable`` is where XML begins in the bytes as
    they were on the network, empty when there is none.
    """

    transport: str
    outcome: str
    protection: str = ""
    status: int = 0
    cause: str = ""
    reason: str = ""
    packets: int = 0
    documents: int = 0
    readable: str = ""


@dataclass(frozen=True)
class MetadataStream:
    """One declared stream. ``encodings`` are those of its metadata sections, none without one.

    ``anonymous`` are the answers to who asks for the track without a login.
    """

    name: str
    url: str
    encodings: tuple[str, ...]
    played: tuple[MetadataPlayed, ...] = ()
    anonymous: tuple[PathAnswer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MetadataStreams(Observation):
    """The metadata tracks of every declared RTSP stream whose description could be read."""

    streams: tuple[MetadataStream, ...]


def metadata_streams(access: RtspAccess) -> MetadataStreams:
    """Look for metadata tracks, play them over each transport, and ask for them without login.

    Raises NotOffered when no RTSP stream is declared.
    """
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-metadata") as pool:
        looks = list(pool.map(lambda stream: _Look(access, stream), access.streams()))
    return MetadataStreams(
        streams=tuple(look.facts for look in looks if look.facts is not None),
        shortfall="; ".join(problem for look in looks for problem in look.problems),
        artefacts=tuple(artefact for look in looks for artefact in look.artefacts),
    )


class _Look:
    """One stream looked at; ``facts`` is None when it could not be described."""

    def __init__(self, access: RtspAccess, stream: Stream) -> None:
        self._access = access
        self._stream = stream
        self._url = without_userinfo(stream.url)
        self._transports = list(stream.transports)
        self.facts: MetadataStream | None = None
        self.problems: list[str] = []
        self.artefacts: list[Artefact] = []
        try:
            with access.connect(endpoint_of(self._url), login=access.login()) as client:
                described = describe(client, self._url)
        except LinkError as error:
            self.problems.append(f"{self._url}: {error}")
            return
        encodings = [media.encoding for media in described.description.metadata()]
        self.facts = MetadataStream(stream.name, self._url, tuple(encodings))
        if encodings:
            wanted = dict.fromkeys([*self._transports, UNDECLARED])
            played = tuple(self._play(stream.name, transport) for transport in wanted)
            asked = tuple(self._ask_as_nobody(described))
            self.facts = replace(self.facts, played=played, anonymous=asked)

    def _play(self, name: str, transport: str) -> MetadataPlayed:
        capture = self._access.capture()
        try:
            with self._access.connect(
                endpoint_of(self._url),
                login=self._access.login(),
                capture=capture,
                tunnel=self._access.tunnel(self._stream, transport, self._url),
            ) as client:
                recording = play(
                    client,
                    self._url,
                    transport,
                    seconds=PLAY_SECONDS,
                    capture=capture,
                    what="metadata",
                )
            facts = _facts(recording)
        except LinkError as error:
            facts = MetadataPlayed(transport, "failed", cause=error.cause, reason=str(error))
            if transport in self._transports:
                self.problems.append(f"{self._url} metadata over {transport}: {error}")
        self.artefacts.append(capture.artefact(f"{name}-metadata-{transport}.pcapng"))
        return facts

    def _ask_as_nobody(self, described: Described) -> list[PathAnswer]:
        """Set the track up without a login, over the first declared transport."""
        answers: list[PathAnswer] = []
        transport = self._transports[0]
        try:
            set_up(
                self._access,
                self._stream,
                described,
                transport,
                answers,
                what="metadata",
            )
        except LinkError as error:
            self.problems.append(f"{self._url} metadata without a login: {error}")
        return answers


def _facts(recording: Recording) -> MetadataPlayed:
    transport, media = recording.transport, recording.media
    assert media is not None  # play() has described the stream
    protection = "tls" if recording.tls_version and not recording.datagrams else "none"
    if recording.keys is not None:
        protection = f"srtp, {protection}" if protection == "tls" else "srtp"
    facts = MetadataPlayed(transport, "played", protection, recording.status)
    if recording.refused:
        return replace(facts, outcome="refused", protection="", reason=recording.refused)
    opened = recording.packets
    if recording.keys is not None:
        _, opened = unlock(recording, recording.keys)
    packets = [p for p in rtp_packets(opened) if p.payload_type == media.payload_type]
    if not packets:
        return replace(facts, outcome="silent", reason="no metadata arrived")
    seen = b"".join(recording.wire)
    if protection == "none":  # what is compressed is not protected by that
        seen += inflated([packet.payload for packet in packets])
    return replace(
        facts,
        packets=len(packets),
        documents=len(_XML.findall(inflated([packet.payload for packet in packets]))),
        readable=xml_in(seen),
    )


def xml_in(data: bytes) -> str:
    """The first piece of metadata in plain XML, as one line of at most 80 characters."""
    match = _XML.search(data)
    if match is None:
        return ""
    return data[match.start() : match.start() + 80].decode("ascii", "replace").replace("\n", " ")


def inflated(payloads: Iterable[bytes]) -> bytes:
    """Payloads put together, with what GZIP compressed (RFC 1952) taken apart, up to a bound."""
    out = bytearray()
    unpack: zlib._Decompress | None = None
    for payload in payloads:
        if payload.startswith(b"\x1f\x8b\x08"):
            unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        if unpack is None:
            out += payload
            continue
        try:
            out += unpack.decompress(payload, _MAX_INFLATED)
        except zlib.error:
            unpack = None
        if unpack is not None and unpack.eof:
            unpack = None
        if len(out) > _MAX_INFLATED:
            break
    return bytes(out[:_MAX_INFLATED])
