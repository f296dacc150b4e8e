"""What STREAM-038 makes of a recording medium."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gateway_stand import device_file

from conformance import policy
from conformance.applicability import CONDITIONS
from conformance.streams import test_storage as cases
from conformance.verdict import Inconclusive, NotApplicable
from devices.links.storage.observations import MediumContent, Trace

CARD: dict[str, Any] = {"image": "card.img"}
ENCRYPTED = [{"kind": "sd-card", "encrypted": True}]
DEVICE = device_file(storage=CARD, storage_declared=ENCRYPTED)
GOOD = MediumContent(
    source="card.img", size=2**30, examined=2**28, written=2**27, clear=4096,
    structure=(Trace("luks", 0, "LUKS version 2"),),
)  # fmt: skip
CLIP = Trace("mp4", 4096, "brand isom")


def judge(content: MediumContent, device: Any = DEVICE) -> None:
    cases.test_recordings_on_the_medium_are_encrypted(content, device, policy.load)


def test_ciphertext_passes() -> None:
    judge(GOOD)


@pytest.mark.parametrize("kind", ["mp4", "jpeg", "h264", "clip-name", "dhav"])
def test_anything_readable_fails(kind: str) -> None:
    content = replace(GOOD, readable=(replace(CLIP, kind=kind),), counts=((kind, 3),))
    with pytest.raises(AssertionError, match=rf"{kind} at byte 4096 \(brand isom, 3 in all\)"):
        judge(content)


def test_too_little_is_open() -> None:
    with pytest.raises(Inconclusive, match="too few"):
        judge(replace(GOOD, written=4096))
    with pytest.raises(Inconclusive, match="too few"):
        judge(replace(GOOD, examined=0, written=0))


def test_bytes_that_are_no_ciphertext_are_open() -> None:
    with pytest.raises(Inconclusive, match="not distributed as ciphertext"):
        judge(replace(GOOD, clear=2**26))


def test_a_medium_that_nobody_declares() -> None:
    undeclared = device_file(storage=CARD)
    with pytest.raises(NotApplicable):
        judge(replace(GOOD, written=0, clear=0), undeclared)
    with pytest.raises(AssertionError, match="No storage is declared"):
        judge(replace(GOOD, readable=(CLIP,)), undeclared)
    with pytest.raises(Inconclusive):
        judge(replace(GOOD, examined=0, written=0, clear=0), undeclared)


def test_when_it_applies() -> None:
    applies = CONDITIONS["encrypted-storage"]
    assert not applies(DEVICE)
    assert not applies(device_file(storage=CARD))
    assert "no storage" in applies(device_file())
    assert "not encrypted" in applies(
        device_file(storage=CARD, storage_declared=[{"kind": "sd-card"}])
    )
