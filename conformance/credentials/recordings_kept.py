"""Recordings that the web server still lists, or gives, after a factory reset.

Those declared as streams of the container ``clip`` are read by an administrator before the reset
and after set-up. The same bytes again are a recording that was left; a name alone tells nothing,
for cameras count their recordings from one again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from conformance.credentials.factory_visit import Surfaces
from conformance.credentials.web_accounts import administrator
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour
from devices.links.web_media.clips import clip_addresses

_CLIPS = 8
_START = 256 * 1024  # bytes of a recording that are compared
_LEAST = 1024  # bytes: less is an answer about a recording, or an empty one


@dataclass
class Recordings:
    """The start of each recording, by its target; ``problem``: why they could not be read."""

    seen: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def read_recordings(at: Surfaces, device: DeviceFile, known: tuple[str, ...] = ()) -> Recordings:
    """The recordings that an administrator gets now, and those at the targets that were ``known``.

    Targets are masked nowhere: keep them out of evidence.
    """
    found = Recordings()
    lists = [s.url for s in device.declared.streams if s.web_container == "clip"]
    kept = any(storage.kind in {"sd-card", "internal"} for storage in device.declared.storage)
    if not lists:
        if kept:
            found.problem = (
                "recordings are kept (declared.storage) and were not looked at: declare a stream "
                "with container 'clip', the address of a recording or of their list"
            )
        return found
    try:
        admin = administrator(at.http, at.secrets)
        try:
            targets = [target for url in lists for target in _targets(at.http, admin, url)]
            for target in dict.fromkeys([*known, *targets[:_CLIPS]]):
                _read(admin, target, found)
        finally:
            at.http.leave(admin)
    except (LinkError, DeviceFileError) as error:
        found.problem = f"recordings could not be read: {error}"
    return found


def _targets(http: HttpLink, admin: HttpClient, url: str) -> list[str]:
    """The recordings of a list; the address itself where it is one."""
    own = _own(http, url)
    if own is None:
        return []
    answer = admin.request("GET", own)
    if not answer.succeeded or answer.denied:
        return []
    if _is_media(answer):
        return [own]
    found = (_own(http, urljoin(url, address)) for address in clip_addresses(answer))
    return [target for target in found if target is not None]


def _own(http: HttpLink, url: str) -> str | None:
    """The target of an address of this very server; None for another's, which is not asked."""
    parts, own = urlsplit(url), urlsplit(http.server.url)
    if (parts.scheme, parts.netloc.rpartition("@")[2]) != (own.scheme, own.netloc):
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _read(admin: HttpClient, target: str, found: Recordings) -> None:
    answer = admin.request("GET", target, limit=_START)
    if not _is_media(answer):
        return
    beside = admin.request("GET", impossible_neighbour(target), limit=_START)
    if not (beside.succeeded and beside.body_sha256 == answer.body_sha256):
        found.seen[target] = answer.body_sha256


def _is_media(answer: Exchange) -> bool:
    """Neither a page, nor a list, nor an error that comes with 200."""
    start = answer.content[:512].lstrip()
    text = start[:1] in {b"<", b"{", b"["} or start.startswith(b"\xef\xbb\xbf")
    return answer.succeeded and not answer.denied and not text and len(answer.content) >= _LEAST


def recordings_left(before: Recordings, after: Recordings) -> list[str]:
    """The recordings of before that are there again, by their paths without query."""
    starts = set(before.seen.values())
    return [
        f"the web interface gives the recording {target.partition('?')[0]} of before"
        for target, start in after.seen.items()
        if start in starts
    ]
