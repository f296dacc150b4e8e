"""How the streams of one observation are recorded: as the device file's [bench.capture] says."""

from __future__ import annotations

from contextlib import ExitStack

from devices.links.capture import Capture
from devices.links.capture.method import Captures
from devices.links.rtsp.access import RtspAccess


class Recorder:
    """Makes captures; what they share lives as long as ``stack``. Raises BenchError.

    ``cited_by`` is the test case that will cite frames of them; ``method`` how they are taken.
    """

    def __init__(self, access: RtspAccess, stack: ExitStack, cited_by: str) -> None:
        self.access = access
        self.cited_by = cited_by
        asked = access.device.bench.capture.method
        self._captures = Captures(asked, access.camera_address, stack)
        self.method = str(self._captures.method)

    def capture(self) -> Capture:
        """A capture of one exchange."""
        return self._captures.new(Capture)

    def comment(self, stream: str, transport: str) -> str:
        """What a capture file says of itself."""
        unit = self.access.device.device
        cited = f", cited by {self.cited_by}" if self.cited_by else ""
        return (
            f"Stream {stream} over {transport} of {unit.manufacturer} {unit.model}, "
            f"serial {unit.serial}{cited}. Comments mark the frames that it speaks of."
        )
