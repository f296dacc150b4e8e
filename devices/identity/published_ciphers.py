"""Enciphered files opened with keys that were published. Sans-io."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16
_LONGEST = 16 * 1024 * 1024  # bytes that are deciphered of one file


@dataclass(frozen=True)
class PublishedKey:
    """A key that everybody has. ``cipher``: aes-128-ecb; ``skip``: bytes before the ciphertext."""

    cipher: str
    key: bytes
    skip: int
    source: str

    def __post_init__(self) -> None:
        if self.cipher != "aes-128-ecb" or len(self.key) != _BLOCK or self.skip < 0:
            raise ValueError(f"{self.cipher} with {len(self.key)} bytes is not known here")


def deciphered(data: bytes, keys: Sequence[PublishedKey]) -> Iterator[tuple[str, bytes]]:
    """(by which key, what the bytes are under it); whether it makes sense, a search tells."""
    for key in keys:
        whole = len(data) - key.skip - (len(data) - key.skip) % _BLOCK
        if whole < _BLOCK:
            continue
        # ECB is no choice: it is what the maker enciphered with.
        opened = Cipher(algorithms.AES(key.key), modes.ECB()).decryptor()  # noqa: S305
        part = data[key.skip : key.skip + min(whole, _LONGEST)]
        yield key.cipher, opened.update(part) + opened.finalize()
