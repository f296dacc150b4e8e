"""ONVIF cameras with manners of the field, at which a verdict could go wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from onvif_stand import served
from test_onvif_link import ADDRESS, DigestOnly, camera, linked
from test_onvif_tls_cases import SOUND, events

from conformance.streams.test_onvif_events import (
    test_onvif_events_are_for_who_logs_in as judge_events,
)
from conformance.verdict import Inconclusive
from devices.links.onvif.events import ClearAnswer
from devices.links.onvif.observations import Outcome
from devices.links.onvif.session import _target
from devices.protocols import soap
from devices.protocols.soap import element


class HalfOpen(DigestOnly):
    """HTTP digest alone; what says who it is, it says to everybody."""

    async def handle(self, request: web.Request) -> web.Response:
        message = soap.parse(await request.read())
        assert message.body is not None
        if soap.local(message.body) == "GetDeviceInformation":
            named = element("tds:Manufacturer", "Open"), element("tds:Model", "X")
            body = element("tds:GetDeviceInformationResponse", *named)
            return web.Response(body=soap.envelope(body))
        return await super().handle(request)


def test_a_token_that_nobody_looked_at_has_not_logged_in(tmp_path: Path) -> None:
    other = HalfOpen()
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session("admin") as session:
            body = element("tds:GetDeviceInformation")
            assert session.call("device", body).outcome is Outcome.DATA
            assert session.client.scheme is None
            assert session.call("media", element("trt:GetProfiles")).outcome is Outcome.DATA
            assert session.client.scheme == "HTTP digest"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/onvif/events", "/onvif/events"),
        ("onvif/events?x=1", "/onvif/events?x=1"),
        ("https://10.0.0.1", "/"),
        ("https://[fe80::1%25eth0]:8443/e", "/e"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_a_request_target_begins_with_a_slash(address: str, target: str) -> None:
    assert _target(address) == target


def test_a_fault_in_clear_is_no_missing_service() -> None:
    """Where ONVIF answers without TLS, what it does not know says little of the rest."""
    fault = ClearAnswer("http://192.0.2.7/e", Outcome.NOT_SUPPORTED, 400, soap=True)
    with pytest.raises(Inconclusive, match="ONVIF is answered without TLS"):
        judge_events(events(*SOUND, in_clear=(fault,)))
    judge_events(events(*SOUND, in_clear=(replace(fault, soap=False, http_status=404),)))
