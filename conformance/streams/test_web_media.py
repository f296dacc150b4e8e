"""Video of the web server: MJPEG, HLS, DASH, WebSocket and recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.case import case
from conformance.streams.web_refusals import (
    NO_ACCOUNT,
    check_applies,
    check_unclear,
    judge_refusals,
    name_of,
    what_came,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Stream
from devices.links.http.exchange import ANONYMOUS
from devices.links.web_media.observations import (
    FOREIGN,
    ClearMedia,
    MediaAnswer,
    PlayedMedium,
    WebMedia,
)
from devices.protocols.containers import PLAYLISTS, STILLS, VIDEO


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
    judge_refusals(web_media, live, "live video")


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
    judge_refusals(web_media, clips, "recordings")


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
    if waited := [port for port in web_media_clear.ports if port.closed.startswith("timeout")]:
        raise Inconclusive(
            f"port {', '.join(str(port.port) for port in waited)} takes connections and did not "
            "answer HTTP in time, so what it gives was not seen",
            "timeout",
        )
    every = [answer for port in web_media_clear.ports for answer in port.answers]
    check_unclear(every)
    check_applies(web_media, [s for s in device.declared.streams if not s.over_rtsp], "video")
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
    check_applies(web_media, list(declared.values()), "video")
    unsure = [one for one in web_media.played if one.outcome in ("failed", "not-measured")]
    if unsure or len(web_media.played) < len(declared):
        raise Inconclusive(
            " ".join(f"{name_of(one)} could not be judged: {one.reason}." for one in unsure)
            or "not every declared medium was asked for",
            unsure[0].cause if unsure else "insufficient",
        )


def _in_clear(web_media: WebMedia, clear: ClearMedia) -> Iterator[str]:
    every = [a for port in clear.ports for a in port.answers]
    every += [a for a in (*web_media.answers, *web_media.published) if a.in_clear]
    for answer in every:
        if answer.media and (answer.medium or answer.media not in STILLS):
            yield f"{answer.request} gives {what_came(answer)} without TLS."
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
    own = {a.medium for a in web_media.answers if a.upgraded and a.sender not in NO_ACCOUNT}
    if unproved := sorted(foreign - own):
        raise Inconclusive(
            f"{', '.join(unproved)}: the WebSocket does not open with an account either, so that "
            "the refusal of another site's page says nothing",
            "not-offered",
        )


def _undeclared(web_media: WebMedia, declared: Iterable[Stream]) -> Iterator[str]:
    known = {s.web_container for s in declared}
    known_words = {word for one in web_media.played for word in one.found} | known
    for answer in web_media.published:
        if answer.media in VIDEO | PLAYLISTS and answer.media not in known_words:
            yield f"{answer.request} gives {what_came(answer)}, and no such video is declared."


def _differences(one: PlayedMedium, stream: Stream) -> Iterator[str]:
    if one.outcome in ("refused", "silent"):
        yield f"{name_of(one)} is declared and does not play: {one.reason}."
        return
    if one.outcome != "played":
        return
    expected = {"mjpeg": {"mjpeg"}, "hls": {"hls"}, "dash": {"dash"}}.get(one.container)
    first = one.found[0] if one.found else "nothing that is known"
    if expected is not None and first not in expected:
        yield f"{name_of(one)} gives {first}, declared is {one.container}."
        return
    pictures = one.pictures
    if pictures is None or not pictures.frames:
        yield f"{name_of(one)} gives {', '.join(one.found) or 'bytes'}, and no picture decodes."
        return
    if one.codec != stream.codec:
        yield f"{name_of(one)} is {one.codec or 'of an unknown codec'}, declared is {stream.codec}."
    if (pictures.width, pictures.height) != (stream.width, stream.height):
        yield (
            f"{name_of(one)} shows {pictures.width}x{pictures.height} pixels, declared are "
            f"{stream.width}x{stream.height}."
        )
