"""The scene challenge: two fresh codes, one after the other, looked for in every picture."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from devices.description import Stream
from devices.errors import BenchError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import without_userinfo
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
    watched = [s for s in declared if s.over_rtsp and s.codec != "mjpeg"]
    watches = [StreamWatch(access, stream, room.changed) for stream in watched]
    shown: list[Shown] = []
    try:
        control.clear()
        looks = _run(room, watches, control, shown, sources, patience)
        disturbed = not control.shows(shown[-1].code)
    finally:
        for watch in watches:
            watch.stop(0)
        with contextlib.suppress(BenchError):
            control.clear()
    for watch in watches:
        watch.stop(_DECODE)
    facts = [watch.facts(shown) for watch in watches]
    facts += [_not_measured(s) for s in declared if s.over_rtsp and s.codec == "mjpeg"]
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


def _run(
    room: _Room,
    watches: list[StreamWatch],
    control: SceneControl,
    shown: list[Shown],
    sources: Callable[[], Sequence[PictureSource]],
    patience: float,
) -> list[tuple[ScenePicture, bytes]]:
    for watch in watches:
        watch.start()
    room.wait(lambda: all(w.began or w.over for w in watches), BEGIN_SECONDS)
    first = control.show(scene_code.fresh())
    shown.append(first)
    room.wait(lambda: all(w.has_seen(first.code) or w.over for w in watches), patience)
    second = control.show(scene_code.fresh())
    shown.append(second)
    expecting = [w for w in watches if w.has_seen(first.code)]
    found = list(sources())
    with ThreadPoolExecutor(max(1, len(found)), "scene pictures") as pool:
        looks = [pool.submit(look, source, shown, patience) for source in found]
        room.wait(lambda: all(w.has_seen(second.code) or w.over for w in expecting), patience)
        settled = time.monotonic() + _AFTER
        looked = [each.result() for each in looks]
    room.wait(lambda: all(w.over for w in watches), max(0.0, settled - time.monotonic()))
    return looked


def _viewed(fact: SceneStream, in_view: Sequence[str]) -> SceneStream:
    return replace(fact, in_view=fact.name in in_view)


def _not_measured(stream: Stream) -> SceneStream:
    return SceneStream(
        name=stream.name,
        url=without_userinfo(stream.url),
        transport=stream.transports[0],
        outcome="not-measured",
        cause="not-measured",
        reason="MJPEG over RTSP is not decoded",
    )


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
