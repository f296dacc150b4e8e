"""cpio archives: what is written is read back, and hostile bytes raise CpioError alone."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.firmware.cpio import (
    CpioEntry,
    CpioError,
    CpioTruncatedError,
    byte_sum,
    read_cpio,
    write_cpio,
)

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=40)
_ENTRIES = st.lists(
    st.builds(CpioEntry, _NAMES.filter(lambda n: n != "TRAILER!!!"), st.binary(max_size=300)),
    max_size=5,
)


@given(_ENTRIES)
def test_what_is_written_is_read_back(entries: list[CpioEntry]) -> None:
    read = read_cpio(write_cpio(entries))
    assert [(e.name, e.data) for e in read] == [(e.name, e.data) for e in entries]
    assert all(e.checksum_valid and e.checksum == byte_sum(e.data) for e in read)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(CpioError):
        read_cpio(data)
    with contextlib.suppress(CpioError):
        read_cpio(b"070702" + data, tolerate_truncation=True)


@given(_ENTRIES, st.data())
def test_one_damaged_byte_never_passes_for_whole(
    entries: list[CpioEntry], data: st.DataObject
) -> None:
    archive = bytearray(write_cpio(entries))
    position = data.draw(st.integers(0, len(archive) - 1))
    archive[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CpioError):
        read_cpio(bytes(archive))


@given(_ENTRIES.filter(bool), st.data())
def test_a_cut_archive_is_called_truncated(entries: list[CpioEntry], data: st.DataObject) -> None:
    archive = write_cpio(entries)
    end = archive.rindex(b"TRAILER!!!") - 110
    cut = archive[: data.draw(st.integers(0, end))]
    with pytest.raises(CpioTruncatedError):
        read_cpio(cut)


def test_a_tolerant_reader_gets_what_is_there() -> None:
    archive = write_cpio([CpioEntry("a", b"whole"), CpioEntry("b", b"x" * 1000)])
    first, second = read_cpio(archive[:600], tolerate_truncation=True)
    assert (first.data, first.truncated) == (b"whole", False)
    assert second.truncated
    assert len(second.data) < 1000


def test_a_size_larger_than_the_archive_reserves_nothing() -> None:
    header = b"070701" + b"00000000" * 6 + b"FFFFFFFF" + b"00000000" * 4 + b"00000002" + b"00000000"
    with pytest.raises(CpioTruncatedError):
        read_cpio(header + b"a\0")
