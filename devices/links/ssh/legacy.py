"""SSH with algorithms of old cameras that paramiko has given up: SHA-1 (RFC 4253, 6.6 and 8.1).

A camera whose SSH is out of date must still be entered and measured; that it is out of date is a
finding of its own, made from what the server offers.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any

import paramiko
from cryptography.hazmat.primitives import hashes
from paramiko.kex_group14 import KexGroup14SHA256
from paramiko.ssh_exception import IncompatiblePeer

from devices.protocols.ssh import MAX_BANNER_LINES, modp_prime


class _Group14Sha1(KexGroup14SHA256):
    name = "diffie-hellman-group14-sha1"
    hash_algo = sha1


class _Group1Sha1(_Group14Sha1):
    name = "diffie-hellman-group1-sha1"
    P = modp_prime(1)


class RsaKey(paramiko.RSAKey):
    """An RSA key that also makes and takes signatures with SHA-1, named ``ssh-rsa``."""

    HASHES = {**paramiko.RSAKey.HASHES, "ssh-rsa": hashes.SHA1}  # type: ignore[misc]  # noqa: RUF012


_KEX = {kind.name: kind for kind in (_Group14Sha1, _Group1Sha1)}
_KNOWN: dict[str, Any] = dict(vars(paramiko.Transport))  # its tables have no public names


def _last(table: str, *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_KNOWN[table], *names)))


class OldTransport(paramiko.Transport):
    """A transport that prefers what is current, and takes what is old where nothing else is."""

    _kex_info = {**_KNOWN["_kex_info"], **_KEX}  # noqa: RUF012 - paramiko's own form
    _key_info = {**_KNOWN["_key_info"], "ssh-rsa": RsaKey}  # noqa: RUF012
    _preferred_kex = _last("_preferred_kex", *_KEX)
    _preferred_keys = _last("_preferred_keys", "ssh-rsa")
    _preferred_pubkeys = _last("_preferred_pubkeys", "ssh-rsa")

    def _check_banner(self) -> None:
        """Read the identification, and lines before it: as many and in what encoding it likes.

        paramiko itself takes 100 lines of UTF-8, two seconds apart at most.
        """
        for _ in range(MAX_BANNER_LINES):
            try:
                line = str(self.packetizer.readline(self.banner_timeout))
            except UnicodeDecodeError:
                continue
            if line.startswith("SSH-"):
                break
        else:
            raise paramiko.SSHException("no SSH identification within many lines")
        if not line.startswith(("SSH-2.0-", "SSH-1.99-")):
            raise IncompatiblePeer(f"{line[:80]!r} is not SSH 2")
        self.remote_version = line

    def adapt_signatures(self) -> None:
        """After the handshake: a server that signs with SHA-1 itself may know no SHA-2 for RSA."""
        if self.host_key_type == "ssh-rsa":
            self._preferred_pubkeys = ("ssh-rsa", *self._preferred_pubkeys)
