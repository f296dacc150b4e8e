"""Metadata tracks: what the RTSP link sees of them, and what STREAM-041 makes of it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtsp_stand import access_to, device_file, rtsp_stand, scripted_server

from conformance.streams.test_onvif_metadata import (
    test_metadata_is_protected_as_video_is as judge,
)
from conformance.verdict import Inconclusive, NotApplicable
from devices.emulated.posture import Posture
from devices.emulated.video.motion import metadata_document
from devices.links.rtsp.metadata import (
    MetadataPlayed,
    MetadataStream,
    MetadataStreams,
    inflated,
    metadata_streams,
    xml_in,
)
from devices.links.rtsp.observations import PathAnswer
from devices.protocols import sdp


def device(**metadata: bool | None) -> Any:
    streams = [SimpleNamespace(name=name, metadata=value) for name, value in metadata.items()]
    return SimpleNamespace(declared=SimpleNamespace(streams=streams))


def test_the_emulated_cameras_track_is_encrypted(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path) as stand:
        found = metadata_streams(stand.access)
    main, sub = found.streams
    assert (main.encodings, sub.encodings) == (("VND.ONVIF.METADATA",), ())
    told = {p.transport: (p.outcome, p.protection, p.readable) for p in main.played}
    assert told == {
        "interleaved": ("played", "tls", ""),
        "srtp-udp": ("played", "srtp", ""),
        "srtp-interleaved": ("played", "srtp, tls", ""),
        "udp": ("refused", "", ""),
    }
    assert all(p.documents for p in main.played if p.outcome == "played")
    assert [answer.status for answer in main.anonymous] == [401]
    assert len(found.artefacts) == 4
    judge(found, device(main=True, sub=False))


@pytest.mark.parametrize(
    ("posture", "match"),
    [
        (Posture(rtp_metadata_plain=True), "readable on the network"),
        (Posture(rtsp_metadata_open=True), "succeeds without a login"),
        (Posture(srtp_cipher="null"), "readable on the network"),
    ],
)
def test_faulty_cameras_fail(tmp_path: Path, posture: Posture, match: str) -> None:
    with rtsp_stand(tmp_path, posture) as stand:
        found = metadata_streams(stand.access)
    with pytest.raises(AssertionError, match=match):
        judge(found, device(main=True))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"RTSP/1.0 200 OK\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nv=9\n",
        b"RTSP/1.0 454 Session Not Found\r\nCSeq: 1\r\n\r\n",
        b"\x16\x03\x01\x00\x02\x02\x28",
    ],
)
def test_odd_servers_leave_it_open(tmp_path: Path, answer: bytes) -> None:
    def serve(connection: Any) -> None:
        connection.recv(4096)
        connection.sendall(answer)
        connection.close()

    with scripted_server(serve) as port:
        access = access_to(device_file(f"rtsp://127.0.0.1:{port}", tmp_path))
        found = metadata_streams(access)
    assert found.shortfall
    with pytest.raises(Inconclusive):
        judge(found, device(main=None))


PLAYED = MetadataPlayed("interleaved", "played", "tls", 200, packets=1, documents=1)
REFUSED = PathAnswer("rtsps://192.0.2.7/1", "SETUP", "none", 401, described=False)
STREAM = MetadataStream(
    "main", "rtsps://192.0.2.7/1", ("VND.ONVIF.METADATA",), (PLAYED,), (REFUSED,)
)
SILENT = replace(PLAYED, outcome="silent", packets=0, documents=0)


def see(*played: MetadataPlayed, declared: bool | None = None, **changes: Any) -> None:
    stream = replace(STREAM, played=played or (PLAYED,), **changes)
    judge(MetadataStreams(streams=(stream,)), device(main=declared))


def test_protected_metadata_passes() -> None:
    see()
    see(PLAYED, SILENT, declared=True)
    see(PLAYED, MetadataPlayed("udp", "refused", status=461))
    see(replace(PLAYED, documents=0), encodings=("VND.ONVIF.METADATA.EXI.EXT",))


@pytest.mark.parametrize(
    "changes",
    [
        {"declared": False},
        {"declared": True, "encodings": ()},
        {"anonymous": (replace(REFUSED, status=200),)},
    ],
)
def test_open_or_misdeclared_metadata_fails(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        see(**changes)


@pytest.mark.parametrize(
    "played",
    [
        MetadataPlayed("udp", "played", "none", 200, packets=3),  # EXI: no XML, and no protection
        MetadataPlayed("srtp-udp", "played", "srtp", 200, packets=3, readable="<?xml "),
    ],
)
def test_metadata_in_clear_fails(played: MetadataPlayed) -> None:
    with pytest.raises(AssertionError):
        see(PLAYED, played)


@pytest.mark.parametrize(
    ("played", "changes"),
    [
        ((SILENT,), {}),
        ((replace(PLAYED, documents=0),), {}),
        ((PLAYED, MetadataPlayed("udp", "silent", "none", 200)), {}),
        ((MetadataPlayed("interleaved", "failed", cause="timeout"),), {}),
        ((PLAYED,), {"anonymous": ()}),
        ((PLAYED,), {"anonymous": (replace(REFUSED, status=461),)}),
    ],
)
def test_what_was_not_seen_is_inconclusive(
    played: tuple[MetadataPlayed, ...], changes: dict[str, Any]
) -> None:
    with pytest.raises(Inconclusive):
        see(*played, **changes)


def test_no_track_is_not_applicable_only_by_declaration() -> None:
    with pytest.raises(NotApplicable):
        judge(MetadataStreams(streams=(replace(STREAM, encodings=()),)), device(main=None))
    with pytest.raises(Inconclusive):
        judge(MetadataStreams(streams=()), device(main=None))


DOCUMENT: bytes = ET.tostring(metadata_document("lens", 1e9), encoding="utf-8")


def test_metadata_is_found_compressed_or_not() -> None:
    assert "MetadataStream" in xml_in(DOCUMENT)
    packed = gzip.compress(DOCUMENT)
    assert not xml_in(packed)
    assert xml_in(inflated([packed[:40], packed[40:]]))
    assert xml_in(inflated([packed, DOCUMENT]))
    assert len(inflated([gzip.compress(bytes(4 * 1024 * 1024))])) <= 256 * 1024


@given(st.lists(st.binary()))
def test_any_payloads_are_put_together(payloads: list[bytes]) -> None:
    assert isinstance(xml_in(inflated(payloads)), str)
    marked = [b"\x1f\x8b\x08" + payload for payload in payloads]
    assert isinstance(inflated(marked), bytes)


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("vnd.onvif.metadata/90000", "VND.ONVIF.METADATA"),
        ("VND.ONVIF.METADATA.GZIP/90000", "VND.ONVIF.METADATA.GZIP"),
        ("vnd.onvif.metadata.exi.ext/90000", "VND.ONVIF.METADATA.EXI.EXT"),
    ],
)
def test_metadata_sections(line: str, encoding: str) -> None:
    text = f"v=0\nm=video 0 RTP/AVP 96\nm=application 0 RTP/AVP 107\na=rtpmap:107 {line}\n"
    description = sdp.parse(text.encode())
    assert [media.encoding for media in description.metadata()] == [encoding]
    assert [media.kind for media in description.video()] == ["video"]
