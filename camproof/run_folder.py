"""The folder a run writes to: chosen, checked and made before anything is started."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from camproof import left_open
from camproof.errors import CommandError
from camproof.left_open import CAMPAIGN
from conformance import assessment


def prepare(folder: Path | None, *, prefix: str, resume: bool = False) -> Path:
    """Return the folder, made and writable.

    Without ``folder`` it is ``camproof-<prefix>-<UTC time>`` here. Raises CommandError when it is
    not empty (unless ``resume``, which needs an assessment in it) or cannot be written.
    """
    folder = _chosen(folder, prefix)
    if resume and not (folder / assessment.FILE_NAME).exists():
        several = (folder / CAMPAIGN).exists()
        hint = "; it is a run of several cameras: name their device files" if several else ""
        raise CommandError(f"{folder} holds no {assessment.FILE_NAME} to resume from{hint}")
    return _made(folder, resume=resume)


def prepare_several(folder: Path | None, names: Sequence[str], *, resume: bool) -> Path:
    """Return the folder of a run of several cameras, whose folders below it are ``names``.

    Raises CommandError as ``prepare`` does, and when it is to resume a run of other cameras.
    """
    folder = _chosen(folder, "run")
    if resume and set(earlier := _cameras(folder)) != set(names):
        raise CommandError(
            f"cannot resume: the run in {folder} is of {', '.join(earlier)}, and these device "
            f"files are of {', '.join(names)}; name the same cameras"
        )
    return _made(folder, resume=resume)


def _cameras(folder: Path) -> list[str]:
    path = folder / CAMPAIGN
    try:
        return [str(row["folder"]) for row in json.loads(path.read_bytes())["cameras"]]
    except FileNotFoundError:
        raise CommandError(f"{folder} holds no {CAMPAIGN} to resume from") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CommandError(
            f"cannot resume: {path} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _chosen(folder: Path | None, prefix: str) -> Path:
    if folder is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = Path(f"camproof-{prefix}-{stamp}")
    return folder.absolute()


def _made(folder: Path, *, resume: bool) -> Path:
    if not resume and folder.is_dir() and any(folder.iterdir()):
        changed = f"; its run left a camera changed: `camproof restore {folder}`"
        raise CommandError(
            f"{folder} is not empty; choose another --output, or --resume an earlier run there"
            + (changed if left_open.is_open(folder) else "")
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"{folder} cannot be written")
    return folder
