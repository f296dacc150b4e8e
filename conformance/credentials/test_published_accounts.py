"""CRED-002: no published account opens the web interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.case import case
from conformance.credentials.web_accounts import MODEST_FIRST, accepts, expendable_account
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.link import HttpLink
from devices.observation import Observation
from devices.secrets import Secrets


@dataclass(frozen=True)
class Tried:
    """One published pair; ``status`` of the answer, 0 when it was not tried."""

    username: str
    password: str
    vendor: str
    status: int = 0
    accepted: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedPairs(Observation):
    """Published pairs tried on the web login, and those that the camera's lock left out."""

    tried: tuple[Tried, ...]
    left_out: tuple[Tried, ...]


@case(
    "CRED-002",
    severity="critical",
    needs=("http",),
    catches=("cred-default-user",),
    changes="lockout",
    applies_to=("http",),
)
def test_no_published_account_opens_the_web_interface(
    *,
    http: HttpLink,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    knowledge: Any,
    policy: Any,
) -> None:
    """No published account opens the web interface.

    Method: try the user names and passwords published as defaults of cameras' web interfaces, the
    most widely published first; log in with an account of the device file before and after, to
    know that logins work. Before a declared lock could close an account of the device file,
    its own password is given in between. Of other user names as many passwords are tried as the
    declared lock allows; the evidence names those left out.
    Pass: no published pair logs in.
    """
    pairs = published_pairs(knowledge("default_credentials"))
    own = _own_passwords(device, secrets)
    declared = device.declared.lockout
    tries = (declared.attempts if declared else policy("passwords")["published"]["tries"]) - 1
    by_address = declared is not None and declared.scope == "address"
    name, account = expendable_account(secrets) if by_address else ("", None)
    if account is not None:
        own = {"": (account.username, secrets.password(name)), **own}
    _demand_own_login(http, secrets)
    found = evidence.observe(_try_all(http, pairs, own, max(1, tries), together=by_address))
    accepted = [pair for pair in found.tried if pair.accepted]
    assert not accepted, (
        f"{http.server.url} accepts the published "
        + ", ".join(f"{p.username!r} with {p.password!r} ({p.vendor})" for p in accepted)
        + "; expected a refusal."
    )
    if not found.tried:
        raise Inconclusive("no published pair was tried", "insufficient")
    _demand_own_login(http, secrets)


def published_pairs(rows: Sequence[dict[str, str]]) -> list[Tried]:
    """The web pairs of the table, each once, those of the most vendors first."""
    counts: Counter[tuple[str, str]] = Counter()
    vendors: dict[tuple[str, str], str] = {}
    for row in rows:
        if row["service"] == "http" and row["username"]:
            pair = (row["username"], row["password"])
            counts[pair] += 1
            vendors.setdefault(pair, row["vendor"])
    ordered = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return [Tried(name, password, vendors[name, password]) for name, password in ordered]


def _own_passwords(device: DeviceFile, secrets: Secrets) -> dict[str, tuple[str, str]]:
    """Per user name of the device file's web accounts: the name, and its right password."""
    found: dict[str, tuple[str, str]] = {}
    for name, account in device.accounts.items():
        for_web = not account.services or "http" in account.services
        if account.password is not None and for_web and account.role in MODEST_FIRST:
            found[account.username] = (account.username, secrets.password(name))
    return found


def _demand_own_login(http: HttpLink, secrets: Secrets) -> None:
    """A refusal says something only where a right login is accepted. Raises LoginRefused."""
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, service="http"):
            http.leave(http.account(found[0]))
            return
    raise Inconclusive(
        "the device file gives no account for the web interface: without a login that is accepted "
        "a refusal shows nothing",
        "no-account",
    )


def _try_all(
    http: HttpLink,
    pairs: Sequence[Tried],
    own: dict[str, tuple[str, str]],
    tries: int,
    *,
    together: bool,
) -> PublishedPairs:
    """Try every pair; ``tries`` wrong ones in a row are safe, per user name or ``together``."""
    wrong: Counter[str] = Counter()
    tried: list[Tried] = []
    left_out: list[Tried] = []
    for pair in pairs:
        key = "" if together else pair.username
        if wrong[key] >= tries:
            if key not in own:
                left_out.append(pair)
                continue
            _unlock(http, *own[key])
            wrong[key] = 0
        attempt = accepts(http, pair.username, pair.password)
        wrong[key] = 0 if attempt.accepted else wrong[key] + 1
        tried.append(
            Tried(
                pair.username, pair.password, pair.vendor, attempt.answer.status, attempt.accepted
            )
        )
    for key in [key for key in own if wrong[key]]:
        _unlock(http, *own[key])
    return PublishedPairs(tried=tuple(tried), left_out=tuple(left_out))


def _unlock(http: HttpLink, username: str, password: str) -> None:
    if not accepts(http, username, password).accepted:
        raise Inconclusive(
            f"{username} can no longer log in after fewer wrong passwords than the device file "
            "declares: the published passwords cannot all be tried",
            "login-refused",
        )
