"""The RTSP link: a reference client that measures what a camera's streams are and who gets them.

Sockets and TLS are driven here, not by a player: players decrypt silently, ask for transports on
their own and cannot say what was on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devices.description import DeviceFile
from devices.links.rtsp import keys as rtsp_keys
from devices.links.rtsp import logins as rtsp_logins
from devices.links.rtsp import probes as rtsp_probes
from devices.links.rtsp import streams as rtsp_streams
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.logins import PublishedPair
from devices.links.rtsp.observations import (
    AnonymousAnswers,
    GuessingAnswer,
    LoginAttempts,
    PlayedStreams,
    ReplayedLogin,
    RtspEndpoints,
    RtspKeying,
)
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

    def endpoints(self, ports: Iterable[int]) -> RtspEndpoints:
        """Ask the declared endpoints, and ``ports`` without TLS, for their RTSP options."""
        return rtsp_probes.endpoints(self._access, ports)

    def anonymous_answers(self, paths: Sequence[str], *, set_up: bool = True) -> AnonymousAnswers:
        """Ask for declared streams and ``paths`` without a proved login.

        ``set_up`` also sets the declared streams up so, which takes an account to learn how.
        """
        return rtsp_probes.anonymous_answers(self._access, paths, set_up=set_up)

    def keying(self, endpoints: RtspEndpoints) -> RtspKeying:
        """Collect the SRTP keys of two sessions of every stream."""
        return rtsp_keys.keying(self._access, endpoints)

    def replay(self) -> ReplayedLogin:
        """Send a recorded login again; raises NotOffered when none is asked for."""
        return rtsp_logins.replay(self._access)

    def try_published(self, pairs: Iterable[PublishedPair]) -> LoginAttempts:
        """Try published user names and passwords, each once."""
        return rtsp_logins.try_published(self._access, pairs)

    def guess(self, account: str, attempts: int) -> GuessingAnswer:
        """Try wrong passwords of an account that may be locked by it."""
        return rtsp_logins.guess(self._access, account, attempts)
