"""What playing a stream over one transport gave, and who else may take its packets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from devices.links.rtsp.describe import OfferedKeys
from devices.links.rtsp.setup import TRANSPORTS
from devices.protocols import sdp


@dataclass
class Recording:
    """What one stream gave.

    ``status`` is that of the answer that decided; ``agreed`` the transport that SETUP agreed, as
    text. ``packets`` are RTP or SRTP packets and ``rtcp`` RTCP or SRTCP packets, with TLS taken
    off; ``wire`` are the datagrams, or the one byte stream, as on the network since PLAY.
    """

    transport: str
    tls_version: str = ""
    status: int = 0
    refused: str = ""
    agreed: str = ""
    media: sdp.Media | None = None
    keys: OfferedKeys | None = None
    packets: list[bytes] = field(default_factory=list, repr=False)
    rtcp: list[bytes] = field(default_factory=list, repr=False)
    wire: list[bytes] = field(default_factory=list, repr=False)

    @property
    def datagrams(self) -> bool:
        """Whether the media came over UDP."""
        return TRANSPORTS[self.transport][2]

    @property
    def inside_tls(self) -> bool:
        """Whether all of the media came inside TLS."""
        return bool(self.tls_version) and not self.datagrams


class Follower(Protocol):
    """Takes the packets of a recording as they come, instead of their being kept."""

    def begin(self, recording: Recording) -> None:
        """SETUP is done: ``media`` and ``keys`` are known, and packets follow."""

    def packet(self, data: bytes) -> None:
        """Take one RTP or SRTP packet that has just arrived."""

    def enough(self) -> bool:
        """Whether to end before the time is over."""
