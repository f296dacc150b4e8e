"""A regulator opens a dossier's capture in Wireshark and sees what the verdict says.

tshark is Wireshark's command line: the same dissectors. It is told nothing but which payload type
the session description named, which a regulator reads in the verdict's evidence.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance import assessment
from conformance.assessment import Result

pytestmark = pytest.mark.interop

LIMIT = 120  # s for a demonstration of one test case on a busy machine
PAYLOAD_TYPE = 96
# Sequence parameter set, picture parameter set, and the type inside the fragments of a keyframe.
NEEDED = {"h264": {7, 8, 5}, "h265": {33, 34, 21}}
# Where Wireshark puts the types of NAL units: for H.264, what is in fragments has its own field.
TYPES = {"h264": ("h264.nal_unit_hdr", "h264.nal_unit_type"), "h265": ("h265.nal_unit_type",)}


@dataclass
class Seen:
    """What tshark dissected of one UDP stream."""

    packets: int = 0
    malformed: int = 0
    types: set[int] = field(default_factory=set)


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked dossier of a camera that sends RTP in the clear."""
    folder = tmp_path_factory.mktemp("wireshark")
    command = [sys.executable, "-m", "camproof", "demo", "--fault", "stream-plain-rtp"]
    command += ["--select", "STREAM-003", "--no-allure", "--output", str(folder / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    with zipfile.ZipFile(folder / "run" / "dossier.zip") as archive:
        archive.extractall(folder / "dossier")
    return folder / "dossier"


@pytest.fixture(scope="module")
def failed(dossier: Path) -> Result:
    (result,) = [r for r in assessment.read(dossier).results if r.id == "STREAM-003"]
    assert result.verdict == "FAIL"
    return result


def _captures(dossier: Path, result: Result) -> list[Path]:
    kept = [dossier / piece.path for piece in result.evidence if "pcap" in piece.media_type]
    assert kept
    return kept


def _dissect(capture: Path, codec: str) -> Iterator[list[str]]:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.fail("tshark is not installed; see tests/interop/debian-packages.txt")
    command = [tshark, "-r", str(capture), "-d", "udp.port==1024-65535,rtp"]
    command += ["-d", f"rtp.pt=={PAYLOAD_TYPE},{codec}", "-Y", f"rtp.p_type == {PAYLOAD_TYPE}"]
    command += ["-T", "fields", "-E", "separator=;"]
    for name in ("udp.stream", "_ws.malformed", *TYPES[codec]):
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    return csv.reader(done.stdout.splitlines(), delimiter=";")


def _streams(capture: Path, codec: str) -> dict[str, Seen]:
    found: dict[str, Seen] = defaultdict(Seen)
    for stream, malformed, *types in _dissect(capture, codec):
        seen = found[stream]
        seen.packets += 1
        seen.malformed += bool(malformed)
        seen.types |= {int(number, 0) for number in ",".join(types).split(",") if number}
    return found


@pytest.mark.parametrize(("name", "codec"), [("main", "h264"), ("sub", "h265")])
def test_the_frames_that_the_verdict_counts_are_there_to_be_seen(
    dossier: Path, failed: Result, name: str, codec: str
) -> None:
    told = re.search(
        rf"Stream {name} \S+ over udp: \d+ NAL units were read from (\d+)", failed.reason
    )
    assert told, failed.reason
    streams = [s for path in _captures(dossier, failed) for s in _streams(path, codec).values()]
    clear = [s for s in streams if s.types >= NEEDED[codec] and not s.malformed]
    assert int(told[1]) in [s.packets for s in clear]


def test_what_srtp_protects_is_no_video_to_wireshark(dossier: Path, failed: Result) -> None:
    (protected,) = [p for p in _captures(dossier, failed) if "main-srtp-udp" in p.name]
    (stream,) = _streams(protected, "h264").values()
    assert stream.packets > 10
    assert stream.malformed or not stream.types >= NEEDED["h264"]
