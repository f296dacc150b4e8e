"""Stored forms of passwords: methods and costs are told from what other programs write."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.identity.credential_stores import Entry, entries, is_private_key
from devices.identity.published_passwords import OutOfTime, opened_by_published
from devices.protocols.password_hashes import LONGEST, PasswordHash, recognise
from devices.protocols.unix_crypt import md5_crypt, sha_crypt

# Written by mkpasswd 5.5.17 and htpasswd 2.4.62 of Debian 12 for the password "secret", or taken
# from the specification that is named; the rest have their format's shape alone.
FORMS = [
    ("$1$VtzLtwrS$03jhsIj1MUyIRTOpOypBL/", "md5-crypt", {}, "VtzLtwrS"),
    ("$apr1$iCeUpCKQ$ODJ/CJCx8gxd8yH/.4c/1/", "apr1-md5", {}, "iCeUpCKQ"),
    (
        "$2y$10$DiWMjYFTzBsUWFEJnY3vFu20vP0NwDaSw.ReNVBLohKMtnt66KFwC",
        "bcrypt",
        {"log2": 10},
        "DiWMjYFTzBsUWFEJnY3vFu",
    ),
    (
        "$2b$05$43SDSYKG7rlQpgoMbyc3ZuqeWecHHPawnc8YC/og.QDzfSi9Ul1mq",
        "bcrypt",
        {"log2": 5},
        "43SDSYKG7rlQpgoMbyc3Zu",
    ),
    (
        "$5$Itmc7MtDDzVxtYXC$d2DB3I9.s.0moZCDVutJ07yXjgPpXgsKF/zZrtcPiC8",
        "sha256-crypt",
        {"rounds": 5000},
        "Itmc7MtDDzVxtYXC",
    ),
    (
        (
            "$6$rounds=20000$snW3yqttnzRjCdU3$rbkZkHVpc7Jcb8vLK9nfKatJPDxG2759s6/F9K/iCSdjKFqJViwcyp7l"
            "i1soX4oRqkHJkUh5PqK.gmu75zl8I1"
        ),
        "sha512-crypt",
        {"rounds": 20000},
        "snW3yqttnzRjCdU3",
    ),
    (
        "$y$j9T$ztk4IQQyxwKfQfB/uWi7M1$kkYVMRZh4lDXpbnEcJbIidfEjHRqKdBVgRUtgnbvSAA",
        "yescrypt",
        {"log2": 12, "r": 32},
        "ztk4IQQyxwKfQfB/uWi7M1",
    ),
    (  # mkpasswd -R 8: N = 2 ** 15
        "$y$jCT$0BxYsO5okI1ZQYsaQTBjj1$hne7JOyyhIeKf/96pYzaJdzDDcUSzdWEf6GjE8OU9S1",
        "yescrypt",
        {"log2": 15, "r": 32},
        "0BxYsO5okI1ZQYsaQTBjj1",
    ),
    (
        "$gy$j9T$Nh64L9SeivxzJLIO/5w3b/$W7.I1uz2YRGNKSql7ZU4YXLsDpIrpezgk0z/FSH0gT3",
        "gost-yescrypt",
        {"log2": 12, "r": 32},
        "Nh64L9SeivxzJLIO/5w3b/",
    ),
    (
        "$7$CU..../....orEGsor8pj.ahMm2toGK71$jr5.gZAVp4DyHIB1nc.nd9D8ukUZC5c6XEAnL6m5r42",
        "scrypt",
        {"log2": 14, "r": 32, "p": 1},
        "orEGsor8pj.ahMm2toGK71",
    ),
    ("$md5,rounds=35150$rOLUzAQt$$fxOLxv3sNdk9TreMr9Les1", "sun-md5", {}, "rOLUzAQt"),
    ("$3$$878d8014606cda29677a44efa1353fc7", "nt", {}, ""),
    ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "sha1-base64", {}, ""),
    (  # libxcrypt's test vector of scrypt
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
        "scrypt",
        {"log2": 14, "r": 8, "p": 1},
        "SodiumChloride",
    ),
    (
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "argon2id",
        {"m": 65536, "t": 3, "p": 4},
        "c2FsdHNhbHQ",
    ),
    ("$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA", "scrypt", {"log2": 16, "r": 8, "p": 1}, "c2FsdA"),
    ("$pbkdf2-sha256$29000$abc$def", "pbkdf2-sha256", {"iterations": 29000}, "abc"),
    ("$pbkdf2$131000$abc$def", "pbkdf2-sha1", {"iterations": 131000}, "abc"),
    ("pbkdf2_sha256$600000$abc$def=", "pbkdf2-sha256", {"iterations": 600000}, "abc"),
    ("pbkdf2:sha256:260000$abc$0123", "pbkdf2-sha256", {"iterations": 260000}, "abc"),
    ("{SSHA}" + "QUJDREVGR0hJSktMTU5PUFFSU1Q4OTAx", "sha1-salted", {}, "38393031"),
    ("{CRYPT}absxcfbgXtb3o", "descrypt", {}, "ab"),
]


@pytest.mark.parametrize(("text", "scheme", "cost", "salt"), FORMS, ids=lambda v: str(v)[:16])
def test_a_stored_form_tells_method_cost_and_salt(
    text: str, scheme: str, cost: dict[str, int], salt: str
) -> None:
    assert recognise(text) == PasswordHash(scheme, cost, salt)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("absxcfbgXtb3o", "descrypt"),
        ("mJSshWoichzQY", "descrypt"),
        ("_J9..jTtDvWEc6T4dfW6", "bsdi-crypt"),
        ("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "sha1-hex"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "md5-hex"),
        ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "mysql41"),
        ("pepper:5f4dcc3b5aa765d61d8327deb882cf99", "md5-salted"),
    ],
)
def test_bare_forms_count_only_where_a_password_is_kept(text: str, scheme: str) -> None:
    found = recognise(text, bare=True)
    assert found is not None
    assert found.scheme == scheme
    assert recognise(text) is None


@pytest.mark.parametrize(
    "text", ["", "*", "!", "x", "hunter2", "$1$", "$2b$10$short", "$y$j9T$", "$"]
)
def test_what_is_no_stored_form_is_none(text: str) -> None:
    assert recognise(text, bare=True) is None


def _openssl(*arguments: str) -> str:
    run = subprocess.run(
        ["openssl", "passwd", *arguments], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
@pytest.mark.parametrize("password", ["x", "secret", "a much longer password than sixteen letters"])
def test_crypt_agrees_with_openssl(password: str) -> None:
    """A foreign implementation: the same stored forms, and recognised as what they are."""
    for method, scheme in (("-5", "sha256-crypt"), ("-6", "sha512-crypt"), ("-1", "md5-crypt")):
        stored = _openssl(method, "-salt", "Abcdefgh", password)
        computed = (
            md5_crypt(password, "Abcdefgh") if method == "-1" else sha_crypt(password, stored)
        )
        assert computed == stored
        found = recognise(stored)
        assert found is not None
        assert (found.scheme, found.salt) == (scheme, "Abcdefgh")


def test_sha_crypt_is_that_of_its_specification() -> None:
    for text, password in (
        ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
        (
            (
                "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/Urj"
                "mM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
            ),
            "Hello world!",
        ),
    ):
        assert sha_crypt(password, text) == text
    assert sha_crypt("x", "$6$rounds=999999999$abc$") == ""
    assert sha_crypt("x", "nonsense") == ""


@given(st.text(max_size=LONGEST + 10), st.booleans())
def test_any_text_is_a_form_or_none(text: str, bare: bool) -> None:  # noqa: FBT001
    found = recognise(text, bare=bare)
    assert found is None or found.scheme


@given(
    st.sampled_from([f"${name}$" for name in ("1", "2b", "5", "6", "7", "y", "gy", "argon2id")]),
    st.text("./0129AZaz$=,rounds", max_size=120),
)
def test_what_begins_like_a_form_never_raises(start: str, rest: str) -> None:
    recognise(start + rest, bare=True)


@settings(max_examples=60)
@given(
    st.sampled_from(["/etc/shadow", "/data/users.db", "/mnt/mtd/Config/Account1", "/x.bin"]),
    st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: b"SQLite format 3\0" + b),
)
def test_any_file_gives_entries(path: str, data: bytes) -> None:
    assert len(entries(path, data)) < 400
    is_private_key(path, data)


def _entries(path: str, text: str) -> list[tuple[str, str]]:
    return [(each.account, each.described().scheme) for each in entries(path, text.encode())]


DIGEST = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "/etc/shadow",
            "root:absxcfbgXtb3o:1:0:9:7:::\nlab:*:1:0:9:7:::\nguest::1:0:9:7:::\n",
            [("root", "descrypt"), ("lab", "locked"), ("guest", "empty")],
        ),
        ("/etc/passwd", "root:x:0:0::/root:/bin/sh\n", []),
        ("/etc/passwd", "root:absxcfbgXtb3o:0:0::/root:/bin/sh\n", [("root", "descrypt")]),
        ("/www/.htpasswd", "admin:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", [("admin", "sha1-base64")]),
        (
            "/etc/lighttpd.user",
            "admin:camera:5f4dcc3b5aa765d61d8327deb882cf99\n",
            [("admin", "digest-ha1")],
        ),
        (
            "/etc/samba/smbpasswd",
            "root:0:AAD3B435B51404EEAAD3B435B51404EE:8846F7EAEE8FB117AD06BDD830B7586C:[U]:LCT-1:\n",
            [("root", "lm"), ("root", "nt")],
        ),
        ("/data/a.json", f'{{"name": "admin", "password": "{DIGEST}"}}', [("admin", "sha1-hex")]),
        (
            "/data/a.json",
            f'{{"user": "a", "salt": "pepper", "iterations": 1000, "passwordHash": "{DIGEST}"}}',
            [("a", "pbkdf2-sha1")],
        ),
        ("/data/nvram.txt", f"admin_passwd={DIGEST}\0http_passwd_len=8\0", [("", "sha1-hex")]),
        ("/data/blob", "junk $1$VtzLtwrS$03jhsIj1MUyIRTOpOypBL/ junk", [("", "md5-crypt")]),
        ("/data/auth.conf", "server:192.168.1.100\nname:absxcfbgXtb3p\n", []),
        ("/data/files.sha1", f"{DIGEST}  /bin/busybox\n", []),
        ("/data/x.conf", "password_min_length=12345678\npassword = correct horse\n", []),
    ],
)
def test_stores_of_many_programs_are_read(
    path: str, text: str, found: list[tuple[str, str]]
) -> None:
    assert _entries(path, text) == found


def test_a_program_with_test_vectors_is_no_store() -> None:
    assert not entries("/lib/libcrypt.so", b"\x7fELF" + FORMS[0][0].encode())


def test_a_table_of_sqlite_is_read() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE account (username TEXT, pass_hash TEXT, note TEXT)")
        database.execute("INSERT INTO account VALUES ('admin', ?, 'x')", (DIGEST,))
        database.commit()
        data = database.serialize()
    found = [(e.account, e.described().scheme) for e in entries("/data/users.sqlite", data)]
    assert ("admin", "sha1-hex") in found


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"-----BEGIN PRIVATE KEY-----\nMIG", True),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", True),
        (b"-----BEGIN PUBLIC KEY-----\n", False),
        (b"\0\0\0\x0bssh-ed25519\0\0\0\x40", True),
        (b"hello", False),
    ],
)
def test_private_keys_are_told(data: bytes, key: bool) -> None:  # noqa: FBT001
    assert is_private_key("/etc/dropbear/dropbear_ed25519_host_key", data) is key


def _entry(account: str, text: str) -> Entry:
    return Entry("/etc/shadow", account, text, recognise(text, bare=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda: md5_crypt("xmhdipc", "abcdefgh"),
        lambda: sha_crypt("xmhdipc", "$6$abcdefgh$"),
        lambda: "absxcfbgXtb3o",
        lambda: "$1$ybdHbPDn$" + "a" * 22,
    ],
)
def test_published_passwords_open_what_they_made(make: Callable[[], str]) -> None:
    published = {"absxcfbgXtb3o": "Mirai", "$1$ybdHbPDn$...": "CVE-2017-8224"}
    pairs = [("root", "pass"), ("root", "xmhdipc"), ("admin", "admin")]
    (opened,) = opened_by_published([_entry("root", make())], published, pairs)
    assert opened.account == "root"
    assert "publish" in opened.how


def test_other_passwords_stay_closed() -> None:
    forms = [_entry("root", md5_crypt("something else", "abcdefgh")), _entry("lab", "*")]
    assert not list(opened_by_published(forms, {}, [("root", "xmhdipc")]))


def test_trials_that_take_too_long_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.identity.published_passwords.SECONDS", -1.0)
    forms = [_entry("a", "absxcfbgXtb3o"), _entry("root", md5_crypt("x", "abcdefgh"))]
    with pytest.raises(OutOfTime) as raised:
        opened_by_published(forms, {"absxcfbgXtb3o": "Mirai"}, [("root", "pass")])
    assert [each.account for each in raised.value.found] == ["a"]
