"""How the camera keeps passwords."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.ssh.inventory import DeviceAccounts, StoredSecrets


@case(
    "CRED-014",
    severity="high",
    needs=("ssh",),
    catches=("cred-md5-crypt", "cred-plain-storage"),
    revision=2,
)
def test_passwords_are_not_stored_in_a_readable_form(
    device_accounts: DeviceAccounts, stored_secrets: StoredSecrets, policy: Any
) -> None:
    """Passwords are stored by a strong method, none in the clear.

    Method: read over SSH how /etc/shadow stores each system password. Read the files of the
    camera's configuration (conformance/knowledge/places.toml) and search them, on the bench, for
    the passwords of the accounts that the device file gives, and for file formats that hold clear
    passwords (conformance/knowledge/credential_files.toml).
    Pass: every system password is locked or stored by a method of the policy
    (conformance/policies/ssh.toml), and no file holds a password in the clear.
    """
    rules = policy("ssh")
    weak = [
        f"the system password of {account.name!r} is stored as {account.scheme}"
        for account in device_accounts.accounts
        if account.scheme not in (*rules["storage"]["allowed"], "empty", "unread")
    ]
    clear = [f"{found.path} holds {found.what} in the clear" for found in stored_secrets.found]
    wrong = weak + clear
    assert not wrong, f"policy {rules['version']}: " + "; ".join(wrong)
    if not stored_secrets.searched:
        raise Inconclusive("no configuration file of the camera could be read")
    if not device_accounts.accounts:
        raise Inconclusive("the camera lists no account")
