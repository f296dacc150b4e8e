"""SRTP: fresh keys that only the client gets, and suites that protect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.observations import OfferedKey, PlayedStreams, RtspKeying, SrtpFacts


@case(
    "STREAM-010",
    severity="critical",
    needs=("rtsp",),
    catches=("stream-srtp-static-key",),
    applies_to=("rtsp-streams", "srtp"),
)
def test_srtp_keys_are_fresh_and_confidential(
    rtsp_keying: RtspKeying, played_streams: PlayedStreams
) -> None:
    """SRTP keys are fresh for each session and never in the clear.

    Method: have every declared stream described on several connections, and on every port that
    speaks RTSP without TLS; compare the fingerprints of the SRTP keys handed out, and those of
    the streams that were played. A run of several units compares them between units as well.
    Pass: no key occurs in two sessions or units, and no readable key is sent outside TLS.
    """
    sessions: dict[str, set[str]] = defaultdict(set)
    for key in rtsp_keying.keys:
        sessions[key.fingerprint].add(f"description {key.session} of {key.url}")
    for played in played_streams.streams:
        if played.srtp is not None:
            sessions[played.srtp.fingerprint].add(f"{played.url} played over {played.transport}")
    if len({place for places in sessions.values() for place in places}) < 2:
        raise Inconclusive("fewer than two sessions gave an SRTP key to compare", "no-keys")
    problems = [
        f"One SRTP key serves {len(places)} sessions: {', '.join(sorted(places))}."
        for places in sessions.values()
        if len(places) > 1
    ]
    problems += [
        f"{key.url}: an SRTP key ({key.key_exchange}, {key.suite}) is sent without TLS."
        for key in rtsp_keying.keys
        if not key.confidential
    ]
    assert not problems, " ".join(problems)
    if not rtsp_keying.keys or not any(p.srtp is not None for p in played_streams.streams):
        raise Inconclusive(
            "no description offered an SRTP key, or no stream was played with one", "no-keys"
        )


@case(
    "STREAM-011",
    severity="critical",
    needs=("rtsp", "capture"),
    catches=("stream-srtp-null-cipher", "stream-srtp-no-tag"),
    applies_to=("rtsp-streams", "srtp"),
)
def test_srtp_suites_protect(
    rtsp_keying: RtspKeying, played_streams: PlayedStreams, policy: Any
) -> None:
    """SRTP uses acceptable suites and its packets verify.

    Method: read cipher, key length and tag length of every SRTP offer; play the streams over SRTP
    and check tag and decryption of each packet with the keys offered.
    Pass: each suite is within the policy "srtp", and every packet verifies.
    """
    rules = policy("srtp")
    played = [p for p in played_streams.streams if p.srtp is not None]
    if not played or not rtsp_keying.keys:
        raise Inconclusive(
            "no SRTP key was offered, or no stream could be played over SRTP (see STREAM-001)",
            "no-media",
        )
    problems = dict.fromkeys(p for key in rtsp_keying.keys for p in _weak(key, key.url, rules))
    for stream in played:
        assert stream.srtp is not None
        where = f"{stream.url} over {stream.transport}"
        problems |= dict.fromkeys(_weak(stream.srtp, where, rules))
        if stream.srtp.failed:
            total = stream.srtp.failed + stream.srtp.verified
            problems[
                f"{where}: {stream.srtp.failed} of {total} packets do not verify with the key "
                "that was offered."
            ] = None
    assert not problems, " ".join(problems)
    missed = [
        f"{p.url} over {p.transport}"
        for p in played_streams.streams
        if p.declared and p.transport.startswith("srtp") and p.srtp is None
    ]
    if missed:
        raise Inconclusive(
            f"declared, and could not be played (see STREAM-001): {', '.join(missed)}", "no-media"
        )


def _weak(offer: OfferedKey | SrtpFacts, where: str, rules: dict[str, Any]) -> Iterator[str]:
    if offer.cipher not in rules["ciphers"]:
        expected = " or ".join(rules["ciphers"])
        yield f"{where}: the cipher is {offer.cipher}, expected {expected}."
    elif offer.key_bits < rules["min_key_bits"]:
        yield (
            f"{where}: the key has {offer.key_bits} bits, expected at least "
            f"{rules['min_key_bits']}."
        )
    if offer.tag_bits < rules["min_tag_bits"]:
        yield (
            f"{where}: packets carry tags of {offer.tag_bits} bits, expected at least "
            f"{rules['min_tag_bits']}."
        )
