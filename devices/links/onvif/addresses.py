"""Every address that a camera hands out over ONVIF, and in its answers to WS-Discovery."""

from __future__ import annotations

import re
from dataclasses import dataclass

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from devices.errors import LinkError, NotOffered
from devices.links.onvif import media as onvif_media
from devices.links.onvif import places
from devices.links.onvif.places import AnnouncedAddress, Whereabouts
from devices.links.onvif.session import OnvifSession
from devices.links.ports import udp
from devices.links.ports.udp import UdpProbe
from devices.observation import Observation
from devices.protocols import soap

MAX_ADDRESSES = 400


@dataclass(frozen=True, kw_only=True)
class OnvifAddresses(Observation):
    """What the camera hands out. ``discovery``: what UDP port 3702 did, a word of UdpState."""

    addresses: tuple[AnnouncedAddress, ...]
    discovery: str


def read_addresses(session: OnvifSession, probe: UdpProbe) -> OnvifAddresses:
    """Ask for every address that the session's account may read, and for WS-Discovery's.

    Raises what GetServices and GetCapabilities raise where the camera has neither.
    """
    where = places.whereabouts(session)
    found = list(places.service_addresses(session, where))
    problems: list[str] = []
    for read in (places.system_addresses, places.replay_addresses):
        try:
            found += read(session, where)
        except LinkError as error:
            problems.append(str(error))
    try:
        found += _media_addresses(session, where)
    except NotOffered:
        pass  # no media service: nothing is handed out
    except LinkError as error:
        problems.append(str(error))
    answer = udp.probe(session.server.address, [probe], keep=udp.MAX_REPLY)[0]
    found += _discovered(answer.reply, where)
    kept = tuple(dict.fromkeys(found))
    if len(kept) > MAX_ADDRESSES:
        problems.append(f"{len(kept) - MAX_ADDRESSES} more addresses were not looked at")
    return OnvifAddresses(
        addresses=kept[:MAX_ADDRESSES], discovery=answer.state.value, shortfall="; ".join(problems)
    )


def _media_addresses(session: OnvifSession, where: Whereabouts) -> list[AnnouncedAddress]:
    profiles = onvif_media.read_profiles(session)
    asked = (
        ("stream", "GetStreamUri", onvif_media.stream_uris(session, profiles)),
        ("snapshot", "GetSnapshotUri", onvif_media.snapshot_uris(session, profiles)),
    )
    return [
        where.announced(kind, source, f"{uri.service} profile {uri.profile}", uri.uri)
        for kind, source, uris in asked
        for uri in uris.uris
    ]


def _discovered(reply: bytes, where: Whereabouts) -> list[AnnouncedAddress]:
    return [
        where.announced("discovery", "ProbeMatches", "device", address)
        for address in discovered_addresses(reply)
    ]


def discovered_addresses(reply: bytes) -> list[str]:
    """The addresses in an answer to a WS-Discovery Probe; none in what is no such answer."""
    try:
        root = fromstring(reply, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return []
    texts = [node.text or "" for node in root.iter() if soap.local(node) == "XAddrs"]
    return [address for text in texts for address in re.split(r"\s+", text.strip()) if address]
