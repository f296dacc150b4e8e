"""STREAM-019, STREAM-020 and STREAM-046: what a camera hears, and from whom."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.backchannels import Backchannel, Backchannels
from devices.links.rtsp.voice import VoiceReception, VoiceReceptions


@case(
    "STREAM-019",
    severity="high",
    needs=("rtsp",),
    catches=("stream-srtp-accepts-forged", "stream-srtp-accepts-replay", "stream-srtp-no-tag"),
    applies_to=("rtsp-streams", "srtp-backchannel"),
)
def test_altered_and_repeated_packets_are_rejected(voice_receptions: VoiceReceptions) -> None:
    """SRTP packets that were altered, cut short or repeated are rejected.

    Method: open every declared audio back channel over the first SRTP transport of its stream, send
    genuine packets of silence with a gap in their numbers, and read the camera's RTCP receiver
    reports, which have to count them exactly. Then send packets ahead of these with one bit
    changed, others with the last four bytes of their tag cut off, some of the first ones once more,
    and genuine ones again. A receiver counts what it accepts (RFC 3711, 3.3; RFC 3550, A.1 and
    A.3). Without receiver reports there is nothing to tell by, which leaves the verdict open. SRTCP
    is STREAM-046.
    Pass: in the last report the highest sequence number is that of the last genuine packet, and as
    many packets are counted as genuine ones were sent.
    """
    receptions = voice_receptions.receptions
    if not receptions:
        raise Inconclusive(
            f"no back channel told what it receives: {voice_receptions.shortfall}", "no-media"
        )
    problems = [problem for r in receptions if r.control for problem in _accepted(r)]
    assert not problems, " ".join(problems)
    if doubts := [doubt for r in receptions for doubt in _uncounted(r)]:
        raise Inconclusive(" ".join(doubts), "not-measured")


def _accepted(reception: VoiceReception) -> Iterator[str]:
    where = _back_channel(reception)
    if reception.beyond > 0:
        yield (
            f"{where} counts sequence numbers {reception.beyond} above the last genuine packet: it "
            f"accepted of {reception.altered} altered and {reception.shortened} shortened packets, "
            "expected none."
        )
    elif reception.surplus > 0:
        yield (
            f"{where} counts {reception.surplus} packets more than the {reception.genuine} genuine "
            f"ones: it accepted repeated packets ({reception.repeated} were sent), expected none."
        )


def _uncounted(reception: VoiceReception) -> Iterator[str]:
    where = f"The back channel of {reception.url} over {reception.transport}"
    if not reception.genuine:
        yield f"{where} was sent nothing."
    elif not reception.control:
        yield f"{where} does not count the genuine packets in its receiver reports."
    elif reception.beyond or reception.surplus:
        yield f"{where} lost genuine packets: its reports cannot be compared."


@case(
    "STREAM-046",
    severity="high",
    needs=("rtsp",),
    catches=("stream-srtcp-unauthenticated", "stream-srtcp-accepts-replay", "stream-srtp-no-tag"),
    applies_to=("rtsp-streams", "srtp-backchannel"),
)
def test_forged_and_repeated_control_packets_are_rejected(
    voice_receptions: VoiceReceptions,
) -> None:
    """SRTCP packets that were forged, cut short or repeated are rejected.

    Method: on every declared audio back channel over the first SRTP transport of its stream, send
    two genuine RTCP sender reports, and read the camera's receiver reports: they have to name the
    time of the second (LSR, RFC 3550, 6.4.1). Then send sender reports of other times: with one bit
    changed, with the last four bytes cut off, protected with another key, not protected at all, and
    the first genuine one once more; audio, to know when they have arrived; and one more genuine
    report, which has to be named again. A camera that does not name times shows no effect of RTCP,
    which leaves the verdict open.
    Pass: no receiver report names a time that only a packet has that must be rejected (RFC 3711,
    3.4: authentication of SRTCP is mandatory; 3.3.2: replay).
    """
    receptions = voice_receptions.receptions
    if not receptions:
        raise Inconclusive(
            f"no back channel told what it receives: {voice_receptions.shortfall}", "no-media"
        )
    problems = [
        f"{_back_channel(r)} takes RTCP that must be rejected ({', '.join(r.reports.accepted)}): "
        "its receiver reports name the time of such a sender report, expected that of the last "
        "genuine one."
        for r in receptions
        if r.reports is not None and r.reports.accepted
    ]
    assert not problems, " ".join(problems)
    if doubts := [doubt for r in receptions for doubt in _unnamed(r)]:
        raise Inconclusive(" ".join(doubts), "not-measured")


def _back_channel(reception: VoiceReception) -> str:
    return f"The back channel of {reception.url} over {reception.transport} ({reception.suite})"


def _unnamed(reception: VoiceReception) -> Iterator[str]:
    where, reports = _back_channel(reception), reception.reports
    if reports is None:
        yield f"{where}: RTCP could not be tried: {reception.reports_problem}."
    elif not reports.control:
        yield (
            f"{where} does not name the time of genuine sender reports (LSR): nothing shows what "
            "it makes of RTCP."
        )
    elif reports.silent or not reports.alive:
        yield f"{where} named no genuine sender report any more: what it rejected is not known."


@case(
    "STREAM-020",
    severity="high",
    needs=("rtsp",),
    catches=(
        "stream-backchannel-anonymous",
        "stream-backchannel-plain",
        "stream-backchannel-undeclared",
        "stream-anonymous",
        "stream-login-only-describe",
    ),
    applies_to=("rtsp-streams",),
)
def test_back_channels_are_declared_closed_and_encrypted(rtsp_backchannels: Backchannels) -> None:
    """An audio back channel is declared, for who logs in, and encrypted.

    Method: ask for the description of every declared RTSP stream with "Require:
    www.onvif.org/ver20/backchannel" (ONVIF Streaming, 5.3). Where it has audio for the client to
    send: ask again without a login, and set the audio up inside the connection without one; with a
    login, set it up as RTP/AVP in datagrams, and inside the connection where that has no TLS.
    Nothing is sent on it.
    Pass: every back channel is declared for its stream with its codec, without a login it is
    neither described nor set up, and no transport without encryption is accepted.
    """
    streams = rtsp_backchannels.streams
    if not streams:
        raise Inconclusive("no stream was asked for its back channel", "unreachable")
    problems = [problem for stream in streams for problem in _wrong(stream)]
    assert not problems, " ".join(problems)
    if doubts := [doubt for stream in streams for doubt in _unclear(stream)]:
        raise Inconclusive(" ".join(doubts), "not-offered")


def _wrong(stream: Backchannel) -> Iterator[str]:
    if not stream.offered:
        return
    where = f"Stream {stream.name} ({stream.url})"
    offered = " and ".join(stream.offered)
    if not stream.declared:
        yield f"{where} has an undeclared audio back channel ({offered})."
    elif stream.declared not in stream.offered:
        yield f"{where} has a back channel in {offered}, declared is {stream.declared}."
    if stream.described_to_anyone:
        yield f"{where} describes its back channel without a login."
    if _ok(stream.anonymous):
        yield f"{where} sets its back channel up without a login (status {stream.anonymous})."
    if _ok(stream.plain):
        yield f"{where} sets its back channel up as RTP/AVP without encryption ({stream.plain})."
    if _ok(stream.plain_inside):
        yield f"{where} sets its back channel up inside a connection without TLS."


def _ok(status: int) -> bool:
    return 200 <= status < 300


def _unclear(stream: Backchannel) -> Iterator[str]:
    where = f"Stream {stream.name} ({stream.url})"
    if stream.declared and not stream.offered:
        yield (
            f"{where}: a back channel is declared, and was not found (DESCRIBE is answered "
            f"{stream.asked})."
        )
    elif not stream.offered and not _ok(stream.asked) and stream.asked != 551:
        yield f"{where}: asked for its back channel, DESCRIBE is answered {stream.asked}."
    elif stream.offered and stream.anonymous not in (401, 403, 404):
        yield (
            f"{where}: SETUP of the back channel without a login is answered {stream.anonymous}, "
            "which does not show that a login is asked for."
        )
    elif stream.offered and stream.plain >= 500 and stream.plain != 551:
        yield f"{where}: SETUP of the back channel as RTP/AVP is answered {stream.plain}."
