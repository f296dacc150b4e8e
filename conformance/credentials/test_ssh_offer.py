"""What the SSH server offers before anyone logs in: algorithms, host keys, countermeasures."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.credentials import ssh_algorithms as judged
from conformance.verdict import Inconclusive
from devices.links.ssh.observations import SshOffer


@case(
    "CRED-019",
    severity="high",
    needs=("ssh",),
    catches=(
        "cred-ssh-group1",
        "cred-ssh-small-group",
        "cred-ssh-3des",
        "cred-ssh-arcfour",
        "cred-ssh-short-mac",
        "cred-ssh-sha1-host-key",
        "backdoor-ssh-weak",
    ),
    applies_to=("ssh",),
)
def test_logins_over_ssh_rest_on_strong_algorithms(ssh_offer: SshOffer, policy: Any) -> None:
    """SSH protects logins with strong algorithms only.

    Method: read from raw bytes the version, the key exchange, host key, cipher and MAC algorithms
    that the server offers; where groups are agreed on (RFC 4419), ask for one of 1024 bits.
    Compare with the policy (conformance/policies/ssh.toml), which gives a source for each refusal.
    Pass: SSH 2 alone, every algorithm of each kind allowed, and no group smaller than the policy's.
    """
    rules = policy("ssh")
    wrong = [
        *judged.protocol(ssh_offer),
        *judged.weak_algorithms(ssh_offer.kexinit, rules),
        *judged.small_groups(ssh_offer, rules),
    ]
    where = f"{ssh_offer.endpoint} ({ssh_offer.identification.software}), policy {rules['version']}"
    assert not wrong, f"{where}, not allowed: " + "; ".join(wrong)
    offer = ssh_offer.kexinit
    if not (offer.kex and offer.host_keys and offer.ciphers):
        raise Inconclusive(f"{where}: the server lists no algorithm")


@case(
    "CRED-020",
    severity="high",
    needs=("ssh",),
    catches=("cred-ssh-rsa-1024", "cred-ssh-close-primes", "backdoor-host-key"),
    applies_to=("ssh",),
)
def test_ssh_host_keys_are_strong_and_nobody_else_s(
    ssh_offer: SshOffer, policy: Any, knowledge: Any
) -> None:
    """SSH host keys are strong, and not published ones.

    Method: fetch one host key of each type that the server offers. Compare type and size with the
    policy (conformance/policies/ssh.toml), and fingerprints with published key pairs
    (conformance/knowledge/ssh_keys.toml); look at RSA keys for small factors, for factors close
    together (CVE-2022-26320), for the form of CVE-2017-15361 and for a bad exponent.
    Pass: every key is of an allowed type and size, none is published, and none comes apart.
    """
    rules = policy("ssh")
    wrong = [
        *judged.weak_keys(ssh_offer, rules),
        *judged.published_keys(ssh_offer, knowledge("ssh_keys")),
    ]
    where = f"{ssh_offer.endpoint}, policy {rules['version']}"
    assert not wrong, f"{where}: " + "; ".join(wrong)
    if not ssh_offer.host_keys:
        raise Inconclusive(f"no host key of {ssh_offer.endpoint} was obtained")


@case(
    "CRED-021",
    severity="medium",
    needs=("ssh",),
    catches=("cred-ssh-terrapin", "cred-ssh-terrapin-chacha20"),
    applies_to=("ssh",),
)
def test_ssh_is_closed_to_terrapin(ssh_offer: SshOffer, policy: Any) -> None:
    """SSH is not open to the prefix truncation of CVE-2023-48795 (Terrapin).

    Method: read the server's first key exchange message.
    Pass: where it offers ChaCha20-Poly1305, or CBC with an encrypt-then-MAC code, it also names
    strict key exchange, its countermeasure (the policy, conformance/policies/ssh.toml, lists them).
    """
    wrong = judged.terrapin(ssh_offer.kexinit, policy("ssh"))
    where = f"{ssh_offer.endpoint} ({ssh_offer.identification.software})"
    assert not wrong, f"{where} is " + "; ".join(wrong)
    if not ssh_offer.kexinit.ciphers:
        raise Inconclusive(f"{where} lists no cipher")
