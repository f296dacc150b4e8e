"""The folder a run writes to: chosen, checked and made before anything is started."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from camproof.errors import CommandError
from conformance import assessment


def prepare(folder: Path | None, *, prefix: str, resume: bool = False) -> Path:
    """Return the folder, made and writable.

    Without ``folder`` it is ``camproof-<prefix>-<UTC time>`` here. Raises CommandError when it is
    not empty (unless ``resume``, which needs an assessment in it) or cannot be written.
    """
    if folder is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = Path(f"camproof-{prefix}-{stamp}")
    folder = folder.absolute()
    if resume:
        if not (folder / assessment.FILE_NAME).exists():
            raise CommandError(f"{folder} holds no {assessment.FILE_NAME} to resume from")
    elif folder.is_dir() and any(folder.iterdir()):
        raise CommandError(
            f"{folder} is not empty; choose another --output, or --resume an earlier run there"
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
