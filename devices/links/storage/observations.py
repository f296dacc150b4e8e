"""Facts about the content of a recording medium."""

from __future__ import annotations

from dataclasses import dataclass

from devices.observation import Observation


@dataclass(frozen=True)
class Trace:
    """Something whose structure was recognised on the medium, ``offset`` bytes from its start.

    ``kind``: a picture or video (``jpeg``, ``mp4``, ``mpeg-ps``, ``mpeg-ts``, ``h264``, ``h265``,
    ``avi``, ``matroska``, ``flv``, ``dhav``, ``hikvision``), ``clip-name`` for the name of a
    recording; of the medium's own structure ``fat``, ``exfat``, ``ext``, ``luks``, ``bitlocker``
    and ``fscrypt``.
    """

    kind: str
    offset: int
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class MediumContent(Observation):
    """What was looked at, in bytes, and what was found.

    ``size`` is 0 when it is not known. Blocks of one repeated byte are blank; ``written`` counts
    the others, ``clear`` those of them whose bytes are not distributed as ciphertext's are.
    ``readable`` holds the first of each kind, ``counts`` how many there were.
    """

    source: str
    size: int
    examined: int
    written: int
    clear: int
    readable: tuple[Trace, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    structure: tuple[Trace, ...] = ()
