"""What went over the network, kept as a capture file that Wireshark opens."""

from devices.links.capture.record import MAX_BYTES, Capture, Flow

__all__ = ["MAX_BYTES", "Capture", "Flow"]
