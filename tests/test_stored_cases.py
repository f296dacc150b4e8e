"""What the cases of stored passwords and secrets say of what was found, and how it is read."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from test_inside import LocalShell

from conformance import policy
from conformance.credentials import test_stored_hashes, test_stored_secrets
from conformance.verdict import Inconclusive
from devices.errors import NotOffered, Unreachable
from devices.identity.credential_stores import StoredPassword
from devices.identity.image import ImageFormatError
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import (
    FileAccess,
    FoundSecret,
    StoredCredentials,
    search_image,
)
from devices.links.ssh.stores import stored_credentials

PASSWORD = "Tr0ub4dor&3-x"


def judge(*passwords: StoredPassword, found: tuple[FoundSecret, ...] = ()) -> None:
    store = StoredCredentials(place="camera", searched=3, passwords=passwords, secrets=found)
    stores = test_stored_hashes.Stores([store], [])
    test_stored_hashes.test_stored_passwords_withstand_guessing(stores, policy.load)


def kept(scheme: str, salt: str = "", account: str = "root", **cost: int) -> StoredPassword:
    return StoredPassword("/etc/shadow", account, scheme, cost, salt, "form")


@pytest.mark.parametrize(
    "stored",
    [
        kept("locked"),
        kept("yescrypt", log2=12, r=32),
        kept("bcrypt", log2=12),
        kept("sha512-crypt", rounds=5000),
        kept("argon2id", m=65536, t=3, p=4),
        kept("pbkdf2-sha256", iterations=600_000),
        kept("scrypt", log2=17, r=8, p=1),
    ],
    ids=lambda s: s.scheme,
)
def test_costly_forms_pass(stored: StoredPassword) -> None:
    judge(stored)


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (kept("descrypt"), "as descrypt, expected one of"),
        (kept("md5-crypt"), "as md5-crypt, expected one of"),
        (kept("sha1-hex"), "as sha1-hex, expected one of"),
        (kept("bcrypt", log2=4), "with log2=4, expected at least log2=10"),
        (kept("sha512-crypt", rounds=1000), "with rounds=1000"),
        (kept("pbkdf2-sha256", iterations=1000), "with iterations=1000"),
        (kept("argon2id", m=1024, t=1, p=1), "with m=1024, t=1, p=1"),
        (kept("yescrypt"), "with no cost"),
        (kept("digest-ha1"), "who reads it can log in with it"),
        (kept("nt"), "who reads it can log in with it"),
    ],
    ids=lambda v: getattr(v, "scheme", ""),
)
def test_cheap_forms_fail(stored: StoredPassword, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        judge(stored)


def test_one_salt_for_two_accounts_fails() -> None:
    with pytest.raises(AssertionError, match="admin, root have one salt"):
        judge(kept("bcrypt", "abcd", log2=12), kept("bcrypt", "abcd", "admin", log2=12))


def test_an_unsalted_digest_of_a_known_password_fails() -> None:
    with pytest.raises(AssertionError, match="unsalted MD5"):
        judge(kept("locked"), found=(FoundSecret("/data/x", "admin", "MD5", 3),))


def test_nothing_recognised_is_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="no password store was recognised in 3 files"):
        judge()
    store = StoredCredentials(place="camera", searched=3)
    with pytest.raises(Inconclusive):
        test_stored_hashes.test_no_stored_password_is_a_published_one(
            test_stored_hashes.Stores([store], [])
        )


class Fixtures:
    """Stands in for pytest's request: observations, or why they cannot be had."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def getfixturevalue(self, name: str) -> Any:
        value = self.values.get(name, Inconclusive(f"no {name}", "no-link"))
        if isinstance(value, Exception):
            raise value
        return value


NO_IMAGE = StoredCredentials(place="firmware image", absent="no device.firmware.image: add it")
NO_EXPORT = StoredCredentials(place="configuration export", absent="no operation")


NO_ONVIF = StoredCredentials(place="ONVIF logs and backup", absent="none offered")


def search(
    request: Fixtures, image: StoredCredentials = NO_IMAGE, export: StoredCredentials = NO_EXPORT
) -> None:
    case: Any = test_stored_secrets.test_no_password_is_kept_clear_or_reversible
    case(request, image, export, NO_ONVIF)


def held(place: str, *codings: str) -> StoredCredentials:
    found = tuple(FoundSecret("/data/a", "the password of admin", name, 5) for name in codings)
    return StoredCredentials(place=place, searched=2, searched_for=("admin",), secrets=found)


