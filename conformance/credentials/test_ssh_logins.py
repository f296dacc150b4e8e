"""Who gets in over SSH, how often a guesser may try, and what a login opens beyond the camera."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.inventory import DeviceAccounts
from devices.links.ssh.link import SshLink
from devices.links.ssh.observations import SshAuthentication, SshForwarding, UserAuthentication
from devices.links.ssh.server_settings import RootByPassword
from devices.secrets import Secrets

_PASSWORD_METHODS = {"password", "keyboard-interactive"}
_USUAL_NAMES = ("root", "admin")
_UNLIKELY_NAME = "nobody-of-this-name"
_ROLES = ("viewer", "operator", "admin")


@case(
    "CRED-022",
    severity="critical",
    needs=("ssh",),
    catches=("cred-ssh-empty-password", "cred-ssh-any-key", "backdoor-ssh-none"),
    changes="lockout",
    applies_to=("ssh",),
    revision=2,
)
def test_nobody_logs_in_over_ssh_with_nothing_to_prove(
    ssh: SshLink, device: DeviceFile, policy: Any, evidence: Any
) -> None:
    """Nobody logs in over SSH with nothing to prove.

    Method: as the laboratory's user, root, admin, the declared system accounts and a user that
    does not exist, log in by the method "none", with a key made up for it, with an empty password
    and with empty answers (keyboard-interactive), each once and where it is offered. A name that is
    one of the device file's accounts is sent one empty password or answer at most.
    Pass: every login is refused.
    """
    own = {account.username for account in device.accounts.values()}
    least = min(1, policy("passwords")["published"]["own_tries"])
    lab = device.accounts[device.links.ssh.account].username if device.links.ssh else ""
    names = dict.fromkeys((lab, *_USUAL_NAMES, *device.declared.os_accounts, _UNLIKELY_NAME))
    found = evidence.observe(
        ssh.without_proof({name: least if name in own else 2 for name in names if name})
    )
    wrong = [f"{login.user!r} with {login.way}" for login in found.logins if login.accepted]
    assert not wrong, f"{found.endpoint} lets in: " + "; ".join(wrong)
    if not found.logins:
        raise Inconclusive(f"{found.endpoint}: no login was tried")


@case(
    "CRED-023",
    severity="high",
    needs=("ssh",),
    catches=("cred-ssh-root-password", "cred-ssh-root"),
    applies_to=("ssh",),
)
def test_root_does_not_log_in_with_a_password(
    ssh_authentication: SshAuthentication, request: pytest.FixtureRequest
) -> None:
    """Root does not log in over SSH with a password.

    Method: ask which login methods root is offered. Servers may offer a password to everybody and
    refuse root's all the same: where it is offered, look as the laboratory's user whether root has
    a password, and what the server's settings say of root.
    Pass: root is offered neither password nor keyboard-interactive, or has no password, or the
    settings keep root from using it.
    """
    where = ssh_authentication.endpoint
    root = next((user for user in ssh_authentication.users if user.user == "root"), None)
    if root is None or root.hung_up:
        raise Inconclusive(f"{where} did not say how root may log in")
    assert not root.none_accepted, f"{where}: root is let in without any proof"
    offered = sorted(_PASSWORD_METHODS & set(root.methods))
    if not offered:
        return
    accounts: DeviceAccounts = request.getfixturevalue("device_accounts")
    scheme = next((a.scheme for a in accounts.accounts if a.name == "root"), "locked")
    if scheme == "locked":
        return
    settings: RootByPassword = request.getfixturevalue("ssh_root_settings")
    said = f"root is offered {' and '.join(offered)}"
    if settings.permitted is False:
        return
    if scheme == "unread" or settings.permitted is None:
        raise Inconclusive(
            f"{where}: {said}; whether root's password is locked "
            f"({'not readable' if scheme == 'unread' else scheme}) or the server refuses it "
            f"({settings.source or 'no settings were found'}) is not known"
        )
    raise AssertionError(f"{where}: {said}, has one ({scheme}), and may use it: {settings.source}")


@case(
    "CRED-024",
    severity="high",
    needs=("ssh",),
    catches=(
        "backdoor-ssh-forwarding",
        "cred-ssh-remote-forwarding",
        "cred-ssh-agent-forwarding",
    ),
    applies_to=("ssh",),
    revision=2,
)
def test_an_ssh_login_leads_nowhere_else(ssh_forwarding: SshForwarding, policy: Any) -> None:
    """An SSH login opens no way through the camera.

    Method: logged in as the laboratory's user, ask the server to connect to its own SSH port and
    read what comes through, to listen on a port of its loopback address, to take X11 connections
    and to take the client's agent. What is granted is undone at once; no other host is touched.
    Pass: what the policy (conformance/policies/ssh.toml) forbids is refused.
    """
    forbidden = policy("ssh")["forwarding"]["forbidden"]
    told = {
        "direct": "connects for a logged-in user (direct-tcpip)",
        "remote": "listens for a logged-in user (tcpip-forward)",
        "x11": "takes X11 connections for a logged-in user (x11-req)",
        "agent": "takes a logged-in user's agent (auth-agent-req)",
    }
    answers = {kind: getattr(ssh_forwarding, kind) for kind in forbidden}
    wrong = [told[kind] for kind, answer in answers.items() if answer is Forwarding.PERMITTED]
    if ssh_forwarding.came_through and "direct" in forbidden:
        wrong.append(f"through it came {ssh_forwarding.came_through[:60]!r}")
    assert not wrong, f"{ssh_forwarding.endpoint} " + "; ".join(wrong)
    unclear = [kind for kind, answer in answers.items() if answer is not Forwarding.PROHIBITED]
    if unclear:
        raise Inconclusive(
            f"{ssh_forwarding.endpoint}: whether it forwards is not clear: {', '.join(unclear)}"
        )


@case(
    "CRED-026",
    severity="high",
    needs=("ssh",),
    catches=("cred-ssh-endless-guesses",),
    changes="lockout",
    applies_to=("ssh",),
    revision=2,
)
def test_guessing_over_ssh_is_stopped(
    *,
    ssh: SshLink,
    ssh_authentication: SshAuthentication,
    device: DeviceFile,
    secrets: Secrets,
    policy: Any,
    evidence: Any,
) -> None:
    """Guessing passwords over SSH is stopped.

    Method: where the laboratory's user, root, admin or a user that does not exist is offered a
    password, send made-up ones as that last user, or as the first who is offered one and is no
    account of the device file, on one connection until the server ends it. Then, with an account
    set aside for it (purpose "lockout", service "ssh"), log in rightly, wrongly as often as the
    declared lock allows (at most the number of the policy "passwords") and rightly again.
    Pass: nobody is offered a password; or the server ends a connection after as many wrong ones as
    the policy (conformance/policies/ssh.toml) allows, and the right password is refused after the
    wrong ones, or each guess takes as long as the policy "passwords" demands.
    """
    exposed = [u for u in ssh_authentication.users if _PASSWORD_METHODS & set(u.methods)]
    if not exposed:
        if not any(user.methods for user in ssh_authentication.users):
            raise Inconclusive(f"{ssh_authentication.endpoint} named no login method")
        return
    limit, limits = policy("ssh")["guessing"], policy("passwords")["guessing"]
    user = _guessed_at(exposed, device)
    most = limit["tries_per_connection"]
    found = evidence.observe(ssh.guess_on_one_connection(user, most + 1))
    assert not found.accepted, f"{found.endpoint} lets {user!r} in with a made-up password."
    assert found.answered <= most, (
        f"{found.endpoint}: {found.answered} wrong passwords in {found.seconds:.1f} s on one "
        f"connection do not end it, expected at most {most}."
    )
    name, password = _expendable(secrets)
    declared = device.declared.lockout
    allowed = min(declared.attempts if declared else limits["max_attempts"], limits["max_attempts"])
    tried = evidence.observe(ssh.guess_at_account(name, password, allowed))
    slow = tried.seconds >= allowed * limits["seconds_per_guess"]
    assert slow or not tried.right_accepted, (
        f"{tried.endpoint}: after {allowed} wrong passwords in {tried.seconds:.1f} s the right one "
        "is accepted at once, expected the account to be closed."
    )


def _guessed_at(exposed: list[UserAuthentication], device: DeviceFile) -> str:
    """A name whose lock would trouble nobody. Raises Inconclusive."""
    own = {account.username for account in device.accounts.values()}
    names = [user.user for user in exposed if user.user not in own]
    names.sort(key=lambda name: name in _USUAL_NAMES)
    if not names:
        raise Inconclusive("only accounts that other test cases need are offered a password")
    return names[0]


def _expendable(secrets: Secrets) -> tuple[str, str]:
    for role in _ROLES:
        if found := secrets.account(role=role, purpose="lockout", service="ssh"):  # type: ignore[arg-type]
            name, account = found
            return account.username, secrets.password(name)
    raise Inconclusive(
        "the device file gives no account with purpose 'lockout' and service 'ssh': whether wrong "
        "passwords close an account is not known",
        "no-account",
    )
