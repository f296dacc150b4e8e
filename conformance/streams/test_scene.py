"""What the camera's pictures show is what is in front of its lens, now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.scene.observations import ScenePicture, SceneStream, SceneViews

_CHECK = "check that the lens looks at the screen, that the code fills a good part of the picture"


@case(
    "STREAM-029",
    severity="high",
    needs=("rtsp", "scene"),
    catches=("stream-other-scene", "stream-delayed", "stream-looped", "stream-frozen"),
    applies_to=("rtsp-streams",),
)
def test_streams_show_the_scene_live(scene_views: SceneViews, policy: Any) -> None:
    """Every declared stream shows the scene in front of this unit, live.

    Method: play every declared stream over its first transport, show a fresh random code on the
    bench's screen in front of the lens, and read it back from the decoded pictures; show a second
    one and read that. Time from the screen to the arrival of the first picture with the code. When
    no picture of the camera at all shows a code, the bench may be the reason, and the verdict
    stays open.
    Pass: each stream shows each code within the limit of the policy "streams", follows from the
    first to the second, and does not show the first one again.
    """
    limits = policy("streams")["scene"]
    _judge_bench(scene_views)
    problems: list[str] = []
    doubts: list[str] = []
    for stream in scene_views.streams:
        found = list(_stream_faults(stream, scene_views, limits))
        problems += found
        doubts += [] if found else _stream_doubts(stream, scene_views, limits)
    assert not problems, " ".join(problems)
    if doubts:
        causes = [s.cause for s in scene_views.streams if s.cause]
        raise Inconclusive(" ".join(doubts), next(iter(causes), "no-picture"))
    if not scene_views.streams:
        raise Inconclusive("no stream was watched while the codes were shown", "no-media")


@case(
    "STREAM-030",
    severity="medium",
    needs=("scene",),
    catches=("stream-snapshot-stale",),
    applies_to=("pictures",),
)
def test_pictures_show_the_scene(scene_views: SceneViews, policy: Any) -> None:
    """Snapshots and MJPEG show the same scene as the streams, live.

    Method: while the second of two fresh codes is shown on the bench's screen in front of the
    lens, fetch the declared snapshot, ONVIF's snapshots and the declared MJPEG streams over HTTP
    with an account, until they show it. When no picture of the camera at all shows a code, the
    bench may be the reason, and the verdict stays open.
    Pass: each address that gives a picture shows the second code within the limit of the policy
    "streams".
    """
    limits = policy("streams")["scene"]
    _judge_bench(scene_views)
    problems: list[str] = []
    doubts: list[str] = []
    for picture in scene_views.pictures:
        found = list(_picture_faults(picture, scene_views, limits))
        problems += found
        doubts += [] if found else _picture_doubts(picture, scene_views, limits)
    assert not problems, " ".join(problems)
    if not any(picture.outcome == "picture" for picture in scene_views.pictures):
        told = [f"{p.url}: {p.reason}." for p in scene_views.pictures]
        raise Inconclusive("no address gave a picture over HTTP. " + " ".join(told), "not-offered")
    if doubts:
        raise Inconclusive(" ".join(doubts), "no-picture")


def _judge_bench(views: SceneViews) -> None:
    """Whether what is in front of the lens is known: else nothing can be said of any picture."""
    if views.disturbed:
        raise Inconclusive(
            "something else changed what the bench shows during the test: a screen serves one "
            "run at a time",
            "bench",
        )
    if len(views.codes) < 2:
        raise Inconclusive("the bench did not show two codes", "bench")
    if not _share(views):
        others = sorted({code for stream in views.streams for code in stream.foreign})
        told = f" (code {', '.join(others)} of another run was seen)" if others else ""
        raise Inconclusive(
            f"no picture of the camera shows the code on the bench's screen{told}: {_CHECK}, and "
            "that nothing lies over it",
            "no-picture",
        )


def _share(views: SceneViews) -> float:
    """The largest share of a picture's width that a code took: the bench was seen to work."""
    widths = [seen.width for stream in views.streams for seen in stream.seen]
    shown = set(views.codes)
    widths += [p.code_width for p in views.pictures if shown & set(p.codes)]
    return max(widths, default=0.0)


