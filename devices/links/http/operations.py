"""Operations that a web interface has, declared or not: read out of its pages and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from devices.errors import LinkError
from devices.links.http.acting import may_act
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.server import Server

_LIMIT = 512 * 1024
_SCRIPTS = 8
_HOPS = 3
_HEAD = 32 * 1024
_REFRESH = re.compile(
    rb"http-equiv\s*=\s*[\"']?refresh[\"']?[^<>]{0,100}?url\s*=\s*[\"']?([^\"'<>\s]{1,200})"
    rb"|location(?:\.href)?\s*=\s*[\"']([^\"'<>\s]{1,200})[\"']",
    re.IGNORECASE,
)
_REFERENCE = re.compile(rb"""(?:src|href|action)\s*=\s*["']([^"'<>\s]{1,200})["']""", re.IGNORECASE)
_QUOTED = re.compile(rb"""["'`](/?[A-Za-z][\w./-]{2,120}(?:\?[\w=&.%-]{0,80})?)["'`$?]""")
_CALLS = re.compile(
    r"^/?(?:api|cgi-bin|cgi|isapi|rest|rpc|axis-cgi|web/api|onvif|sdk)/", re.IGNORECASE
)
_ENDINGS = (".cgi", ".php", ".asp", ".asmx", ".xml", ".json", ".do", ".lua")
STATIC = (".css", ".js", ".svg", ".png", ".ico", ".gif", ".jpg", ".woff", ".woff2", ".map", ".ttf")


def linked_paths(page: Exchange, server: Server) -> list[str]:
    """Paths on the same server that a page refers to, scripts first; none that might act."""
    found: dict[str, None] = {}
    for raw in _REFERENCE.findall(page.content):
        path = _own_path(raw.decode("latin-1"), page, server)
        if path and not may_act(path):
            found[path] = None
    return sorted(found, key=lambda path: not path.partition("?")[0].endswith(".js"))


def front_pages(client: HttpClient, server: Server) -> list[Exchange]:
    """The front page, and where on the same server it leads (by status or ``refresh``).

    Raises LinkError for the front page alone.
    """
    pages = [client.request("GET", "/", limit=_LIMIT)]
    seen = {"/"}
    while len(pages) <= _HOPS:
        path = _leads_to(pages[-1], server)
        if not path or path in seen:
            break
        seen.add(path)
        try:
            pages.append(client.request("GET", path, limit=_LIMIT))
        except LinkError:
            break
    return pages


def parts_of(client: HttpClient, page: Exchange, server: Server) -> list[Exchange]:
    """What of the same server a page is made of or refers to: scripts first, frames, pages."""
    found = []
    for path in [p for p in linked_paths(page, server) if not _other_asset(p)][:_SCRIPTS]:
        try:
            found.append(client.request("GET", path, limit=_LIMIT))
        except LinkError:
            continue
    return found


def _leads_to(page: Exchange, server: Server) -> str:
    place = page.header("Location") if 300 <= page.status < 400 else ""
    if not place and page.succeeded and (found := _REFRESH.search(page.content[:_HEAD])):
        place = (found[1] or found[2]).decode("latin-1").strip()
    path = _own_path(place, page, server) if place else ""
    return "" if may_act(path) else path


def discovered(client: HttpClient, server: Server) -> tuple[list[str], str]:
    """Paths of operations that the pages and their scripts name, and why none was read.

    Only what looks like a call: below a folder of calls, or with the ending of one. Raises
    LinkError for the front page.
    """
    documents = front_pages(client, server)
    front = documents[-1]
    if not front.succeeded or not front.body_bytes:
        return [], f"no page could be read: {front.request} is answered {front.status}"
    documents += parts_of(client, front, server)
    paths = list(dict.fromkeys(path for page in documents for path in _named(page, server)))
    return paths, ""


def named_in(content: bytes) -> list[str]:
    """Quoted texts of a page or script that look like paths of calls, as they stand there."""
    texts = (raw.decode("latin-1") for raw in _QUOTED.findall(content))
    return list(dict.fromkeys(text for text in texts if _is_call(text)))


def _named(page: Exchange, server: Server) -> Iterator[str]:
    for text in named_in(page.content):
        path = _own_path(text if text.startswith("/") else f"/{text}", page, server)
        if path:
            yield path


def _is_call(text: str) -> bool:
    path = text.partition("?")[0].lower()
    if path.endswith(STATIC) or path.endswith("/"):
        return False
    return _CALLS.match(path) is not None or (path.endswith(_ENDINGS) and "/" in path)


def _other_asset(path: str) -> bool:
    path = path.partition("?")[0].lower()
    return path.endswith(STATIC) and not path.endswith(".js")


def _own_path(reference: str, page: Exchange, server: Server) -> str:
    """The request target of a reference; empty when it leads elsewhere or nowhere."""
    try:
        parts = urlsplit(urljoin(f"{server.url}{page.target}", reference))
        own = urlsplit(server.url)
        same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return ""
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    plain = re.fullmatch(r"/[!-~]*", target) is not None
    return target if same and plain and target != "/" else ""


def undeclared(paths: Sequence[str], declared: Sequence[str]) -> list[str]:
    """The paths for which no declared one stands; those may hold ``{placeholders}``."""
    patterns = [
        re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path.partition("?")[0])))
        for path in declared
    ]
    # "/api/users/" + name stands in a script as its beginning.
    begun = {path.partition("{")[0].rstrip("/") for path in declared}
    return [
        path
        for path in paths
        if not any(pattern.fullmatch(path.partition("?")[0]) for pattern in patterns)
        and path.partition("?")[0].rstrip("/") not in begun
    ]
