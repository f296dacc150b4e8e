"""What links hand upward: facts, without opinion.

Every link returns frozen dataclasses that derive from :class:`Observation`. An observation that
could not be taken whole says so in ``shortfall``; a verdict that rests on it can then not be PASS.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True)
class Artefact:
    """Bytes that belong to an observation and are kept as a file of their own.

    ``name`` is a file name without folders (``main.png``); ``media_type`` an IANA media type.
    """

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Base of every observation; subclasses add the facts.

    ``shortfall`` is empty when everything asked for was measured, else one sentence that says
    what is missing and why.
    """

    shortfall: str = ""
    artefacts: tuple[Artefact, ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """Whether everything asked for was measured."""
        return not self.shortfall


def to_plain(value: Any) -> Any:
    """Turn an observation, or any part of one, into what JSON can hold.

    Bytes become ``{"base64": ...}``; artefacts are named, not included; dates are ISO 8601.
    """
    if isinstance(value, Artefact):
        return {"artefact": value.name, "media_type": value.media_type, "bytes": len(value.data)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes | bytearray):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(to_plain(k)): to_plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_plain(v) for v in value), key=str)
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    if isinstance(value, PurePath | ipaddress.IPv4Address | ipaddress.IPv6Address):
        return str(value)
    return value
