"""Asks for a stream through an open tunnel or WebSocket, as nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.errors import LinkError
from devices.links.rtsp.client import Endpoint, RtspClient
from devices.links.rtsp.describe import has_video
from devices.links.rtsp.tracks import Tracks
from devices.protocols.transport import parse_session

_INTERLEAVED = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}


@dataclass
class Through:
    """Asks for a stream without a login of RTSP.

    ``requests`` are those that were answered, with their status; ``given`` those that were granted
    and lead to video; ``problem`` says why not all were answered.
    """

    client: RtspClient
    requests: list[tuple[str, int]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    problem: str = ""

    def ask(self, path: str, tracks: Tracks, *, whole: bool = True) -> None:
        """Ask for OPTIONS, DESCRIBE, SETUP and PLAY; ends where nothing is answered any more.

        For OPTIONS alone when not ``whole``.
        """
        host, port = self.client.endpoint.host, self.client.endpoint.port
        base = Endpoint(host, port, encrypted=False).url  # what players write inside a tunnel
        url = f"{base}{path}"
        try:
            self._send("OPTIONS", url, {})
            if not whole:
                return
            self._send("DESCRIBE", url, {"Accept": "application/sdp"})
            known = tracks.of(path)
            track = f"{base}{known[0]}" if known else url
            session = self._send("SETUP", track, _INTERLEAVED)
            if session:
                self._send("PLAY", url, {"Session": session})
                self._send("TEARDOWN", url, {"Session": session})
        except LinkError as error:
            self.problem = str(error)

    def _send(self, method: str, url: str, headers: dict[str, str]) -> str:
        answer = self.client.request(method, url, headers)
        self.requests.append((method, answer.status))
        leads = has_video(answer) if method == "DESCRIBE" else method in ("SETUP", "PLAY")
        if answer.ok and leads:
            self.given.append(method)
        return parse_session(answer.get("Session"))[0] if answer.ok else ""
