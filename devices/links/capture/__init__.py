"""What went over the network, kept as a capture file that Wireshark opens."""

from devices.links.capture.frames import Flow
from devices.links.capture.record import MAX_BYTES, Capture

__all__ = ["MAX_BYTES", "Capture", "Flow"]
