"""Bundles: genuine ones verify, each kind of tampering is noticed by the right check."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer
from devices.firmware import tamper
from devices.firmware.cms import load_trust
from devices.firmware.cpio import read_cpio
from devices.firmware.swdescription import DescriptionError, SwDescription, parse_description
from devices.firmware.swupdate import (
    BundleError,
    BundleTruncatedError,
    make_bundle,
    read_bundle,
    verify_bundle,
)
from devices.firmware.tree import tree_digest


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rootfs")
    (root / "etc").mkdir()
    (root / "etc" / "issue").write_text("Camera\n")
    (root / "usr").mkdir()
    (root / "usr" / "program").write_bytes(hashlib.shake_256(b"code").digest(20_000))
    (root / "usr" / "alias").symlink_to("program")
    return root


@pytest.fixture(scope="module")
def genuine(maker: Manufacturer, rootfs: Path) -> bytes:
    return bundle_of(maker, rootfs)


def bundle_of(maker: Manufacturer, rootfs: Path) -> bytes:
    key, cert = maker.update_signer
    return make_bundle(
        rootfs,
        version="2.5.0",
        model="LV-2100",
        hardware="B2",
        rollback_index=25,
        key=key,
        cert=cert,
    )


def judge(maker: Manufacturer, data: bytes) -> None:
    verify_bundle(read_bundle(data), load_trust(maker.update_trust.read_bytes()))


def test_a_genuine_bundle_verifies(maker: Manufacturer, genuine: bytes, rootfs: Path) -> None:
    judge(maker, genuine)
    release = read_bundle(genuine).release
    assert (release.version, release.model, release.hardware) == ("2.5.0", "LV-2100", ("B2",))
    assert release.rollback_index == 25
    assert release.tree_sha256 == tree_digest(rootfs)


def test_the_same_root_gives_the_same_payload(
    maker: Manufacturer, genuine: bytes, rootfs: Path
) -> None:
    again = read_bundle(bundle_of(maker, rootfs))
    assert again.payload == read_bundle(genuine).payload


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (tamper.payload_changed, "not the one that was signed"),
        (tamper.description_changed, "other content"),
        (tamper.signature_changed, "does not fit"),
        (tamper.signature_removed, "not signed"),
        (tamper.signed_by_impostor, "trusted authority"),
    ],
)
def test_only_the_cryptographic_check_notices(
    maker: Manufacturer, genuine: bytes, change: object, reason: str
) -> None:
    tampered = change(genuine, "swupdate")  # type: ignore[operator]
    assert tampered.data != genuine
    assert all(entry.checksum_valid for entry in read_cpio(tampered.data))
    with pytest.raises(BundleError, match=reason):
        judge(maker, tampered.data)


def test_a_changed_payload_still_unpacks_to_as_many_bytes(genuine: bytes) -> None:
    before = read_bundle(genuine).payload
    after = read_bundle(tamper.payload_changed(genuine, "swupdate").data).payload
    old, new = gzip.decompress(before), gzip.decompress(after)
    assert len(old) == len(new)
    differing = [n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    assert len(differing) == 1
    assert new.replace(b"CamerA", b"Camera") == old  # the harmless text file was chosen


def test_a_truncated_bundle_is_called_so(maker: Manufacturer, genuine: bytes) -> None:
    for share in (0.0, 0.1, 0.5, 0.9):
        with pytest.raises(BundleTruncatedError):
            judge(maker, tamper.truncated(genuine, share).data)


def test_unknown_formats_are_changed_generically_or_said_to_be_impossible() -> None:
    blob = bytes(range(256)) * 8
    changed = tamper.payload_changed(blob, "vendor").data
    assert sum(a != b for a, b in zip(blob, changed, strict=True)) == 1
    with pytest.raises(tamper.NotPossible):
        tamper.signature_removed(blob, "vendor")
    with pytest.raises(tamper.NotPossible):
        tamper.signature_removed(blob, "swupdate")


def test_a_libconfig_description_is_changed_too(genuine: bytes) -> None:
    match = tamper._VERSION.subn(tamper._next_digit, b'software = { version = "1.0.9"; }', 1)
    assert match == (b'software = { version = "1.0.0"; }', 1)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bundle_or_refused(data: bytes) -> None:
    for change in (tamper.payload_changed, tamper.description_changed):
        with pytest.raises(tamper.NotPossible):
            change(data, "swupdate")
    with pytest.raises(BundleError):
        read_bundle(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["software", "version", "files", "properties", "sha256", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(_JSON | st.binary(max_size=200))
def test_any_description_is_read_or_refused(value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps({"software": value}).encode()
    with contextlib.suppress(DescriptionError):
        parse_description(data)


_TEXT = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=20)


@given(
    version=_TEXT,
    model=_TEXT.filter(lambda t: t != "version"),
    hardware=st.lists(_TEXT, max_size=3).map(tuple),
    index=st.integers(0, 999_999_999),
)
def test_a_description_is_read_as_it_was_written(
    version: str, model: str, hardware: tuple[str, ...], index: int
) -> None:
    written = SwDescription(version, model, hardware, "p.tar.gz", "0" * 64, "f" * 64, index)
    assert parse_description(written.to_json()) == written
