"""The ONVIF link: what a camera says, and whom it lets do what, over SOAP.

Every method opens a session of its own, so that observations can run side by side.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, tostring

from devices.description import DeviceFile
from devices.errors import LoginRefused, NotOffered
from devices.journal import LOCK_SECONDS, Journal
from devices.links.http.digests import DigestDoor, DoorAnswer
from devices.links.http.server import Protection, protection_of, server_of
from devices.links.http.transport import Transport
from devices.links.onvif import device as onvif_device
from devices.links.onvif import matrix as onvif_matrix
from devices.links.onvif import media as onvif_media
from devices.links.onvif import probes as onvif_probes
from devices.links.onvif import requests
from devices.links.onvif import tokens as onvif_tokens
from devices.links.onvif.accounts import OnvifAccounts
from devices.links.onvif.addresses import OnvifAddresses, read_addresses
from devices.links.onvif.capabilities import (
    OnvifCapabilities,
    read_capabilities,
    read_websockets,
)
from devices.links.onvif.client import Credentials, SoapClient
from devices.links.onvif.events import OnvifEvents, observe_events
from devices.links.onvif.matrix import OnvifColumn
from devices.links.onvif.observations import (
    FirmwareUpload,
    MediaProfiles,
    MediaUris,
    OnvifAccess,
    OnvifCall,
    OnvifClock,
    OnvifDeviceInformation,
    OnvifGuessing,
    OnvifMedia,
    OnvifNetwork,
    OnvifReplay,
    OnvifServices,
    OnvifUsers,
    Outcome,
)
from devices.links.onvif.session import OnvifSession
from devices.links.onvif.system_files import SystemFiles, read_system_files
from devices.links.onvif.tokens import OnvifTokens
from devices.links.ports.udp import UdpProbe
from devices.permit import Permit
from devices.protocols import soap
from devices.secrets import Secrets

ANONYMOUS = "anonymous"
ONVIF = "onvif"
_REFUSALS = (Outcome.NOT_AUTHORISED, Outcome.NOT_SUPPORTED)
_PAUSE = 5.0  # s between two looks at a camera that has locked the bench out


class OnvifLink(OnvifAccounts):
    """Reaches one camera's ONVIF services; ``account`` names are those of the device file."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        super().__init__(device, secrets)
        self._accounts = device.accounts
        declared = device.declared.lockout
        self._lock_seconds = declared.seconds if declared else LOCK_SECONDS
        self._permit = permit
        self._lock = threading.Lock()
        self._protection: Protection | None = None

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    def session(self, account: str = ANONYMOUS) -> OnvifSession:
        """Open a session as an account, or as nobody, and read the camera's clock.

        Raises LinkError, OutsideAuthorisation, DeviceFileError.
        """
        credentials = None
        if account != ANONYMOUS:
            name = self._accounts[account].username
            credentials = Credentials(name, self._secrets.password(account))
        return self._open(account, credentials)

    def session_with(self, username: str, password: str) -> OnvifSession:
        """As session, for a user that is not in the device file."""
        return self._open(username, Credentials(username, password))

    def _open(self, caller: str, credentials: Credentials | None) -> OnvifSession:
        server = server_of(self._link.url, self._permit)
        with self._lock:
            if self._protection is None:
                self._protection = protection_of(server, self._link.trust)
        session = OnvifSession(
            server,
            self._protection,
            urlsplit(self._link.url).path or "/onvif/device_service",
            caller=caller,
            credentials=credentials,
        )
        try:
            session.try_synchronise()
        except BaseException:
            session.client.close()
            raise
        return session

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

    def access(self, account: str = ANONYMOUS) -> OnvifAccess:
        """How the reading operations answer an account, or nobody."""
        with self.session(self.default_account()) as admin:
            profile = onvif_probes.profile_token(admin)
        role = ANONYMOUS if account == ANONYMOUS else self._accounts[account].role
        with self.session(account) as session:
            return onvif_probes.access(session, role, profile)

    def replay(self, account: str) -> OnvifReplay:
        """Whether logins can be used again, and whether the password is taken in clear."""
        with self.session(account) as session:
            return onvif_probes.replay(session)

    def tokens(self, account: str, window_seconds: float) -> OnvifTokens:
        """Which UsernameTokens are taken that should not be; the window is a policy's."""
        with self.session(account) as session:
            return onvif_tokens.try_tokens(session, window_seconds)

    def digest_door(self, account: str) -> DigestDoor:
        """The gate, to be opened by HTTP digest. Raises NotOffered and other link errors."""
        with self.session(account) as session:
            gate, credentials = session.gate(), session.credentials
            assert credentials is not None  # the gate was opened with them
            target = session.path(gate.service)
        body = requests.plain(gate.service, gate.operation)
        protection = self._protection
        assert protection is not None  # a session was open
        server = server_of(self._link.url, self._permit)

        def send(authorization: str) -> DoorAnswer:
            client = SoapClient(Transport(server, protection))
            try:
                sender = credentials.username if authorization else ANONYMOUS
                reply = client.send(target, body, authorization=authorization, sender=sender)
            finally:
                client.close()
            accepted = reply.outcome is Outcome.DATA
            return DoorAnswer(accepted, reply.http_status, reply.challenges)

        name, password = credentials.username, credentials.password
        message = soap.envelope(body)
        return DigestDoor("ONVIF", "POST", target, name, password, send, message)

    def guess(self, account: str, attempts: int) -> OnvifGuessing:
        """Try wrong passwords for an account that may be locked, then the right one."""
        name = self._accounts[account].username
        entry = self.journal.begin("lock", name, ONVIF, seconds=self._lock_seconds)
        with self.session(account) as session:
            found = onvif_probes.guess(session, attempts)
        if found.after is Outcome.DATA:
            self.journal.end(entry, "the right password logs in")
        return found

    def wait_until_admitted(self, account: str, seconds: float) -> bool:
        """Wait until an account can log in again, as after a lock of the bench's address.

        Raises NotOffered when nothing tells whether it can.
        """
        end, pause = time.monotonic() + seconds, threading.Event()
        while True:
            with self.session(account) as session, contextlib.suppress(LoginRefused):
                session.gate()
                return True
            if time.monotonic() > end:
                return False
            pause.wait(_PAUSE)

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

    def matrix(self, accounts: Mapping[str, str]) -> list[OnvifColumn]:
        """The answers to nobody, to a made-up login, and to accounts by subject."""
        with self.session(self.default_account()) as right:
            asked = onvif_matrix.calls(onvif_probes.profile_token(right))
            found: list[OnvifColumn] = []
            for subject, account in {ANONYMOUS: ANONYMOUS, **accounts}.items():
                with self.session(account) as session:
                    found.append(onvif_matrix.column(session, subject, asked, sparing=None))
            try:
                right.gate()
            except (LoginRefused, NotOffered) as error:  # what a login is cannot be told
                return [*found, OnvifColumn(subject="wrong", answers=(), shortfall=str(error))]
            made_up = f"x{secrets.token_hex(5)}", secrets.token_hex(8)
            with self.session_with(*made_up) as session:
                session.client.scheme = right.client.scheme  # so that each try is one
                found.append(onvif_matrix.column(session, "wrong", asked, sparing=right))
        return found

    def takes(self, username: str, password: str, operation: str = "") -> Outcome:
        """How the gate, or ``operation`` of the device service, answers a login; one request.

        The default account logs in first, to find out how. Raises LinkError.
        """
        with self.session(self.default_account()) as session:
            session.gate()
            if not operation:
                return session.log_in(username, password).outcome
            body = requests.plain("device", operation)
            credentials = Credentials(username, password)
            return session.client.call(session.path("device"), body, credentials).outcome

    def create_user(self, account: str, name: str, password: str, level: str) -> OnvifCall:
        """Create a user as an account; ``level`` is Administrator, Operator or User."""
        entry = self.journal.begin("user", name, ONVIF)
        call = self._change(account, requests.create_user(name, password, level))
        if call.answer.outcome in _REFUSALS:
            self.journal.end(entry, f"refused: {call.answer.detail}")
        return call

    def set_user(self, account: str, name: str, password: str, level: str) -> OnvifCall:
        """Give a user another password and level, as an account."""
        self.journal.begin("password", name, ONVIF, secrets=[password])
        return self._change(account, requests.set_user(name, password, level))

    def delete_user(self, account: str, name: str) -> OnvifCall:
        """Delete a user as an account."""
        call = self._change(account, requests.delete_user(name))
        if call.answer.outcome is Outcome.DATA:
            for kind in ("user", "password", "lock"):
                self.journal.ended(kind, name, "the user was deleted")
        return call

    def reboot(self, account: str) -> OnvifCall:
        """Restart the camera."""
        return self._change(account, requests.plain("device", "SystemReboot"))

    def factory_default(self, account: str, *, hard: bool = False) -> OnvifCall:
        """Put the camera into its factory state; ``hard`` includes its network settings."""
        entry = self.journal.begin("factory", via=ONVIF)
        call = self._change(account, requests.factory_default(hard=hard))
        if call.answer.outcome in _REFUSALS:
            self.journal.end(entry, f"refused: {call.answer.detail}")
        return call

    def start_firmware_upgrade(self, account: str = ANONYMOUS) -> FirmwareUpload:
        """Ask where firmware is uploaded. The address is the camera's word: ask the permit."""
        body = requests.plain("device", "StartFirmwareUpgrade")
        with self.session(account) as session:
            reply = session.call("device", body)
            answer = session.answer("device", body, reply)
        if reply.body is None:
            return FirmwareUpload(answer=answer)
        return FirmwareUpload(
            answer=answer,
            uri=soap.text(reply.body, "UploadUri"),
            delay=soap.text(reply.body, "UploadDelay"),
            expected_down_time=soap.text(reply.body, "ExpectedDownTime"),
        )

    def _change(self, account: str, body: Element) -> OnvifCall:
        with self.session(account) as session:
            reply = session.call("device", body)
            return OnvifCall(answer=session.answer("device", body, reply))
