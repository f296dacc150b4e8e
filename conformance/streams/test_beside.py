"""STREAM-014: what travels beside the video says nothing to the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.beside import BesideVideo, HeaderExtension
from devices.links.rtsp.observations import PlayedStream, PlayedStreams


@case(
    "STREAM-014",
    severity="medium",
    needs=("rtsp", "capture"),
    catches=("stream-rtcp-clear", "stream-header-extension", "stream-replay-extension"),
    applies_to=("rtsp-streams",),
)
def test_nothing_leaks_beside_the_video(played_streams: PlayedStreams, policy: Any) -> None:
    """Nothing leaks beside the video.

    Method: play every declared stream over each of its transports and keep what comes beside the
    video: RTCP, on ports and channels of its own or multiplexed (RFC 5761), waited for until
    several report intervals have passed; and the header extensions of the RTP packets, which SRTP
    leaves in clear. What came inside TLS is not readable. Elsewhere read each RTCP packet without
    a key, and check with the stream's keys that it is SRTCP (RFC 3711, 3.4), encrypted and
    authentic. A transport on which no RTCP came leaves the verdict open, and so does RTCP that is
    neither readable nor verifies.
    Pass: outside TLS every RTCP packet is encrypted SRTCP of the stream's keys, and no packet has
    a header extension other than those of policy "streams" that say nothing, and encrypted ones.
    """
    rules = policy("streams")["beside"]
    played = [p for p in played_streams.streams if p.beside is not None]
    problems = [problem for p in played for problem in _leaks(p, rules)]
    assert not problems, " ".join(problems)
    if not played:
        raise Inconclusive("no stream could be played, so nothing came beside one", "no-media")
    doubts = [doubt for p in played_streams.streams if _is_rtp(p) for doubt in _open(p)]
    if doubts:
        raise Inconclusive(" ".join(doubts), "no-media")


def _is_rtp(played: PlayedStream) -> bool:
    """Whether a stream comes as RTP: pictures over HTTP have nothing of this kind beside them."""
    return urlsplit(played.url).scheme in ("rtsp", "rtsps")


def _which(played: PlayedStream) -> str:
    return f"Stream {played.name} ({played.url}) over {played.transport}"


def _leaks(played: PlayedStream, rules: dict[str, Any]) -> Iterator[str]:
    beside = played.beside
    if beside is None or beside.inside_tls:
        return
    if beside.rtcp_readable:
        yield (
            f"{_which(played)}: {beside.rtcp_readable} of {beside.rtcp} RTCP packets are readable "
            f"without a key{_saying(beside)}, expected SRTCP."
        )
    for extension in beside.extensions:
        if not _is_silent(extension, rules):
            yield (
                f"{_which(played)}: {extension.packets} RTP packets have the header extension "
                f"{_named(extension)} in clear (first bytes {extension.sample[:32]}"
                f"{', text ' + repr(extension.text) if extension.text else ''}), expected none."
            )


def _saying(beside: BesideVideo) -> str:
    said = [f"{beside.reports} with a sender report"] if beside.reports else []
    said += [f"the text {text!r}" for text in beside.texts[:3]]
    return f" ({', '.join(said)})" if said else ""


def _is_silent(extension: HeaderExtension, rules: dict[str, Any]) -> bool:
    kind = extension.uri.partition(" ")[0]
    return (
        extension.encrypted
        or kind == rules["encrypted_extension"]
        or kind in rules["silent_extensions"]
    )


def _named(extension: HeaderExtension) -> str:
    names = {"ABAC": "of ONVIF's replay, with the time of recording"}
    if extension.uri:
        return f"{extension.uri} (identifier {extension.identifier})"
    of_form = f"0x{extension.profile}"
    if extension.identifier:
        of_form += f" identifier {extension.identifier}, which a=extmap does not name"
    return f"{of_form} {names.get(extension.profile, '')}".strip()


def _open(played: PlayedStream) -> Iterator[str]:
    """What cannot be judged: a declared transport that gave nothing, RTCP not seen or not known."""
    beside = played.beside
    if beside is None:
        if played.declared:
            why = played.reason or played.outcome
            yield f"{_which(played)} was not played ({why}): what comes beside it was not seen."
    elif beside.inside_tls:
        return
    elif not beside.rtcp:
        yield f"{_which(played)}: no RTCP came while it played, so its protection was not seen."
    elif unknown := beside.rtcp - beside.rtcp_readable - beside.rtcp_verified:
        keys = "do not verify with the keys offered" if beside.keyed else "came without a key"
        yield (
            f"{_which(played)}: {unknown} of {beside.rtcp} RTCP packets are not in clear, and "
            f"{keys}."
        )
