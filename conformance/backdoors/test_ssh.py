"""The SSH server: algorithms, ways in without proof, ways through, and its host key."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import case
from conformance.credentials import ssh_algorithms as judged
from conformance.verdict import Inconclusive
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.observations import SshAuthentication, SshForwarding, SshOffer


@case(
    "BACKDOOR-012",
    severity="high",
    needs=("ssh",),
    catches=("backdoor-ssh-weak",),
    applies_to=("ssh",),
)
def test_ssh_offers_strong_algorithms_only(ssh_offer: SshOffer, policy: Any) -> None:
    """The SSH server offers strong algorithms only.

    Method: read the server's identification and its first key exchange message, and fetch one
    host key of each type, from raw bytes; compare with the policy (conformance/policies/ssh.toml).
    Pass: SSH 2; every key exchange, host key, cipher and MAC algorithm offered is allowed; host
    keys are long enough; no combination is open to CVE-2023-48795 without its countermeasure.
    """
    rules, offer = policy("ssh"), ssh_offer.kexinit
    wrong = [
        *judged.protocol(ssh_offer),
        *judged.weak_algorithms(offer, rules),
        *judged.terrapin(offer, rules),
        *judged.weak_keys(ssh_offer, rules),
    ]
    where = f"{ssh_offer.endpoint} ({ssh_offer.identification.software})"
    assert not wrong, f"{where}, policy {rules['version']}, not allowed: " + "; ".join(wrong)
    if not offer.kex or not offer.ciphers or not ssh_offer.host_keys:
        raise Inconclusive(f"{where} lists no algorithm, or shows no host key")


@case(
    "BACKDOOR-015",
    severity="critical",
    needs=("ssh",),
    catches=("backdoor-ssh-none", "backdoor-ssh-forwarding"),
    applies_to=("ssh",),
)
def test_ssh_lets_nobody_in_without_proof_and_nobody_through(
    ssh_authentication: SshAuthentication, request: pytest.FixtureRequest
) -> None:
    """SSH lets nobody in without proof, and forwards nothing.

    Method: ask for a login by the method "none" as the laboratory's user, as root, as admin and as
    a user that does not exist. Logged in as the laboratory's user, ask the server to connect to its
    own SSH port, and to listen on a port; what it grants is undone at once. Who is let in without
    proof is a finding even where the laboratory's user cannot log in.
    Pass: "none" is accepted for no user, and both forwarding requests are refused.
    """
    wrong = [
        f"user {user.user!r} is let in without any proof"
        for user in ssh_authentication.users
        if user.none_accepted
    ]
    where = ssh_authentication.endpoint
    assert not wrong, f"{where}: " + "; ".join(wrong)
    if not ssh_authentication.users:
        raise Inconclusive(f"{where}: no user was tried")
    # Only now: it needs a login of the laboratory, without which the above counts all the same.
    _demand_no_forwarding(request.getfixturevalue("ssh_forwarding"))


def _demand_no_forwarding(ssh_forwarding: SshForwarding) -> None:
    wrong = []
    if ssh_forwarding.direct is Forwarding.PERMITTED:
        wrong.append("a logged-in user may connect through the camera (direct-tcpip)")
    if ssh_forwarding.remote is Forwarding.PERMITTED:
        wrong.append("a logged-in user may listen on the camera (tcpip-forward)")
    assert not wrong, f"{ssh_forwarding.endpoint}: " + "; ".join(wrong)
    if ssh_forwarding.direct is Forwarding.FAILED:
        raise Inconclusive(
            f"{ssh_forwarding.endpoint} answers a forwarding request with 'connect failed', "
            "though the target answers: whether it forwards is not clear"
        )


@case(
    "BACKDOOR-016",
    severity="critical",
    needs=("ssh",),
    catches=("backdoor-host-key",),
    applies_to=("ssh",),
)
def test_the_ssh_host_key_is_not_a_published_one(ssh_offer: SshOffer, knowledge: Any) -> None:
    """The SSH host key is not one whose private half is published.

    Method: fetch one host key of each type that the server offers, and compare their fingerprints
    with those of published key pairs (conformance/knowledge/ssh_keys.toml).
    Pass: none is among them.
    """
    wrong = judged.published_keys(ssh_offer, knowledge("ssh_keys"))
    assert not wrong, f"{ssh_offer.endpoint}: host key " + "; ".join(wrong)
    if not ssh_offer.host_keys:
        raise Inconclusive(f"no host key of {ssh_offer.endpoint} was obtained")
