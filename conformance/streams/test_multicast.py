"""STREAM-016: multicast is off unless declared, and encrypted where it is."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.rtsp.client import without_userinfo
from devices.links.rtsp.groups import GroupOffer, GroupOffers

_TO_GROUPS = {"multicast", "srtp-multicast"}


@case(
    "STREAM-016",
    severity="high",
    needs=("rtsp",),
    catches=("stream-multicast", "stream-multicast-undeclared"),
    applies_to=("rtsp-streams",),
)
def test_multicast_is_off_unless_declared(rtsp_groups: GroupOffers, device: DeviceFile) -> None:
    """Multicast is off unless declared, and encrypted where it is.

    Method: logged in, look for group addresses in the session description of every declared stream
    and of every address that ONVIF hands out (which is asked for multicast as well), and ask each
    to be set up to a group (SETUP with multicast), as RTP and as SRTP, each on a connection of its
    own. Nothing is played, and what was set up is torn down. That declared multicast is not
    readable is STREAM-003.
    Pass: no stream that does not declare multicast names a group or is set up to one, and none is
    set up to a group without SRTP.
    """
    declared: dict[str, set[str]] = {
        without_userinfo(s.url): set(s.transports) for s in device.declared.streams
    }
    problems: list[str] = []
    for offer in rtsp_groups.offers:
        problems += _faults(offer, declared.get(offer.url, set()))
    problems += [
        f"{found.url} is described with the group address {found.group}, and multicast is not "
        "declared."
        for found in rtsp_groups.groups
        if not declared.get(found.url, set()) & _TO_GROUPS
    ]
    assert not problems, " ".join(problems)
    if not rtsp_groups.offers:
        raise Inconclusive("no stream answered a request for multicast", "unreachable")
    unclear = [offer for offer in rtsp_groups.offers if 200 <= offer.status < 300]
    unclear = [offer for offer in unclear if not offer.given and offer.agreed == "not said"]
    if unclear:
        raise Inconclusive(
            " ".join(
                f"{o.url}: SETUP of RTP/{o.profile} to a group is answered {o.status} without a "
                "Transport that can be read."
                for o in unclear
            ),
            "garbled",
        )


def _faults(offer: GroupOffer, transports: set[str]) -> Iterator[str]:
    if not offer.given:
        return
    where = f" ({offer.destination})" if offer.destination else ""
    said = f"{offer.url} is set up to a group{where} as {offer.agreed}"
    if not transports & _TO_GROUPS:
        yield f"{said}, and multicast is not declared."
    elif not offer.agreed.startswith("RTP/S"):
        yield f"{said}, expected SRTP."
