"""What a server offers before login, with what is wrong with its RSA keys."""

from __future__ import annotations

from collections.abc import Iterable

from devices.identity.rsa_flaws import rsa_flaw
from devices.links.ssh import probe as ssh_probe
from devices.links.ssh.observations import SshOffer
from devices.protocols.ssh import HostKey, rsa_numbers


def offer_of(address: str, port: int, seconds: float) -> SshOffer:
    """What a server offers before login; the link errors of :func:`probe.survey`.

    ``seconds`` is the limit of each connection.
    """
    found = ssh_probe.survey(address, port, seconds)
    return SshOffer(
        endpoint=f"{address}:{port}",
        identification=found.greeting.identification,
        kexinit=found.greeting.kexinit,
        host_keys=found.host_keys,
        groups=found.groups,
        key_flaws=_flaws(found.host_keys),
        without_key=found.without_key,
        shortfall=found.shortfall,
    )


def _flaws(keys: Iterable[HostKey]) -> dict[str, str]:
    found = {}
    for key in keys:
        numbers = rsa_numbers(key.blob)
        if numbers is not None and (flaw := rsa_flaw(*numbers)):
            found[key.fingerprint] = flaw
    return found
