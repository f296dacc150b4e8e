"""What a report says of a camera: each nonconformity once, and no more than was seen."""

from __future__ import annotations

import pytest
from laboratory import device

from conformance import knowledge, policy
from conformance.backdoors.test_ports import test_no_prohibited_service_answers as tcp_case
from conformance.backdoors.test_ports import test_no_undeclared_udp_service_answers as udp_case
from conformance.streams.test_access import test_login_is_by_a_strong_digest as digest_case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Service
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices, PortSweep, UdpAnswers
from devices.links.ports.udp import UdpAnswer, UdpState
from devices.links.rtsp.observations import AnonymousAnswers, OfferedChallenge, PathAnswer


def test_one_server_is_named_once_with_and_without_its_usual_port() -> None:
    md5 = (OfferedChallenge(scheme="DIGEST", algorithm="MD5", realm="x"),)
    answers = tuple(
        PathAnswer(url, "DESCRIBE", "none", 401, described=False, challenges=md5)
        for url in ("rtsps://192.0.2.7/live", "rtsps://192.0.2.7:322/ch0")
    )
    with pytest.raises(AssertionError) as failed:
        digest_case(AnonymousAnswers(answers=answers), policy.load)
    reason = str(failed.value).splitlines()[0]
    assert reason.count("rtsps://192.0.2.7") == 1


def refusal(url: str, login: str, *algorithms: str) -> PathAnswer:
    offered = tuple(OfferedChallenge("DIGEST", algorithm, "x") for algorithm in algorithms)
    return PathAnswer(url, "DESCRIBE", login, 401, described=False, challenges=offered)


def test_a_refusal_without_challenge_is_not_judged_beside_one_with() -> None:
    strong = refusal("rtsps://192.0.2.7/live", "none", "SHA-256", "MD5")
    bare = refusal("rtsps://192.0.2.7/live", "unknown user")
    digest_case(AnonymousAnswers(answers=(strong, bare)), policy.load)


def test_refusals_without_any_challenge_leave_the_login_open() -> None:
    strong = refusal("rtsps://192.0.2.7/live", "none", "SHA-256")
    bare = refusal("rtsps://192.0.2.7:8322/live", "none")
    with pytest.raises(Inconclusive, match=r"192\.0\.2\.7:8322: every refusal"):
        digest_case(AnonymousAnswers(answers=(strong, bare)), policy.load)
    weak = refusal("rtsps://192.0.2.7/live", "none", "MD5")
    with pytest.raises(AssertionError, match="offers MD5, expected Digest with SHA-256"):
        digest_case(AnonymousAnswers(answers=(weak, bare)), policy.load)


def test_an_answer_over_udp_is_not_taken_for_the_protocol_asked_for() -> None:
    """A service that sends back whatever comes is undeclared; what it speaks was not seen."""
    echo = UdpAnswer(37810, "dhip-discovery", UdpState.REPLY, b"...")
    sweep = PortSweep(
        address="192.0.2.7", open=(443,), bench=(), filtered=(), closed=65534, seconds=1.0
    )
    camera: DeviceFile = device()
    with pytest.raises(AssertionError, match="answers a request of dhip-discovery and is not"):
        udp_case(
            UdpAnswers(address="192.0.2.7", answers=(echo,), bench=()),
            sweep,
            camera,
            knowledge.load,
        )


def judge_tcp(*services: NamedService, declared: str = "") -> None:
    camera: DeviceFile = device()
    if declared:
        port, purpose = services[0].port, "maintenance"
        entry = Service(name="x", port=port, protocol=declared, purpose=purpose, encrypted=False)
        camera.declared.services.append(entry)
    tcp_case(PortServices(address="192.0.2.7", services=services), camera, knowledge.load)


@pytest.mark.parametrize("port", [23, 2323, 9530, 6789])
def test_what_has_no_name_on_a_number_of_prohibited_services_fails(port: int) -> None:
    with pytest.raises(AssertionError, match=f"TCP port {port}"):
        judge_tcp(NamedService(port, "unknown"))


@pytest.mark.parametrize(("port", "protocol"), [(37777, "unknown"), (8080, "http"), (23, "http")])
def test_a_shared_number_or_another_name_is_no_prohibited_service(port: int, protocol: str) -> None:
    judge_tcp(NamedService(port, protocol))


def test_a_port_that_could_not_be_asked_is_not_judged_by_its_number() -> None:
    judge_tcp(NamedService(23, "unknown", error="connection reset"))


@pytest.mark.parametrize("protocol", ["telnet", "ftp"])
def test_a_prohibited_service_is_not_made_acceptable_by_its_declaration(protocol: str) -> None:
    """Whatever is recognised of it: here, nothing."""
    with pytest.raises(AssertionError, match=f"declared to serve {protocol}, which is prohibited"):
        judge_tcp(NamedService(5000, "unknown"), declared=protocol)


def test_tls_around_nothing_that_answered_is_another_service_only_without_tls() -> None:
    for slow in ("rtsps", "https"):
        with pytest.raises(Inconclusive, match=f"5000 .declared {slow}"):
            judge_tcp(NamedService(5000, "tls"), declared=slow)
    with pytest.raises(AssertionError, match="answers as tls"):
        judge_tcp(NamedService(5000, "tls"), declared="ssh")
