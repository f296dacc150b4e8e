"""The keys of the TLS servers, before a factory reset and in the factory state.

A key that the owner installed, or that the camera made for itself in the owner's time, is a
critical parameter of that owner: whoever had it before can take the next owner's connections.
EN 303 645, 5.11-1, has user data erased, keys of the user among them as we read it. The unit's own
identity of its maker is no user data and may stay (an IDevID of IEEE 802.1AR is for life).
Nothing in
a certificate tells the two apart for certain, so the device file says which it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.tls.endpoints import tls_endpoints
from devices.links.tls.observation import ServerChain
from devices.links.tls.shown import shown_chains
from devices.permit import Permit


@dataclass
class ShownKeys:
    """What each TLS endpoint shows, by "host:port", and what could not be read."""

    chains: Mapping[str, ServerChain] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass
class KeysKept:
    """What comparing two ``ShownKeys`` says."""

    looked: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_keys(device: DeviceFile, permit: Permit) -> ShownKeys:
    """The keys that are shown now; nothing where no TLS endpoint is declared."""
    if not tls_endpoints(device):
        return ShownKeys()
    try:
        return ShownKeys(*shown_chains(device, permit))
    except (LinkError, DeviceFileError) as error:
        return ShownKeys(problems=[str(error)])


def keys_kept(
    before: ShownKeys, factory: ShownKeys, declared: Literal["maker", "own"] | None
) -> KeysKept:
    """Compare the keys of before the reset with those of the factory state."""
    found = KeysKept(problems=[f"TLS key before the reset: {one}" for one in before.problems])
    keys = {chain.key_sha256 for chain in factory.chains.values()}
    judged: set[str] = set()
    for where, chain in before.chains.items():
        key = chain.key_sha256
        if not chain.public_key or key in judged:
            continue
        if key in keys:
            judged.add(key)
            _judge_kept(found, where, chain, declared)
        elif where in factory.chains:
            judged.add(key)
            found.looked.append(f"the TLS key of {where}, which was renewed")
    for where, chain in before.chains.items():
        if chain.key_sha256 not in judged:
            found.problems.append(f"the TLS key of {where} was not shown in the factory state")
    return found


def _judge_kept(
    found: KeysKept, where: str, chain: ServerChain, declared: Literal["maker", "own"] | None
) -> None:
    said = f"{where} shows the TLS key of before ({chain.leaf.subject})"
    trusted = chain.pinned or (chain.path is not None and chain.path.trusted)
    if declared == "own":
        found.left.append(f"{said}, declared as the owner's (factory.tls_key)")
    elif declared is None:
        found.problems.append(
            f"{said}: give factory.tls_key = 'maker' if it is the unit's identity of its maker, "
            "or 'own'"
        )
    elif chain.path is None or trusted:
        found.looked.append(f"the TLS key of {where}, declared as the unit's identity")
    elif chain.self_signed:
        found.left.append(
            f"{said}, which the camera signed itself, although the unit's identity is declared "
            "(factory.tls_key, trust)"
        )
    else:
        found.problems.append(f"{said}, whose certificate does not lead to the declared trust")
