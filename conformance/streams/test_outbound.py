"""STREAM-035 to STREAM-037: what the camera sends by itself, where to, and how protected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile, Outbound
from devices.links.gateway.endpoints import is_declared, matches, names_match
from devices.links.gateway.observations import Contact, OutboundTraffic, TlsTrial

_BENCH = "bench"


@case(
    "STREAM-035",
    severity="critical",
    needs=("gateway",),
    catches=("stream-undeclared-cloud", "stream-p2p-beacon", "stream-rtmp-push"),
)
def test_sends_only_to_declared_endpoints(
    outbound_traffic: OutboundTraffic, device: DeviceFile, policy: Any
) -> None:
    """The camera sends only to the declared endpoints.

    Method: the bench leads every outgoing connection and datagram of the camera to the suite,
    which plays each endpoint and sends nothing on, for as long as the device file says (at least).
    Compare each destination by transport, port and host with declared.outbound: the host by the
    name that the camera asked DNS for, by TLS server name or HTTP Host, or by address. What the
    camera sends is told by its first bytes.
    Pass: every destination is declared, name servers included, and so is every name that it asked
    for; and traffic over TCP and over UDP was seen to reach the suite.
    """
    declared = device.declared.outbound
    _require_traffic(outbound_traffic)
    answers = [(c, is_declared(c.destination, declared)) for c in outbound_traffic.contacts]
    undeclared = [c for c, answer in answers if answer == "no" and c.protocol != "dns"]
    assert not undeclared, " ".join(
        f"The camera sends to {c.destination}, which is not declared: {_what(c)}, first after "
        f"{c.seconds:.0f} s."
        for c in undeclared
    )
    if unknown := [contact for contact, answer in answers if answer == "unknown"]:
        raise Inconclusive(
            " ".join(
                f"The camera sends to {c.destination} ({_what(c)}), and the bench does not tell "
                "enough to compare it with declared.outbound."
                for c in unknown
            ),
            _BENCH,
        )
    if resolvers := [c for c, answer in answers if answer == "no"]:
        raise Inconclusive(
            f"the camera asks {', '.join(str(c.destination) for c in resolvers)} for names: "
            "whether the bench gave it that name server is not known (bench.gateway.dns; or "
            "declare it)",
            _BENCH,
        )
    ignored = policy("outbound")["names"]["ignored"]
    if names := list(_undeclared_names(outbound_traffic.asked, declared, ignored)):
        raise Inconclusive(
            f"the camera asked for {', '.join(names)}, not declared, and sent nothing there in "
            f"{outbound_traffic.listened:.0f} s"
        )
    _require_both_transports(outbound_traffic, device)


@case(
    "STREAM-036",
    severity="critical",
    needs=("gateway",),
    catches=("stream-cloud-plain", "stream-rtmp-push", "stream-p2p-beacon"),
)
def test_what_it_sends_is_encrypted(
    outbound_traffic: OutboundTraffic, device: DeviceFile, policy: Any
) -> None:
    """What the camera sends by itself is encrypted.

    Method: recognise the protocol of everything that comes out of the bench's gateway (STREAM-035)
    by its first bytes: TLS, DTLS, QUIC, HTTP, RTMP, RTSP, SIP, MQTT, P2P rendezvous, MPEG-TS, RTP
    whose payload reads as video, and SRT, which is answered so far that it shows whether it brings
    key material.
    Pass: each is one that policy "outbound" counts as encrypted or as infrastructure (DNS, time),
    and every declared endpoint was contacted.
    """
    protocols = policy("outbound")["protocols"]
    _require_traffic(outbound_traffic)
    contacts = outbound_traffic.contacts
    readable = [c for c in contacts if c.protocol in protocols["readable"]]
    assert not readable, " ".join(
        f"The camera sends {_what(c)} without encryption to {c.destination}." for c in readable
    )
    accepted = {*protocols["encrypted"], *protocols["infrastructure"]}
    spoke = {c.destination for c in contacts if c.protocol != "silent"}
    unclear = [
        c
        for c in contacts
        if c.protocol not in accepted and not (c.protocol == "silent" and c.destination in spoke)
    ]
    if unclear:
        raise Inconclusive(
            " ".join(
                f"The camera sends {_what(c)} to {c.destination}; whether it is encrypted is not "
                "known."
                for c in unclear
            )
        )
    _require_seen(device.declared.outbound, contacts, outbound_traffic)


@case(
    "STREAM-037",
    severity="critical",
    needs=("gateway",),
    catches=("stream-cloud-any-certificate", "stream-cloud-any-name"),
    applies_to=("tls-clients",),
)
def test_tls_clients_verify_certificates(
    outbound_traffic: OutboundTraffic, device: DeviceFile, policy: Any
) -> None:
    """The camera's TLS clients verify whom they talk to.

    Method: answer each TLS connection that comes out of the bench's gateway as the server it asks
    for, in turn with a certificate of an authority that the camera does not know (under the name
    of one that it knows), a self-signed one, one for another host, one that is out of date, and a
    genuine one. Those for another host and out of date, and the genuine one, come from an
    authority that the camera trusts, which the bench provides (bench.gateway.trusted). A client
    that goes on to send application data has accepted the certificate.
    Clients of DTLS and QUIC are not tried, and leave the verdict open.
    Pass: every declared TLS client accepts the genuine certificate and refuses each of the others;
    no TLS client at all accepts a bad one.
    """
    tls = policy("outbound")["tls"]
    bad = tls["refused"]
    untried = [c for c in outbound_traffic.contacts if c.protocol in tls["untried"]]
    trials = outbound_traffic.trials
    accepted = [t for t in trials if t.certificate in bad and _is_fooled(t, trials)]
    assert not accepted, " ".join(dict.fromkeys(map(_fooled, accepted)))
    endpoints = [e for e in device.declared.outbound if e.over_tls]
    if not endpoints and not trials and not untried:
        _require_traffic(outbound_traffic)
        raise NotApplicable("the device file declares no TLS client, and none was seen")
    doubts = list(_unproven(outbound_traffic, endpoints, bad))
    doubts += [
        f"The client of {c.destination} speaks {c.protocol.upper()}, which the bench does not "
        "answer: whether it verifies a certificate is not known."
        for c in untried
    ]
    if doubts:
        lacking = not {"genuine", *bad} <= set(outbound_traffic.shown)
        raise Inconclusive(" ".join(doubts), _BENCH if lacking else "not-observed")


def _what(contact: Contact) -> str:
    said = {"": "bytes of an unknown protocol", "silent": "nothing yet"}
    name = said.get(contact.protocol, contact.protocol)
    sample = contact.sample.splitlines()[0] if contact.sample else ""
    return f"{name} ({sample})" if sample else name


def _require_traffic(traffic: OutboundTraffic) -> None:
    """Raise Inconclusive when the gateway heard nothing, or could not tell where it was going."""
    if traffic.unreadable:
        raise Inconclusive(
            "the bench's gateway does not say where all was going: "
            + "; ".join(traffic.unreadable),
            _BENCH,
        )
    if not traffic.contacts:
        raise Inconclusive(
            f"nothing of the camera came to the bench's gateway in {traffic.listened:.0f} s "
            f"({traffic.strangers} connections or datagrams of others did): whether the gateway is "
            "in its way is not known",
            "unreachable",
        )


def _require_both_transports(traffic: OutboundTraffic, device: DeviceFile) -> None:
    """Silence over UDP means nothing on a bench that leads only TCP to the suite."""
    gateway = device.bench.gateway
    seen = {c.destination.transport for c in traffic.contacts} | set(
        gateway.seen if gateway else ()
    )
    if missing := sorted({"tcp", "udp"} - seen):
        raise Inconclusive(
            f"nothing over {' and '.join(m.upper() for m in missing)} came to the bench's gateway: "
            "whether it would is not known (bench.gateway.seen)",
            _BENCH,
        )


def _require_seen(
    declared: Iterable[Outbound], contacts: Sequence[Contact], traffic: OutboundTraffic
) -> None:
    silent = [
        f"{e.host} port {e.port}/{e.transport}"
        for e in declared
        if not any(matches(c.destination, e) == "yes" for c in contacts)
    ]
    if silent:
        raise Inconclusive(
            f"the camera did not contact {', '.join(silent)} in {traffic.listened:.0f} s, so what "
            "it sends there was not seen",
            "not-observed",
        )


def _undeclared_names(
    asked: Iterable[str], declared: Sequence[Outbound], ignored: Sequence[str]
) -> Iterator[str]:
    for name in asked:
        top = name.rpartition(".")[2]
        # A resolver also tries a name with its own domain behind it.
        known = any(names_match(name, e.host) or name.startswith(f"{e.host}.") for e in declared)
        if not known and top not in ignored and "." in name:
            yield name


def _is_fooled(trial: TlsTrial, trials: Sequence[TlsTrial]) -> bool:
    """Whether it accepted the certificate, and not because the camera's clock is behind.

    A client that takes the genuine one, which is valid since yesterday, has no clock that the one
    out of date would be valid by.
    """
    if trial.outcome != "accepted" or trial.certificate != "expired":
        return trial.outcome == "accepted"
    own = (trial.destination, trial.client, trial.server_name)
    return any(
        (t.destination, t.client, t.server_name) == own
        and (t.certificate, t.outcome) == ("genuine", "accepted")
        for t in trials
    )


def _fooled(trial: TlsTrial) -> str:
    what = {
        "unknown-ca": "of an authority that it does not know",
        "self-signed": "that is self-signed",
        "wrong-name": "for another host",
        "expired": "that is out of date",
    }[trial.certificate]
    inside = f" ({trial.inside})" if trial.inside else ""
    return (
        f"The client of {trial.destination} accepts a certificate {what} and sends "
        f"{trial.sent_bytes} bytes{inside}, expected is that it ends the connection."
    )


def _unproven(
    traffic: OutboundTraffic, endpoints: Sequence[Outbound], bad: Sequence[str]
) -> Iterator[str]:
    """What keeps a PASS away: clients not seen, certificates not shown, no control."""
    for endpoint in endpoints:
        if not any(matches(t.destination, endpoint) == "yes" for t in traffic.trials):
            yield (
                f"No TLS connection to {endpoint.host} port {endpoint.port} came in "
                f"{traffic.listened:.0f} s."
            )
    if missing := [kind for kind in ("genuine", *bad) if kind not in traffic.shown]:
        yield (
            f"The bench holds nothing that the camera trusts to make {', '.join(missing)} from "
            "(bench.gateway.trusted)."
        )
    clients = dict.fromkeys((t.destination, t.client, t.server_name) for t in traffic.trials)
    for client in clients:
        own = [t for t in traffic.trials if (t.destination, t.client, t.server_name) == client]
        refused = {t.certificate for t in own if t.outcome == "refused"}
        genuine = [t for t in own if t.certificate == "genuine"]
        if "genuine" in traffic.shown and not any(t.outcome == "accepted" for t in genuine):
            said = "; ".join(t.reason for t in genuine) or "none was shown"
            yield (
                f"The client of {client[0]} was not seen to accept a genuine certificate ({said}): "
                "its refusals prove nothing."
            )
        if left := [k for k in bad if k in traffic.shown and k not in refused]:
            yield f"The client of {client[0]} was not seen to refuse: {', '.join(left)}."
