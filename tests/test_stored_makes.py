"""What cameras of many makes keep of passwords, and what the cases of stored ones say of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from test_inside import LocalShell

from conformance import policy
from conformance.credentials import test_storage, test_stored_hashes, test_stored_secrets
from conformance.verdict import Inconclusive
from devices.identity.credential_stores import Entry, entries
from devices.identity.form_checks import check_of
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, StoredCredentials
from devices.links.ssh.inventory import DeviceAccounts, stored_secrets
from devices.links.ssh.tables import parse_accounts
from devices.protocols.archives import inflated
from devices.protocols.password_hashes import recognise

FORMATS = tomllib.loads(Path("conformance/knowledge/credential_files.toml").read_text())["format"]
PSK = "a5" * 32
MD5 = "21232f297a57a5a743894a0e4a801fc3"  # admin
DES = "absxcfbgXtb3o"  # xc3511
H43 = "A" * 43
SECRET = "Tr0ub4dor&3-<x>"


def clear_in(tmp_path: Path, name: str, text: str) -> tuple[str, ...]:
    """What CRED-014 finds of clear passwords in one file of a camera, by a real shell."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    shell: Any = Shell()
    forms = [(row["what"], row["path"], row["content"]) for row in FORMATS]
    found = stored_secrets(shell, [str(tmp_path)], [("admin", "not-in-there")], forms)
    assert found.searched == 1
    return tuple(each.what for each in found.found)


class Shell(LocalShell):
    def read_file(self, path: str, *, limit: int = 0) -> bytes:
        del limit
        return Path(path).read_bytes()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("httpd.conf", "/cgi-bin:admin:secretpw\n"),
        ("httpd.conf", "/cgi-bin:admin:secretpw\r\nE404:/x\r\n"),
        ("httpd.conf", "/:admin:$ecret12\n"),
        ("lighttpd.user", "admin:secretpw\r\n"),
        ("nginx/cam.htpasswd", "admin:{PLAIN}secretpw\n"),
        (
            "wpa_supplicant.conf",
            f'network={{\n\tssid="x"\n\t#psk="secretpw"\n\tpsk={PSK}\n}}\n',
        ),
        ("wpa_supplicant-wlan0.conf", 'network={\n\tssid="x"\n\tsae_password="secretpw"\n}\n'),
        ("wpa_supplicant.conf", 'network={\n\tidentity="u"\n\tpassword="secretpw"\n}\n'),
        ("config/wireless", "config wifi-iface\n\toption key 'secretpass'\n"),
        ("system-connections/x.nmconnection", "[wifi-security]\npsk=secretpw\n"),
        ("iwd/x.psk", "[Security]\nPassphrase=secretpw\n"),
        ("ppp/chap-secrets", "# Secrets\nuser\t*\tsecretpw\t*\n"),
    ],
)
def test_clear_passwords_are_found_in_the_files_of_many_programs(
    tmp_path: Path, name: str, text: str
) -> None:
    assert clear_in(tmp_path, name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("httpd.conf", "/cgi-bin:admin:$p$admin\n/x:admin:*\nA:*\nI:index.html\n.au:audio/basic\n"),
        ("lighttpd.user", f"admin:camera:{MD5}\n"),  # an HA1, which CRED-049 names
        ("htpasswd", f"admin:{MD5}\nroot:{{SSHA}}{'A' * 32}\nuser:{DES}\n"),
        ("wpa_supplicant.conf", f'network={{\n\tssid="x"\n\tpsk={PSK}\n}}\n'),
        ("wpa_supplicant.conf", '# psk="an example"\n#psk="very secret"\nnetwork={\n}\n'),
        ("wpa_supplicant.conf", "network={\n\tpassword=hash:aaaa\n}\n"),
        ("config/wireless", f"config wifi-iface\n\toption key '{PSK}'\n"),
        ("ppp/pap-secrets", '# client server secret\n*\t*\t""\t*\n'),
    ],
)
def test_hashed_passwords_and_examples_are_not_clear(tmp_path: Path, name: str, text: str) -> None:
    assert not clear_in(tmp_path, name, text)


