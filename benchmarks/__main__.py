"""Measure and print. ``python -m benchmarks [NAME ...] [--json FILE]``.

Dossiers have a command of their own: ``python -m benchmarks.dossier_verify``.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

NAMES = ("emulator_start", "demo", "rtsp_ffprobe")


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all by default")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.names or NAMES:
        for figure in importlib.import_module(f"benchmarks.{name}").measure():
            print(figure.line(), flush=True)
            rows.append(
                {
                    "benchmark": name,
                    "name": figure.name.strip(),
                    "unit": figure.unit,
                    "values": list(figure.values),
                    "median": figure.median,
                    "peer": figure.peer,
                    "ratio": figure.ratio,
                    "command": figure.command,
                }
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
