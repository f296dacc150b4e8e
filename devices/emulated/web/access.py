"""Who may call what: the table in access.toml, and the gate that every request passes."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TABLE = Path(__file__).with_name("access.toml")


@dataclass(frozen=True)
class Resource:
    """One row of the table; ``path`` may end in a ``{placeholder}``.

    ``media`` is the word by which a posture names the video that is given here.
    """

    method: str
    path: str
    roles: tuple[str, ...]
    purpose: str
    factory: bool | str = False
    csrf: bool = True
    digest: bool = False
    media: str = ""

    @property
    def key(self) -> str:
        """``GET /api/users``: what names the handler."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether a cross-site request would do harm here."""
        return self.method != "GET" and self.csrf

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path)))

    def matches(self, method: str, path: str) -> bool:
        """Whether the row is for this request."""
        return method == self.method and self._pattern.fullmatch(path) is not None


def load_resources() -> tuple[Resource, ...]:
    """The rows of access.toml, in order."""
    rows = tomllib.loads(TABLE.read_text("utf-8"))["resource"]
    return tuple(Resource(**{**row, "roles": tuple(row["roles"])}) for row in rows)
