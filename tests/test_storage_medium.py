"""What is found on a recording medium: real files of every kind, and nothing in ciphertext."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from gateway_stand import device_file
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.emulated import card
from devices.errors import BenchError
from devices.links.storage import medium
from devices.links.storage.link import StorageLink
from devices.links.storage.medium import BEGINNING, PIECE, SAMPLE, Piece
from devices.links.storage.observations import MediumContent
from devices.links.storage.search import Search
from devices.permit import Permit
from devices.secrets import Secrets

WHEN = 1_790_000_000.0


def link_to(**storage: Any) -> StorageLink:
    device = device_file(storage=storage)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return StorageLink(device, permit, Secrets(device))


def searched(data: bytes, size: int = PIECE) -> MediumContent:
    search = Search()
    for at in range(0, len(data), size):
        search.take(Piece(at, data[at : at + size], follows=at > 0))
    search.finish()
    return search.result("test", len(data), "")


def kinds(content: MediumContent) -> set[str]:
    return {trace.kind for trace in content.readable}


def video(container: str, codec: str = "libx264", frames: int = 12) -> bytes:
    file = io.BytesIO()
    options = {"preset": "ultrafast"} if codec.startswith("libx26") else {}
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.options = options | ({"x265-params": "log-level=none"} if "265" in codec else {})
        for number in range(frames):
            planes = np.full((144, 160), number * 9 % 255, np.uint8)
            planes[:60] = np.arange(160, dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        out.mux(stream.encode())
    return file.getvalue()


def picture() -> bytes:
    ramp = np.tile(np.arange(160, dtype=np.uint8), (96, 1))
    return cv2.imencode(".jpg", cv2.merge([ramp, ramp, ramp]))[1].tobytes()


def dhav() -> bytes:
    body = b"DHAV\xfd\x00\x00\x00" + struct.pack("<II", 1, 72) + os.urandom(48)
    return body + b"dhav" + struct.pack("<I", 72)


FILES: dict[str, Callable[[], bytes]] = {
    "mp4": lambda: video("mp4"),
    "jpeg": picture,
    "mpeg-ts": lambda: video("mpegts"),
    "mpeg-ps": lambda: video("vob", "mpeg2video"),
    "h264": lambda: video("h264"),
    "h265": lambda: video("hevc", "libx265"),
    "avi": lambda: video("avi"),
    "matroska": lambda: video("matroska"),
    "flv": lambda: video("flv"),
    "dhav": dhav,
    "hikvision": lambda: b"IMKH\x01\x01\x00\x00" + bytes(32) + b"\x01\x02" * 40,
}


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_is_found_wherever_it_lies(kind: str) -> None:
    data = FILES[kind]()
    for offset in (0, 3 * 512, 8 * 4096 - 40):
        noise = os.urandom(offset) + data + os.urandom(9000)
        assert kind in kinds(searched(noise))
        assert kind in kinds(searched(noise, 4096))


def test_a_fragmented_file_is_found_without_its_beginning() -> None:
    box = b"\x00\x00\x00\x68moof\x00\x00\x00\x10mfhd" + bytes(80)
    assert kinds(searched(os.urandom(5000) + box + os.urandom(5000))) == {"mp4"}


def test_nothing_is_found_in_ciphertext_or_on_a_blank_medium() -> None:
    content = searched(os.urandom(8 * PIECE))
    assert not content.readable
    assert not content.structure
    assert (content.written, content.clear) == (8 * PIECE, 0)
    for blank in (b"\0", b"\xff"):
        assert searched(blank * (3 * PIECE)).written == 0


def test_words_that_stand_for_containers_are_none() -> None:
    text = b"ftyp moov moof RIFF DHAV \xff\xd8\xff\xe0 \0\0\1\x67 \0\0\1\xba FLV\x01 IMKH"
    content = searched(text * 3000)
    assert not content.readable
    assert content.clear == content.written > 0


def test_text_of_one_letter_is_no_transport_stream() -> None:
    assert not searched(b"GGGGGGGGGGGGGGGG\n" * 9000).readable


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"/rec/20261122-101500.mp4\n", "20261122-101500.mp4"),
        ("20261122_101500.AVI".encode("utf-16-le"), "20261122_101500.AVI"),
        (b"ch01-main.h265\0", "ch01-main.h265"),
    ],
)
def test_names_of_recordings(text: bytes, found: str) -> None:
    content = searched(os.urandom(700) + b"\0\0" + text + b"\0\0" + os.urandom(700))
    assert [trace.detail for trace in content.readable] == [found]


@pytest.mark.parametrize("text", [b"a.mp4", b"manual00.mp4s", b"readme-first.txt", b"........mp4"])
def test_other_names(text: bytes) -> None:
    assert not searched(b"\0" * 700 + text + b"\0" * 700).readable


def test_a_fat_directory_and_what_it_holds() -> None:
    whole = card.volume({"REC00001.MP4": video("mp4"), "NOTE.TXT": b"hello"}, WHEN)
    content = searched(whole)
    assert {"mp4", "clip-name"} <= kinds(content)
    assert "REC00001.MP4" in {trace.detail for trace in content.readable}
    assert [trace.kind for trace in content.structure] == ["fat"]
    hidden = searched(card.encrypted(whole, os.urandom(64)))
    assert not hidden.readable
    assert not hidden.structure
    assert hidden.clear == 4096


def test_headers_of_encryption_are_facts() -> None:
    luks = b"LUKS\xba\xbe\x00\x02".ljust(4096, b"\0") + os.urandom(65_536)
    assert [(t.kind, t.offset) for t in searched(luks).structure] == [("luks", 0)]
    block = bytearray(1024)
    struct.pack_into("<II", block, 0, 16, 64)
    struct.pack_into("<HHH", block, 56, 0xEF53, 1, 1)
    struct.pack_into("<I", block, 76, 1)
    assert [t.kind for t in searched(bytes(1024) + bytes(block)).structure] == ["ext"]
    struct.pack_into("<I", block, 96, 0x10000)
    content = searched(bytes(1024) + bytes(block))
    assert [(t.kind, t.offset) for t in content.structure] == [("fscrypt", 0)]


@given(st.binary(max_size=3000), st.integers(1, 900))
@settings(max_examples=60)
def test_arbitrary_bytes_are_searched_to_their_end(data: bytes, size: int) -> None:
    words = b"ftypRIFFDHAV\xff\xd8\xff\xdb\0\0\1\xba.mp4MP4 FAT16   \x53\xef"
    content = searched(data + words + data, size)
    assert content.examined == 2 * len(data) + len(words)


def test_a_large_medium_is_sampled(tmp_path: Path) -> None:
    path, size = tmp_path / "card.img", 8 * 1024 * PIECE
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(BEGINNING // 2)
        file.write(picture())
    content = link_to(image=str(path)).examine()
    assert content.size == size
    assert SAMPLE - 2 * PIECE <= content.examined <= SAMPLE
    assert kinds(content) == {"jpeg"}


def test_samples_reach_to_the_end(tmp_path: Path) -> None:
    path, size = tmp_path / "card.img", 2048 * PIECE
    with path.open("wb") as file:
        file.truncate(size)
    device = device_file(storage={"image": str(path)})
    assert device.bench.storage is not None
    with medium.opened(device.bench.storage) as source:
        offsets = [piece.offset for piece in source.pieces()]
    assert offsets[:64] == [n * PIECE for n in range(64)]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] > 0.95 * size


def test_what_a_command_writes() -> None:
    program = "import sys; sys.stdout.buffer.write(bytes(5000) + b'\\0\\0\\1\\x67')"
    content = link_to(command=[sys.executable, "-c", program]).examine()
    assert (content.size, content.examined) == (0, 5004)
    assert content.complete


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ({"command": ["/nonexistent/reader"]}, "No such file"),
        ({"image": "/nonexistent/card.img"}, "No such file"),
        ({"command": [sys.executable, "-c", "import sys; sys.exit('no card')"]}, "no card"),
    ],
)
def test_a_reader_that_fails_is_a_fault_of_the_bench(storage: Any, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        link_to(**storage).examine()
    with pytest.raises(BenchError):
        link_to(**storage).check()


def test_a_reader_that_never_ends() -> None:
    endless = "import time\nprint('x' * 5000, flush=True)\ntime.sleep(600)"
    link = link_to(command=[sys.executable, "-c", endless], seconds=0.5)
    with contextlib.suppress(BenchError):
        assert not link.examine().complete


def test_a_card_that_is_too_small_for_its_files() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        card.volume({"A.MP4": bytes(3 * PIECE)}, WHEN)
