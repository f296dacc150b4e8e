"""The initial password of one unit, as facts that give nothing of it away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devices.identity.derivations import Derivation, Recipe, search
from devices.observation import Observation

_COST = 2**14
_MOST = 32 * 1024 * 1024  # bytes of a paper that are read


@dataclass(frozen=True, kw_only=True)
class InitialPassword(Observation):
    """One unit's initial password. ``fingerprint``: scrypt, one salt for each product.

    ``searched`` texts were derived from what the unit shows; ``derivations`` are those that gave
    the password, with the chance that they do so by accident, ``certain`` the ones at or below
    the limit of the search. ``published``: where it stands in public tables. ``papers``: how
    many papers of the product were read; ``in_papers`` those of them that hold it.
    """

    length: int
    fingerprint: str
    searched: int
    derivations: tuple[Derivation, ...]
    certain: tuple[Derivation, ...]
    published: tuple[str, ...]
    papers: int
    in_papers: tuple[str, ...]


def fingerprint(password: str, product: str) -> str:
    """A value to compare between units of one product: scrypt with the product as the salt.

    Units can be compared although each has a run of its own; and the password cannot be read out
    of it, other than by trying each one at the cost of scrypt (RFC 7914; N = 16384, r = 8).
    """
    raw = hashlib.scrypt(
        password.encode(), salt=product.encode() or b"-", n=_COST, r=8, p=1, dklen=20
    )
    return f"scrypt:{raw.hex()}"


def measure(
    password: str,
    facts: Mapping[str, str],
    recipe: Recipe,
    *,
    tables: Mapping[str, Iterable[str]],
    papers: Mapping[str, Path],
) -> InitialPassword:
    """Search for the password in what the unit shows, in ``tables``, and in the papers.

    ``facts`` as ``search`` has them; ``tables``: name -> passwords in public.
    """
    result = search(password, facts, recipe)
    holding, unread = _in_papers(password, papers)
    return InitialPassword(
        length=len(password),
        fingerprint=fingerprint(
            password, f"{facts.get('manufacturer', '')} {facts.get('model', '')}"
        ),
        searched=result.texts,
        derivations=result.found,
        certain=result.certain,
        published=tuple(name for name, words in tables.items() if password in set(words)),
        papers=len(papers) - len(unread),
        in_papers=tuple(holding),
        shortfall=f"papers that cannot be read: {', '.join(unread)}" if unread else "",
    )


def _in_papers(password: str, papers: Mapping[str, Path]) -> tuple[list[str], list[str]]:
    holding, unread = [], []
    forms = [password.encode(), password.encode("utf-16-le"), password.encode("utf-16-be")]
    for name, path in papers.items():
        try:
            with path.open("rb") as stream:
                data = stream.read(_MOST)
        except OSError:
            unread.append(name)
            continue
        if len(password) >= 6 and any(form in data for form in forms):
            holding.append(name)
    return holding, unread
