"""Video of the web server: MJPEG, HLS, DASH, WebSocket and recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile, Stream
from devices.links.http.exchange import ANONYMOUS
from devices.links.web_media.observations import (
    ENDED,
    FOREIGN,
    MADE_UP,
    UNKNOWN,
    ClearMedia,
    MediaAnswer,
    PlayedMedium,
    WebMedia,
)
from devices.protocols.containers import PLAYLISTS, STILLS, VIDEO

_STRANGERS = {
    ANONYMOUS: "without login",
    UNKNOWN: "to an unknown user",
    ENDED: "to a session that was logged out",
    MADE_UP: "to a made-up session",
}
_NO_ACCOUNT = {*_STRANGERS, FOREIGN}
_TOKEN_BITS = 64


@case(
    "STREAM-031",
    severity="critical",
    needs=("http",),
    catches=(
        "stream-mjpeg-anonymous",
        "stream-mjpeg-hidden-path",
        "stream-hls-segments-open",
        "stream-websocket-anonymous",
        "cred-session-survives-logout",
    ),
    applies_to=("web-media",),
)
def test_no_live_video_of_the_web_server_without_login(
    web_media: WebMedia, device: DeviceFile
) -> None:
    """The web server gives no live video without login.

    Method: ask for every declared MJPEG, HLS, DASH and WebSocket stream, for the playlists, keys
    and segments that it is made of, and for the addresses at which cameras are known to give
    video: without login, as a user who does not exist, in a session that was logged out, and in
    one that never was; and right after with an account, to know that there is video to be had.
    What comes is recognised by its bytes. An address that holds an unguessable token, which the
    camera checks, leaves the verdict open.
    Pass: nobody without login gets a picture, a playlist, a key or a segment, and the account gets
    them all.
    """
    live = [s for s in device.declared.streams if s.web_container not in (None, "clip")]
    _judge_refusals(web_media, live, "live video")


@case(
    "STREAM-032",
    severity="critical",
    needs=("http",),
    catches=("stream-clip-anonymous", "cred-session-survives-logout"),
    applies_to=("web-media",),
)
def test_no_recording_without_login(web_media: WebMedia, device: DeviceFile) -> None:
    """Recordings are listed and given to nobody without login.

    Method: ask for the declared list of recordings and for the first bytes of a recording in it,
    and for addresses at which cameras are known to give such files: without login, as a user who
    does not exist, in a session that was logged out, and in one that never was; and right after
    with an account. No more than some hundred bytes of a recording are asked for so.
    Pass: nobody without login gets the list or a byte of a recording, and the account gets both.
    """
    clips = [s for s in device.declared.streams if s.web_container == "clip"]
    _judge_refusals(web_media, clips, "recordings")


@case(
    "STREAM-033",
    severity="critical",
    needs=("http",),
    catches=(
        "stream-mjpeg-plain",
        "stream-clip-plain",
        "stream-websocket-plain",
        "stream-websocket-foreign-origin",
        "cred-http-login",
    ),
    applies_to=("web-media",),
)
def test_no_web_video_in_clear_or_for_other_sites(
    web_media: WebMedia, web_media_clear: ClearMedia, device: DeviceFile
) -> None:
    """The web server gives no video in clear, and none to pages of other sites.

    Method: ask every port that speaks plain HTTP for the declared video and for the addresses at
    which cameras are known to give some, without login, and with one where the port asks for it by
    Digest (any other login would send the password, or a session, in clear); ask for WebSockets
    likewise. Over TLS, open each declared WebSocket with the cookie of a session as a page of
    another site would, by its Origin. A login that plain HTTP asks for, and that the test does
    not get past, leaves the verdict open.
    Pass: no port gives video, a playlist or a list of recordings or opens a WebSocket without TLS,
    and no WebSocket opens for a page of another site.
    """
    faults = [*_in_clear(web_media, web_media_clear), *_from_elsewhere(web_media)]
    assert not faults, " ".join(dict.fromkeys(faults))
    asked = web_media_clear.asked and web_media_clear.ports and web_media_clear.front is not None
    if not asked or not (web_media.answers or web_media.published):
        raise Inconclusive("no port was asked for video in clear", "insufficient")
    if asking := [a for port in web_media_clear.ports for a in port.behind_login]:
        raise Inconclusive(
            f"{', '.join(dict.fromkeys(a.request for a in asking))}: a login is asked for without "
            "TLS, and none that the test gives got past it; who has one would get video in clear, "
            "if there is some",
            "no-login",
        )
    every = [answer for port in web_media_clear.ports for answer in port.answers]
    _no_unclear(every)
    _applies(web_media, [s for s in device.declared.streams if not s.over_rtsp], "video")
    if any(s.web_container == "websocket" for s in device.declared.streams):
        _judge_upgrades(web_media)


@case(
    "STREAM-034",
    severity="medium",
    needs=("http",),
    catches=("stream-wrong-codec",),
    applies_to=("web-media",),
)
def test_web_video_plays_as_declared(web_media: WebMedia, device: DeviceFile) -> None:
    """Every declared video of the web server plays with login as declared, and there is no other.

    Method: fetch each declared MJPEG, HLS, DASH and WebSocket stream and a recording with an
    account, recognise the container by its bytes, take off the encryption of segments, and decode
    the pictures with OpenCV. Ask for the addresses at which cameras are known to give video, too.
    Pass: each gives what its declared container is made of, pictures decode, and their codec and
    size are those declared; no known address gives video of a kind that is not declared.
    """
    declared = {s.name: s for s in device.declared.streams if not s.over_rtsp}
    faults = [f for one in web_media.played for f in _differences(one, declared[one.name])]
    faults += _undeclared(web_media, declared.values())
    assert not faults, " ".join(faults)
    _applies(web_media, list(declared.values()), "video")
    unsure = [one for one in web_media.played if one.outcome in ("failed", "not-measured")]
    if unsure or len(web_media.played) < len(declared):
        raise Inconclusive(
            " ".join(f"{_name(one)} could not be judged: {one.reason}." for one in unsure)
            or "not every declared medium was asked for",
            unsure[0].cause if unsure else "insufficient",
        )


def _judge_refusals(web_media: WebMedia, streams: Sequence[Stream], what: str) -> None:
    names = {stream.name for stream in streams}
    clips = what == "recordings"
    answers = [answer for answer in web_media.answers if answer.medium in names]
    published = [a for a in _published(web_media, clips=clips) if a.sender == ANONYMOUS]
    given = [a for a in answers if a.media and a.sender in _STRANGERS]
    by_token = [a for a in given if a.token_bits >= _TOKEN_BITS and a.token_checked]
    faults = _given([*(a for a in given if a not in by_token), *published])
    assert not faults, " ".join(faults)
    _applies(web_media, streams, what)
    if by_token:
        raise Inconclusive(
            f"{', '.join(a.request for a in by_token)}: given to whoever has the address, which "
            f"holds a token of at most {by_token[0].token_bits} bits that the camera checks; how "
            "long it is good for is not measured",
            "token-in-address",
        )
    _no_unclear(answer for answer in answers if answer.sender in _STRANGERS)
    _judge_proofs(web_media, names, answers)


def _given(answers: Sequence[MediaAnswer]) -> list[str]:
    """One sentence for each address: what it gives, and to whom."""
    whom: dict[str, list[str]] = {}
    what: dict[str, str] = {}
    for answer in answers:
        whom.setdefault(answer.request, []).append(_STRANGERS[answer.sender])
        what.setdefault(answer.request, _what(answer))
    return [f"{request} gives {what[request]} {', '.join(whom[request])}." for request in whom]


def _judge_proofs(web_media: WebMedia, names: set[str], answers: Sequence[MediaAnswer]) -> None:
    """Refusals mean something only where an account gets what others are refused."""
    asked = {(a.medium, a.part) for a in answers if a.sender == ANONYMOUS}
    proved = {(a.medium, a.part) for a in answers if a.media and a.sender not in _NO_ACCOUNT}
    missing = sorted({*((name, "itself") for name in names), *asked} - (asked & proved))
    if missing:
        why = [f"{_name(p)}: {p.reason}" for p in web_media.played if p.name in names and p.reason]
        raise Inconclusive(
            f"{', '.join(f'{name} ({part})' for name, part in missing)}: no video came with an "
            f"account either, so that refusals say nothing. {' '.join(why)}".strip(),
            "not-offered",
        )


def _applies(web_media: WebMedia, streams: Sequence[Stream], what: str) -> None:
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


def _no_unclear(answers: Iterable[MediaAnswer]) -> None:
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


def _in_clear(web_media: WebMedia, clear: ClearMedia) -> Iterator[str]:
    every = [a for port in clear.ports for a in port.answers]
    every += [a for a in (*web_media.answers, *web_media.published) if a.in_clear]
    for answer in every:
        if answer.media and (answer.medium or answer.media not in STILLS):
            yield f"{answer.request} gives {_what(answer)} without TLS."
        elif answer.upgraded:
            yield f"{answer.request} opens a WebSocket without TLS."


def _from_elsewhere(web_media: WebMedia) -> Iterator[str]:
    for answer in web_media.answers:
        if answer.sender == FOREIGN and _opens(answer, web_media):
            yield (
                f"{answer.request} opens a WebSocket with a session's cookie for a page of "
                "another site (Origin https://elsewhere.example)."
            )


def _opens(answer: MediaAnswer, web_media: WebMedia) -> bool:
    """Whether it is the cookie that opened it: a camera may open for all, and ask for a login."""
    anyhow = any(
        other.upgraded and other.sender == ANONYMOUS and other.medium == answer.medium
        for other in web_media.answers
    )
    return answer.upgraded and (bool(answer.media) or not anyhow)


def _judge_upgrades(web_media: WebMedia) -> None:
    """An upgrade refused to another site says something where the account's own is not."""
    foreign = {a.medium for a in web_media.answers if a.sender == FOREIGN}
    own = {a.medium for a in web_media.answers if a.upgraded and a.sender not in _NO_ACCOUNT}
    if unproved := sorted(foreign - own):
        raise Inconclusive(
            f"{', '.join(unproved)}: the WebSocket does not open with an account either, so that "
            "the refusal of another site's page says nothing",
            "not-offered",
        )


