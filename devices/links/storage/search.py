"""Goes over the pieces of a medium, and finds also what lies across two of them."""

from __future__ import annotations

from collections import Counter

from devices.links.storage import blocks, structure
from devices.links.storage.medium import Piece
from devices.links.storage.observations import MediumContent, Trace
from devices.links.storage.signatures import LOOK_AHEAD, RULES, find

_LOOK_BACK = 1024
_KEPT = 5  # traces of each kind
_COUNTED = 1000  # of each kind; then it is not looked for any more


class Search:
    """Takes pieces in order; its memory is bounded by the size of one."""

    def __init__(self) -> None:
        self._examined = self._written = self._clear = 0
        self._traces: dict[str, list[Trace]] = {}
        self._counts: Counter[str] = Counter()
        self._structure: dict[tuple[str, int], Trace] = {}
        self._data = b""
        self._base = 0  # offset of the data
        self._done = 0  # offset up to which beginnings have been looked for

    def take(self, piece: Piece) -> None:
        """Look at one piece, all but its end: that waits for what follows."""
        if not piece.follows:
            self.finish()
            self._data, self._base, self._done = b"", piece.offset, piece.offset
        self._examined += len(piece.data)
        written, clear = blocks.count(piece.data)
        self._written += written
        self._clear += clear
        self._data += piece.data
        self._look(self._base + len(self._data) - LOOK_AHEAD)

    def finish(self) -> None:
        """Look at the end that has waited."""
        self._look(self._base + len(self._data))

    def result(self, source: str, size: int, shortfall: str) -> MediumContent:
        """Everything found."""
        return MediumContent(
            source=source,
            size=size,
            examined=self._examined,
            written=self._written,
            clear=self._clear,
            readable=tuple(trace for kind in self._traces.values() for trace in kind),
            counts=tuple(sorted(self._counts.items())),
            structure=tuple(self._structure.values()),
            shortfall=shortfall,
        )

    def _look(self, until: int) -> None:
        data, base = self._data, self._base
        begin, end = self._done - base, until - base
        if end <= begin:
            return
        if data.count(data[:1]) != len(data):
            self._find(data, base, begin, end)
        self._done = until
        keep = max(0, end - _LOOK_BACK)
        self._data, self._base = data[keep:], base + keep

    def _find(self, data: bytes, base: int, begin: int, end: int) -> None:
        for rule in RULES:
            if self._counts[rule.kind] < _COUNTED:
                for at, detail in find(data, rule, begin, end):
                    self._enter(Trace(rule.kind, base + at, detail))
        if (packets := blocks.transport_stream(data[begin:])) is not None:
            self._enter(Trace("mpeg-ts", base + begin + packets, "sync bytes at their distance"))
        if self._counts["clip-name"] < _COUNTED:
            for at, name in structure.clip_names(data, begin, end, base):
                self._enter(Trace("clip-name", base + at, name))
        for trace in structure.headers(data, begin, end, base):
            if len(self._structure) < _COUNTED:
                self._structure.setdefault((trace.kind, trace.offset), trace)

    def _enter(self, trace: Trace) -> None:
        self._counts[trace.kind] += 1
        known = self._traces.setdefault(trace.kind, [])
        if len(known) < _KEPT:
            known.append(trace)
