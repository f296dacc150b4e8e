"""STREAM-039: where the addresses lead that a camera hands out over ONVIF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.onvif.addresses import OnvifAddresses
from devices.links.onvif.events import OnvifEvents
from devices.links.onvif.places import AnnouncedAddress, Place

_JUDGED_ELSEWHERE = ("stream", "snapshot")
"""STREAM-013 judges the schemes of these."""


@case(
    "STREAM-039",
    severity="high",
    needs=("onvif",),
    catches=("stream-onvif-xaddr-plain", "stream-onvif-xaddr-elsewhere"),
    applies_to=("onvif",),
)
def test_onvif_addresses_lead_through_tls(
    onvif_addresses: OnvifAddresses,
    onvif_events: OnvifEvents,
    policy: Callable[[str], dict[str, Any]],
) -> None:
    """Every address that ONVIF hands out leads through TLS, and to this camera.

    Method: as an administrator, collect the addresses of GetServices, GetCapabilities and
    GetSystemUris, of replay, streams and snapshots, of a subscription to events, and those in the
    answer to a WS-Discovery Probe sent to the camera alone. Look at each one's scheme (STREAM-013
    looks at those of streams and snapshots) and host. A host is the camera's when it is the one
    that the test asked, or one that GetNetworkInterfaces or GetHostname names; no name is resolved.
    Pass: services, events, discovery and system addresses are https, replay addresses rtsps, https
    or wss, and none leads to another host.
    """
    rule = policy("onvif")["addresses"]
    addresses = list(onvif_addresses.addresses)
    addresses += [onvif_events.reference] if onvif_events.reference is not None else []
    if not any(address.kind == "service" for address in addresses):
        raise Inconclusive("the camera hands out no service address over ONVIF", "not-offered")
    if onvif_events.service is not None and not onvif_events.answers:
        raise Inconclusive("the event service gave no answer", "unreachable")
    faults = dict.fromkeys(fault for address in addresses for fault in _faults(address, rule))
    assert not faults, f"{'; '.join(faults)}."


def _faults(found: AnnouncedAddress, rule: dict[str, Any]) -> Iterator[str]:
    what = f"{found.source} gives {found.address!r}" + (
        f" for {found.subject}" if found.subject else ""
    )
    if found.place is Place.NOWHERE:
        if found.kind not in _JUDGED_ELSEWHERE:
            yield f"{what}, which is no absolute address"
        return
    schemes = rule["replay_schemes" if found.kind == "replay" else "service_schemes"]
    if found.kind not in _JUDGED_ELSEWHERE and found.scheme not in schemes:
        yield f"{what}, expected {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if found.place is Place.OTHER:
        yield f"{what}, whose host is none of the camera's"
