"""STREAM-038: recordings on the camera's own medium are encrypted where that is declared."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile
from devices.links.storage.observations import MediumContent, Trace


@case(
    "STREAM-038",
    severity="high",
    needs=("storage",),
    catches=("stream-storage-plain", "stream-storage-index-plain"),
    applies_to=("encrypted-storage",),
)
def test_recordings_on_the_medium_are_encrypted(
    medium_content: MediumContent, device: DeviceFile, policy: Any
) -> None:
    """Recordings on the removable medium cannot be read without a key.

    Method: read the medium that the camera has recorded on, blank before, with the bench's card
    reader: all of it, or of more than 256 MiB the first 64 and samples spread over the rest. Look
    for the structure of pictures and video (MP4, JPEG, MPEG program and transport streams, H.264
    and H.265 parameter sets, AVI, Matroska, FLV, Dahua's and Hikvision's containers) and for names
    of recordings in directories and indexes; test the distribution of the bytes of every block
    that is not blank.
    Pass: none is found, enough was written, and the blocks are distributed as ciphertext's are but
    for the share that policy "storage" leaves to tables and headers.
    """
    limits = policy("storage")["medium"]
    declared = [s for s in device.declared.storage if s.kind in ("sd-card", "internal")]
    found = "; ".join(_shown(trace, medium_content) for trace in _first_of_each(medium_content))
    where = f"{medium_content.examined} bytes of {medium_content.source}"
    if not declared:
        assert not found, f"No storage is declared, and the camera records on one: {found}."
    assert not found, f"Without a key can be read from {where}: {found}."
    if medium_content.written < limits["min_written_bytes"]:
        if not declared and medium_content.examined and medium_content.complete:
            raise NotApplicable("the device file declares no storage, and nothing is recorded")
        raise Inconclusive(
            f"only {medium_content.written} of {where} are written, too few to judge",
            "not-observed",
        )
    if medium_content.clear > limits["max_clear_share"] * medium_content.written:
        raise Inconclusive(
            f"{medium_content.clear} of {medium_content.written} written bytes are not distributed "
            "as ciphertext, and not in a form that is recognised"
        )


def _first_of_each(content: MediumContent) -> list[Trace]:
    first: dict[str, Trace] = {}
    for trace in content.readable:
        first.setdefault(trace.kind, trace)
    return list(first.values())


def _shown(trace: Trace, content: MediumContent) -> str:
    count = dict(content.counts).get(trace.kind, 1)
    more = f", {count} in all" if count > 1 else ""
    return f"{trace.kind} at byte {trace.offset} ({trace.detail}{more})"
