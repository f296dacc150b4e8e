"""Whether a password follows from what a label or a network shows of a unit.

A search with stated bounds: forms of each public value, their pairs, and digests of these in some
encodings. What is found is weighed against chance, since a short password is a part of something
in any long search; the values themselves are few, and weighed apart from the many digests.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

SHORTEST = 4
"""Characters of the shortest part of a password that is looked for."""
_FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "without separators": lambda text: re.sub(r"[^0-9A-Za-z]", "", text),
    "with colons": lambda text: _grouped(text, ":"),
    "with hyphens": lambda text: _grouped(text, "-"),
    "reversed": lambda text: re.sub(r"[^0-9A-Za-z]", "", text)[::-1],
    "digits": lambda text: re.sub(r"\D", "", text),
    "decimal": lambda text: str(int(text, 16)) if re.fullmatch(r"[0-9A-Fa-f]{6,16}", text) else "",
    "hexadecimal": lambda text: f"{int(text):x}" if re.fullmatch(r"[0-9]{6,20}", text) else "",
    "bytes reversed": lambda text: "".join(re.findall("..", text)[::-1]),
    "next": lambda text: _moved(text, 1),
    "one before": lambda text: _moved(text, -1),
}


def _grouped(text: str, mark: str) -> str:
    """A network address in the other spellings; empty for what is none."""
    is_address = re.fullmatch(r"[0-9A-Fa-f]{12}", text)
    return mark.join(re.findall("..", text)) if is_address else ""


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
    "CRC-32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}
_ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hexadecimal": bytes.hex,
    "decimal": lambda data: str(int.from_bytes(data, "big")),
    "base64": lambda data: base64.b64encode(data).decode(),
    "base32": lambda data: base64.b32encode(data).decode(),
}
FORMS, DIGESTS, ENCODINGS = tuple(_FORMS), tuple(_DIGESTS), tuple(_ENCODINGS)


@dataclass(frozen=True)
class Recipe:
    """What is searched; the words are those of this module's tables.

    ``salts`` go before and after a value that a digest is taken of; ``chance``: the most likely
    that a finding may be by accident.
    """

    forms: tuple[str, ...] = FORMS
    digests: tuple[str, ...] = DIGESTS
    encodings: tuple[str, ...] = ENCODINGS
    salts: tuple[str, ...] = ("",)
    pairs: bool = True
    chance: float = 1e-3

    def __post_init__(self) -> None:
        for words, known in (
            (self.forms, _FORMS),
            (self.digests, _DIGESTS),
            (self.encodings, _ENCODINGS),
        ):
            if unknown := set(words) - set(known):
                raise ValueError(f"unknown {', '.join(sorted(unknown))}; known are {[*known]}")


@dataclass(frozen=True)
class Derivation:
    """One way in which the password follows. ``chance`` that it does by accident (0 to 1)."""

    how: str
    characters: int
    chance: float


@dataclass(frozen=True)
class Search:
    """What was searched: ``texts`` derived, and what was found, the least accidental first."""

    texts: int
    found: tuple[Derivation, ...]
    limit: float

    @property
    def certain(self) -> tuple[Derivation, ...]:
        """Those that are no accident."""
        return tuple(one for one in self.found if one.chance <= self.limit)


@dataclass
class _Hits:
    comparisons: Counter[tuple[str, bool]] = field(default_factory=Counter)
    found: dict[tuple[str, str], bool] = field(default_factory=dict)


def search(password: str, facts: Mapping[str, str], recipe: Recipe) -> Search:
    """Look for the password, or what is left of it without a fixed beginning, among derived texts.

    ``facts``: name -> public value (mac, serial, model, ...); empty ones are passed over.
    """
    parts = _parts(password, facts)
    hits, texts = _Hits(), 0
    for how, text, plain in _derived(facts, recipe):
        texts += 1
        for part in parts:
            _compare(part, text.lower(), how, hits, plain=plain)
    found = [
        Derivation(how, len(part), _chance(part, hits.comparisons[part, plain]))
        for (part, how), plain in hits.found.items()
    ]
    if _dated(password):
        found.append(Derivation("a date", len(password), _DATES / 10 ** len(password)))
    found.sort(key=lambda one: one.chance)
    return Search(texts, tuple(found[:10]), recipe.chance)


_DATES = 365 * 30 * 3


def _dated(password: str) -> bool:
    year, month, day = "(?:20[0-4][0-9])", "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
    orders = (year + month + day, day + month + year, month + day + year)
    return re.fullmatch("|".join(orders), password) is not None


def _parts(password: str, facts: Mapping[str, str]) -> list[str]:
    """The password and its longer pieces, lower case; names of maker and model are cut off."""
    whole = password.lower()
    pieces = [whole, re.sub(r"[^0-9a-z]", "", whole), *re.split(r"[^0-9a-z]+", whole)]
    for name in ("manufacturer", "model"):
        word = re.sub(r"[^0-9a-z]", "", facts.get(name, "").lower())
        if word:
            pieces += [piece.removeprefix(word).removesuffix(word) for piece in list(pieces)]
    return list(dict.fromkeys(piece for piece in pieces if len(piece) >= SHORTEST))


def _derived(facts: Mapping[str, str], recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    """(how, text, whether it is the value itself in some form and not a digest)."""
    values: dict[str, str] = {}
    for name, value in facts.items():
        for form, text in _forms(value, recipe.forms):
            values.setdefault(text, f"{name} {form}")
    for text, how in values.items():
        yield how, text, True
    sources = dict(values)
    if recipe.pairs:
        bare = {n: re.sub(r"[^0-9A-Za-z]", "", v) for n, v in facts.items() if v}
        for (one, left), (two, right) in itertools.permutations(bare.items(), 2):
            sources.setdefault(left + right, f"{one} and {two}")
    for text, how in sources.items():
        for case, said in ((text, ""), (text.lower(), "small "), (text.upper(), "capital ")):
            if said and case == text:
                continue
            yield from _digests(case, said + how, recipe)


def _forms(value: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    bare = re.sub(r"[^0-9A-Za-z]", "", value)
    for name in names:
        for text in (value,) if name == "as it is" else (bare, re.sub(r"\D", "", bare)):
            if len(made := _FORMS[name](text)) >= SHORTEST:
                yield name, made


def _digests(text: str, how: str, recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    for salt in recipe.salts:
        for salted in dict.fromkeys((salt + text, text + salt)):
            data = salted.encode("utf-8", "surrogatepass")
            for digest in recipe.digests:
                raw = _DIGESTS[digest](data)
                for encoding in recipe.encodings:
                    by = f" with {salt!r}" if salt else ""
                    yield f"{digest} of {how}{by}, {encoding}", _ENCODINGS[encoding](raw), False


def _compare(part: str, text: str, how: str, hits: _Hits, *, plain: bool) -> None:
    places = max(1, len(text) - len(part) + 1) if plain else 2
    hits.comparisons[part, plain] += places
    hit = part in text if plain else text.startswith(part) or text.endswith(part)
    if hit or (plain and len(text) >= 6 and text in part):
        hits.found.setdefault((part, how), plain)


def _chance(part: str, comparisons: int) -> float:
    alphabet = 10 if part.isdigit() else 16 if re.fullmatch("[0-9a-f]+", part) else 36
    return min(1.0, comparisons * float(alphabet) ** -len(part))


def _moved(text: str, by: int) -> str:
    """A value that counts on: the network address of the next interface, the next serial."""
    for base, form in ((16, "{:0{}x}"), (10, "{:0{}}")):
        digits = "0-9A-Fa-f" if base == 16 else "0-9"
        whole = re.fullmatch(rf"([^{digits}]*)([{digits}]{{4,20}})", text)
        if whole and (value := int(whole[2], base) + by) >= 0:
            return whole[1] + form.format(value, len(whole[2]))
    return ""
