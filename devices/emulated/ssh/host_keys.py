"""The keys that the camera's SSH server shows, by posture: its own, or one with a fault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import asyncssh
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devices.emulated.flash import write_whole
from devices.emulated.ssh.demonstration_keys import HOST_KEY_PHRASE, derived_key, openssh_text

if TYPE_CHECKING:
    from pathlib import Path

    from devices.emulated.camera import Camera

_KINDS = {
    "ed25519": ("ssh-ed25519", 256),
    "rsa-2048": ("ssh-rsa", 2048),
    "rsa-1024": ("ssh-rsa", 1024),
}
_EXPONENT = 65537
_SMALL_PRIMES = math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, n, 2)))


def host_key(camera: Camera) -> asyncssh.SSHKey:
    """The unit's own key, made at the first start; under a fault, one all units share."""
    posture = camera.posture
    if posture.host_key_fixed:
        return asyncssh.import_private_key(openssh_text(derived_key(HOST_KEY_PHRASE)))
    path = _place(camera) / f"host_{posture.ssh_host_key.replace('-', '_')}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _made(posture.ssh_host_key).export_private_key())
    if posture.host_key_readable:
        path.chmod(0o644)
    if posture.key_folder_open:
        path.parent.chmod(0o777)
    return asyncssh.import_private_key(path.read_bytes())


def _place(camera: Camera) -> Path:
    """On the data partition, which a factory reset erases; under a fault, beside it."""
    return camera.flash / ("data" if camera.posture.ssh_key_reset else "factory") / "ssh"


def _made(kind: str) -> asyncssh.SSHKey:
    if kind == "rsa-close-primes":
        return asyncssh.import_private_key(_close_primes())
    algorithm, bits = _KINDS[kind]
    if algorithm == "ssh-rsa":
        return asyncssh.generate_private_key(algorithm, key_size=bits)
    return asyncssh.generate_private_key(algorithm)


def _close_primes() -> bytes:
    """An RSA key of 2048 bits whose second factor is the next prime after the first."""
    p = rsa.generate_private_key(_EXPONENT, 2048).private_numbers().p
    q = p + 2
    while math.gcd(q, _SMALL_PRIMES) > 1 or pow(2, q - 1, q) != 1 or math.gcd(q - 1, _EXPONENT) > 1:
        q += 2
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