@pytest.mark.parametrize(
    ("path", "text", "account", "scheme"),
    [
        ("/etc/shadow", "root:hunter2!!:1:0:9:7:::", "root", "unrecognised"),
        ("/etc/shadow", f"root:$sm3$salt${H43}:1:0:9:7:::", "root", "unrecognised"),
        ("/etc/passwd", "root:hunter2:0:0:root:/:/bin/sh", "root", "unrecognised"),
        ("/etc/lighttpd/webdigest", f"admin:IP:Cam:{MD5}", "admin", "digest-ha1"),
        ("/data/c.xml", f"<userName>eve</userName><password>{MD5}</password>", "eve", "md5-hex"),
        ("/mtd/u.xml", f'<Name>eve</Name><Passwd x="1">\n{MD5}\n</Passwd>', "eve", "md5-hex"),
        ("/etc/config/web", f"\toption name 'eve'\n\toption password '{MD5}'", "eve", "md5-hex"),
        ("/data/nv.bin", f"http_user=admin\0http_passwd={MD5}\0lan=1", "", "md5-hex"),
        (
            "/data/u.json",
            f'{{"user": "a", "pwd": "scrypt:32768:8:1$b${"a" * 128}"}}',
            "a",
            "scrypt",
        ),
    ],
)
def test_stored_forms_of_many_makes_are_recognised_and_judged(
    path: str, text: str, account: str, scheme: str
) -> None:
    (entry,) = entries(path, text.encode())
    stored = entry.described()
    assert (stored.account, stored.scheme) == (account, scheme)
    store = StoredCredentials(place="camera", searched=1, passwords=(stored,))
    with pytest.raises(AssertionError, match=f"as {scheme}"):
        test_stored_hashes.test_stored_passwords_withstand_guessing(
            test_stored_hashes.Stores([store], []), policy.load
        )


@pytest.mark.parametrize(
    "text",
    [
        "eth0:00:11:22:33:44:55",  # as many fields as passwd
        "root:NULL:1:0:9:7:::",
        "daemon:NP:1::::::",
        "root:*:0:0:root:/:/bin/sh",
        "root:x:0:0:root:/:/bin/sh",
    ],
)
def test_no_password_is_no_weak_one(text: str) -> None:
    found = [entry.described().scheme for entry in entries("/etc/passwd", text.encode())]
    assert found in ([], ["locked"])


@pytest.mark.parametrize(
    ("field", "weak"),
    [
        ("NULL", ""),
        (f"$gy$j9T$abcdefghijklmnop${H43}", ""),
        (f"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ${H43}", ""),
        ("$sm3$x$y", "unknown"),
        ("hunter2", "unknown"),
        (DES, "descrypt"),
    ],
)
def test_system_passwords_by_method(field: str, weak: str) -> None:
    shadow = f"root:{field}:1:0:9:7:::\n"
    accounts = DeviceAccounts(accounts=tuple(parse_accounts("root:x:0:0:r:/:/bin/sh\n", shadow)))
    shell: Any = Shell()
    secrets = stored_secrets(shell, ["/etc/hostname"], [("admin", "not-in-there")], [])

    def judge() -> None:
        test_storage.test_passwords_are_not_stored_in_a_readable_form(
            accounts, secrets, policy.load
        )

    if weak:
        with pytest.raises(AssertionError, match=f"'root' is stored as {weak}"):
            judge()
    else:
        judge()


def published(path: str, text: str, password: str = "admin") -> None:
    """CRED-056 on one file, where ``password`` is published for every user."""
    collector = Collector("camera", SecretSearch([]), {})
    collector.take(path, text.encode())
    store = collector.observation([("admin", "1234"), ("admin", password)])
    test_stored_hashes.test_no_stored_password_is_a_published_one(
        test_stored_hashes.Stores([store], [])
    )


