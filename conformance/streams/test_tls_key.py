"""STREAM-027: the TLS key belongs to this unit alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.case import case
from conformance.streams.tls_servers import measured
from conformance.verdict import Inconclusive
from devices.identity.image_keys import ImageKeys
from devices.links.tls.link import TlsLink
from devices.links.tls.observation import TlsScan


@case(
    "STREAM-027",
    severity="critical",
    needs=("tls", "image"),
    catches=("stream-tls-key-in-firmware", "stream-tls-key-published"),
)
def test_the_tls_key_is_of_this_unit_alone(
    tls: TlsLink,
    tls_scan: TlsScan,
    tls_keys_in_image: ImageKeys,
    knowledge: Callable[[str], list[dict[str, Any]]],
) -> None:
    """The TLS key belongs to this unit alone.

    Method: take the public key of every certificate that the endpoints of STREAM-007 show. Compare
    its SHA-256 with those of keys whose private half has been published
    (conformance/knowledge/tls_keys.csv). Open the released firmware image
    (device.firmware.image) and look in every file for this key: in certificates and private keys
    in PEM, and byte for byte in everything else.
    Pass: no key is a published one, and the image, which every unit gets, holds none of them. One
    key for several services of the unit is no fault.
    """
    published = {row["key_sha256"]: row for row in knowledge("tls_keys")}
    faults: list[str] = []
    keys: dict[str, str] = {}
    doubts: list[str] = []
    for server in measured(tls, tls_scan):
        if not server.chains:
            doubts.append(f"{server.where} showed no certificate that can be read")
        for chain in server.chains:
            if not chain.public_key:
                doubts.append(f"the key of {server.where} cannot be read")
                continue
            keys.setdefault(chain.key_sha256, server.where)
    for digest, where in keys.items():
        if row := published.get(digest):
            faults.append(
                f"the key of {where} has been published: {row['owner']} ({row['source']})"
            )
    faults += [
        f"{found.path} in the firmware image holds the key of {keys.get(found.key_sha256)} "
        f"({found.kind}), which every unit so has"
        for found in tls_keys_in_image.found
    ]
    assert not faults, f"{'; '.join(faults)}."
    if not tls_keys_in_image.opened or not tls_keys_in_image.files:
        why = tls_keys_in_image.problem or "it holds no file"
        doubts.append(f"the firmware image was not looked into: {why}")
    if doubts or not keys:
        raise Inconclusive(f"{'; '.join(doubts) or 'no key was seen'}.")
