"""Order of version numbers as makers of software write them.

Numbers compare as numbers, words as words, a word sorts before a number (``1.0rc1`` < ``1.0.1``),
and a pre-release word before the end (``1.0rc1`` < ``1.0``); a single letter after a number
follows it (``1.0.1f`` > ``1.0.1``), as OpenSSL did.
"""

from __future__ import annotations

import re

_PRE_RELEASES = ("alpha", "beta", "pre", "rc", "dev")
_TOKEN = re.compile(r"\d+|[a-z]+")

Key = tuple[tuple[int, int, str], ...]
_END = (1, 0, "")


def upstream(version: str) -> str:
    """The upstream version inside a package's version (Debian Policy 5.6.12).

    Epoch and package revision go; ``5.6.1+really5.4.5-1`` is 5.4.5, whatever it looks like.
    """
    version = version.strip().partition(":")[2] or version.strip()
    version = re.sub(r"-(?:r?\d[\w.+~]*)$", "", version)
    return version.rpartition("+really")[2]


def key(version: str) -> Key:
    """A sort key; ends with a marker so that pre-releases sort before the release."""
    parts = []
    for token in _TOKEN.findall(version.lower()):
        if token.isdigit():
            parts.append((3, int(token[:18]), ""))
        elif token in _PRE_RELEASES:
            parts.append((0, 0, token))
        else:
            parts.append((2, 0, token))
    return (*parts, _END)


def names_version(text: str, version: str) -> bool:
    """Whether ``text`` (``V2.4.1 build 220315``) names exactly ``version``."""
    pattern = rf"(?<![\w.])v?{re.escape(version.strip())}(?![\w.])"
    return re.search(pattern, text, re.IGNORECASE) is not None


def is_below(version: str, limit: str) -> bool:
    """Whether ``version`` is older than ``limit``."""
    return key(version) < key(limit)