def _stream_faults(stream: SceneStream, views: SceneViews, limits: dict[str, Any]) -> Iterator[str]:
    which = f"Stream {stream.name} ({stream.url})"
    limit = limits["max_latency"]
    for seen in stream.seen:
        if (least := seen.latency - seen.uncertainty) > limit:
            yield (
                f"{which} showed code {seen.code} at least {least:.1f} s after the screen, "
                f"expected within {limit:.0f} s."
            )
    for code in stream.again:
        yield f"{which} showed code {code} again after a later one: it plays a recording."
    if not stream.in_view or stream.outcome != "watched" or not _watched(stream, views, limit):
        return
    missing = _missing(stream, views)
    if views.codes[-1] in missing and _legible(stream, views, limits) and not _cut_short(stream):
        what = (
            f"showed code {stream.seen[-1].code} and not the one after it"
            if stream.seen
            else (
                "does not show what is before its lens"
                + (f", with code {', '.join(stream.foreign)}" if stream.foreign else "")
            )
        )
        yield (
            f"{which} {what}: code {', '.join(missing)} was on the screen before the lens and did "
            f"not appear in {stream.frames} pictures; {_witness(stream.name, views)} showed it."
        )


def _stream_doubts(stream: SceneStream, views: SceneViews, limits: dict[str, Any]) -> Iterator[str]:
    which = f"Stream {stream.name} ({stream.url})"
    if stream.outcome != "watched":
        reason = stream.reason or "no picture could be decoded"
        yield f"{which} could not be watched: {reason}."
        return
    if not (missing := _missing(stream, views)):
        for seen in stream.seen:
            if seen.latency > limits["max_latency"]:
                yield (
                    f"{which} showed code {seen.code} after {seen.latency:.1f} s at the latest and "
                    f"{seen.latency - seen.uncertainty:.1f} s at the earliest."
                )
        return
    if not stream.in_view:
        yield f"{which} is not among bench.scene.streams: its lens was shown nothing."
    elif _cut_short(stream):
        yield f"{which} ended before the codes were shown: {stream.reason or 'it was closed'}."
    elif stream.behind or not _watched(stream, views, limits["max_latency"]):
        yield (
            f"{which} was not looked at for {limits['max_latency']:.0f} s after code "
            f"{', '.join(missing)}: the bench could not decode the pictures as fast as they came."
        )
    else:
        yield (
            f"{which} shows no code {', '.join(missing)}, which would be "
            f"{_pixels(stream.width, views):.0f} pixels wide in it, "
            f"{limits['min_code_pixels']} are needed: {_CHECK}."
        )


def _picture_faults(
    picture: ScenePicture, views: SceneViews, limits: dict[str, Any]
) -> Iterator[str]:
    if picture.outcome != "picture" or not picture.in_view or _right(picture, views):
        return
    if _pixels(picture.width, views) < limits["min_code_pixels"] or not _witness("", views):
        return
    if picture.seconds <= limits["max_latency"]:
        return
    what = f"code {picture.codes[-1]}" if picture.codes else "no code"
    yield (
        f"{picture.url} ({picture.kind}) gives a picture with {what}, {picture.seconds:.1f} s "
        f"after the screen showed {views.codes[-1]}, which {_witness('', views)} showed: it is "
        "not what the lens sees now."
    )


def _picture_doubts(
    picture: ScenePicture, views: SceneViews, limits: dict[str, Any]
) -> Iterator[str]:
    if picture.outcome != "picture":
        if picture.outcome == "failed":
            yield f"{picture.url} ({picture.kind}) could not be fetched: {picture.reason}."
    elif not _right(picture, views):
        size = _pixels(picture.width, views)
        yield (
            f"{picture.url} ({picture.kind}) shows no code {views.codes[-1]}, which would be "
            f"{size:.0f} pixels wide in it, {limits['min_code_pixels']} are needed: {_CHECK}."
            if picture.in_view
            else f"{picture.url} ({picture.kind}) shows no code; its lens need not look there."
        )


def _right(picture: ScenePicture, views: SceneViews) -> bool:
    last: str = views.codes[-1]
    return picture.codes[-1:] == (last,)


def _missing(stream: SceneStream, views: SceneViews) -> list[str]:
    seen = {each.code for each in stream.seen}
    return [code for code in views.codes if code not in seen]


def _watched(stream: SceneStream, views: SceneViews, limit: float) -> bool:
    """Whether a code that it did not show had the time to be shown."""
    after = dict(zip(views.codes, stream.watched, strict=False))
    return any(after.get(code, 0.0) > limit for code in _missing(stream, views))


def _cut_short(stream: SceneStream) -> bool:
    """Whether the stream ended by itself: what it did not show, it may not have had time for."""
    return bool(stream.cause)


def _pixels(width: int, views: SceneViews) -> float:
    return _share(views) * width


def _legible(stream: SceneStream, views: SceneViews, limits: dict[str, Any]) -> bool:
    return _pixels(stream.width, views) >= float(limits["min_code_pixels"])


def _witness(name: str, views: SceneViews) -> str:
    """Another picture of the camera that showed the last code, or the first if none did."""
    for code in reversed(views.codes):
        for stream in views.streams:
            if stream.name != name and any(seen.code == code for seen in stream.seen):
                return f"stream {stream.name}"
        for picture in views.pictures:
            if code in picture.codes:
                return picture.url
    return ""
