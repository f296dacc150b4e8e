"""``python -m devices.emulated.bench.restore ADDRESS STATE RELAY``: the bench's flash programmer.

Cuts the power, writes the released firmware over everything but what was burnt in, gives power
again and sets the camera up as it was. Exit code 0, or 1 with the reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import requests

from devices.emulated.bench.provision import set_up
from devices.emulated.maker.production import Production
from devices.emulated.posture import Posture
from devices.errors import BenchError

_LIMIT = 10.0  # s for the relay


def main() -> int:
    """Do it; returns the exit code."""
    try:
        address, state, relay = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
        posture = Posture.of(json.loads((state / "posture.json").read_text("utf-8")))
        _switch(relay, "0")
        Production(state, address, posture).reflash()
        _switch(relay, "1")
        set_up(address, state)
    except (BenchError, OSError, ValueError, IndexError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a program
        return 1
    return 0


def _switch(relay: str, position: str) -> None:
    requests.put(relay, data=position, timeout=_LIMIT).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
