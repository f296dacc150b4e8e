"""Known secrets in bytes: found in every coding that can be undone, never by chance."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity.secret_codings import SHORTEST, SecretSearch, sofia_hash
from devices.identity.stored_credentials import Collector
from devices.protocols.archives import unpacked

SECRET = "Tr0ub4dor&3-x"

CODINGS: list[tuple[str, Callable[[str], bytes]]] = [
    ("clear", str.encode),
    ("UTF-16", lambda s: s.encode("utf-16-le")),
    ("reversed", lambda s: s[::-1].encode()),
    ("hexadecimal", lambda s: s.encode().hex().encode()),
    ("URL-encoded", lambda _: b"Tr0ub4dor%263-x"),
    ("Base64", lambda s: base64.b64encode(f"admin:{s}".encode())),
    ("Base64", lambda s: base64.b64encode(f"ad:{s}\n".encode())),
    ("Base64 of the reversed", lambda s: base64.b64encode(s[::-1].encode())),
    ("Base64 twice", lambda s: base64.b64encode(base64.b64encode(s.encode()))),
    ("XOR with one byte", lambda s: bytes(b ^ 0xA5 for b in s.encode())),
    ("MD5", lambda s: hashlib.md5(s.encode()).hexdigest().encode()),
    ("SHA-1", lambda s: hashlib.sha1(s.encode()).digest()),
    ("SHA-256", lambda s: hashlib.sha256(s.encode()).hexdigest().upper().encode()),
    ("Xiongmai's hash, which is taken as the password", lambda s: sofia_hash(s).encode()),
]


@pytest.mark.parametrize(("coding", "coded"), CODINGS, ids=[name for name, _ in CODINGS])
def test_a_secret_is_found_in_each_coding(coding: str, coded: Callable[[str], bytes]) -> None:
    data = b"\x00{key=" + coded(SECRET) + b"}\xff"
    found = SecretSearch([("admin", SECRET)]).find(data)
    assert coding in [each.coding for each in found]
    assert all(each.whose == "admin" and 0 <= each.offset < len(data) for each in found)


def test_xiongmais_hash_of_nothing_is_the_published_one() -> None:
    assert sofia_hash("") == "tlJwpbo6"


def test_what_is_too_short_is_not_looked_for() -> None:
    search = SecretSearch([("a", "1234"), ("b", SECRET)])
    assert search.names == ["b"]
    assert not search.find(b"1234")


@given(st.binary(max_size=300))
def test_chance_finds_nothing(data: bytes) -> None:
    assert not SecretSearch([("admin", SECRET)]).find(data)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=20).filter(
        lambda s: len(set(s)) > 4
    ),
    st.integers(0, 255),
    st.binary(max_size=50),
    st.binary(max_size=50),
)
def test_any_secret_under_any_mask_is_found(
    secret: str, mask: int, before: bytes, after: bytes
) -> None:
    data = before + bytes(byte ^ mask for byte in secret.encode()) + after
    assert SecretSearch([("admin", secret)]).find(data)


def test_a_secret_across_two_blocks_of_a_large_file_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("devices.identity.stored_credentials._BLOCK", 64)
    collector = Collector("image", SecretSearch([("admin", SECRET)]), {})
    collector.take_stream("/bin/app", io.BytesIO(b"x" * 58 + SECRET.encode() + b"y" * 100))
    (found,) = collector.observation([]).secrets
    assert (found.path, found.coding, found.offset) == ("/bin/app", "clear", 58)
    assert SECRET not in str(collector.observation([]))
    assert len(SECRET) > SHORTEST


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config/users.json", content)
    return stream.getvalue()


def _tar(content: bytes, mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("users.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    "pack", [bytes, _zip, lambda c: _tar(c, "w"), lambda c: _tar(c, "w:gz")], ids=range(4)
)
def test_an_export_is_opened(pack: Callable[[bytes], bytes]) -> None:
    assert b"the content" in [data for _, data in unpacked(pack(b"the content"))]


@given(st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08", b""]), st.binary(max_size=300))
def test_any_export_is_at_least_itself(start: bytes, rest: bytes) -> None:
    assert next(unpacked(start + rest)) == ("export", start + rest)
    list(unpacked(start + rest))
