"""Checking a dossier of 1,000 evidence files, beside sha256sum over the same files.

Run: python benchmarks/dossier_verify.py [--files 1000] [--kilobytes 64]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import assessment as record
from conformance.assessment import (
    Assessment,
    Decision,
    DeviceIdentity,
    Evidence,
    FirmwareIdentity,
    Result,
    Suite,
)
from conformance.verdict import Verdict
from reports.dossier import seal, verify

RUNS = 5


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kilobytes", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = make_run(folder, options.files, options.kilobytes * 1024)
        dossier = seal(folder, Ed25519PrivateKey.generate())
        ours = fastest(lambda: check(dossier))
        peer = fastest(lambda: sha256sum(paths))
    print(f"{options.files} files of {options.kilobytes} kB, best of {RUNS}")
    print(f"camproof verify  {ours:7.3f} s   (digests, signature, every byte of the archive)")
    print(f"sha256sum        {peer:7.3f} s   (digests alone)")
    print(f"ratio            {ours / peer:7.2f}     target: under 2 s")


def make_run(folder: Path, count: int, size: int) -> list[Path]:
    """Write an assessment with ``count`` pieces of random evidence; returns their paths."""
    evidence = []
    for number in range(count):
        data = os.urandom(size)
        path = folder / "evidence" / f"{number % 50:02d}" / f"{number:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        evidence.append(
            Evidence(
                name=path.name,
                path=path.relative_to(folder).as_posix(),
                sha256=hashlib.sha256(data).hexdigest(),
                media_type="application/octet-stream",
            )
        )
    now = datetime.now(UTC)
    result = Result(
        id="STREAM-001",
        title="Benchmark",
        area="streams",
        severity="low",
        verdict=Verdict.PASS,
        reason="Made for a benchmark.",
        evidence=evidence,
    )
    made = Assessment(
        demonstration=True,
        suite=Suite(version="benchmark", catalogue_sha256="0" * 64),
        device=DeviceIdentity(
            manufacturer="none",
            model="none",
            hardware="none",
            serial="none",
            firmware=FirmwareIdentity(version="none"),
            emulated=True,
        ),
        profiles=["core"],
        started=now,
        finished=now,
        results=[result],
        decision=Decision(verdict="APPROVED"),
    )
    record.write(made, folder)
    return [folder / piece.path for piece in evidence]


def check(dossier: Path) -> None:
    """What is measured; a dossier that does not verify would be another measurement."""
    found = verify(dossier)
    if not found.ok:
        raise SystemExit(f"the dossier did not verify: {found.problems}")


def sha256sum(paths: list[Path]) -> None:
    """The peer: coreutils over the files that the dossier holds."""
    subprocess.run(["sha256sum", *map(str, paths)], check=True, stdout=subprocess.DEVNULL)


def fastest(work: Callable[[], None]) -> float:
    """Seconds of the fastest of several runs: the least disturbed one."""
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


if __name__ == "__main__":
    main()
