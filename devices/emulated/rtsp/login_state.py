"""What the logins of all RTSP connections share: nonces and passwords, as the posture has them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from devices.protocols.digest import DigestServer

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspHost

NONCE_SECONDS = 120.0
"""A nonce is stale after this long, also on its own connection."""


class LoginState:
    """Gives each connection its nonces, and the passwords of accounts."""

    def __init__(self, camera: RtspHost) -> None:
        self._camera = camera
        self._fixed = secrets.token_hex(16) if camera.posture.rtsp_nonce_reuse else ""
        self._remembered: dict[str, str] = {}
        life = camera.posture.rtsp_nonce_life
        lifetime = None if life == "endless" else NONCE_SECONDS
        self._shared = None if life == "connection" else self._digest_server(lifetime=lifetime)

    def digest(self) -> DigestServer:
        """The digest of one connection: its nonces are good nowhere else, and not for ever."""
        return self._shared or self._digest_server(lifetime=NONCE_SECONDS)

    def password(self, name: str) -> str | None:
        """The password of an account; under a fault, of one that was removed since its login."""
        current = self._camera.accounts.password(name, service="rtsp")
        if not self._camera.posture.rtsp_login_cached:
            return current
        return self._remembered.get(name, current)

    def logged_in(self, name: str) -> None:
        """Remember, under that fault, what was right once."""
        password = self._camera.accounts.password(name, service="rtsp")
        if self._camera.posture.rtsp_login_cached and password is not None:
            self._remembered.setdefault(name, password)

    def _digest_server(self, *, lifetime: float | None) -> DigestServer:
        camera = self._camera
        return DigestServer(
            f"{camera.reported.manufacturer} {camera.reported.model}",
            camera.posture.rtsp_digest_algorithms,
            fixed_nonce=self._fixed,
            counting=camera.posture.rtsp_nonce_counted,
            lifetime=lifetime,
            clock=camera.clock.time,
        )
