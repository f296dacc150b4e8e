"""What a session sends beside the video: its name in RTCP, and header extensions under a fault."""

from __future__ import annotations

import secrets
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.protocols.rtp import NTP_EPOCH
from devices.protocols.rtp_extension import ONE_BYTE, ONVIF_REPLAY, Extension, with_extension

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspHost

_CLEAN_POINT = 0x20000000  # flags and sequence number of ONVIF's replay extension


@dataclass(frozen=True)
class Beside:
    """``name`` is the CNAME of sender reports; ``extension`` that of the posture."""

    name: str
    rtcp_protected: bool
    extension: str
    serial: str

    @classmethod
    def of(cls, camera: RtspHost) -> Beside:
        """What one session of this camera does; the name is new for each (RFC 7022, 4.2)."""
        posture = camera.posture
        telling = f"{camera.unit.serial}@{camera.address}"
        return cls(
            name=secrets.token_urlsafe(12) if posture.rtcp_protected else telling,
            rtcp_protected=posture.rtcp_protected,
            extension=posture.rtp_header_extension,
            serial=camera.unit.serial,
        )

    def extended(self, packet: bytes) -> bytes:
        """Return an RTP packet with the header extension of the posture, if any."""
        if not self.extension:
            return packet
        if self.extension == "onvif-replay":
            now = int((time.time() + NTP_EPOCH) * (1 << 32))
            return with_extension(
                packet, Extension(ONVIF_REPLAY, struct.pack("!QI", now, _CLEAN_POINT))
            )
        text = self.serial.encode()[:16]
        data = bytes([1 << 4 | len(text) - 1]) + text
        return with_extension(packet, Extension(ONE_BYTE, data))
