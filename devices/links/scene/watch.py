"""Watches one stream for codes, in threads of its own, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from devices.description import Stream
from devices.errors import DeviceError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.live import LivePicture, LivePictures
from devices.links.rtsp.player import play
from devices.links.scene.control import Shown
from devices.links.scene.observations import CodeSeen, SceneStream
from devices.links.scene.pictures import kept
from devices.scene.code import Found, read

_LONGEST = 120.0  # s of one watch: more than every patience of a challenge together
_BEHIND = 1.5  # s that decoding may lag
_LATE = 0.5  # s after its arrival from which pictures are not all looked at
_THOROUGHLY = 0.4  # s between two thorough looks at pictures that show no code at first sight


@dataclass
class _Sighting:
    """The first picture with a code: when, and when the last one before it came."""

    arrived: float
    before: float
    last: float
    width: float
    png: bytes = field(repr=False)


class StreamWatch:
    """One stream; ``changed`` is called whenever there is something new to know."""

    def __init__(self, access: RtspAccess, stream: Stream, changed: Callable[[], None]) -> None:
        self.stream = stream
        self._access = access
        self._changed = changed
        self._live = LivePictures()
        self._sightings: dict[str, _Sighting] = {}
        self._again: list[str] = []
        self._facts = SceneStream(
            stream.name, without_userinfo(stream.url), stream.transports[0], "silent"
        )
        self._examined = self._thorough = self._looked = self._decoded = self._cost = 0.0
        self._lock = threading.Lock()
        self.over = False
        self._threads = [
            threading.Thread(target=work, name=f"scene {stream.name}", daemon=True)
            for work in (self._play, self._look)
        ]

    def start(self) -> None:
        """Begin to play and to look."""
        for thread in self._threads:
            thread.start()

    @property
    def began(self) -> bool:
        """Whether a picture was decoded."""
        return self._facts.frames > 0

    def has_seen(self, code: str) -> bool:
        """Whether a picture showed this code."""
        return code in self._sightings

    def halt(self) -> None:
        """End the recording; says ``behind`` when decoding did not keep up with it."""
        late = time.monotonic() - self._decoded > _BEHIND
        self._update(behind=self.began and self._live.waiting > 0 and late)
        self._live.stop()

    def finish(self, seconds: float) -> None:
        """Wait at most ``seconds`` for what has arrived to be decoded."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self._update(behind=True)

    def facts(self, shown: list[Shown]) -> SceneStream:
        """What it saw of the codes that were shown."""
        known = {each.code: each for each in shown}
        sightings = sorted(dict(self._sightings).items(), key=lambda item: item[1].arrived)
        seen = tuple(_seen(known[code], s) for code, s in sightings if code in known)
        foreign = tuple(code for code, _ in sightings if code not in known)
        again = tuple(code for code in dict.fromkeys(self._again) if code in known)
        watched = tuple(round(max(0.0, self._examined - each.after), 2) for each in shown)
        return replace(self._facts, seen=seen, again=again, foreign=foreign, watched=watched)

    def pictures(self) -> dict[str, bytes]:
        """The first picture that showed each code, as PNG."""
        return {code: sighting.png for code, sighting in dict(self._sightings).items()}

    def _play(self) -> None:
        stream, access, capture = self.stream, self._access, self._access.capture()
        try:
            endpoint = endpoint_of(self._facts.url)
            tunnel = access.tunnel(stream, stream.transports[0], self._facts.url)
            with access.connect(
                endpoint, login=access.login(), capture=capture, tunnel=tunnel
            ) as client:
                recording = play(
                    client,
                    self._facts.url,
                    stream.transports[0],
                    seconds=_LONGEST,
                    capture=capture,
                    follower=self._live,
                )
            if recording.refused:
                self._fail("not-offered", recording.refused)
            elif not self._live.enough():
                self._fail("no-media", "the camera sent no more")
        except DeviceError as error:
            self._fail(error.cause, str(error))
        except Exception as error:  # noqa: BLE001 - of this thread: nobody else would say it
            self._fail("suite", f"{type(error).__name__}: {error}")
        finally:
            self.over = True
            self._live.close()
            self._changed()

    def _fail(self, cause: str, reason: str) -> None:
        self._update(cause=cause, reason=reason)
        if not self.began:
            self._update(outcome="failed")

    def _update(self, **changes: Any) -> None:
        with self._lock:  # both threads come here
            self._facts = replace(self._facts, **changes)

    def _look(self) -> None:
        try:
            for picture in self._live.pictures():
                self._examine(picture)
                self._decoded = picture.arrived
                self._changed()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail("suite", f"{type(error).__name__}: {error}")
            self._live.stop()

    def _examine(self, picture: LivePicture) -> None:
        height, width = picture.grey.shape
        frames = self._facts.frames + 1
        self._update(outcome="watched", frames=frames, width=width, height=height)
        began = time.monotonic()
        if began - picture.arrived > _LATE and picture.arrived - self._looked < 2 * self._cost:
            return  # to catch up; how long no picture was looked at is in the uncertainty
        self._looked = picture.arrived
        thorough = picture.arrived - self._thorough > _THOROUGHLY
        if thorough:
            self._thorough = picture.arrived
        found = read(picture.grey, thorough=thorough)
        self._cost = max(time.monotonic() - began, self._cost / 2)
        if found is not None:
            self._note(found, picture)
        if found is not None or thorough:
            self._examined = picture.arrived

    def _note(self, found: Found, picture: LivePicture) -> None:
        known = self._sightings.get(found.code)
        if known is None:
            arrived, png = picture.arrived, kept(picture.colours())
            share = found.width
            self._sightings[found.code] = _Sighting(arrived, self._examined, arrived, share, png)
            return
        if any(other.arrived > known.last for other in self._sightings.values()):
            self._again.append(found.code)
        known.last = picture.arrived


def _seen(shown: Shown, sighting: _Sighting) -> CodeSeen:
    latest = max(0.0, sighting.arrived - shown.before)
    earliest = max(0.0, sighting.before - shown.after)
    return CodeSeen(shown.code, round(latest, 3), round(latest - earliest, 3), sighting.width)
