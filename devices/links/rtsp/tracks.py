"""What a stream's tracks are called, learnt from its description inside TLS."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from devices.errors import LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, describe


class Tracks:
    """The declared streams' paths and those of their tracks, described once it is needed."""

    def __init__(self, access: RtspAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._found: dict[str, list[str]] | None = None
        self.problems: list[str] = []

    @property
    def paths(self) -> list[str]:
        """The path of each declared stream; that of the server when there is none."""
        declared = [s for s in self._access.device.declared.streams if s.over_rtsp]
        return list(dict.fromkeys(target_of(s.url) for s in declared)) or ["/"]

    def of(self, path: str) -> list[str]:
        """The paths of the tracks of a stream, from its own description inside TLS."""
        with self._lock:
            if self._found is None:
                self._found = {target_of(url): self._described(url) for url in self._encrypted()}
            return self._found.get(path, [])

    def _encrypted(self) -> list[str]:
        """Streams inside TLS; the description of others is asked for as one of the four."""
        declared = [s for s in self._access.device.declared.streams if s.over_rtsp]
        urls = [without_userinfo(stream.url) for stream in declared]
        return [url for url in urls if endpoint_of(url).encrypted]

    def _described(self, url: str) -> list[str]:
        try:
            with self._access.connect(endpoint_of(url), login=self._access.login()) as client:
                return controls(describe(client, url))
        except LinkError as error:
            self.problems.append(f"{url}: its tracks are not known: {error}")
            return []


def controls(description: Described) -> list[str]:
    """Return the path of each video track of a description, with its query."""
    return [target_of(description.track(media)) for media in description.description.video()]


def target_of(url: str) -> str:
    """Return path and query of a URL."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
