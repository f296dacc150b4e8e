"""Opening sessions with a camera's ONVIF services, by accounts of the device file."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from devices.description import DeviceFile
from devices.journal import LOCK_SECONDS, Journal
from devices.links.http.server import Protection, protection_of, server_of
from devices.links.onvif.accounts import OnvifAccounts
from devices.links.onvif.client import Credentials
from devices.links.onvif.session import OnvifSession
from devices.permit import Permit
from devices.secrets import Secrets

ANONYMOUS = "anonymous"
ONVIF = "onvif"
"""What the journal calls changes that are made over ONVIF."""


class OnvifSessions(OnvifAccounts):
    """Opens sessions; ``account`` names are those of the device file."""

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

    def session_with(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> OnvifSession:
        """As session, for a user that is not in the device file.

        ``headers`` go with each of its requests; ``source``: the bench's address to come from.
        """
        return self._open(username, Credentials(username, password), headers, source)

    def _open(
        self,
        caller: str,
        credentials: Credentials | None,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> OnvifSession:
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
            source=source,
        )
        session.client.fields = dict(headers or {})
        try:
            session.try_synchronise()
        except BaseException:
            session.client.close()
            raise
        return session
