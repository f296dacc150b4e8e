"""The bench's card reader: ``... bench.card_reader CARD`` writes the card's content to stdout.

The camera records when it has been set up; the reader waits until it has done so.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

LIMIT = 20.0
"""Seconds until a camera has recorded something."""


def main() -> int:
    """Copy the card to standard output; returns the exit code."""
    card = Path(sys.argv[1])
    deadline = time.monotonic() + LIMIT
    while not card.exists():
        if time.monotonic() > deadline:
            print("there is no card in the reader", file=sys.stderr)  # noqa: T201 - a program
            return 1
        time.sleep(0.05)
    with card.open("rb") as content:
        shutil.copyfileobj(content, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
