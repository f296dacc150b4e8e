"""The emulated camera's streams as the reference link measures them, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from laboratory import Notes
from rtsp_stand import PASSWORDS, Stand, rtsp_stand

from conformance import policy
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.errors import LoginRefused, NotOffered
from devices.links.rtsp import keys as rtsp_keys
from devices.links.rtsp import logins as rtsp_logins
from devices.links.rtsp import probes as rtsp_probes
from devices.links.rtsp.client import Endpoint, endpoint_of
from devices.links.rtsp.logins import PublishedPair
from devices.links.rtsp.observations import PlayedStream
from devices.links.rtsp.streams import play_streams
from devices.protocols import ip_packet, pcapng
from devices.protocols.digest import DigestClient
from devices.protocols.rtp import parse_rtp
from devices.protocols.rtsp import Response

PATHS = ["/live/ch00_0", "/nowhere"]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with rtsp_stand(tmp_path_factory.mktemp("rtsp")) as running:
        yield running


def _request(stand: Stand, method: str, path: str, headers: dict[str, str]) -> Response:
    endpoint = endpoint_of(stand.url)
    with stand.access.connect(endpoint, login=stand.access.login()) as client:
        return client.request(method, stand.url + path, headers)


def _by_transport(streams: tuple[PlayedStream, ...], name: str) -> dict[str, PlayedStream]:
    return {s.transport: s for s in streams if s.name == name}


def test_streams_play_encrypted_over_every_transport(stand: Stand) -> None:
    observation = play_streams(stand.access, seconds=0.6)
    assert observation.complete, observation.shortfall
    for name, codec, size in (("main", "h264", (640, 360)), ("sub", "h265", (320, 180))):
        played = _by_transport(observation.streams, name)
        assert played.pop("udp").status == 461
        assert sorted(played) == ["interleaved", "srtp-interleaved", "srtp-udp"]
        for stream in played.values():
            assert (stream.outcome, stream.codec, stream.lost) == ("played", codec, 0)
            assert stream.pictures is not None
            assert stream.pictures.frames >= 4
            assert (stream.pictures.width, stream.pictures.height) == size
            assert stream.pictures.movement > 0.001
            assert stream.wire is not None
            assert stream.wire.nal_units == 0
            assert stream.wire.chi_square < 400
            if stream.transport.startswith("srtp"):
                assert stream.srtp is not None
                assert (stream.srtp.tag_bits, stream.srtp.failed) == (80, 0)
    names = {artefact.name for artefact in observation.artefacts}
    assert {"main.png", "sub.png", "main-srtp-udp.pcapng"} <= names


def test_capture_holds_packets_of_both_directions(stand: Stand) -> None:
    observation = play_streams(stand.access, seconds=0.2, cited_by="STREAM-003")
    (file,) = [a.data for a in observation.artefacts if a.name == "main-srtp-udp.pcapng"]
    content = pcapng.read(file)
    assert "cited by STREAM-003" in content.comment
    seen = set()
    for captured in content.packets:
        packet = ip_packet.parse(captured.data)
        seen.add((packet.protocol, packet.source[0] == stand.camera.address))
        assert captured.outgoing == (packet.target[0] == stand.camera.address)
        assert ip_packet.checksum(captured.data[:20]) == 0
    assert seen == {(6, True), (6, False), (17, True)}  # TCP both ways, datagrams from the camera
    (cited,) = [
        s.cited for s in observation.streams if (s.name, s.transport) == ("main", "srtp-udp")
    ]
    assert cited is not None
    assert cited.frames == len(content.packets)
    assert (cited.readable, cited.first > 0, cited.last >= cited.first) == (0, True, True)
    for number in (cited.first, cited.last):
        assert "STREAM-003" in content.packets[number - 1].comment
        assert ip_packet.parse(content.packets[number - 1].data).protocol == 17


def test_the_first_readable_frame_is_cited(tmp_path: Path) -> None:
    posture = Posture(rtp_plain_udp=True)
    with rtsp_stand(tmp_path, posture) as stand:
        observation = play_streams(stand.access, seconds=0.3, cited_by="STREAM-003")
    played = _by_transport(observation.streams, "main")["udp"]
    (file,) = [a.data for a in observation.artefacts if a.name == "main-udp.pcapng"]
    assert played.cited is not None
    assert played.cited.file == "main-udp.pcapng"
    frame = pcapng.read(file).packets[played.cited.readable - 1]
    assert "video that can be read without any key" in frame.comment
    payload = parse_rtp(ip_packet.parse(frame.data).payload).payload
    assert payload[0] & 0x1F in {7, 24, 28}  # SPS first, alone or in an aggregate
    notes = Notes()
    with pytest.raises(AssertionError, match=f"frame {played.cited.readable} of main-udp.pcapng"):
        judge_wire(observation, policy.load, notes)
    assert (
        f"video can be read from frame {played.cited.readable} on" in notes.kept["frames examined"]
    )


def test_who_has_no_account_gets_nothing(stand: Stand) -> None:
    observation = rtsp_probes.anonymous_answers(stand.access, PATHS)
    assert observation.complete, observation.shortfall
    assert {answer.status for answer in observation.answers} == {401}
    assert {(a.method, a.login) for a in observation.answers} == {
        ("DESCRIBE", "none"),
        ("DESCRIBE", "unknown user"),
        ("SETUP", "none"),
    }
    algorithms = {c.algorithm for a in observation.answers for c in a.challenges}
    assert algorithms == {"SHA-256", "MD5"}


def test_endpoints_with_and_without_tls(stand: Stand) -> None:
    found = {
        (e.port, e.encrypted): e.speaks_rtsp
        for e in rtsp_probes.endpoints(stand.access, [PORTS["rtsp"]]).endpoints
    }
    assert found == {
        (PORTS["rtsps"], True): True,
        (PORTS["rtsps"], False): False,
        (PORTS["rtsp"], False): False,
    }


def test_keys_are_new_each_time_and_logins_cannot_be_replayed(stand: Stand) -> None:
    endpoints = rtsp_probes.endpoints(stand.access, [])
    keying = rtsp_keys.keying(stand.access, endpoints)
    assert keying.descriptions == 4
    assert len({key.fingerprint for key in keying.keys}) == 4
    assert all(key.confidential for key in keying.keys)
    replayed = rtsp_logins.replay(stand.access)
    assert (replayed.original, replayed.elsewhere, replayed.same) == (200, 401, 401)


def test_published_pairs_do_not_add_up_to_a_lockout(stand: Stand) -> None:
    pairs = [PublishedPair(f"pair {n}", "admin", f"wrong {n}") for n in range(8)]
    attempts = rtsp_logins.try_published(stand.access, pairs)
    assert attempts.complete, attempts.shortfall
    assert [a.status for a in attempts.attempts] == [401] * 8
    assert not attempts.made_up_accepted
    assert not stand.camera.lockout.locked("rtsp", "admin")


def test_guessing_closes_the_account(stand: Stand) -> None:
    found = rtsp_logins.guess(stand.access, "guard", 5)
    assert (found.before, found.after) == (200, 401)
    assert [a.status for a in found.wrong] == [401] * 5
    events = [(e["event"], e["user"]) for e in stand.camera.audit.entries()]
    assert events.count(("login-failed", "guard")) >= 5


def test_wrong_password_is_tried_once(stand: Stand) -> None:
    login = DigestClient("viewer", "wrong")
    with (
        stand.access.connect(endpoint_of(stand.url), login=login) as client,
        pytest.raises(LoginRefused),
    ):
        client.request("DESCRIBE", stand.url + "/live/main")
    failures = [e for e in stand.camera.audit.entries() if e["event"] == "login-failed"]
    assert sum(e["user"] == "viewer" for e in failures) == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("OPTIONS", "/", {}, 200),
        ("DESCRIBE", "/live/none", {}, 404),
        ("SETUP", "/live/main/trackID=0", {}, 461),
        ("SETUP", "/live/main", {"Transport": "RTP/AVP;unicast;client_port=5000-5001"}, 461),
        ("SETUP", "/live/main", {"Transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", "/live/main", {"Transport": "RTP/SAVP/TCP;interleaved=0-1"}, 461),
        ("SETUP", "/live/main", {"Transport": "RTP/AVP/TCP;interleaved=0-999"}, 461),
        ("PLAY", "/live/main", {"Session": "none"}, 454),
        ("GET_PARAMETER", "/live/main", {}, 200),
        ("GET_PARAMETER", "/live/main", {"Session": "none"}, 454),
        ("DESCRIBE", "/live/main", {"Require": "implicit-play"}, 551),
        ("RECORD", "/live/main", {}, 501),
    ],
)
def test_answers(
    stand: Stand, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert _request(stand, method, path, headers).status == status


def test_pause_play_and_teardown(stand: Stand) -> None:
    url = stand.url + "/live/main"
    with stand.access.connect(endpoint_of(url), login=stand.access.login()) as client:
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=4-5"}
        answer = client.request("SETUP", url + "/trackID=0", transport)
        assert "interleaved=4-5" in answer.get("Transport")
        session = {"Session": answer.get("Session").partition(";")[0]}
        assert client.request("SETUP", url, session | transport).status == 459
        for method in ("PLAY", "PAUSE", "PLAY", "GET_PARAMETER"):
            assert client.request(method, url, session).status == 200
        assert client.request("TEARDOWN", url, session).status == 200
        assert client.request("PLAY", url, session).status == 454


def test_faults_show_in_what_the_link_measures(tmp_path: Path) -> None:
    posture = Posture(
        rtsp_plain_port=True,
        rtp_plain_udp=True,
        srtp_cipher="null",
        srtp_authentication=False,
        srtp_key_reuse=True,
        rtsp_nonce_reuse=True,
        rtsp_open_paths=("/live/ch00_0",),
        rtsp_master_password="admin:I0TO5Wv9",
        rtsp_digest_algorithms=("MD5",),
        stream_codec_swapped=True,
        picture="frozen",
        lockout_rtsp=False,
    )
    with rtsp_stand(tmp_path, posture) as stand:
        endpoints = rtsp_probes.endpoints(stand.access, [PORTS["rtsp"]])
        host = stand.camera.address
        plain = Endpoint(host, PORTS["rtsp"], encrypted=False)
        speaking = {(e.port, e.encrypted) for e in endpoints.endpoints if e.speaks_rtsp}
        assert (plain.port, False) in speaking
        answers = rtsp_probes.anonymous_answers(stand.access, PATHS).answers
        assert [a.url for a in answers if a.described] == [stand.url + "/live/ch00_0"]
        assert {c.algorithm for a in answers for c in a.challenges} == {"MD5"}
        keying = rtsp_keys.keying(stand.access, endpoints)
        assert {(k.cipher, k.tag_bits) for k in keying.keys} == {("NULL", 0)}
        assert len({k.fingerprint for k in keying.keys}) == 1
        assert rtsp_logins.replay(stand.access).elsewhere == 200
        pairs = [PublishedPair("x", "admin", "I0TO5Wv9")]
        assert rtsp_logins.try_published(stand.access, pairs).attempts[0].status == 200
        assert rtsp_logins.guess(stand.access, "guard", 6).after == 200
        main = _by_transport(play_streams(stand.access, seconds=0.6).streams, "main")
    assert main["udp"].wire is not None
    assert main["udp"].wire.nal_units > 4
    assert main["srtp-udp"].wire is not None
    assert main["srtp-udp"].wire.nal_units > 4
    assert main["interleaved"].codec == "h265"
    assert main["interleaved"].pictures is not None
    assert main["interleaved"].pictures.movement < 0.001


def test_basic_and_no_login(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path / "basic", Posture(rtsp_authentication="basic")) as stand:
        assert rtsp_logins.replay(stand.access).scheme == "basic"
        answers = rtsp_probes.anonymous_answers(stand.access, []).answers
        assert {c.scheme for a in answers for c in a.challenges} == {"BASIC"}
    with rtsp_stand(tmp_path / "none", Posture(rtsp_authentication="none")) as stand:
        answers = rtsp_probes.anonymous_answers(stand.access, []).answers
        assert {(a.method, a.status) for a in answers} == {
            ("DESCRIBE", 200),
            ("SETUP", 200),
            ("PLAY", 200),
        }
        with pytest.raises(NotOffered):
            rtsp_logins.replay(stand.access)


def test_secrets_are_not_in_what_is_kept(stand: Stand) -> None:
    observation = play_streams(stand.access, seconds=0.2)
    for artefact in observation.artefacts:
        assert PASSWORDS["viewer"].encode() not in artefact.data