@pytest.mark.parametrize("coding", ["clear", "Base64", "XOR with one byte"])
def test_a_reversible_password_fails_wherever_it_is(coding: str) -> None:
    clean, found = held("camera"), held("place", coding)
    for values, image, export in (
        ({"device_stores": found}, NO_IMAGE, NO_EXPORT),
        ({"device_stores": clean}, found, NO_EXPORT),
        ({"device_stores": clean}, NO_IMAGE, found),
        ({}, NO_IMAGE, found),  # a finding counts though the camera's files cannot be read
    ):
        with pytest.raises(AssertionError, match="holds the password of admin"):
            search(Fixtures(**values), image, export)


def test_clean_places_pass_and_a_digest_is_for_another_case() -> None:
    search(Fixtures(device_stores=held("camera", "SHA-256")))
    search(Fixtures(device_stores=held("camera")), held("firmware image"), held("export"))


@pytest.mark.parametrize(
    ("values", "image", "why"),
    [
        ({}, held("firmware image"), "no device_stores"),
        ({"device_stores": Unreachable("gone")}, NO_IMAGE, "gone"),
        (
            {"device_stores": held("camera")},
            StoredCredentials(place="firmware image"),
            "no file of the firmware image was read",
        ),
        (
            {"device_stores": StoredCredentials(place="camera", searched=1)},
            NO_IMAGE,
            "gives no password of 6",
        ),
    ],
)
def test_what_was_not_searched_is_inconclusive(
    values: dict[str, Any], image: StoredCredentials, why: str
) -> None:
    with pytest.raises(Inconclusive, match=why):
        search(Fixtures(**values), image)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("-rw-------", ""),
        ("-rw-r-----", ""),
        ("-rw-r--r--", "be read by every user"),
        ("-rw-rw----", "be written by its group"),
        ("-rwxrwxrwx", "be read by every user, be written by every user, be written by its group"),
    ],
)
def test_modes_are_judged(mode: str, problem: str) -> None:
    said = test_stored_secrets.exposed(FileAccess("/k", "private key", mode, "0", "0"))
    assert said.endswith(problem) if problem else not said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "accounts.passwd").write_text("root:absxcfbgXtb3o:1:0:9:7:::\n")
    (tmp_path / "host key").write_text("-----BEGIN PRIVATE KEY-----\nx\n")
    (tmp_path / "cloud.bin").write_bytes(base64.b64encode(f"admin:{PASSWORD}".encode()))
    (tmp_path / "plain.txt").write_text("nothing to see\n")
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    (tmp_path / "host key").chmod(0o644)
    return tmp_path


class Shell(LocalShell):
    """Reads real files of this machine, those below one folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def read_file(self, path: str, *, limit: int = 0) -> bytes:
        del limit
        if not path.startswith(str(self._root)):
            raise NotOffered(path)
        return Path(path).read_bytes()


def test_the_cameras_files_are_read_by_the_commands_of_a_real_shell(tree: Path) -> None:
    shell: Any = Shell(tree)
    secrets = [("the password of admin", PASSWORD)]
    published = {"absxcfbgXtb3o": "Mirai"}
    found = stored_credentials(shell, [str(tree)], secrets, published, [])
    assert found.complete
    assert [(p.account, p.scheme) for p in found.passwords] == [("root", "descrypt")]
    assert [(Path(s.path).name, s.coding) for s in found.secrets] == [("cloud.bin", "Base64")]
    assert [o.how for o in found.opened] == ["published: Mirai"]
    access = {Path(a.path).name: (a.kind, a.mode) for a in found.access}
    assert access["host key"] == ("private key", "-rw-r--r--")
    assert access["accounts.passwd"][0] == "password store"
    assert access["cloud.bin"][0] == "configuration that holds a password"
    assert "plain.txt" not in access
    assert PASSWORD not in str(found)
    assert "absxcfbgXtb3o" not in str(found)


def test_places_that_hold_nothing_are_a_shortfall(tmp_path: Path) -> None:
    shell: Any = Shell(tmp_path)
    found = stored_credentials(shell, [str(tmp_path / "none")], [], {}, [])
    assert "no file could be read" in found.shortfall


@pytest.mark.parametrize("content", [b"", b"hsqs" + bytes(100), b"070701" + b"x" * 200])
def test_an_image_that_cannot_be_opened_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(content)
    with pytest.raises(ImageFormatError):
        search_image(path, SecretSearch([]), {}, [])
