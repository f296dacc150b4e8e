"""What of an SSH server's offer the policy (conformance/policies/ssh.toml) does not allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from devices.links.ssh.observations import SshOffer
from devices.protocols.ssh import KexInit

Rules = Mapping[str, Any]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a whole algorithm name matches one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def weak_algorithms(offer: KexInit, rules: Rules) -> list[str]:
    """Key exchange, host key, cipher and MAC algorithms offered that are not allowed."""
    wrong = []
    for kind, offered in (
        ("key_exchange", offer.kex),
        ("host_key", offer.host_keys),
        ("cipher", offer.ciphers),
        ("mac", offer.macs),
    ):
        allowed = [*rules[kind]["allowed"], *rules["signals"]]
        bad = [name for name in offered if not matches(name, allowed)]
        if bad:
            wrong.append(f"{kind.replace('_', ' ')}: {with_reasons(bad, rules)}")
    return wrong


def with_reasons(names: Iterable[str], rules: Rules) -> str:
    """The names, each with the policy's reason where it gives one."""
    told = []
    for name in names:
        why = next((r["why"] for r in rules["reason"] if fnmatchcase(name, r["pattern"])), "")
        told.append(f"{name} ({why})" if why else name)
    return ", ".join(told)


def small_groups(offer: SshOffer, rules: Rules) -> list[str]:
    """Groups of a group exchange that are smaller than allowed."""
    return [
        f"{group.exchange} gives a group of {group.bits} bits to who asks for {group.asked}"
        for group in offer.groups
        if group.bits < rules["group"]["smallest"]
    ]


def weak_keys(offer: SshOffer, rules: Rules) -> list[str]:
    """Host keys that are too short, of a type not allowed, or come apart."""
    wrong = []
    for key in offer.host_keys:
        smallest = rules["key_size"].get(key.algorithm)
        if smallest is None or key.bits < smallest:
            wrong.append(f"host key {key.algorithm} of {key.bits} bits")
        if flaw := offer.key_flaws.get(key.fingerprint):
            wrong.append(f"host key {key.algorithm} {key.fingerprint}: {flaw}")
    return wrong


def published_keys(offer: SshOffer, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Host keys whose private half is published, by the rows of knowledge ``ssh_keys``."""
    published = {row["fingerprint"]: row for row in rows}
    return [
        f"{key.algorithm} {key.fingerprint} is published: {published[key.fingerprint]['owner']} "
        f"({published[key.fingerprint]['source']})"
        for key in offer.host_keys
        if key.fingerprint in published
    ]


def terrapin(offer: KexInit, rules: Rules) -> list[str]:
    """Ciphers open to CVE-2023-48795: affected ones offered without strict key exchange."""
    rule = rules["terrapin"]
    if rule["countermeasure"] in offer.kex:
        return []
    etm = any(matches(mac, rule["affected_macs"]) for mac in offer.macs)
    affected = [
        cipher
        for cipher in offer.ciphers
        if cipher in rule["affected_ciphers"]
        or (etm and matches(cipher, rule["affected_cipher_modes"]))
    ]
    if not affected:
        return []
    return [f"open to CVE-2023-48795: {', '.join(affected)} without {rule['countermeasure']}"]


def protocol(offer: SshOffer) -> list[str]:
    """Versions of the protocol beside 2.0: 1.99 is both (RFC 4253, 5.1)."""
    spoken = offer.identification.protocol
    return [] if spoken == "2.0" else [f"SSH {spoken} is offered"]
