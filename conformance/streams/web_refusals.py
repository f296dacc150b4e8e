"""What the test cases of web media have in common: who is no user, and what a refusal is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.verdict import Inconclusive, NotApplicable
from devices.description import Stream
from devices.links.http.exchange import ANONYMOUS
from devices.links.web_media.observations import (
    ENDED,
    FOREIGN,
    MADE_UP,
    UNKNOWN,
    MediaAnswer,
    PlayedMedium,
    WebMedia,
)
from devices.protocols.containers import PLAYLISTS, VIDEO

_STRANGERS = {
    ANONYMOUS: "without login",
    UNKNOWN: "to an unknown user",
    ENDED: "to a session that was logged out",
    MADE_UP: "to a made-up session",
}
NO_ACCOUNT = {*_STRANGERS, FOREIGN}
_TOKEN_BITS = 64


def judge_refusals(web_media: WebMedia, streams: Sequence[Stream], what: str) -> None:
    """Judge that strangers get none of these streams; ``what`` is recordings or live video."""
    names = {stream.name for stream in streams}
    clips = what == "recordings"
    answers = [answer for answer in web_media.answers if answer.medium in names]
    published = [a for a in _published(web_media, clips=clips) if a.sender == ANONYMOUS]
    given = [a for a in answers if a.media and a.sender in _STRANGERS]
    by_token = [a for a in given if a.token_bits >= _TOKEN_BITS and a.token_checked]
    faults = _given([*(a for a in given if a not in by_token), *published])
    assert not faults, " ".join(faults)
    check_applies(web_media, streams, what)
    if by_token:
        raise Inconclusive(
            f"{', '.join(a.request for a in by_token)}: given to whoever has the address, which "
            f"holds a token of at most {by_token[0].token_bits} bits that the camera checks; how "
            "long it is good for is not measured",
            "token-in-address",
        )
    check_unclear(answer for answer in answers if answer.sender in _STRANGERS)
    _judge_proofs(web_media, names, answers)


def _given(answers: Sequence[MediaAnswer]) -> list[str]:
    """One sentence for each address: what it gives, and to whom."""
    whom: dict[str, list[str]] = {}
    what: dict[str, str] = {}
    for answer in answers:
        whom.setdefault(answer.request, []).append(_STRANGERS[answer.sender])
        what.setdefault(answer.request, what_came(answer))
    return [f"{request} gives {what[request]} {', '.join(whom[request])}." for request in whom]


def _judge_proofs(web_media: WebMedia, names: set[str], answers: Sequence[MediaAnswer]) -> None:
    """Refusals mean something only where an account gets what others are refused."""
    asked = {(a.medium, a.part) for a in answers if a.sender == ANONYMOUS}
    given = [a for a in answers if a.media and a.sender not in NO_ACCOUNT]
    proved = asked & {(a.medium, a.part) for a in given}
    wanted = {(name, "itself") for name in names} | _of_more_than_itself(web_media, names, given)
    missing = sorted((wanted | asked) - proved)
    if missing:
        why = [
            f"{name_of(p)}: {p.reason}" for p in web_media.played if p.name in names and p.reason
        ]
        raise Inconclusive(
            f"{', '.join(f'{name} ({part})' for name, part in missing)}: no video came with an "
            f"account either, so that refusals say nothing. {' '.join(why)}".strip(),
            "not-offered",
        )


def _of_more_than_itself(
    web_media: WebMedia, names: set[str], given: Sequence[MediaAnswer]
) -> set[tuple[str, str]]:
    """The parts that hold the pictures of playlists and lists: without them little was asked."""
    lists = {(a.medium, a.part) for a in given if a.media in PLAYLISTS or a.media == "clip-list"}
    return {
        (one.name, "key" if one.encrypted else "clip" if one.container == "clip" else "segment")
        for one in web_media.played
        if one.name in names and (one.name, "itself") in lists
    }


def check_applies(web_media: WebMedia, streams: Sequence[Stream], what: str) -> None:
    """Where none is declared, and none was found, there is nothing to judge."""
    if streams:
        return
    if web_media.shortfall or not web_media.published:
        why = web_media.shortfall or "no published address was asked for"
        raise Inconclusive(f"no {what} of the web server is declared, and {why}", "insufficient")
    raise NotApplicable(
        f"the device file declares no {what} of a web server, and none of "
        f"{len({a.request for a in web_media.published})} published addresses gives any"
    )


def check_unclear(answers: Iterable[MediaAnswer]) -> None:
    """Raise Inconclusive for a success that is neither video that is known nor a page."""
    if unclear := [answer for answer in answers if answer.unclear]:
        raise Inconclusive(
            " ".join(
                f"{a.request} answers {a.sender} with {a.exchange.status}, "
                f"{a.exchange.media_type or 'no media type'} and {a.exchange.body_bytes} bytes, "
                "which is neither video that is known here nor a refusal."
                for a in unclear
                if a.exchange is not None
            ),
            "garbled",
        )


def _published(web_media: WebMedia, *, clips: bool) -> list[MediaAnswer]:
    """Published addresses that gave video; files are counted with the recordings."""
    files = VIDEO - {"mjpeg"}
    live = PLAYLISTS | {"mjpeg"}
    return [a for a in web_media.published if a.media in (files if clips else live)]


def what_came(answer: MediaAnswer) -> str:
    """What an answer gave, and how much of it was read, for people."""
    size = answer.exchange.body_bytes if answer.exchange is not None else 0
    named = {"clip-list": "a list of recordings", "key": "a key", "hls": "a playlist"}
    what = named.get(answer.media, f"video ({answer.media})")
    return f"{what}, {size} bytes read," if size else what


def name_of(one: PlayedMedium) -> str:
    """A medium for people."""
    return f"{one.name} ({one.url}, {one.container})"
