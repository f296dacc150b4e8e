"""How well stored passwords withstand whoever reads them: CRED-049, and CRED-056."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.errors import LinkError
from devices.identity.credential_stores import StoredPassword
from devices.identity.secret_codings import UNSALTED
from devices.identity.stored_credentials import StoredCredentials

_NO_FORM = ("locked", "empty")


@pytest.fixture
def stores(
    request: pytest.FixtureRequest, image_stores: StoredCredentials
) -> list[StoredCredentials]:
    """What the image and the camera's files keep, whichever the bench has."""
    return available(request, image_stores, "device_stores")


def available(
    request: pytest.FixtureRequest, image: StoredCredentials, *names: str
) -> list[StoredCredentials]:
    """The image's, and those of these observations that can be had.

    Raises Inconclusive when nothing could be searched.
    """
    found = [] if image.absent else [image]
    problems = [image.absent or image.shortfall]
    for name in names:
        try:
            found.append(request.getfixturevalue(name))
        except (Inconclusive, LinkError) as error:
            problems.append(str(error))
    if not any(store.searched for store in found):
        raise Inconclusive("; ".join(filter(None, problems)), "no-link")
    return found


@case(
    "CRED-049",
    severity="high",
    needs=(),
    catches=(
        "cred-hash-descrypt",
        "cred-hash-sha1",
        "cred-hash-pbkdf2-low",
        "cred-hash-digest",
        "cred-hash-shared-salt",
        "cred-md5-crypt",
    ),
)
def test_stored_passwords_withstand_guessing(stores: list[StoredCredentials], policy: Any) -> None:
    """Stored passwords are hashed by a costly method, each with a salt of its own.

    Method: open the firmware image and read the camera's configuration over SSH, whichever the
    bench has; recognise in account files, settings, NVRAM texts, SQLite tables and elsewhere the
    stored forms of passwords with their cost (crypt, Argon2, PBKDF2, htpasswd, htdigest, smbpasswd,
    bare digests), and unsalted digests of the laboratory's own passwords. Only method, cost and
    fingerprints are kept.
    Pass: each is of a method of the policy "password_storage" with at least its cost, and no two
    accounts have the same salt. Forms that serve as the password itself (digest HA1, NT) are named
    as such. Salts are compared between units too.
    """
    rules = policy("password_storage")
    wrong = [
        f"{store.place}: {problem}"
        for store in stores
        for problem in (*weak_forms(store.passwords, rules), *_unsalted(store))
    ]
    wrong += [f"{store.place}: {each}" for store in stores for each in _shared_salts(store)]
    assert not wrong, f"policy {rules['version']}: " + "; ".join(wrong[:12])
    if not any(store.passwords for store in stores):
        searched = ", ".join(f"{store.searched} files of the {store.place}" for store in stores)
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
    needs=(),
    catches=("cred-hash-descrypt", "cred-hash-published", "backdoor-serial-password"),
)
def test_no_stored_password_is_a_published_one(stores: list[StoredCredentials]) -> None:
    """No stored password is that of a published account.

    Method: compare every stored form of a password in the firmware image and in the camera's files
    with those that were published (conformance/knowledge/published_hashes.toml), and try the
    published passwords of its user name against it, on the bench and without any login
    (MD5-crypt, SHA-crypt, bcrypt, bare digests; costly ones within some seconds).
    Pass: none is published, and no published password opens one.
    """
    wrong = [
        f"{store.place}: {each.path} keeps the password of {each.account or 'an account'!r} as "
        f"{each.scheme}; {each.how}"
        for store in stores
        for each in store.opened
    ]
    assert not wrong, "; ".join(wrong) + "; expected: none that anyone knows"
    if not any(store.passwords for store in stores):
        raise Inconclusive("no password store was recognised: nothing was compared", "insufficient")
