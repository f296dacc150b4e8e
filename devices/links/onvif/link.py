"""The ONVIF link: what a camera says, and whom it lets do what, over SOAP.

Every method opens a session of its own, so that observations can run side by side.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from devices.description import DeviceFile, Role
from devices.errors import DeviceFileError, LoginRefused
from devices.journal import LOCK_SECONDS, Journal
from devices.links.http.server import Protection, protection_of, server_of
from devices.links.onvif import media as onvif_media
from devices.links.onvif import probes as onvif_probes
from devices.links.onvif import requests
from devices.links.onvif.addresses import OnvifAddresses, read_addresses
from devices.links.onvif.capabilities import OnvifCapabilities, read_capabilities
from devices.links.onvif.client import Credentials
from devices.links.onvif.events import OnvifEvents, observe_events
from devices.links.onvif.observations import (
    FirmwareUpload,
    MediaProfiles,
    MediaUris,
    NetworkInterface,
    OnvifAccess,
    OnvifCall,
    OnvifClock,
    OnvifDeviceInformation,
    OnvifGuessing,
    OnvifMedia,
    OnvifNetwork,
    OnvifReplay,
    OnvifServices,
    OnvifUser,
    OnvifUsers,
    Outcome,
)
from devices.links.onvif.session import OnvifSession
from devices.links.ports.udp import UdpProbe
from devices.permit import Permit
from devices.protocols import soap
from devices.secrets import Secrets

ANONYMOUS = "anonymous"
ONVIF = "onvif"
_REFUSALS = (Outcome.NOT_AUTHORISED, Outcome.NOT_SUPPORTED)
_PAUSE = 5.0  # s between two looks at a camera that has locked the bench out


class OnvifLink:
    """Reaches one camera's ONVIF services; ``account`` names are those of the device file."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        if device.links.onvif is None:
            raise DeviceFileError("the device file gives no [links.onvif]")
        self._link = device.links.onvif
        self._accounts = device.accounts
        declared = device.declared.lockout
        self._lock_seconds = declared.seconds if declared else LOCK_SECONDS
        self._permit = permit
        self._secrets = secrets
        self._lock = threading.Lock()
        self._protection: Protection | None = None

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    def default_account(self) -> str:
        """The account of links.onvif, else the first administrator. Raises DeviceFileError."""
        if self._link.account is not None:
            return self._link.account
        return self.account_of("admin")

    def account_of(self, role: Role, purpose: str = "test") -> str:
        """The first account with this role that is for ONVIF. Raises DeviceFileError."""
        found = self._secrets.account(role=role, purpose=purpose, service="onvif")
        if found is None:
            raise DeviceFileError(
                f"the device file gives no account of role {role!r} and purpose {purpose!r} "
                "for the onvif link"
            )
        return found[0]

    def expendable_account(self) -> str:
        """The account for logins that the camera should refuse.

        One that may be locked where the device file gives it, else the first viewer, else the
        default account. Raises DeviceFileError.
        """
        try:
            return self.account_for_lockout()
        except DeviceFileError:
            found = self._secrets.account(role="viewer", service="onvif")
            return found[0] if found is not None else self.default_account()

    def account_for_lockout(self) -> str:
        """The account that may be locked over ONVIF, of the least role. Raises DeviceFileError."""
        roles: tuple[Role, ...] = ("viewer", "operator", "admin")
        for role in roles:
            if found := self._secrets.account(role=role, purpose="lockout", service="onvif"):
                return found[0]
        raise DeviceFileError(
            "the device file gives no account of purpose 'lockout' for the onvif link"
        )

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
            operation = "GetDeviceInformation"
            body = session.call("device", requests.plain("device", operation)).demand(operation)
        return OnvifDeviceInformation(
            manufacturer=soap.text(body, "Manufacturer"),
            model=soap.text(body, "Model"),
            firmware_version=soap.text(body, "FirmwareVersion"),
            serial_number=soap.text(body, "SerialNumber"),
            hardware_id=soap.text(body, "HardwareId"),
        )

    def network(self) -> OnvifNetwork:
        """The network interfaces with their hardware addresses."""
        with self.session(self.default_account()) as session:
            operation = "GetNetworkInterfaces"
            body = session.call("device", requests.plain("device", operation)).demand(operation)
        return OnvifNetwork(
            interfaces=tuple(
                NetworkInterface(
                    name=soap.text(node, "Info", "Name") or node.get("token", ""),
                    mac=soap.text(node, "Info", "HwAddress"),
                    addresses=tuple(
                        (address.text or "").strip()
                        for address in node.iter()
                        if soap.local(address) == "Address"
                    ),
                )
                for node in soap.children(body, "NetworkInterfaces")
            )
        )

    def users(self) -> OnvifUsers:
        """The accounts that the camera lists."""
        with self.session(self.default_account()) as session:
            body = session.call("device", requests.plain("device", "GetUsers")).demand("GetUsers")
        return OnvifUsers(
            users=tuple(
                OnvifUser(
                    soap.text(node, "Username"),
                    soap.text(node, "UserLevel"),
                    password_shown=bool(soap.text(node, "Password")),
                )
                for node in soap.children(body, "User")
            )
        )

    def profiles(self) -> MediaProfiles:
        """The media profiles; media2 first."""
        with self.session(self.default_account()) as session:
            return onvif_media.read_profiles(session)

    def stream_uris(self) -> MediaUris:
        """Every stream address that the camera hands out."""
        with self.session(self.default_account()) as session:
            return onvif_media.stream_uris(session, onvif_media.read_profiles(session))

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
