"""Where files keep passwords: rows of account files, keys of a configuration, tables. Sans-io.

Files of passwd(5), shadow(5), htpasswd(1), htdigest(1) and smbpasswd(5), JSON and ``key=value``
texts (NVRAM), SQLite, and the modular forms of crypt(5) wherever they stand in a file that is no
program. Nothing of a stored form but its method and fingerprints leaves this module.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from devices.protocols.password_hashes import PasswordHash, fingerprint, recognise

MAX_ROWS = 2000
_LARGEST_TEXT = 4_000_000
_PASSWORD_FILE = re.compile(r"(?i)passwd|shadow|\.ht|lighttpd[^/]*user|users?$")
_ACCOUNT_FILE = re.compile(r"(?i)passwd|shadow|users?\b|htdigest|digest|auth|\.ht|account|login")


@dataclass(frozen=True)
class StoredPassword:
    """One password as a file keeps it: who reads this does not learn its stored form.

    ``scheme`` as ``recognise`` names it, or ``locked`` or ``empty``. ``salt`` and ``form`` are
    fingerprints, ``salt`` empty where the form has none.
    """

    path: str
    account: str
    scheme: str
    cost: dict[str, int] = field(default_factory=dict)
    salt: str = ""
    form: str = ""


@dataclass(frozen=True)
class Entry:
    """A stored form itself, never to be recorded: file, account and text."""

    path: str
    account: str
    text: str
    hash: PasswordHash | None

    def described(self) -> StoredPassword:
        """What may be recorded of it."""
        if self.hash is None:
            return StoredPassword(self.path, self.account, "locked" if self.text else "empty")
        return StoredPassword(
            self.path,
            self.account,
            self.hash.scheme,
            dict(self.hash.cost),
            fingerprint(self.hash.salt) if self.hash.salt else "",
            fingerprint(self.text),
        )


def entries(path: str, data: bytes) -> list[Entry]:
    """Every stored password of a file, each once; programs (ELF) hold test vectors and are none."""
    if data.startswith(b"\x7fELF") or not data:
        return []
    found: dict[tuple[str, str], Entry] = {}
    for entry in _all(path, data):
        if len(found) >= MAX_ROWS:
            break
        named = any(text == entry.text for _, text in found) and not entry.account
        if not (named and entry.hash is not None):
            found.setdefault((entry.account, entry.text), entry)
    return list(found.values())


def _all(path: str, data: bytes) -> Iterator[Entry]:
    if data.startswith(b"SQLite format 3\0"):
        yield from _tables(path, data)
    text = data[:_LARGEST_TEXT].decode("utf-8", "replace")
    if _ACCOUNT_FILE.search(path):
        for line in text.splitlines():
            yield from _row(path, line)
    yield from _settings(path, text)
    for match in _ANYWHERE.finditer(text):
        if (hashed := recognise(match[0])) is not None:
            yield Entry(path, "", match[0], hashed)


_ANYWHERE = re.compile(
    r"\$(?:1|apr1|md5|2[abxy]?|3|5|6|7|g?y|argon2(?:id|i|d)|scrypt|pbkdf2[-\w]*)"
    r"\$[./0-9A-Za-z$,=+_-]{20,400}"
)
_NAME = re.compile(r"[A-Za-z_][\w.@$-]{0,63}", re.ASCII)


def _row(path: str, line: str) -> Iterator[Entry]:
    """One line of an account file; a passwd row that says ``x`` has its password elsewhere."""
    fields = line.strip().split(":")
    if len(fields) < 2 or not _NAME.fullmatch(fields[0]):
        return
    name, stored = fields[0], fields[1]
    if len(fields) == 3 and re.fullmatch(r"(?i)(?:[0-9a-f]{32}|[0-9a-f]{64})", fields[2]):
        scheme = "digest-ha1" if len(fields[2]) == 32 else "digest-ha1-sha256"
        yield Entry(path, name, fields[2], PasswordHash(scheme))
    elif len(fields) >= 5 and fields[4].startswith("["):  # smbpasswd(5)
        for text, scheme in ((fields[2], "lm"), (fields[3], "nt")):
            if re.fullmatch(r"[0-9A-Fa-f]{32}", text):
                yield Entry(path, name, text, PasswordHash(scheme))
    elif len(fields) in (7, 9, 10):
        locked = stored.startswith(("*", "!")) or stored in ("LK", "NP")
        if stored != "x":
            hashed = recognise(stored, bare=True)
            if hashed is not None or locked or not stored:
                yield Entry(path, name, stored, hashed)
    elif (hashed := recognise(stored, bare=bool(_PASSWORD_FILE.search(path)))) is not None:
        yield Entry(path, name, stored, hashed)


_SETTING = re.compile(
    r"(?i)[\"']?\b(?P<key>\w{0,40}(?:passw(?:or)?d|passwd|pass|pwd|passphrase)\w{0,24})[\"']?"
    r"[ \t]*[:=][ \t]*[\"']?(?P<value>[^\s\0\"',;&<>]{8,512})"
)
_ITERATIONS = re.compile(r"(?i)[\"']?\b(?:iterations?|rounds|iter)[\"']?\s*[:=]\s*[\"']?(\d{1,9})")
_SALT = re.compile(r"(?i)[\"']?\b\w*salt[\"']?\s*[:=]\s*[\"']?([^\s\"',;&<>]{2,128})")
_AROUND = 240


def _settings(path: str, text: str) -> Iterator[Entry]:
    """``key: value`` and ``key=value`` where the key says that it is a password's."""
    for match in _SETTING.finditer(text):
        value = match["value"]
        hashed = recognise(value)
        if hashed is None and re.fullmatch(r"[0-9A-Fa-f]+", value):
            hashed = recognise(value, bare=True)
            if hashed is not None:
                around = text[max(0, match.start() - _AROUND) : match.end() + _AROUND]
                hashed = _beside(hashed, around)
        if hashed is not None:
            yield Entry(path, _user_before(text, match.start()), value, hashed)


