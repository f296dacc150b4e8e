"""The RTSP link: a reference client that measures what a camera's streams are and who gets them.

Sockets and TLS are driven here, not by a player: players decrypt silently, ask for transports on
their own and cannot say what was on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from devices.description import DeviceFile
from devices.links.clock import ClockControl
from devices.links.ports.link import PortServices
from devices.links.rtsp import backchannels as rtsp_backchannels
from devices.links.rtsp import endings as rtsp_endings
from devices.links.rtsp import found as rtsp_found
from devices.links.rtsp import groups as rtsp_groups
from devices.links.rtsp import keys as rtsp_keys
from devices.links.rtsp import logins as rtsp_logins
from devices.links.rtsp import metadata as rtsp_metadata
from devices.links.rtsp import nonces as rtsp_nonces
from devices.links.rtsp import plaintext as rtsp_plaintext
from devices.links.rtsp import probes as rtsp_probes
from devices.links.rtsp import refusals as rtsp_refusals
from devices.links.rtsp import revocation as rtsp_revocation
from devices.links.rtsp import streams as rtsp_streams
from devices.links.rtsp import tunnels as rtsp_tunnels
from devices.links.rtsp import voice as rtsp_voice
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.announced import AnnouncedStreams, announced_streams
from devices.links.rtsp.backchannels import Backchannels
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.doors import doors
from devices.links.rtsp.endings import StreamEndings
from devices.links.rtsp.found import FoundStreams
from devices.links.rtsp.groups import GroupOffers
from devices.links.rtsp.logins import PublishedPair
from devices.links.rtsp.metadata import MetadataStreams
from devices.links.rtsp.nonces import NonceAge, NonceUse
from devices.links.rtsp.observations import (
    AnonymousAnswers,
    GuessingAnswer,
    LoginAttempts,
    PlayedStreams,
    ReplayedLogin,
    RtspEndpoints,
    RtspKeying,
)
from devices.links.rtsp.plaintext import PlainRequests
from devices.links.rtsp.refusals import RefusedLogins
from devices.links.rtsp.revocation import RevokedUser
from devices.links.rtsp.tunnels import TunnelAnswers
from devices.links.rtsp.voice import VoiceReceptions
from devices.permit import Permit
from devices.secrets import Secrets


class RtspLink:
    """Reaches the declared streams. Every method opens its own connections and closes them.

    All raise NotOffered when the device file declares no stream (``endpoints``: nor an RTSP
    service), OutsideAuthorisation before anything is sent elsewhere, and DeviceFileError when a
    password cannot be had.
    """

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self._access = RtspAccess(device, permit, secrets)
        self._permit, self._secrets = permit, secrets

    @property
    def access(self) -> RtspAccess:
        """How connections are made, for what watches streams by itself."""
        return self._access

    def played_streams(
        self, seconds: float = rtsp_streams.PLAY_SECONDS, cited_by: str = ""
    ) -> PlayedStreams:
        """Play every declared stream over its transports, and over plain UDP besides.

        ``cited_by``: the test case that will cite frames of the captures.
        """
        return rtsp_streams.play_streams(self._access, seconds, cited_by)

    def metadata_streams(self) -> MetadataStreams:
        """Play the metadata tracks of the declared streams, and ask for them without a login."""
        return rtsp_metadata.metadata_streams(self._access)

    def played_addresses(self, addresses: Mapping[str, str]) -> PlayedStreams:
        """Play addresses that are declared or not, by name, inside the RTSP(S) connection."""
        return rtsp_streams.play_addresses(self._access, addresses)

    def endpoints(self, ports: Iterable[int]) -> RtspEndpoints:
        """Ask the declared endpoints, and ``ports`` without TLS, for their RTSP options."""
        return rtsp_probes.endpoints(self._access, ports)

    def anonymous_answers(self, paths: Sequence[str], *, set_up: bool = True) -> AnonymousAnswers:
        """Ask for declared streams and ``paths`` without a proved login.

        ``set_up`` also sets the declared streams up so, which takes an account to learn how.
        """
        return rtsp_probes.anonymous_answers(self._access, paths, set_up=set_up)

    def plain_requests(self, endpoints: RtspEndpoints, ports: Iterable[int]) -> PlainRequests:
        """Ask the endpoints without TLS, and ``ports``, for what leads to video."""
        host = self._access.host
        asked = [Endpoint(e.host, e.port, encrypted=False) for e in endpoints.endpoints]
        found = [Endpoint(host, port, encrypted=False) for port in ports]
        return rtsp_plaintext.plain_requests(self._access, [*asked, *found])

    def announced_streams(self) -> AnnouncedStreams:
        """Return the stream addresses that ONVIF hands out, where the device file has ONVIF."""
        return announced_streams(self._access.device, self._permit, self._secrets)

    def group_offers(self, announced: AnnouncedStreams) -> GroupOffers:
        """Ask every declared and announced stream for multicast."""
        return rtsp_groups.group_offers(self._access, _urls(announced))

    def tunnel_answers(self, services: PortServices) -> TunnelAnswers:
        """Ask every port that is declared or named for HTTP or RTSP for a tunnel."""
        return rtsp_tunnels.tunnel_answers(
            self._access, doors(self._access.device, self._access.host, services)
        )

    def found_streams(
        self,
        endpoints: RtspEndpoints,
        services: PortServices,
        paths: Sequence[str],
        announced: AnnouncedStreams,
        played: PlayedStreams,
    ) -> FoundStreams:
        """Look for streams at published paths and announced addresses, on every RTSP port."""
        host = self._access.host
        speaking = [
            Endpoint(e.host, e.port, e.encrypted) for e in endpoints.endpoints if e.speaks_rtsp
        ]
        named = [
            Endpoint(host, service.port, service.protocol == "rtsps")
            for service in services.services
            if service.protocol in ("rtsp", "rtsps")
        ]
        return rtsp_found.found_streams(
            self._access,
            list(dict.fromkeys([*speaking, *named])),
            paths,
            _urls(announced),
            played,
        )

    def keying(self, endpoints: RtspEndpoints) -> RtspKeying:
        """Collect the SRTP keys of two sessions of every stream."""
        return rtsp_keys.keying(self._access, endpoints)

    def replay(self) -> ReplayedLogin:
        """Send a recorded login again; raises NotOffered when none is asked for."""
        return rtsp_logins.replay(self._access)

    def try_published(self, pairs: Iterable[PublishedPair]) -> LoginAttempts:
        """Try published user names and passwords, each once."""
        return rtsp_logins.try_published(self._access, pairs)

    def try_once(self, username: str, password: str) -> int:
        """The status of one DESCRIBE with this user name and password. Raises LinkError."""
        return rtsp_logins.try_once(self._access, username, password)

    def guess(self, account: str, attempts: int) -> GuessingAnswer:
        """Try wrong passwords of an account that may be locked by it."""
        return rtsp_logins.guess(self._access, account, attempts)

    def endings(self) -> StreamEndings:
        """End every declared stream over each transport, and hear whether media goes on."""
        return rtsp_endings.endings(self._access)

    def refusals(self) -> RefusedLogins:
        """Ask for the declared streams with logins that must not do."""
        return rtsp_refusals.refusals(self._access)

    def nonce_use(self, *, wait: float = 0) -> NonceUse:
        """Use one digest nonce in every way; where it outlives its connection, after a wait."""
        return rtsp_nonces.nonce_use(self._access, wait=wait)

    def nonce_age(self, seconds: float, clock: ClockControl) -> NonceAge:
        """Use a nonce again with the camera's clock ``seconds`` ahead."""
        return rtsp_nonces.nonce_age(self._access, seconds, clock.moved, by="clock")

    def revoked(
        self, user: tuple[str, str], change: Callable[[], str], *, name: str, by: str
    ) -> RevokedUser:
        """Play as a user, change the user, and see what is left of sessions and logins."""
        return rtsp_revocation.revoked(self._access, user, change, name=name, by=by)

    def backchannels(self) -> Backchannels:
        """Ask every declared stream for its audio back channel."""
        return rtsp_backchannels.backchannels(self._access)

    def voice_receptions(self) -> VoiceReceptions:
        """Send genuine and other SRTP packets to the declared back channels; all is silence."""
        return rtsp_voice.voice_receptions(self._access)


def _urls(announced: AnnouncedStreams) -> list[str]:
    return list(dict.fromkeys(address.url for address in announced.addresses))
