"""The metadata track of the emulated camera: small XML documents over RTP, twice a second.

ONVIF Streaming, 5.1.2.1.1: the payload is the document, and the marker bit says that it ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET  # only serialises

from devices.emulated.onvif.streams import SOURCE
from devices.emulated.rtsp.beside import Beside
from devices.emulated.rtsp.sdp import METADATA_PAYLOAD_TYPE
from devices.emulated.rtsp.session import PAYLOAD_LIMIT, RtspSession, Send
from devices.emulated.video.motion import metadata_document
from devices.emulated.video.source import CLOCK_RATE, AccessUnit, StreamDefinition
from devices.protocols.srtp import Protector

INTERVAL = 0.5  # s between two documents


class MetadataSource:
    """Makes a document now and then for one listener."""

    def __init__(self, stream: StreamDefinition) -> None:
        self.stream = stream
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, listener: Callable[[AccessUnit], None]) -> None:
        """Call ``listener`` with a document as soon as the loop is free, and then regularly."""
        self._timer = asyncio.get_running_loop().call_later(0, self._tell, listener)

    def unsubscribe(self, listener: Callable[[AccessUnit], None]) -> None:
        """Stop."""
        del listener
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, listener: Callable[[AccessUnit], None]) -> None:
        document: bytes = ET.tostring(
            metadata_document(SOURCE), encoding="utf-8", xml_declaration=True
        )
        timestamp = int(time.monotonic() * CLOCK_RATE)
        listener(AccessUnit((document,), timestamp, keyframe=True))
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tell, listener)


class MetadataTrack(RtspSession):
    """Turns documents into (S)RTP packets while playing."""

    def __init__(
        self,
        stream: StreamDefinition,
        send: Send,
        *,
        ssrc: int,
        protector: Protector | None,
        beside: Beside,
    ) -> None:
        source = MetadataSource(stream)
        super().__init__(source, send, ssrc=ssrc, protector=protector, beside=beside)

    def _numbered(self) -> int:
        return METADATA_PAYLOAD_TYPE

    def _payloads(self, access_unit: AccessUnit) -> list[bytes]:
        document = b"".join(access_unit.units)
        return [
            document[start : start + PAYLOAD_LIMIT]
            for start in range(0, len(document), PAYLOAD_LIMIT)
        ]
