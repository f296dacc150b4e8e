"""Programs that figures are measured beside: installed apart, run as programs, never imported."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path


def install(requirement: str, scratch: Path) -> str:
    """Install a Python program (``sslyze>=6.3``) into its own environment; returns the program."""
    name = requirement.partition(">=")[0]
    folder = scratch / name
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/pip", "install", "-q", requirement], check=True)
    return str(folder / "bin" / name)
