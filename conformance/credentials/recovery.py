"""Ways of the maker back into a camera: codes to try, links in pages, sentences in papers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from conformance.credentials.published_pairs import Tried
from devices.errors import LinkError
from devices.links.http.acting import is_program, may_act
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_page
from devices.observation import Observation

Rows = Sequence[Mapping[str, Any]]
_MOST_SCRIPTS = 12
_MOST_LINKS = 30
_MOST_COMPARED = 64 * 1024
_MOST = 8 * 1024 * 1024  # bytes of a paper or script that are read


@dataclass(frozen=True)
class RecoveryLink:
    """An address found in the login page. ``status`` without login; 0 when nothing answered.

    ``there``: something of its own answers, other than a refusal.
    """

    path: str
    found_in: str
    status: int
    there: bool


@dataclass(frozen=True, kw_only=True)
class RecoveryLinks(Observation):
    """The login page and its scripts, searched for ways to recover a password."""

    read: tuple[str, ...]
    links: tuple[RecoveryLink, ...]


@dataclass(frozen=True, kw_only=True)
class RecoveryPapers(Observation):
    """Papers searched for such ways: name -> the sentence. ``unread`` hold no plain text."""

    read: tuple[str, ...]
    told: Mapping[str, str]
    unread: tuple[str, ...] = ()


def codes(rows: Rows, username: str, now: datetime, unit: Mapping[str, str]) -> list[Tried]:
    """The codes to try for a user name. ``unit`` gives serial and mac; ``now`` the camera's day."""
    found: dict[str, Tried] = {}
    for row in rows:
        if row["kind"] != "code" or (code := _code(row, now, unit)) is None:
            continue
        found.setdefault(code, Tried(username, code, row["source"]))
    return list(found.values())


def _code(row: Mapping[str, Any], now: datetime, unit: Mapping[str, str]) -> str | None:
    product = now.day * now.month * now.year
    for factor in row.get("factors", []):
        product *= factor
    fields = {
        "yyyy": f"{now.year:04}",
        "yy": f"{now.year % 100:02}",
        "mm": f"{now.month:02}",
        "dd": f"{now.day:02}",
        "product": str(product),
        "serial": re.sub(r"\D", "", unit.get("serial", "")),
        "mac": re.sub(r"[^0-9a-f]", "", unit.get("mac", "").lower()),
    }
    text = str(row["text"]).format(**fields)
    last = row.get("last", 0)
    return None if len(text) < max(last, 4) else text[-last:]


def search_pages(http: HttpLink, rows: Rows) -> RecoveryLinks:
    """Read the front page and its scripts, and ask without login for what they lead to.

    Nothing is filled in and nothing is sent but GET; a program that might obey that is named in the
    shortfall and not asked. Raises LinkError when no page answers.
    """
    expressions = [re.compile(row["text"], re.IGNORECASE) for row in rows if row["kind"] == "link"]
    client, problems = http.anonymous(), list[str]()
    try:
        front = client.request("GET", "/")
        pages = {"/": front}
        for path in _scripts(front)[:_MOST_SCRIPTS]:
            try:
                pages[path] = client.request("GET", path, limit=_MOST)
            except LinkError as error:
                problems.append(f"{path}: {error}")
        found: dict[str, str] = {}
        for where, page in pages.items():
            for path in _links(page, where, expressions):
                found.setdefault(path, where)
        risky = [path for path in found if is_program(path) and may_act(path)]
        problems += [
            f"{path}, named in {found.pop(path)}, was not asked: it might be obeyed"
            for path in risky
        ]
        links = [_look(http, path, where) for path, where in list(found.items())[:_MOST_LINKS]]
    finally:
        client.close()
    return RecoveryLinks(read=tuple(pages), links=tuple(links), shortfall="; ".join(problems[:3]))


def _scripts(page: Exchange) -> list[str]:
    text = page.content.decode("utf-8", "replace")
    sources = re.findall(
        r"<script[^>]{0,300}?src\s*=\s*[\"']?([^\"'\s>]{1,300})", text, re.IGNORECASE
    )
    return _on_the_camera(sources, "/")


def _links(page: Exchange, where: str, expressions: Iterable[re.Pattern[str]]) -> list[str]:
    text = page.content.decode("utf-8", "replace")
    words = [match[1] for expression in expressions for match in expression.finditer(text)]
    return _on_the_camera([word for word in words if "/" in word or "." in word], where)


def _on_the_camera(addresses: Iterable[str], base: str) -> list[str]:
    """Paths of the camera's own server; what leads elsewhere is not asked."""
    found = []
    for address in addresses:
        try:
            parts = urlsplit(urljoin(base, address))
        except ValueError:
            continue
        path = "".join(c for c in parts.path if "!" <= c <= "~")
        if not parts.scheme and not parts.netloc and path.startswith("/"):
            found.append(path)
    return list(dict.fromkeys(found))


def _look(http: HttpLink, path: str, where: str) -> RecoveryLink:
    client = http.anonymous()
    try:
        answer = client.request("GET", path)
        beside = client.request("GET", impossible_neighbour(path))
    except LinkError:
        return RecoveryLink(path, where, 0, there=False)
    finally:
        client.close()
    refused = answer.status in {401, 403, 404, 410} or answer.status >= 500
    as_any = same_page(answer, beside) or _alike(answer, beside)
    return RecoveryLink(path, where, answer.status, there=not refused and not as_any)


def _alike(answer: Exchange, beside: Exchange) -> bool:
    """Whether both are one small page that names the address itself, as the login page does."""
    if (answer.status, answer.media_type) != (beside.status, beside.media_type):
        return False
    texts = [page.content[:_MOST_COMPARED] for page in (answer, beside)]
    for path in (answer.target, beside.target):
        texts = [text.replace(path.encode(), b"") for text in texts]
    words, others = (Counter(re.findall(rb"[\w+/=-]+", text)) for text in texts)
    differing = max((words - others).total(), (others - words).total())
    return differing <= max(2, words.total() // 20)


def search_papers(papers: Mapping[str, Path], rows: Rows) -> RecoveryPapers:
    """Search papers of plain text; others are named in ``unread``."""
    expressions = [re.compile(row["text"], re.IGNORECASE) for row in rows if row["kind"] == "paper"]
    read, unread, told = [], [], dict[str, str]()
    for name, path in papers.items():
        try:
            with path.open("rb") as stream:
                text = stream.read(_MOST).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            unread.append(name)
            continue
        read.append(name)
        for sentence in re.split(r"(?<=[.!?])\s+", " ".join(text.split())):
            if any(expression.search(sentence) for expression in expressions):
                told.setdefault(name, sentence[:200])
    return RecoveryPapers(read=tuple(read), told=told, unread=tuple(unread))
