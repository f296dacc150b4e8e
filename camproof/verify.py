"""``verify``: check a dossier's digests, form and signature, offline."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from camproof.errors import CommandError, Exit
from reports import dossier
from reports.seal_key import SealKeyError, trusted_fingerprint


def check(console: Console, path: Path, trusted_key: str | None) -> Exit:
    """Print what was found; exit code 0 when the dossier is whole, 1 when it is not."""
    if not path.is_file():
        raise CommandError(f"{path}: there is no such dossier")
    try:
        trusted = None if trusted_key is None else trusted_fingerprint(trusted_key)
    except SealKeyError as error:
        raise CommandError(str(error)) from error
    found = dossier.verify(path, trusted)
    for problem in found.problems:
        console.print(f"✗ {problem}", markup=False, highlight=False, soft_wrap=True)
    if not found.ok:
        console.print(f"{path} is NOT as it was sealed", style="bold red", soft_wrap=True)
        return Exit.REJECTED
    console.print(
        f"{path} is as it was sealed", style="bold green", highlight=False, soft_wrap=True
    )
    if found.demonstration:
        console.print(
            "DEMONSTRATION - an emulated camera, not a laboratory report", style="magenta"
        )
    console.print(f"  device    {found.device}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  decision  {found.decision}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"  sealed by {found.signer} (key trusted: {found.trusted})", markup=False, highlight=False
    )
    return Exit.APPROVED
