"""What the ONVIF link reads of addresses, events and capabilities, on cameras of many manners."""

from __future__ import annotations

import socket
import socketserver
import threading
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from onvif_stand import device_file, onvif_stand, served
from test_onvif_link import DigestOnly, camera

from devices.emulated.posture import Posture
from devices.errors import NotOffered
from devices.links.onvif.addresses import discovered_addresses
from devices.links.onvif.capabilities import _protocols, _versions
from devices.links.onvif.events import ACCOUNT, NOBODY, STRANGER, OnvifEvents
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.onvif.places import Place, Whereabouts
from devices.links.ports.udp import UdpProbe
from devices.permit import Permit
from devices.protocols import soap
from devices.protocols.soap import element
from devices.secrets import Secrets

ADDRESS = "127.83.7.31"
PROBE = UdpProbe(3702, "ws-discovery", b"<probe/>")


def linked(url: str, folder: Path) -> OnvifLink:
    device = device_file(url, ADDRESS, folder)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return OnvifLink(device, permit, Secrets(device))


def answers(events: OnvifEvents, caller: str) -> dict[str, Outcome]:
    return {a.operation: a.outcome for a in events.answers if a.caller == caller}


def test_events_of_the_emulated_camera(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        found = stand.link.events([])
        assert set(answers(found, ACCOUNT).values()) == {Outcome.DATA}
        assert set(answers(found, NOBODY).values()) == {Outcome.NOT_AUTHORISED}
        assert set(answers(found, STRANGER).values()) == {Outcome.NOT_AUTHORISED}
        assert [a.messages for a in found.answers if a.operation == "PullMessages"] == [1, 0, 0]
        assert found.reference is not None
        assert found.reference.place is Place.ASKED
        assert not found.shortfall


def test_subscriptions_of_nobody_are_ended(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS, Posture(onvif_events_anonymous=True)) as stand:
        for _ in range(4):  # the camera has room for eight, each try makes three
            found = stand.link.events([])
            assert answers(found, NOBODY)["CreatePullPointSubscription"] is Outcome.DATA
        assert answers(found, NOBODY)["Unsubscribe"] is Outcome.DATA


class OddEvents(DigestOnly):
    """Media1 alone, subscriptions told apart by reference parameters, one address for everything.

    Its PullMessages needs the parameters in the header, and any address with login does.
    """

    def __init__(self, *, pull_points: bool = True, http_status: int = 400) -> None:
        super().__init__()
        self.pull_points = pull_points
        self.status = http_status
        self.live: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        message = soap.parse(await request.read())
        assert message.body is not None
        name = soap.local(message.body)
        if name == "GetCapabilities":
            events = element("tt:Events", element("tt:XAddr", "http://10.0.0.9/event?who=you"))
            body = element("tds:GetCapabilitiesResponse", element("tds:Capabilities", events))
            return web.Response(body=soap.envelope(body))
        wanted = ("CreatePullPointSubscription", "PullMessages", "Unsubscribe")
        if name not in wanted or not self.admitted(request):
            return await super().handle(request)
        if not self.pull_points:
            fault = soap.fault("Receiver", ["ActionNotSupported"], "no pull points")
            return web.Response(body=fault, status=self.status)
        return web.Response(body=soap.envelope(self.event(name, message)))

    def event(self, name: str, message: soap.Envelope) -> Element:
        if name == "CreatePullPointSubscription":
            self.live.add("7")
            parameters = element("wsa:ReferenceParameters", element("SubscriptionId", "7"))
            address = element("wsa:Address", "http://10.0.0.9/event?who=you")
            reference = element("tev:SubscriptionReference", address, parameters)
            return element("tev:CreatePullPointSubscriptionResponse", reference)
        headers = {soap.local(block): (block.text or "") for block in message.header}
        assert headers["SubscriptionId"] in self.live
        assert headers["Action"].endswith(f"{name}Request")
        if name == "Unsubscribe":
            self.live.remove("7")
            return element("wsnt:UnsubscribeResponse")
        return element("tev:PullMessagesResponse", element("wsnt:NotificationMessage"))


def test_subscriptions_told_apart_by_reference_parameters(tmp_path: Path) -> None:
    other = OddEvents()
    with served(camera(other.handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).events([port])
    assert answers(found, ACCOUNT)["PullMessages"] is Outcome.DATA
    assert set(answers(found, NOBODY).values()) == {Outcome.NOT_AUTHORISED}
    assert found.reference is not None
    assert (found.reference.scheme, found.reference.place) == ("http", Place.OTHER)
    assert found.protection == "none"
    assert not other.live, "the subscription was not ended"
    assert [answer.outcome for answer in found.in_clear] == [Outcome.NOT_AUTHORISED]


@pytest.mark.parametrize("status", [400, 500])
def test_a_camera_without_pull_points(tmp_path: Path, status: int) -> None:
    other = OddEvents(pull_points=False, http_status=status)
    with served(camera(other.handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).events([])
    assert found.reference is None
    assert answers(found, ACCOUNT) == {"CreatePullPointSubscription": Outcome.NOT_SUPPORTED}


def test_a_camera_without_event_service(tmp_path: Path) -> None:
    with served(camera(DigestOnly().handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).events([])
    assert found.service is None
    assert not found.answers


def test_addresses_of_a_camera_behind_its_router(tmp_path: Path) -> None:
    with served(camera(DigestOnly().handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).addresses(PROBE)
    kinds = {(a.kind, a.source, a.scheme, a.place) for a in found.addresses}
    assert ("service", "GetCapabilities", "http", Place.OTHER) in kinds
    assert ("stream", "GetStreamUri", "rtsp", Place.OTHER) in kinds
    assert found.discovery == "closed"


class Discovery(socketserver.BaseRequestHandler):
    """Answers a probe from another port than it came to, as some cameras do."""

    def handle(self) -> None:
        assert self.request[0] == PROBE.payload
        reply = (
            f"<e xmlns:d='urn:d'><d:Scopes>{'onvif://www.onvif.org/x ' * 40}</d:Scopes>"
            f"<d:XAddrs>http://{ADDRESS}/onvif/device_service</d:XAddrs></e>"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((ADDRESS, 0))
            other.sendto(reply.encode(), self.client_address)


def test_addresses_of_discovery(tmp_path: Path) -> None:
    with (
        socketserver.UDPServer((ADDRESS, 3702), Discovery) as server,
        onvif_stand(tmp_path, ADDRESS) as stand,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = stand.link.addresses(PROBE)
        server.shutdown()
        thread.join()
    assert found.discovery == "reply"
    told = [(a.scheme, a.place) for a in found.addresses if a.kind == "discovery"]
    assert told == [("http", Place.ASKED)]


def test_capabilities_of_a_camera_that_says_little(tmp_path: Path) -> None:
    with served(camera(DigestOnly().handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).capabilities()
    assert (found.supported_versions, found.enabled_versions) == (None, None)
    assert not found.logins
    assert (found.challenges, found.token_accepted) == (("DIGEST",), False)
    assert found.protocols == ()


def test_a_camera_that_is_no_onvif_device_is_an_error(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=404, text="no such page")

    with served(camera(page), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        for read in (lambda: link.addresses(PROBE), lambda: link.events([]), link.media):
            with pytest.raises(NotOffered):
                read()


WHERE = Whereabouts("cam.lab", "192.0.2.7", frozenset({"10.1.2.3", "fe80::1", "lv-2100"}))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://192.0.2.7/onvif", Place.ASKED),
        ("https://CAM.lab:8443/onvif", Place.ASKED),
        ("https://[fe80::1%25eth0]/onvif", Place.OWN),
        ("https://10.1.2.3/onvif", Place.OWN),
        ("https://lv-2100.local/onvif", Place.OWN),
        ("https://192.0.2.8/onvif", Place.OTHER),
        ("https://relay.example/onvif", Place.OTHER),
        ("https://127.0.0.1/onvif", Place.OTHER),
        ("/onvif/device_service", Place.NOWHERE),
        ("ws:/rtsp-over-websocket", Place.NOWHERE),
        ("", Place.NOWHERE),
        ("https://[::1", Place.NOWHERE),
    ],
)
def test_places(address: str, place: Place) -> None:
    assert WHERE.place(address) is place
    assert WHERE.announced("service", "GetServices", "x", address).place is place


@given(st.text())
def test_any_text_has_a_place(address: str) -> None:
    assert isinstance(WHERE.announced("service", "s", "x", address).place, Place)


@given(st.binary())
def test_any_bytes_as_an_answer_to_a_probe(reply: bytes) -> None:
    assert isinstance(discovered_addresses(reply), list)


@pytest.mark.parametrize("prefix", ["d", "ns1", "wsdd"])
def test_addresses_in_an_answer_to_a_probe(prefix: str) -> None:
    reply = (
        f'<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:{prefix}="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body>'
        f"<{prefix}:ProbeMatches><{prefix}:ProbeMatch><{prefix}:XAddrs>\n http://192.0.2.7/a  "
        f"https://[fe80::1]/a\n</{prefix}:XAddrs></{prefix}:ProbeMatch></{prefix}:ProbeMatches>"
        "</e:Body></e:Envelope>"
    )
    found = discovered_addresses(reply.encode())
    assert found == ["http://192.0.2.7/a", "https://[fe80::1]/a"]
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a><XAddrs>&b;</XAddrs></a>'
    assert discovered_addresses(bomb) == []


@given(st.none() | st.text())
def test_any_text_as_versions(written: str | None) -> None:
    found = _versions(written)
    assert found is None or all(label.startswith("TLS ") for label in found)


@pytest.mark.parametrize(
    ("written", "versions"),
    [
        ("1.2 1.3", ("TLS 1.2", "TLS 1.3")),
        ("1.0,1.1, 1.2", ("TLS 1.0", "TLS 1.1", "TLS 1.2")),
        ("TLSv1.2", ("TLS 1.2",)),
        ("", None),
        (None, None),
        ("none", None),
        ("11.22.33", None),
    ],
)
def test_versions(written: str | None, versions: tuple[str, ...] | None) -> None:
    assert _versions(written) == versions


@given(st.lists(st.tuples(st.text(), st.text(), st.lists(st.text()))))
def test_any_text_as_network_protocols(rows: list[tuple[str, str, list[str]]]) -> None:
    body = element("tds:GetNetworkProtocolsResponse")
    for name, enabled, ports in rows:
        content: list[Any] = [element("tt:Name", name), element("tt:Enabled", enabled)]
        content += [element("tt:Port", port) for port in ports]
        body.append(element("tds:NetworkProtocols", *content))
    assert all(0 <= port < 100000 for p in _protocols(body) for port in p.ports)


class Stalling:
    """Answers the entry point, and never the event service."""

    def __init__(self) -> None:
        self.other = DigestOnly()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if b"GetCapabilities" in await request.read():
            events = element("tt:Events", element("tt:XAddr", "http://192.0.2.7/event"))
            body = element("tds:GetCapabilitiesResponse", element("tds:Capabilities", events))
            return web.Response(body=soap.envelope(body))
        if request.path == "/event":
            assert request.transport is not None
            request.transport.close()
        return await self.other.handle(request)


def test_a_camera_that_hangs_up_on_events(tmp_path: Path) -> None:
    with served(camera(Stalling().handle), ADDRESS, None) as port:
        found = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).events([])
    assert found.shortfall
    assert not found.answers
