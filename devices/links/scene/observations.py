"""What the scene challenge hands upward: which code was shown, and which pictures showed it."""

from __future__ import annotations

from dataclasses import dataclass

from devices.observation import Observation


@dataclass(frozen=True)
class CodeSeen:
    """A code shown in this run that a stream showed.

    ``latency`` is the longest time (s) that it can have taken from the screen to the bench,
    ``uncertainty`` how much less it can have been: how long the screen took to show it, and the
    time since the picture before. ``width`` is the symbol's share of the picture's width.
    """

    code: str
    latency: float
    uncertainty: float
    width: float


@dataclass(frozen=True)
class SceneStream:
    """One declared stream while the codes were shown.

    ``outcome``: ``watched`` (pictures were decoded), ``silent`` (none could be), ``failed``
    (``cause`` and ``reason`` say why it did not play), ``not-measured``. ``in_view``: whether the
    device file says that its lens looks at the screen. ``seen`` in the order in which the codes
    were first seen; ``again`` are codes that came back after a later one; ``foreign`` are codes
    that this run has not shown. ``behind``: pictures waited to be decoded when the watch ended.
    Sizes in pixels; ``watched``: for how many seconds after each code had come into view the
    pictures that arrived were looked at.
    """

    name: str
    url: str
    transport: str
    outcome: str
    cause: str = ""
    reason: str = ""
    in_view: bool = True
    frames: int = 0
    width: int = 0
    height: int = 0
    watched: tuple[float, ...] = ()
    seen: tuple[CodeSeen, ...] = ()
    again: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    behind: bool = False


@dataclass(frozen=True)
class ScenePicture:
    """A picture fetched over HTTP while the last code was shown.

    ``kind``: snapshot, onvif-snapshot, mjpeg. ``outcome``: ``picture``, ``no-picture`` (``reason``
    says what came), ``failed``. ``codes`` are those it showed, the last one last; ``seconds`` from
    the moment at which the last code was shown until a picture that shows it, or until the end.
    """

    kind: str
    url: str
    outcome: str
    cause: str = ""
    reason: str = ""
    in_view: bool = True
    width: int = 0
    height: int = 0
    codes: tuple[str, ...] = ()
    code_width: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SceneViews(Observation):
    """Which of the camera's pictures show what is in front of its lens.

    ``codes`` were shown one after the other. ``disturbed``: something else than this run changed
    what the bench shows.
    """

    codes: tuple[str, ...]
    streams: tuple[SceneStream, ...]
    pictures: tuple[ScenePicture, ...]
    disturbed: bool = False
