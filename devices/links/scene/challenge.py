"""The scene challenge: two fresh codes, one after the other, looked for in every picture."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from devices.errors import BenchError
from devices.links.rtsp.access import RtspAccess
from devices.links.scene.control import SceneControl, Shown
from devices.links.scene.observations import ScenePicture, SceneStream, SceneViews
from devices.links.scene.pictures import PictureSource, look
from devices.links.scene.watch import StreamWatch
from devices.observation import Artefact
from devices.scene import code as scene_code

BEGIN_SECONDS = 15.0
"""Longest wait for the first picture of every stream: long keyframe intervals."""
PATIENCE = 12.0
"""Longest wait for a code to be seen, s: more than any live picture takes."""
_AFTER = 0.5  # s that are watched after the last code was seen: does an earlier one come back?
_DECODE = 5.0  # s that decoding may go on after the watch


def challenge(
    access: RtspAccess,
    control: SceneControl,
    sources: Callable[[], Sequence[PictureSource]],
    patience: float = PATIENCE,
) -> SceneViews:
    """Show two codes to the lens and watch every declared stream and picture address.

    ``sources`` is asked for while the streams are watched. Raises BenchError when the bench cannot
    show a code.
    """
    declared = access.device.declared.streams
    room = _Room()
    watched = [s for s in declared if s.over_rtsp]
    watches = [StreamWatch(access, stream, room.changed) for stream in watched]
    performance = _Performance(room, watches, control, patience)
    shown = performance.shown
    try:
        control.clear()
        looks = performance.run(sources)
        disturbed = not control.shows(shown[-1].code)
    finally:
        for watch in watches:
            watch.halt()
        with contextlib.suppress(BenchError):
            control.clear()
    for watch in watches:
        watch.finish(_DECODE)
    facts = [watch.facts(shown) for watch in watches]
    in_view = control.streams or [stream.name for stream in declared]
    return SceneViews(
        codes=tuple(each.code for each in shown),
        streams=tuple(_viewed(fact, in_view) for fact in facts),
        pictures=tuple(fact for fact, _ in looks),
        disturbed=disturbed,
        artefacts=(*_frames(watches), *_fetched(looks)),
    )


class _Room:
    """Where whoever waits is told that something has changed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def changed(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        with self._condition:
            return self._condition.wait_for(reached, seconds)


class _Performance:
    """The order of things: watch, show, wait, show, wait, look at pictures."""

    def __init__(
        self, room: _Room, watches: list[StreamWatch], control: SceneControl, patience: float
    ) -> None:
        self._room = room
        self._watches = watches
        self._control = control
        self._patience = patience
        self.shown: list[Shown] = []

    def run(
        self, sources: Callable[[], Sequence[PictureSource]]
    ) -> list[tuple[ScenePicture, bytes]]:
        """Returns what the picture addresses gave; the watches know what the streams did."""
        for watch in self._watches:
            watch.start()
        self._room.wait(lambda: all(w.began or w.over for w in self._watches), BEGIN_SECONDS)
        first = self._show()
        self._wait_for(first, self._watches)
        second = self._show()
        expecting = [w for w in self._watches if w.has_seen(first.code)]
        found = list(sources())
        with ThreadPoolExecutor(max(1, len(found)), "scene pictures") as pool:
            looks = [pool.submit(look, each, self.shown, self._patience) for each in found]
            self._wait_for(second, expecting)
            settled = time.monotonic() + _AFTER
            looked = [each.result() for each in looks]
        left = max(0.0, settled - time.monotonic())
        self._room.wait(lambda: all(w.over for w in self._watches), left)
        return looked

    def _show(self) -> Shown:
        self.shown.append(self._control.show(scene_code.fresh()))
        return self.shown[-1]

    def _wait_for(self, shown: Shown, watches: Sequence[StreamWatch]) -> None:
        self._room.wait(lambda: all(w.has_seen(shown.code) or w.over for w in watches),
                        self._patience)  # fmt: skip


def _viewed(fact: SceneStream, in_view: Sequence[str]) -> SceneStream:
    return replace(fact, in_view=fact.name in in_view)


def _frames(watches: Sequence[StreamWatch]) -> list[Artefact]:
    return [
        Artefact(f"{watch.stream.name} shows {code}.png", "image/png", png)
        for watch in watches
        for code, png in watch.pictures().items()
        if png
    ]


def _fetched(looks: Sequence[tuple[ScenePicture, bytes]]) -> list[Artefact]:
    return [
        Artefact(f"{fact.kind} {'-'.join(fact.codes[-1:]) or 'without code'}.png", "image/png", png)
        for fact, png in looks
        if png
    ]
