"""The ONVIF link: what a camera says, and whom it lets do what, over SOAP.

Every method opens a session of its own, so that observations can run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import tostring

from devices.links.onvif import device as onvif_device
from devices.links.onvif import media as onvif_media
from devices.links.onvif import requests
from devices.links.onvif.addresses import OnvifAddresses, read_addresses
from devices.links.onvif.capabilities import (
    OnvifCapabilities,
    read_capabilities,
    read_websockets,
)
from devices.links.onvif.changes import OnvifChanges
from devices.links.onvif.events import OnvifEvents, observe_events
from devices.links.onvif.logins import OnvifLogins
from devices.links.onvif.observations import (
    MediaProfiles,
    MediaUris,
    OnvifClock,
    OnvifDeviceInformation,
    OnvifMedia,
    OnvifNetwork,
    OnvifServices,
    OnvifUsers,
)
from devices.links.onvif.system_files import SystemFiles, read_system_files
from devices.links.ports.udp import UdpProbe
from devices.protocols import soap


class OnvifLink(OnvifLogins, OnvifChanges):
    """Reaches one camera's ONVIF services; ``account`` names are those of the device file."""

    def clock(self) -> OnvifClock:
        """The camera's clock."""
        with self.session() as session:
            return session.synchronise()

    def services(self) -> OnvifServices:
        """The services that the camera announces."""
        with self.session(self.default_account()) as session:
            return OnvifServices(services=session.services())

    def device_information(self) -> OnvifDeviceInformation:
        """What the camera says that it is."""
        with self.session(self.default_account()) as session:
            return onvif_device.device_information(session)

    def network(self) -> OnvifNetwork:
        """The network interfaces with their hardware addresses."""
        with self.session(self.default_account()) as session:
            return onvif_device.network(session)

    def users(self) -> OnvifUsers:
        """The accounts that the camera lists."""
        with self.session(self.default_account()) as session:
            return onvif_device.users(session)

    def profiles(self) -> MediaProfiles:
        """The media profiles; media2 first."""
        with self.session(self.default_account()) as session:
            return onvif_media.read_profiles(session)

    def stream_uris(self) -> MediaUris:
        """Every stream address that the camera hands out."""
        with self.session(self.default_account()) as session:
            return onvif_media.stream_uris(session, onvif_media.read_profiles(session))

    def websocket_uris(self) -> tuple[str, ...]:
        """Where the media services say that RTSP is spoken in a WebSocket; may be relative."""
        with self.session(self.default_account()) as session:
            return read_websockets(session)

    def snapshot_uris(self) -> MediaUris:
        """Every snapshot address that the camera hands out."""
        with self.session(self.default_account()) as session:
            return onvif_media.snapshot_uris(session, onvif_media.read_profiles(session))

    def media(self) -> OnvifMedia:
        """The media profiles, and their addresses for multicast and the HTTP tunnel."""
        with self.session(self.default_account()) as session:
            profiles = onvif_media.read_profiles(session)
            others = onvif_media.other_uris(session, profiles)
        return OnvifMedia(
            profiles=profiles.profiles, others=others.uris, shortfall=others.shortfall
        )

    def addresses(self, probe: UdpProbe) -> OnvifAddresses:
        """Every address that the camera hands out; ``probe`` asks for those of WS-Discovery."""
        with self.session(self.default_account()) as session:
            return read_addresses(session, probe)

    def events(self, clear_ports: Iterable[int]) -> OnvifEvents:
        """Who gets events, and whether these ports give them without TLS."""
        with self.session(self.default_account()) as session:
            return observe_events(session, clear_ports)

    def capabilities(self) -> OnvifCapabilities:
        """What the camera says of its own security."""
        with self.session(self.default_account()) as session:
            return read_capabilities(session)

    def documents(self) -> list[tuple[str, bytes]]:
        """What the camera says of itself to an administrator, as it was sent, by operation.

        The users, the system and access logs, and the addresses of streams and pictures.
        Operations that it does not offer are left out. Raises LinkError.
        """
        with self.session(self.default_account()) as session:
            found = [
                (soap.local(body), reply.body)
                for body in requests.telling()
                if (reply := session.call("device", body)).body is not None
            ]
            profiles = onvif_media.read_profiles(session)
            uris = (*onvif_media.stream_uris(session, profiles).uris,)
            uris += onvif_media.snapshot_uris(session, profiles).uris
        texts = [(name, tostring(node)) for name, node in found if node is not None]
        return texts + [(f"Uri of {uri.service} {uri.profile}", uri.uri.encode()) for uri in uris]

    def system_files(self) -> SystemFiles:
        """Logs, support information and backup, as an administrator. Raises LinkError."""
        with self.session(self.default_account()) as session:
            return read_system_files(session)
