"""Logins over SSH: by key only, and by no published password."""

from __future__ import annotations

from collections import Counter
from typing import Any

from conformance.case import case
from conformance.credentials.published_pairs import LockWatch, own_passwords
from conformance.credentials.ssh_published import SECONDS, try_published
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.ssh.link import SshLink
from devices.links.ssh.observations import SshAuthentication
from devices.links.ssh.trials import PasswordPair
from devices.permit import Permit
from devices.secrets import Secrets

_SYSTEM_SERVICES = ("ssh", "telnet", "os-hash", "serial")


@case(
    "CRED-007",
    severity="high",
    needs=("ssh",),
    catches=("cred-ssh-password", "cred-ssh-root", "backdoor-ssh-none"),
    applies_to=("ssh",),
    revision=2,
)
def test_ssh_takes_keys_only(ssh_authentication: SshAuthentication, policy: Any) -> None:
    """SSH accepts keys only, no passwords.

    Method: ask which login methods are offered to the laboratory's user, to root, to admin and to
    a user that does not exist; the asking itself is a login by the method "none".
    Pass: none of them is let in by that, or offered a method that the policy
    (conformance/policies/ssh.toml) forbids.
    """
    rules = policy("ssh")
    forbidden = set(rules["login"]["forbidden_methods"])
    wrong = [
        f"user {user.user!r} is offered {', '.join(sorted(forbidden & set(user.methods)))}"
        for user in ssh_authentication.users
        if forbidden & set(user.methods)
    ]
    wrong += [
        f"user {user.user!r} is let in without any proof"
        for user in ssh_authentication.users
        if user.none_accepted
    ]
    where = f"{ssh_authentication.endpoint}, policy {rules['version']}"
    assert not wrong, f"{where}: " + "; ".join(wrong)
    if not any(user.methods for user in ssh_authentication.users):
        raise Inconclusive(f"{where}: the server named no login method")


@case(
    "CRED-017",
    severity="critical",
    needs=("ssh",),
    catches=("cred-ssh-root", "backdoor-ssh-none"),
    changes="lockout",
    applies_to=("ssh",),
    revision=3,
)
def test_no_published_password_opens_ssh(
    *,
    ssh: SshLink,
    device: DeviceFile,
    secrets: Secrets,
    permit: Permit,
    knowledge: Any,
    evidence: Any,
) -> None:
    """No published user name and password opens the camera over SSH.

    Method: try each pair published for SSH, telnet, serial consoles and system accounts of cameras
    (conformance/knowledge/default_credentials.csv) once, those published most often first, and for
    each user name no more often than the declared guess protection allows: for an account of the
    device file once less, with its right password afterwards; all together where the lock is of the
    address. Users who are not offered a password are not tried; who is let in without any needs
    none.
    Pass: no pair logs in, and no published user name alone.
    """
    rows = [row for row in knowledge("default_credentials") if row["service"] in _SYSTEM_SERVICES]
    seen = Counter((row["username"], row["password"]) for row in rows if row["username"])
    ordered = [pair for pair, _ in seen.most_common()]
    watch = LockWatch(permit.journal, "ssh", device)
    own = own_passwords(device, secrets, "ssh")
    known = [own[user] for user in dict.fromkeys(user for user, _ in ordered) if user in own]
    for user, _ in known:
        watch.begin(user)
    rounds = try_published(ssh, ordered, set(own), device.declared.lockout, evidence)
    offered = {user for _, trials in rounds for user in trials.offered}
    for user, password in known:
        if user not in offered or _logs_in(ssh, user, password):
            watch.end(user)
    wrong = []
    for user, password in [pairs[n] for pairs, trials in rounds for n in trials.accepted]:
        vendors = {r["vendor"] for r in rows if (r["username"], r["password"]) == (user, password)}
        wrong.append(f"{user!r} with the password published for {', '.join(sorted(vendors))}")
    assert not wrong, f"{ssh.endpoint} lets in: " + "; ".join(wrong)
    if not rounds:
        raise Inconclusive("there is no published pair to try")


def _logs_in(ssh: SshLink, user: str, password: str) -> bool:
    trial = ssh.try_pairs([PasswordPair(user, password)], each_user=1, seconds=SECONDS)
    return bool(trial.accepted)
