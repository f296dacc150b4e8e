"""STREAM-039, 040, 042 and 043: verdicts on what the ONVIF link may observe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance import policy
from conformance.streams.test_onvif_addresses import (
    test_onvif_addresses_lead_through_tls as judge_addresses,
)
from conformance.streams.test_onvif_capabilities import (
    test_announced_security_is_true as judge_capabilities,
)
from conformance.streams.test_onvif_events import (
    test_onvif_events_are_for_who_logs_in as judge_events,
)
from conformance.streams.test_onvif_media import test_media_profiles_play_inside_tls as judge_media
from conformance.verdict import Inconclusive
from devices.links.onvif.addresses import OnvifAddresses
from devices.links.onvif.capabilities import NetworkProtocol, OnvifCapabilities
from devices.links.onvif.events import (
    ACCOUNT,
    NOBODY,
    STRANGER,
    ClearAnswer,
    EventAnswer,
    OnvifEvents,
)
from devices.links.onvif.observations import (
    MediaProfile,
    MediaUri,
    MediaUris,
    OnvifMedia,
    Outcome,
)
from devices.links.onvif.places import AnnouncedAddress, Whereabouts
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices
from devices.links.rtsp.observations import DecodedPictures, PlayedStream, PlayedStreams
from devices.links.tls.observation import TlsScan, TlsServer

WHERE = Whereabouts("192.0.2.7", "192.0.2.7", frozenset({"10.1.2.3"}))
SERVICE = "https://192.0.2.7/onvif/device_service"


def address(kind: str, written: str) -> AnnouncedAddress:
    return WHERE.announced(kind, "GetServices", "x", written)


def events(*answers: EventAnswer, **changes: Any) -> OnvifEvents:
    found = OnvifEvents(
        protection="authenticated TLS",
        service=address("events", SERVICE),
        reference=address("events", "https://192.0.2.7/onvif/subscription/1"),
        answers=answers,
    )
    return replace(found, **changes)


def answer(operation: str, caller: str, outcome: Outcome, owner: str = "") -> EventAnswer:
    return EventAnswer(operation, caller, owner, outcome, 200 if outcome is Outcome.DATA else 401)


CREATE, PULL = "CreatePullPointSubscription", "PullMessages"
SOUND = (
    answer(CREATE, ACCOUNT, Outcome.DATA),
    answer(CREATE, NOBODY, Outcome.NOT_AUTHORISED),
    answer(PULL, ACCOUNT, Outcome.DATA, ACCOUNT),
    answer(PULL, NOBODY, Outcome.NOT_AUTHORISED, ACCOUNT),
    answer(PULL, STRANGER, Outcome.NOT_AUTHORISED, ACCOUNT),
)


def see_addresses(*written: tuple[str, str], **changes: Any) -> None:
    found = OnvifAddresses(addresses=tuple(address(*one) for one in written), discovery="closed")
    judge_addresses(found, events(*SOUND, **changes), policy.load)


def test_addresses_inside_tls_pass() -> None:
    see_addresses(
        ("service", SERVICE),
        ("service", "https://10.1.2.3/onvif/media"),
        ("stream", "rtsp://192.0.2.7/1"),  # STREAM-013 looks at its scheme
        ("replay", "rtsps://192.0.2.7/r/1"),
    )
    see_addresses(("service", SERVICE), service=None, answers=(), reference=None)


@pytest.mark.parametrize(
    "bad",
    [
        ("service", "http://192.0.2.7/onvif"),
        ("service", "https://192.0.2.99/onvif"),
        ("service", "/onvif"),
        ("discovery", "http://192.0.2.7/onvif"),
        ("system", "http://192.0.2.7/log"),
        ("replay", "rtsp://192.0.2.7/r/1"),
        ("stream", "rtsps://relay.example/1"),
        ("snapshot", "https://relay.example/1.jpg"),
    ],
)
def test_addresses_outside_fail(bad: tuple[str, str]) -> None:
    with pytest.raises(AssertionError, match="GetServices gives"):
        see_addresses(("service", SERVICE), bad)


def test_a_subscription_outside_tls_fails() -> None:
    with pytest.raises(AssertionError, match=r"http://192\.0\.2\.7/sub"):
        see_addresses(("service", SERVICE), reference=address("events", "http://192.0.2.7/sub"))


def test_no_addresses_are_no_pass() -> None:
    with pytest.raises(Inconclusive):
        see_addresses(("stream", "rtsps://192.0.2.7/1"))
    with pytest.raises(Inconclusive):
        see_addresses(("service", SERVICE), answers=())


def test_events_for_who_logs_in_pass() -> None:
    judge_events(events(*SOUND))
    closed = ClearAnswer("http://192.0.2.7/e", Outcome.OTHER, 308)
    judge_events(events(*SOUND, in_clear=(closed,)))


@pytest.mark.parametrize(
    "found",
    [
        events(*SOUND, answer(CREATE, NOBODY, Outcome.DATA)),
        events(*SOUND, answer(PULL, NOBODY, Outcome.DATA, ACCOUNT)),
        events(*SOUND, answer("Unsubscribe", STRANGER, Outcome.DATA, ACCOUNT)),
        events(*SOUND, in_clear=(ClearAnswer("http://192.0.2.7/e", Outcome.DATA, 200),)),
        events(*SOUND, protection="none"),
        events(answer(CREATE, ACCOUNT, Outcome.FAULT), answer(CREATE, NOBODY, Outcome.DATA)),
    ],
)
def test_events_for_others_fail(found: OnvifEvents) -> None:
    with pytest.raises(AssertionError):
        judge_events(found)


@pytest.mark.parametrize(
    "found",
    [
        events(),
        events(service=None),
        events(answer(CREATE, ACCOUNT, Outcome.NOT_SUPPORTED)),
        events(answer(CREATE, ACCOUNT, Outcome.DATA), answer(PULL, ACCOUNT, Outcome.FAULT)),
        events(*SOUND, answer(PULL, NOBODY, Outcome.FAULT, ACCOUNT)),
        events(*SOUND, in_clear=(ClearAnswer("http://192.0.2.7/e", Outcome.NOT_AUTHORISED, 401),)),
    ],
)
def test_events_that_show_nothing_are_inconclusive(found: OnvifEvents) -> None:
    with pytest.raises(Inconclusive):
        judge_events(found)


CAPABILITIES = OnvifCapabilities(
    host="192.0.2.7",
    port=443,
    protection="authenticated TLS",
    stated_versions={"TLS 1.0": False, "TLS 1.2": True},
    supported_versions=("TLS 1.2", "TLS 1.3"),
    enabled_versions=("TLS 1.2", "TLS 1.3"),
    logins={"UsernameToken": True, "HttpDigest": True},
    streaming={"SecureRTSPStreaming": True},
    protocols=(
        NetworkProtocol("HTTP", enabled=False, ports=(80,)),
        NetworkProtocol("HTTPS", enabled=True, ports=(443,)),
        NetworkProtocol("RTSP", enabled=True, ports=(554,)),
    ),
    challenges=("DIGEST",),
    token_accepted=True,
)
SERVICES = (NamedService(443, "https"), NamedService(554, "rtsp"), NamedService(322, "rtsps"))


def see_capabilities(
    *services: NamedService, versions: tuple[str, ...] = ("TLS 1.2", "TLS 1.3"), **changes: Any
) -> None:
    server = TlsServer(
        name="https",
        protocol="https",
        host="192.0.2.7",
        port=443,
        suites=dict.fromkeys(versions, ()),
        at=datetime.now(UTC),
    )
    ports = PortServices(address="192.0.2.7", services=services or SERVICES)
    judge_capabilities(replace(CAPABILITIES, **changes), TlsScan(servers=(server,)), ports)


def test_true_capabilities_pass() -> None:
    see_capabilities()
    see_capabilities(stated_versions={}, supported_versions=None, enabled_versions=None)
    see_capabilities(stated_versions={"TLS 1.0": True}, enabled_versions=None)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"versions": ("TLS 1.0", "TLS 1.2", "TLS 1.3")}, "accepts TLS 1.0"),
        (
            {"versions": ("TLS 1.0",), "supported_versions": None, "enabled_versions": None},
            "says it does not",
        ),
        ({"logins": {"UsernameToken": False}}, "UsernameToken logs in"),
        ({"logins": {"HttpDigest": False}}, "HTTP digest is asked for"),
        ({"streaming": {"RTSPStreaming": False}}, "No RTSP streaming"),
        ({"streaming": {"NoRTSPStreaming": True}}, "No RTSP streaming"),
        ({"protocols": ()}, "names none"),
    ],
)
def test_false_capabilities_fail(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(AssertionError, match=match):
        see_capabilities(**changes)


@pytest.mark.parametrize(
    ("service", "match"),
    [(NamedService(8080, "http"), "Plain HTTP answers"), (NamedService(8554, "rtsp"), "8554")],
)
def test_ports_that_are_not_named_fail(service: NamedService, match: str) -> None:
    with pytest.raises(AssertionError, match=match):
        see_capabilities(*SERVICES, service)


def test_a_redirect_is_no_plain_http() -> None:
    moved = NamedService(80, "http", "HTTP/1.1 308 Permanent Redirect\\r\\nLocation: https://")
    see_capabilities(*SERVICES, moved)


def test_secure_streaming_that_no_port_has_fails() -> None:
    with pytest.raises(AssertionError, match="no port has RTSP inside TLS"):
        see_capabilities(NamedService(443, "https"), NamedService(554, "rtsp"))
    see_capabilities(NamedService(443, "https"), NamedService(322, "tls"))  # not named: no fact


@pytest.mark.parametrize(
    "changes",
    [
        {"protocols": None},
        {"challenges": ()},
        {"port": 444},
        {"versions": ("TLS 1.2",)},
        {
            "stated_versions": {},
            "supported_versions": None,
            "enabled_versions": None,
            "logins": {},
            "streaming": {},
            "protocols": None,
        },
    ],
)
def test_what_shows_nothing_is_inconclusive(changes: dict[str, Any]) -> None:
    with pytest.raises(Inconclusive):
        see_capabilities(**changes)


def played(url: str, **changes: Any) -> PlayedStream:
    pictures = DecodedPictures(20, 640, 360, 0.1, 20.0)
    stream = PlayedStream(
        "s", url, "interleaved", declared=True, outcome="played", codec="h264", pictures=pictures
    )
    return replace(stream, **changes)


def see_media(
    *streams: PlayedStream,
    uris: tuple[str, ...] = ("rtsps://192.0.2.7:322/1",),
    others: tuple[tuple[str, str], ...] = (),
    encoding: str = "H264",
    size: tuple[int, int] = (640, 360),
) -> None:
    profile = MediaProfile("media2", "p", "p", encoding, *size)
    judge_media(
        OnvifMedia(
            profiles=(profile,),
            others=tuple(MediaUri("media2", "p", asked, uri) for asked, uri in others),
        ),
        MediaUris(uris=tuple(MediaUri("media2", "p", "RTSP", uri) for uri in uris)),
        PlayedStreams(streams=()),
        PlayedStreams(streams=streams),
    )


URL = "rtsps://192.0.2.7/1"
"""The address that is handed out, without its default port."""


def test_profiles_that_play_pass() -> None:
    see_media(played(URL))
    turned = DecodedPictures(20, 360, 640, 0.1, 20.0)
    see_media(played(URL, pictures=turned))
    see_media(played(URL), others=(("RtspOverHttp", "rtsp://192.0.2.7:443/1"),))
    see_media(played(URL), others=(("RtspsMulticast", "rtsps://192.0.2.7/1"),))
    see_media(played(URL), uris=("rtsps://192.0.2.7/1", "rtsp://192.0.2.7/1"))


@pytest.mark.parametrize(
    "stream",
    [
        played(URL, codec="h265"),
        played(URL, pictures=DecodedPictures(20, 1280, 720, 0.1, 20.0)),
        played(URL, outcome="refused", reason="SETUP is answered 461", pictures=None),
        played(URL, outcome="failed", cause="not-offered", reason="404", pictures=None),
    ],
)
def test_profiles_that_do_not_play_as_configured_fail(stream: PlayedStream) -> None:
    with pytest.raises(AssertionError):
        see_media(stream)


@pytest.mark.parametrize(
    "changes",
    [
        {"uris": ("rtsp://192.0.2.7/1",)},
        {"others": (("RtspMulticast", "rtsp://192.0.2.7/1"),)},
        {"others": (("RtspOverHttp", "http://192.0.2.7/1"),)},
    ],
)
def test_plain_addresses_fail(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        see_media(played(URL), **changes)


def test_jpeg_profiles_are_judged_in_blocks_of_8_pixels() -> None:
    exact = DecodedPictures(20, 640, 360, 0.1, 20.0)
    see_media(played(URL, codec="mjpeg", pictures=exact), encoding="JPEG")
    rounded = replace(exact, height=184)
    small = played(URL, codec="mjpeg", pictures=rounded)
    see_media(small, encoding="JPEG", size=(640, 180))
    with pytest.raises(AssertionError, match="pixels, configured are"):
        see_media(replace(small, codec="h264"), size=(640, 180))
    with pytest.raises(AssertionError, match="pixels, configured are"):
        see_media(small, encoding="JPEG")
    with pytest.raises(AssertionError, match="configured is mjpeg"):
        see_media(played(URL), encoding="JPEG")


def test_profiles_that_cannot_be_judged_are_inconclusive() -> None:
    for streams in (
        (),
        (played(URL, outcome="failed", cause="timeout"),),
        (played(URL, pictures=None),),
    ):
        with pytest.raises(Inconclusive):
            see_media(*streams)
    for changes in ({"encoding": "MPEG4"}, {"uris": ()}, {"uris": ("wss://192.0.2.7/1",)}):
        with pytest.raises(Inconclusive):
            see_media(played(URL), **changes)
