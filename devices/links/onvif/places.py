"""Addresses that a camera hands out: which scheme they have, and whose host they lead to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from devices.links.onvif import requests
from devices.links.onvif.client import Reply
from devices.links.onvif.session import OnvifSession
from devices.protocols import soap


class Place(StrEnum):
    """Whose host an address leads to."""

    ASKED = "asked"  # the host that the camera was asked at
    OWN = "own"  # another address or name that the camera gives as its own: NAT, a second interface
    OTHER = "other"  # any other host
    NOWHERE = "nowhere"  # no absolute address


@dataclass(frozen=True)
class AnnouncedAddress:
    """An address as the camera wrote it.

    ``kind``: service, events, discovery, system, stream, snapshot, replay; ``source`` the operation
    that gave it, ``subject`` what it is for. ``scheme`` is in lower case, empty for no URI.
    """

    kind: str
    source: str
    subject: str
    address: str
    scheme: str
    place: Place


@dataclass(frozen=True)
class Whereabouts:
    """Where the camera was asked, and which addresses and names it gives as its own."""

    host: str
    address: str
    own: frozenset[str] = frozenset()

    def place(self, address: str) -> Place:
        """Whose host an address leads to. No name is looked up: a camera could send it anywhere."""
        try:
            host = urlsplit(address.strip()).hostname
        except ValueError:
            return Place.NOWHERE
        if not host:
            return Place.NOWHERE
        host = _plain(host)
        if host in {_plain(self.host), _plain(self.address)}:
            return Place.ASKED
        own = {_plain(name) for name in self.own}
        return Place.OWN if host in own or host.partition(".")[0] in own else Place.OTHER

    def announced(self, kind: str, source: str, subject: str, address: str) -> AnnouncedAddress:
        """What is kept of an address."""
        try:
            scheme = urlsplit(address.strip()).scheme.lower()
        except ValueError:
            scheme = ""
        return AnnouncedAddress(
            kind, source, subject, address.strip()[:400], scheme, self.place(address)
        )


def whereabouts(session: OnvifSession) -> Whereabouts:
    """Ask the camera for its own addresses and its name; what it does not tell is left out."""
    own: set[str] = set()
    interfaces = session.call("device", requests.plain("device", "GetNetworkInterfaces"))
    if interfaces.body is not None:
        own |= {
            (node.text or "").strip()
            for node in interfaces.body.iter()
            if soap.local(node) == "Address"
        }
    hostname = session.call("device", requests.plain("device", "GetHostname"))
    if hostname.body is not None:
        own.add(soap.text(hostname.body, "HostnameInformation", "Name"))
    server = session.server
    return Whereabouts(server.host, server.address, frozenset(_usable(own)))


def _usable(names: set[str]) -> Iterator[str]:
    """Addresses and names of the camera alone: not those that mean any host, or each."""
    for name in names:
        try:
            address = ipaddress.ip_address(_plain(name))
        except ValueError:
            if name and name.lower() != "localhost":
                yield name
        else:
            if not (address.is_unspecified or address.is_loopback):
                yield name


def _plain(host: str) -> str:
    """A host in one spelling; a zone (``%eth0``) is left off."""
    bare = host.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def service_addresses(session: OnvifSession, where: Whereabouts) -> Iterator[AnnouncedAddress]:
    """The addresses of GetServices and GetCapabilities."""
    services = session.before_login(requests.get_services())
    for node in soap.children(services.body, "Service") if services.body is not None else ():
        namespace, address = soap.text(node, "Namespace"), soap.text(node, "XAddr")
        yield where.announced("service", "GetServices", namespace, address)
    capabilities = session.before_login(requests.get_capabilities())
    if capabilities.body is None:
        if services.body is None:
            capabilities.demand("GetServices and GetCapabilities")
        return
    for node in capabilities.body.iter():
        if address := soap.text(node, "XAddr"):
            yield where.announced("service", "GetCapabilities", soap.local(node), address)


def system_addresses(session: OnvifSession, where: Whereabouts) -> Iterator[AnnouncedAddress]:
    """Where logs, backups and support information are fetched (GetSystemUris)."""
    reply = session.call("device", requests.plain("device", "GetSystemUris"))
    for node in reply.body.iter() if reply.body is not None else ():
        written = (node.text or "").strip()
        if "://" in written:
            yield where.announced("system", "GetSystemUris", soap.local(node), written)


RECORDING = "http://www.onvif.org/ver10/recording/wsdl"
REPLAY = "http://www.onvif.org/ver10/replay/wsdl"
_MAX_RECORDINGS = 2


def replay_addresses(session: OnvifSession, where: Whereabouts) -> Iterator[AnnouncedAddress]:
    """Where recordings are played, of the first ones; none on a camera without recordings."""
    recording, replay = session.path_of(RECORDING), session.path_of(REPLAY)
    if not recording or not replay:
        return
    listed = _call(session, recording, soap.element("trc:GetRecordings"))
    items = soap.children(listed.body, "RecordingItem") if listed.body is not None else []
    for item in items[:_MAX_RECORDINGS]:
        token = soap.text(item, "RecordingToken")
        answer = _call(session, replay, requests.replay_uri(token))
        if answer.body is not None:
            uri = soap.text(answer.body, "Uri")
            yield where.announced("replay", "GetReplayUri", token, uri)


def _call(session: OnvifSession, path: str, body: Element) -> Reply:
    return session.client.call(path, body, session.credentials)
