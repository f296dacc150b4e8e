"""From nothing to an emulated camera that is set up and answers on every service."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from devices.emulated.bench.launch import EmulatedCamera

RUNS = 7
PEER = "import aiohttp, asyncssh, cryptography.x509, asyncio"


def measure() -> Iterator[Figure]:
    """The start-up time, beside a Python that only imports the libraries that the camera uses."""
    starts, imports = [], []
    for _ in range(RUNS):
        began = time.monotonic()
        with EmulatedCamera():
            starts.append(time.monotonic() - began)
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", PEER], check=True)
        imports.append(time.monotonic() - began)
    yield Figure(
        "emulated camera ready, seen by whoever starts it",
        starts,
        "s",
        "python -m benchmarks emulator_start",
        target="under 2 s",
        peer="a Python that imports the same libraries",
        peer_values=imports,
    )
