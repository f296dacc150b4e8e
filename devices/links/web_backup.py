"""The configuration that the web interface exports, opened and searched for what it keeps."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping

from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, StoredCredentials
from devices.links.http.link import HttpLink

OPERATION = "export_configuration"
_LIMIT = 16 * 1024 * 1024
_UNPACKED = 64 * 1024 * 1024
_SECONDS = 30.0


def web_backup(
    link: HttpLink, account: str, search: SecretSearch, published: Mapping[str, str]
) -> StoredCredentials:
    """Export the configuration as ``account``. Raises NotOffered and LinkError."""
    link.operation(OPERATION)
    client = link.account(account)
    try:
        answer = link.perform(client, OPERATION)
    finally:
        link.leave(client)
    collector = Collector("configuration export", search, published)
    shortfall = ""
    if answer.status not in link.operation(OPERATION).success or not answer.content:
        shortfall = f"{answer.request} answered {answer.status} with {len(answer.content)} bytes"
    else:
        for name, data in unpacked(answer.content):
            collector.take(name, data)
    return collector.observation((), shortfall=shortfall)


def unpacked(data: bytes, name: str = "export") -> Iterator[tuple[str, bytes]]:
    """The export as it is, and what an archive or a compressed file in it holds, one level each."""
    yield name, data
    try:
        if data.startswith(b"PK\x03\x04"):
            yield from _zip(name, data)
        elif data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as stream:
                inner = stream.read(_UNPACKED)
            yield from unpacked(inner, f"{name}:gzip")
        elif data[257:262] == b"ustar":
            yield from _tar(name, data)
    except (
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        tarfile.TarError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ):
        return  # encrypted or damaged: searched as it is


def _zip(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    left = _UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist()[:1000]:
            with archive.open(member) as stream:
                content = stream.read(left)
            left -= len(content)
            yield f"{name}:{member.filename}", content


def _tar(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    left = _UNPACKED
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in list(archive)[:1000]:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                content = stream.read(left)
                left -= len(content)
                yield f"{name}:{member.name}", content
