"""STREAM-021: a stream ends when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.endings import StreamEnding, StreamEndings


@case(
    "STREAM-021",
    severity="high",
    needs=("rtsp", "capture"),
    catches=("stream-after-teardown", "stream-session-never-times-out"),
    applies_to=("rtsp-streams",),
    revision=2,
)
def test_streams_end_when_told_to(
    stream_endings: StreamEndings, stream_silences: StreamEndings, policy: Any
) -> None:
    """A stream ends when it is told to, and when its viewer is gone.

    Method: play every declared RTSP stream over each declared transport until media flows, send
    TEARDOWN, and listen for media that still comes. Over the first declared transport with
    datagrams, where media does not end with the RTSP connection, play once more, close the
    connection without TEARDOWN, send nothing and listen until it is silent, or the session time-out
    that the camera declared in SETUP (60 s by RFC 2326, 12.37, where it declares none) has passed.
    Play it a third time and do the same with the connection left open, on which the camera's own
    requests alone are answered. Time-outs longer than bench.longest_wait of the device file are not
    waited for, which leaves the verdict open where media went on until then. The camera's clock is
    not moved: a session's time is commonly counted by another one.
    Pass: media ends within the time that the policy "streams" gives after TEARDOWN, and within the
    declared time-out after the connection or the last request.
    """
    rules = policy("streams")["ending"]
    endings = (*stream_endings.endings, *stream_silences.endings)
    if not stream_endings.endings:
        raise Inconclusive(
            f"no stream could be played and ended: {stream_endings.shortfall}", "no-media"
        )
    problems = [problem for e in endings for problem in _goes_on(e, rules)]
    assert not problems, " ".join(problems)
    longest = stream_endings.longest_wait
    doubts = [doubt for e in endings for doubt in _open(e, rules, longest)]
    silent = {ending.name for ending in stream_silences.endings}
    doubts += [
        f"{_which(e)} was not left in silence on an open connection."
        for e in stream_endings.endings
        if e.way == "connection" and e.name not in silent
    ]
    if doubts:
        raise Inconclusive(" ".join(doubts), "not-measured")


def _which(ending: StreamEnding) -> str:
    return f"Stream {ending.name} ({ending.url}) over {ending.transport}"


def _allowed(ending: StreamEnding, rules: dict[str, Any]) -> float:
    if ending.way == "teardown":
        return float(rules["told_seconds"])
    return ending.timeout + float(rules["timeout_slack_seconds"])


def _goes_on(ending: StreamEnding, rules: dict[str, Any]) -> Iterator[str]:
    if not ending.before or ending.last <= _allowed(ending, rules):
        return
    if ending.way == "teardown":
        answered = f"answered {ending.status}" if ending.status else "not answered"
        yield (
            f"{_which(ending)}: {ending.after} media packets came after TEARDOWN ({answered}), the "
            f"last {ending.last:.1f} s later, expected none after {_allowed(ending, rules):.0f} s."
        )
    elif not ending.asked:
        since = "the RTSP connection had been closed"
        if ending.way == "silence":
            since = "the last request, on a connection that is still open"
        yield (
            f"{_which(ending)}: media still came {ending.last:.1f} s after {since}, expected an "
            f"end at the declared time-out of {ending.timeout:.0f} s."
        )


def _open(ending: StreamEnding, rules: dict[str, Any], longest: float) -> Iterator[str]:
    """What cannot be judged: nothing flowed before, or it was not listened for long enough."""
    if not ending.before:
        yield f"{_which(ending)} gave no media that could end."
    elif ending.asked and _was_running(ending):
        yield (
            f"{_which(ending)}: media went on while the camera asked for a sign of life, and was "
            "answered."
        )
    elif ending.way == "silence" and not ending.listened:
        yield (
            f"{_which(ending)}: the declared time-out of {ending.timeout:.0f} s was not waited for "
            f"on an open connection: bench.longest_wait is {longest:.0f} s."
        )
    elif ending.way == "connection" and _was_running(ending):
        yield (
            f"{_which(ending)}: media went on after the RTSP connection had been closed; the "
            f"declared time-out of {ending.timeout:.0f} s was not waited for: bench.longest_wait "
            f"is {longest:.0f} s."
        )
    elif ending.closed:
        return  # nothing can come any more
    elif ending.listened - ending.last < rules["min_quiet_seconds"]:
        yield f"{_which(ending)} was not listened to for long enough after its end."


def _was_running(ending: StreamEnding) -> bool:
    """Whether media still came when the bench stopped listening."""
    return ending.after > 0 and ending.listened - ending.last < 1.0
