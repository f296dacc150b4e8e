"""The RTSP ``Transport`` and ``Session`` headers (RFC 2326, 12.39 and 12.37)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.errors import Garbled

_PAIR = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True)
class Transport:
    """One transport specification: ``RTP/SAVP/UDP;unicast;client_port=4588-4589``.

    ``profile`` is AVP, AVPF, SAVP or SAVPF; ``lower`` is UDP or TCP, where it is not written TCP
    if there are ``interleaved`` channels; parameter names are lower case, a parameter without
    value has the empty string.
    """

    profile: str
    lower: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def secure(self) -> bool:
        """Whether the profile is SRTP."""
        return self.profile.startswith("S")

    @property
    def specification(self) -> str:
        """Profile and lower transport as they are registered: ``RTP/SAVP/UDP``, and the mode."""
        mode = ";multicast" if "multicast" in self.parameters else ""
        return f"RTP/{self.profile}/{self.lower}{mode}"

    def pair(self, name: str) -> tuple[int, int] | None:
        """Return a port or channel pair; a single number ``n`` means ``n`` and ``n + 1``."""
        match = _PAIR.fullmatch(self.parameters.get(name, ""))
        if match is None:
            return None
        first = int(match[1])
        return first, int(match[2]) if match[2] else first + 1

    def to_text(self) -> str:
        """Return the header value."""
        lower = "/TCP" if self.lower == "TCP" else ""
        words = [f"RTP/{self.profile}{lower}"]
        words += [f"{name}={value}" if value else name for name, value in self.parameters.items()]
        return ";".join(words)


def parse_transports(value: str) -> list[Transport]:
    """Parse a ``Transport`` header, which lists alternatives; raises Garbled when none is RTP."""
    transports = [t for text in value[:4096].split(",") if (t := _transport(text)) is not None]
    if not transports:
        raise Garbled(f"no RTP transport in {value[:80]!r}")
    return transports


def _transport(text: str) -> Transport | None:
    specification, *words = (word.strip() for word in text.split(";"))
    parts = specification.upper().split("/")
    if len(parts) not in (2, 3) or parts[0] != "RTP" or not re.fullmatch(r"S?AVPF?", parts[1]):
        return None
    parameters: dict[str, str] = {}
    for word in filter(None, words):
        name, _, given = word.partition("=")
        parameters.setdefault(name.strip().lower(), given.strip().strip('"'))
    # UDP is what is meant without a word (RFC 2326, 12.39), but channels of the connection exist
    # inside it alone: some cameras answer RTP/AVP;unicast;interleaved=0-1 and send there.
    unsaid = "TCP" if "interleaved" in parameters else "UDP"
    return Transport(parts[1], parts[2] if len(parts) == 3 else unsaid, parameters)


def parse_session(value: str) -> tuple[str, float]:
    """Return identifier and time-out in seconds (60 when not said: RFC 2326, 12.37)."""
    identifier, *words = (word.strip() for word in value.split(";"))
    seconds = 60.0
    for word in words:
        name, _, given = word.partition("=")
        if name.strip().lower() == "timeout" and re.fullmatch(r"\d{1,6}", given.strip()):
            seconds = float(given)
    return identifier, seconds
