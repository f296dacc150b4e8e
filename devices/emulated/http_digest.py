"""HTTP digest as the web interface and ONVIF of the emulated camera offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.protocols.digest import DigestServer

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

NONCE_SECONDS = 120.0
"""A nonce is stale after this long (RFC 7616, 3.3)."""


def web_digest(camera: Camera, realm: str) -> DigestServer:
    """The digest of one service: one for all its connections."""
    posture = camera.posture
    return DigestServer(
        realm,
        posture.digest_algorithms,
        counting=posture.digest_nonces != "uncounted",
        lifetime=None if posture.digest_nonces == "endless" else NONCE_SECONDS,
        clock=camera.clock.time,
    )
