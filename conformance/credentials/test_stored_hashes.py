"""How well stored passwords withstand whoever reads them: CRED-049, and CRED-056."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.errors import LinkError
from devices.identity.credential_stores import StoredPassword
from devices.identity.secret_codings import UNSALTED
from devices.identity.stored_credentials import StoredCredentials

_NO_FORM = ("locked", "empty")


@dataclass(frozen=True)
class Stores:
    """What was searched, and what could not be: a finding counts all the same."""

    found: list[StoredCredentials]
    problems: list[str]

    def demand_whole(self) -> None:
        """Raise Inconclusive where a place that is there was not searched."""
        problems = [*self.problems]
        problems += [
            f"no file of the {store.place} was read" for store in self.found if not store.searched
        ]
        if problems:
            raise Inconclusive("; ".join(problems), "no-link")


@pytest.fixture
def stores(request: pytest.FixtureRequest, image_stores: StoredCredentials) -> Stores:
    """What the camera's files and the firmware image keep."""
    return available(request, image_stores)


def available(request: pytest.FixtureRequest, *others: StoredCredentials) -> Stores:
    """The camera's own files, where they can be read, and ``others`` that the bench has."""
    found = [store for store in others if not store.absent]
    try:
        return Stores([request.getfixturevalue("device_stores"), *found], [])
    except (Inconclusive, LinkError) as error:
        return Stores(found, [f"the camera's files: {error}"])


@case(
    "CRED-049",
    severity="high",
    needs=("ssh",),
    catches=(
        "cred-hash-descrypt",
        "cred-hash-sha1",
        "cred-hash-pbkdf2-low",
        "cred-hash-digest",
        "cred-hash-shared-salt",
        "cred-md5-crypt",
    ),
    revision=2,
)
def test_stored_passwords_withstand_guessing(stores: Stores, policy: Any) -> None:
    """Stored passwords are hashed by a costly method, each with a salt of its own.

    Method: read the camera's configuration over SSH, and open the firmware image where the device
    file gives it; recognise in account files, settings, NVRAM texts, XML, SQLite tables and
    elsewhere the stored forms of passwords with their cost (crypt, Argon2, PBKDF2, htpasswd,
    htdigest, smbpasswd, bare digests), and unsalted digests of the laboratory's own passwords. Only
    method, cost and fingerprints are kept.
    Pass: each is of a method of the policy "password_storage" with at least its cost, and no two
    accounts have the same salt. Forms that serve as the password itself (digest HA1, NT) are named
    as such. Salts are compared between units too.
    """
    rules = policy("password_storage")
    wrong = [
        f"{store.place}: {problem}"
        for store in stores.found
        for problem in (*weak_forms(store.passwords, rules), *_unsalted(store))
    ]
    wrong += [f"{store.place}: {each}" for store in stores.found for each in _shared_salts(store)]
    assert not wrong, f"policy {rules['version']}: " + "; ".join(wrong[:12])
    stores.demand_whole()
    if not any(store.passwords for store in stores.found):
        searched = ", ".join(
            f"{store.searched} files of the {store.place}" for store in stores.found
        )
        raise Inconclusive(
            f"no password store was recognised in {searched}: nothing was judged", "insufficient"
        )


def weak_forms(passwords: Iterable[StoredPassword], rules: Mapping[str, Any]) -> list[str]:
    """What is wrong with each stored form, as sentences."""
    allowed = {row["scheme"]: row["any"] for row in rules["allowed"]}
    equivalent = rules["equivalent"]
    found = []
    for stored in passwords:
        if stored.scheme in _NO_FORM:
            continue  # empty passwords are BACKDOOR-005's
        where = f"{stored.path} keeps the password of {stored.account or 'an unnamed account'!r}"
        if stored.scheme in equivalent["schemes"]:
            found.append(f"{where} as {stored.scheme}: {equivalent['why']}")
        elif stored.scheme not in allowed:
            found.append(f"{where} as {stored.scheme}, expected one of {', '.join(allowed)}")
        elif not any(_enough(stored.cost, least) for least in allowed[stored.scheme]):
            found.append(
                f"{where} as {stored.scheme} with {_words(stored.cost)}, expected at least "
                + " or ".join(_words(least) for least in allowed[stored.scheme])
            )
    return found


def _enough(cost: Mapping[str, int], least: Mapping[str, int]) -> bool:
    return all(cost.get(key, 1) >= value for key, value in least.items())


def _words(cost: Mapping[str, int]) -> str:
    return ", ".join(f"{key}={value}" for key, value in cost.items()) or "no cost"


def _unsalted(store: StoredCredentials) -> list[str]:
    return [
        f"{each.path} holds the unsalted {each.coding} of {each.whose}"
        for each in store.secrets
        if each.coding in UNSALTED
    ]


def _shared_salts(store: StoredCredentials) -> list[str]:
    holders: dict[str, set[str]] = defaultdict(set)
    for stored in store.passwords:
        if stored.salt and stored.account:
            holders[stored.salt].add(stored.account)
    return [
        f"the accounts {', '.join(sorted(names))} have one salt"
        for names in holders.values()
        if len(names) > 1
    ]


@case(
    "CRED-056",
    severity="critical",
    needs=("ssh",),
    catches=("cred-hash-descrypt", "cred-hash-published", "backdoor-serial-password"),
    revision=2,
)
def test_no_stored_password_is_a_published_one(stores: Stores) -> None:
    """No stored password is that of a published account.

    Method: compare every stored form of a password in the firmware image and in the camera's files
    with those that were published (conformance/knowledge/published_hashes.toml), and try the
    published passwords of its user name against it, on the bench and without any login
    (crypt's methods, PBKDF2, htpasswd, htdigest and bare digests, as far as one trial is quick; the
    sixty most frequent of the name).
    Pass: none is published, and no published password opens one.
    """
    wrong = [
        f"{store.place}: {each.path} keeps the password of {each.account or 'an account'!r} as "
        f"{each.scheme}; {each.how}"
        for store in stores.found
        for each in store.opened
    ]
    assert not wrong, "; ".join(wrong) + "; expected: none that anyone knows"
    stores.demand_whole()
    if not any(store.passwords for store in stores.found):
        raise Inconclusive("no password store was recognised: nothing was compared", "insufficient")
    if untried := [f"{store.place}: {each}" for store in stores.found for each in store.untried]:
        raise Inconclusive(
            f"passwords were not tried against {', '.join(untried[:5])}: the bench does not "
            "compute that method, or one trial takes too long; compare by hand (libcrypt on the "
            "bench computes those of crypt(5))",
            "not-measured",
        )
