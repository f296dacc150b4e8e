"""What STREAM-035 to STREAM-037 make of what came to the gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gateway_stand import device_file

from conformance import policy
from conformance.applicability import CONDITIONS
from conformance.streams import test_outbound as cases
from conformance.verdict import Inconclusive, NotApplicable
from devices.links.gateway.observations import Contact, Destination, OutboundTraffic, TlsTrial

CLOUD = Destination("tcp", "198.18.0.1", 443, ("cloud.example",))
CLOCK = Destination("udp", "198.18.0.2", 123, ("time.example",))
OTHER = Destination("tcp", "198.18.0.3", 443, ("other.example",))
KINDS = ("genuine", "unknown-ca", "self-signed", "wrong-name", "expired")
DECLARED = [
    {"host": "cloud.example", "port": 443, "purpose": "events", "protocol": "https"},
    {"host": "time.example", "port": 123, "transport": "udp", "purpose": "t", "protocol": "ntp"},
]
GATEWAY: dict[str, Any] = {"listen": "127.0.0.1:7443"}
DEVICE = device_file(outbound=DECLARED, gateway=GATEWAY)


def trial(kind: Any, **changes: Any) -> TlsTrial:
    outcome: Any = "accepted" if kind == "genuine" else "refused"
    return replace(TlsTrial(CLOUD, "cloud.example", "f1", kind, outcome, "alert"), **changes)


GOOD = OutboundTraffic(
    listened=120.0,
    contacts=(Contact(CLOUD, "tls", 5, 1.0), Contact(CLOCK, "ntp", 2, 1.0)),
    trials=tuple(trial(kind) for kind in KINDS),
    asked=("cloud.example", "time.example"),
    shown=KINDS,  # type: ignore[arg-type]
)


def judge(traffic: OutboundTraffic, device: Any = DEVICE) -> None:
    cases.test_sends_only_to_declared_endpoints(traffic, device, policy.load)
    cases.test_what_it_sends_is_encrypted(traffic, device, policy.load)
    cases.test_tls_clients_verify_certificates(traffic, device, policy.load)


def test_a_good_camera_passes() -> None:
    judge(GOOD)
    judge(replace(GOOD, asked=("cloud.example.lan", "_mqtt.local", "wpad", *GOOD.asked)))


def also(*contacts: Contact) -> OutboundTraffic:
    return replace(GOOD, contacts=(*GOOD.contacts, *contacts))


def test_undeclared_destinations_fail() -> None:
    with pytest.raises(AssertionError, match=r"other\.example \(198\.18\.0\.3\) port 443/tcp"):
        cases.test_sends_only_to_declared_endpoints(
            also(Contact(OTHER, "tls", 1, 3.0)), DEVICE, policy.load
        )
    nobody = device_file(gateway=GATEWAY)
    with pytest.raises(AssertionError, match=r"cloud\.example"):
        cases.test_sends_only_to_declared_endpoints(GOOD, nobody, policy.load)


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        (replace(GOOD, contacts=()), "nothing of the camera"),
        (replace(GOOD, unreadable=("a connection from 1.2.3.4: x",)), "does not say where"),
        (also(Contact(replace(CLOUD, names=()), "tls", 1, 1.0)), "does not tell enough"),
        (also(Contact(replace(CLOUD, address="", port=0), "tls", 1, 1.0)), "does not tell enough"),
        (replace(GOOD, asked=("other.example",)), r"asked for other\.example"),
        (replace(GOOD, contacts=GOOD.contacts[:1]), "nothing over UDP"),
        (replace(GOOD, contacts=GOOD.contacts[1:]), "nothing over TCP"),
        (also(Contact(Destination("udp", "8.8.8.8", 53), "dns", 1, 1.0)), r"asks 8\.8\.8\.8"),
    ],
)
def test_where_it_cannot_be_known(traffic: OutboundTraffic, says: str) -> None:
    with pytest.raises(Inconclusive, match=says):
        cases.test_sends_only_to_declared_endpoints(traffic, DEVICE, policy.load)


def test_a_transport_that_the_laboratory_has_seen_arrive_counts() -> None:
    device = device_file(outbound=DECLARED, gateway=GATEWAY | {"seen": ["udp"]})
    traffic = replace(GOOD, contacts=GOOD.contacts[:1])
    cases.test_sends_only_to_declared_endpoints(traffic, device, policy.load)


@pytest.mark.parametrize(
    "protocol",
    ["http", "rtmp", "rtsp", "mqtt", "srt", "rtp-video", "mpeg-ts", "pppp", "text", "video"],
)
def test_what_anyone_can_read_fails(protocol: str) -> None:
    with pytest.raises(AssertionError, match=f"sends {protocol} .*without encryption"):
        cases.test_what_it_sends_is_encrypted(
            also(Contact(CLOUD, protocol, 1, 1.0, sample="GET /")), DEVICE, policy.load
        )


@pytest.mark.parametrize("protocol", ["", "rtp", "srt-begun", "rtmpe", "xmpp"])
def test_what_is_not_known_to_be_encrypted_is_open(protocol: str) -> None:
    with pytest.raises(Inconclusive, match="not known"):
        cases.test_what_it_sends_is_encrypted(
            also(Contact(OTHER, protocol, 1, 1.0)), DEVICE, policy.load
        )


def test_a_connection_that_sent_nothing() -> None:
    cases.test_what_it_sends_is_encrypted(
        also(Contact(CLOUD, "silent", 1, 1.0)), DEVICE, policy.load
    )
    with pytest.raises(Inconclusive, match="nothing yet"):
        cases.test_what_it_sends_is_encrypted(
            also(Contact(OTHER, "silent", 1, 1.0)), DEVICE, policy.load
        )


def test_an_endpoint_that_was_never_contacted_is_open() -> None:
    with pytest.raises(Inconclusive, match=r"did not contact cloud\.example port 443"):
        cases.test_what_it_sends_is_encrypted(
            replace(GOOD, contacts=GOOD.contacts[1:]), DEVICE, policy.load
        )
    with pytest.raises(Inconclusive, match="No TLS connection"):
        cases.test_tls_clients_verify_certificates(replace(GOOD, trials=()), DEVICE, policy.load)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_bad_certificate_accepted_fails(kind: str) -> None:
    bad = tuple(
        replace(one, outcome="accepted", sent_bytes=9, inside="http")
        if one.certificate == kind
        else one
        for one in GOOD.trials
    )
    with pytest.raises(AssertionError, match=r"accepts a certificate .* sends 9 bytes \(http\)"):
        cases.test_tls_clients_verify_certificates(replace(GOOD, trials=bad), DEVICE, policy.load)


def test_a_clock_that_is_behind_is_no_finding() -> None:
    trials = (
        trial("genuine", outcome="refused"),
        *(trial(kind) for kind in KINDS[1:4]),
        trial("expired", outcome="accepted", sent_bytes=9),
    )
    with pytest.raises(Inconclusive, match="was not seen to refuse: expired"):
        cases.test_tls_clients_verify_certificates(
            replace(GOOD, trials=trials), DEVICE, policy.load
        )


def test_an_undeclared_client_that_accepts_a_bad_certificate_fails_too() -> None:
    fooled = trial("self-signed", destination=OTHER, outcome="accepted")
    with pytest.raises(AssertionError, match=r"other\.example"):
        cases.test_tls_clients_verify_certificates(
            replace(GOOD, trials=(*GOOD.trials, fooled)), DEVICE, policy.load
        )


@pytest.mark.parametrize(
    ("trials", "shown", "says"),
    [
        ([trial(k) for k in KINDS[1:]], KINDS, "was not seen to accept a genuine"),
        (
            [trial("genuine", outcome="refused"), *(trial(k) for k in KINDS[1:])],
            KINDS,
            "its refusals prove nothing",
        ),
        ([trial(k) for k in KINDS[:4]], KINDS, "was not seen to refuse: expired"),
        (
            [*(trial(k) for k in KINDS[:4]), trial("expired", outcome="undecided")],
            KINDS,
            "was not seen to refuse: expired",
        ),
        ([trial(k) for k in KINDS[1:3]], KINDS[1:3], "make genuine, wrong-name, expired from"),
        (
            [*(trial(k) for k in KINDS), trial("genuine", client="f2")],
            KINDS,
            "was not seen to refuse: unknown-ca, self-signed",
        ),
    ],
)
def test_refusals_without_proof_are_open(
    trials: list[TlsTrial], shown: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(Inconclusive, match=says):
        cases.test_tls_clients_verify_certificates(
            replace(GOOD, trials=tuple(trials), shown=shown), DEVICE, policy.load
        )


@pytest.mark.parametrize("protocol", ["dtls", "quic"])
def test_tls_over_datagrams_is_not_tried(protocol: str) -> None:
    traffic = also(Contact(replace(CLOUD, transport="udp"), protocol, 1, 1.0))
    with pytest.raises(Inconclusive, match=f"speaks {protocol.upper()}, which the bench does not"):
        cases.test_tls_clients_verify_certificates(traffic, DEVICE, policy.load)
    bare = device_file(outbound=DECLARED[1:], gateway=GATEWAY)
    with pytest.raises(Inconclusive, match="which the bench does not answer"):
        cases.test_tls_clients_verify_certificates(replace(traffic, trials=()), bare, policy.load)


def test_without_a_tls_client() -> None:
    device = device_file(outbound=DECLARED[1:], gateway=GATEWAY)
    quiet = replace(GOOD, contacts=GOOD.contacts[1:], trials=())
    with pytest.raises(NotApplicable):
        cases.test_tls_clients_verify_certificates(quiet, device, policy.load)
    with pytest.raises(Inconclusive):
        cases.test_tls_clients_verify_certificates(replace(quiet, contacts=()), device, policy.load)
    applies = CONDITIONS["tls-clients"]
    assert applies(device_file(outbound=DECLARED[1:]))
    assert not applies(device_file(outbound=DECLARED))
    assert not applies(device_file(outbound=[DECLARED[1] | {"protocol": "dtls"}]))
    assert not applies(device)