def _published(web_media: WebMedia, *, clips: bool) -> list[MediaAnswer]:
    """Published addresses that gave video; files are counted with the recordings."""
    files = VIDEO - {"mjpeg"}
    live = PLAYLISTS | {"mjpeg"}
    return [a for a in web_media.published if a.media in (files if clips else live)]


def _undeclared(web_media: WebMedia, declared: Iterable[Stream]) -> Iterator[str]:
    known = {s.web_container for s in declared}
    known_words = {word for one in web_media.played for word in one.found} | known
    for answer in web_media.published:
        if answer.media in VIDEO | PLAYLISTS and answer.media not in known_words:
            yield f"{answer.request} gives {_what(answer)}, and no such video is declared."


def _differences(one: PlayedMedium, stream: Stream) -> Iterator[str]:
    if one.outcome in ("refused", "silent"):
        yield f"{_name(one)} is declared and does not play: {one.reason}."
        return
    if one.outcome != "played":
        return
    expected = {"mjpeg": {"mjpeg"}, "hls": {"hls"}, "dash": {"dash"}}.get(one.container)
    first = one.found[0] if one.found else "nothing that is known"
    if expected is not None and first not in expected:
        yield f"{_name(one)} gives {first}, declared is {one.container}."
        return
    pictures = one.pictures
    if pictures is None or not pictures.frames:
        yield f"{_name(one)} gives {', '.join(one.found) or 'bytes'}, and no picture decodes."
        return
    if one.codec != stream.codec:
        yield f"{_name(one)} is {one.codec or 'of an unknown codec'}, declared is {stream.codec}."
    if (pictures.width, pictures.height) != (stream.width, stream.height):
        yield (
            f"{_name(one)} shows {pictures.width}x{pictures.height} pixels, declared are "
            f"{stream.width}x{stream.height}."
        )


def _name(one: PlayedMedium) -> str:
    return f"{one.name} ({one.url}, {one.container})"


def _what(answer: MediaAnswer) -> str:
    size = answer.exchange.body_bytes if answer.exchange is not None else 0
    named = {"clip-list": "a list of recordings", "key": "a key", "hls": "a playlist"}
    what = named.get(answer.media, f"video ({answer.media})")
    return f"{what}, {size} bytes read," if size else what
