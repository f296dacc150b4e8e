"""What ``demo`` and ``run`` have in common on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Options:
    """How to assess, whichever camera it is."""

    profiles: Sequence[str] = ()
    select: str = ""
    tests: Sequence[Path] = ()
    output: Path | None = None
    resume: bool = False
    allure: bool = True
