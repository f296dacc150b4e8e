"""The algorithms that the camera's SSH server offers, by posture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import asyncssh

from devices.emulated.posture import Posture

_KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
_CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256")
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
)
_WEAK = ("diffie-hellman-group14-sha1", "aes128-cbc", "3des-cbc", "hmac-sha1")


@dataclass(frozen=True)
class Algorithms:
    """Names in order of preference, as the key exchange lists them."""

    kex: list[str]
    ciphers: list[str]
    macs: list[str]
    signatures: list[str]

    @classmethod
    def of(cls, posture: Posture) -> Self:
        """The compliant lists, with what a fault adds at their ends."""
        added = posture.ssh_added_algorithms
        if posture.ssh_algorithms == "weak":
            added += _WEAK
        kex = [name for name in added if name.startswith(("diffie-", "curve", "ecdh-", "rsa"))]
        macs = [name for name in added if name.startswith(("hmac-", "umac-"))]
        signatures = [name for name in added if name.startswith("ssh-")]
        ciphers = [name for name in added if name not in {*kex, *macs, *signatures}]
        return cls(
            kex=[*_KEX, *kex],
            ciphers=[*_CIPHERS, *ciphers],
            macs=[*_MACS, *macs],
            signatures=[*_SIGNATURES, *signatures],
        )


class _WithoutStrictExchange(asyncssh.SSHServerConnection):
    """A server of before CVE-2023-48795: it neither names nor does strict key exchange.

    The library decides both in these two places of its own, and has no option for them.
    """

    @property
    def _strict_kex(self) -> bool:
        return False

    @_strict_kex.setter
    def _strict_kex(self, wanted: bool) -> None:
        """Whatever the client names."""

    def _get_extra_kex_algs(self) -> list[bytes]:
        return [b"ext-info-s"]


def forget_strict_exchange(connection: Any) -> None:
    """Make a connection that has sent nothing yet one without strict key exchange."""
    vars(connection).pop("_strict_kex", None)
    connection.__class__ = _WithoutStrictExchange
