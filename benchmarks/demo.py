"""The main job: `camproof demo`, without installation, and where its time goes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure
from conformance import assessment

RUNS = 2


def measure() -> Iterator[Figure]:
    """Wall time of the whole command, and the seconds of each area's test cases."""
    walls: list[float] = []
    areas: dict[str, list[float]] = defaultdict(list)
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "camproof", "demo", "--output", f"{folder}/run"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            walls.append(time.monotonic() - began)
            spent: dict[str, float] = defaultdict(float)
            for result in assessment.read(Path(folder, "run")).results:
                spent[result.area] += result.seconds
        for area, seconds in spent.items():
            areas[area].append(seconds)
    yield Figure(
        "camproof demo, all reports included", walls, "s", "python -m benchmarks demo",
        target="under 60 s on two cores",
    )  # fmt: skip
    for area, values in areas.items():
        yield Figure(f"  of which {area}", values, "s", "python -m benchmarks demo")
