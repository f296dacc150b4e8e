"""Accounts of the operating system, and keys that open them."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.ssh.inventory import DeviceAccounts, DeviceKeys
from devices.links.ssh.link import SshLink

_NO_PASSWORD_LOGIN = ("locked", "unread")


@case(
    "BACKDOOR-005",
    severity="critical",
    needs=("ssh",),
    catches=(
        "backdoor-uid0-account",
        "backdoor-empty-password",
        "cred-ssh-root",
        "backdoor-serial-password",
    ),
)
def test_system_accounts_are_those_declared(
    device_accounts: DeviceAccounts, device: DeviceFile
) -> None:
    """No undeclared account of the operating system can log in.

    Method: read /etc/passwd and /etc/shadow over SSH.
    Pass: only root has user id 0; no account with a shell has an empty password; every account
    with a shell and a usable password is declared (declared.os_accounts).
    """
    declared = set(device.declared.os_accounts)
    wrong = []
    for account in device_accounts.accounts:
        if account.uid == 0 and account.name != "root":
            wrong.append(f"{account.name!r} has user id 0, as root has")
        if not account.has_shell:
            continue
        if account.scheme == "empty":
            wrong.append(f"{account.name!r} has a shell and no password")
        elif account.scheme not in _NO_PASSWORD_LOGIN and account.name not in declared:
            wrong.append(
                f"{account.name!r} has a shell and a password ({account.scheme}), not declared"
            )
    assert not wrong, "accounts in /etc/passwd: " + "; ".join(wrong)
    if not device_accounts.accounts:
        raise Inconclusive("the camera lists no account")


@case("BACKDOOR-006", severity="critical", needs=("ssh",), catches=("backdoor-vendor-key",))
def test_no_foreign_key_opens_the_camera(
    device_keys: DeviceKeys, ssh: SshLink, knowledge: Any
) -> None:
    """No SSH key but the laboratory's opens an account.

    Method: read the authorized_keys of every home directory, and those in the places known from
    other systems (conformance/knowledge/places.toml), over SSH; compare each key with the public
    halves of the keys that the device file gives.
    Pass: every key found belongs to an account of the device file.
    """
    own = ssh.known_fingerprints()
    published = {row["fingerprint"]: row["owner"] for row in knowledge("ssh_keys")}
    wrong = []
    for key in device_keys.keys:
        if key.fingerprint in own:
            continue
        known = published.get(key.fingerprint)
        wrong.append(
            f"{key.path} holds {key.algorithm} {key.fingerprint} ({key.comment or 'no comment'})"
            + (f", whose private half is published: {known}" if known else ", not declared")
        )
    assert not wrong, "; ".join(wrong)
    if own and not own & {key.fingerprint for key in device_keys.keys}:
        raise Inconclusive(
            "the laboratory logs in with a key that stands in none of the files read "
            f"({', '.join(device_keys.files)}): the camera keeps its keys elsewhere",
            "partial",
        )