def _beside(hashed: PasswordHash, around: str) -> PasswordHash:
    """Hexadecimal digits with a salt or a number of iterations in the neighbouring keys."""
    salt = _SALT.search(around)
    base = hashed.scheme.removesuffix("-hex")
    if rounds := _ITERATIONS.search(around):
        named = re.search(r"(?i)sha-?(1|224|256|384|512)\b", around)
        digest = f"sha{named[1]}" if named else base
        cost = {"iterations": int(rounds[1])}
        return PasswordHash(f"pbkdf2-{digest}", cost, salt[1] if salt else "")
    return PasswordHash(f"{base}-salted", {}, salt[1]) if salt else hashed


_USER = re.compile(
    r"(?i)[\"']?\b(?:user(?:_?name)?|name|login|account)[\"']?\s*[:=]\s*[\"']?([\w.@-]+)"
)


def _user_before(text: str, position: int) -> str:
    named = _USER.findall(text[max(0, position - _AROUND) : position])
    return named[-1][:64] if named else ""


def _tables(path: str, data: bytes) -> Iterator[Entry]:
    """Columns of a SQLite file whose names say that they keep passwords; a broken file has none."""
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(data)
            yield from list(_columns(path, database))
    except (sqlite3.Error, OverflowError, MemoryError):
        return


def _columns(path: str, database: sqlite3.Connection) -> Iterator[Entry]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
    for (table,) in tables[:64]:
        quoted = '"' + str(table).replace('"', '""') + '"'
        columns = [str(row[1]) for row in database.execute(f"PRAGMA table_info({quoted})")]
        named = next((c for c in columns if re.search(r"(?i)user|name|login", c)), None)
        for column in columns:
            if re.search(r"(?i)pass|pwd|hash", column):
                yield from _cells(path, database, quoted, column, named)


def _cells(
    path: str, database: sqlite3.Connection, table: str, column: str, named: str | None
) -> Iterator[Entry]:
    wanted = ", ".join('"' + c.replace('"', '""') + '"' for c in (column, named or column))
    query = f"SELECT {wanted} FROM {table} LIMIT {MAX_ROWS}"  # noqa: S608 - names of this very file
    for value, name in database.execute(query):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        if (hashed := recognise(text, bare=True)) is not None:
            yield Entry(path, str(name)[:64] if named else "", text, hashed)


def is_private_key(path: str, data: bytes) -> bool:
    """Whether a file holds a private key: PEM, OpenSSH's, dropbear's or a PuTTY file."""
    if re.search(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----", data[:65536]):
        return True
    dropbear = re.match(rb"\0\0\0[\x07-\x13](?:ssh-rsa|ssh-dss|ssh-ed25519|ecdsa-sha2-)", data)
    name = PurePosixPath(path).name
    public = name.endswith(".pub") or b"PuTTY-User-Key-File" in data[:64]
    return bool(dropbear and not name.endswith(".pub")) or (public and b"Private-Lines" in data)
