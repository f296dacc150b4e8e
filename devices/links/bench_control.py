"""How the bench's own equipment is told to do something: a REST device, or a command."""

from __future__ import annotations

import subprocess

import requests

from devices.errors import BenchError

_LIMIT = 30.0  # s for the device or the command to do it


def put(what: str, url: str, text: str) -> None:
    """Send ``text`` to a REST device by PUT; raises BenchError, which names it as ``what``."""
    try:
        answer = requests.put(url, data=text, timeout=_LIMIT, allow_redirects=False)
    except requests.RequestException as error:
        raise BenchError(f"{what} {url}: {error}") from error
    if not answer.ok:
        raise BenchError(f"{what} {url}: answered {answer.status_code} to PUT {text}")


def run(what: str, command: list[str]) -> None:
    """Run a command of the bench; raises BenchError, which names it as ``what``."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{what} {command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-200:]
        raise BenchError(f"{what} {command[0]} ended with {done.returncode}: {said}")