def test_published_passwords_open_what_web_servers_keep() -> None:
    ha1 = hashlib.md5(b"admin:camera:admin", usedforsecurity=False).hexdigest()
    salted = base64.b64encode(hashlib.sha1(b"adminsalt").digest() + b"salt").decode()
    made = hashlib.pbkdf2_hmac("sha256", b"admin", b"abc", 1000).hex()
    for path, text in (
        ("/etc/lighttpd/htdigest", f"admin:camera:{ha1}"),
        ("/etc/htpasswd", f"admin:{{SSHA}}{salted}"),
        ("/data/u.json", f'{{"user":"admin","password":"pbkdf2:sha256:1000$abc${made}"}}'),
        ("/etc/shadow", "admin:admin:1:0:9:7:::"),
    ):
        with pytest.raises(AssertionError, match="is published for the user 'admin'"):
            published(path, text)
        published(path, text, "another")


@pytest.mark.parametrize(
    ("stored", "password"),
    [(DES, "xc3511"), ("$apr1$saltsalt$9c0WR0Se3z5lfIgYnltHf1", "admin")],
)
def test_published_passwords_open_what_crypt_makes(stored: str, password: str) -> None:
    if check_of(Entry("", "admin", stored, recognise(stored, bare=True))) is None:
        pytest.skip("this machine has no libcrypt with DES")
    with pytest.raises(AssertionError, match="is published for the user 'admin'"):
        published("/etc/passwd", f"admin:{stored}:0:0:a:/:/bin/sh", password)


@pytest.mark.parametrize(
    "stored",
    [
        "$2b$31$" + "A" * 53,  # two weeks a password
        f"$y$jLT$abcdefghijklmnop${H43}",  # gigabytes
        f"$5$rounds=900000000$salt${H43}",
        "$3$$8846f7eaee8fb117ad06bdd830b7586c",
    ],
)
def test_what_cannot_be_tried_is_no_pass_and_no_hang(stored: str) -> None:
    with pytest.raises(Inconclusive, match="were not tried against camera: /etc/shadow"):
        published("/etc/shadow", f"admin:{stored}:1:0:9:7:::")


def test_a_password_of_ones_own_passes() -> None:
    own = bcrypt.hashpw(b"Quiet-Harbour-7", bcrypt.gensalt(4)).decode()
    published("/etc/shadow", f"admin:{own}:1:0:9:7:::")


@pytest.mark.parametrize(
    "text",
    [
        "<p>Tr0ub4dor&amp;3-&lt;x&gt;</p>",
        "<p>Tr0ub4dor&#38;3-&#60;x&#62;</p>",
        r'{"p": "Tr0ub4dor\u00263-\u003cx\u003e"}',
        r"pass=Tr0ub4dor\&3-\<x\>",
        SECRET.encode().hex(" "),
        SECRET.encode().hex(":").upper(),
        ", ".join(f"0x{byte:02x}" for byte in SECRET.encode()),
        "".join(f"\\x{byte:02x}" for byte in SECRET.encode()),
    ],
)
def test_escaped_and_spelt_out_passwords_are_found(text: str) -> None:
    collector = Collector("camera", SecretSearch([("admin's password", SECRET)]), {})
    collector.take("/data/x", text.encode())
    store = collector.observation([])
    nothing = StoredCredentials(place="image", absent="none")
    request: Any = Given(store)
    case: Any = test_stored_secrets.test_no_password_is_kept_clear_or_reversible
    with pytest.raises(AssertionError, match=re.escape("/data/x holds admin's password")):
        case(request, nothing, nothing, nothing)


def test_old_logs_are_unpacked(tmp_path: Path) -> None:
    log = gzip.compress(b"1 boot\n") + gzip.compress(f"2 login {SECRET}\n".encode() * 9000)
    (tmp_path / "messages.1.gz").write_bytes(log)
    (tmp_path / "broken.gz").write_bytes(log[:40] + bytes(50))
    collector = Collector("camera", SecretSearch([("admin", SECRET)]), {})
    for path in sorted(tmp_path.iterdir()):
        collector.take(path.name, path.read_bytes())
    (found,) = collector.observation([]).secrets
    assert (found.path, found.coding) == ("messages.1.gz:gzip", "clear")
    assert collector.sensitive == {"messages.1.gz": "configuration that holds a password"}
    assert len(inflated(gzip.compress(bytes(9_000_000)), 1000)) == 1000


class Given:
    def __init__(self, store: StoredCredentials) -> None:
        self.store = store

    def getfixturevalue(self, name: str) -> StoredCredentials:
        assert name == "device_stores"
        return self.store
