"""Where files keep passwords: rows of account files, keys of a configuration, tables. Sans-io.

Files of passwd(5), shadow(5), htpasswd(1), htdigest(1) and smbpasswd(5), JSON, XML, UCI and
``key=value`` texts (NVRAM), SQLite, and the modular forms of crypt(5) wherever they stand in a
file that is no program. Nothing of a stored form but its method and fingerprints leaves this
module.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from devices.identity.credential_settings import settings
from devices.protocols.password_hashes import NO_PASSWORD, PasswordHash, fingerprint, recognise

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
    """A stored form itself, never to be recorded: file, account and text; ``realm`` of an HA1."""

    path: str
    account: str
    text: str
    hash: PasswordHash | None
    realm: str = ""

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
    for account, stored, hashed in settings(text):
        yield Entry(path, account, stored, hashed)
    for match in _ANYWHERE.finditer(text):
        if (form := recognise(match[0])) is not None:
            yield Entry(path, "", match[0], form)


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
    if 3 <= len(fields) <= 5 and re.fullmatch(r"(?i)(?:[0-9a-f]{32}|[0-9a-f]{64})", fields[-1]):
        scheme = "digest-ha1" if len(fields[-1]) == 32 else "digest-ha1-sha256"
        realm = ":".join(fields[1:-1])
        yield Entry(path, name, fields[-1], PasswordHash(scheme), realm)
    elif len(fields) >= 5 and fields[4].startswith("["):  # smbpasswd(5)
        for text, scheme in ((fields[2], "lm"), (fields[3], "nt")):
            if re.fullmatch(r"[0-9A-Fa-f]{32}", text):
                yield Entry(path, name, text, PasswordHash(scheme))
    elif len(fields) in (7, 9, 10):
        yield from _system_row(path, fields)
    elif (hashed := recognise(stored, bare=bool(_PASSWORD_FILE.search(path)))) is not None:
        yield Entry(path, name, stored, hashed)


def _system_row(path: str, fields: list[str]) -> Iterator[Entry]:
    name, stored = fields[:2]
    if stored == "x":
        return
    locked = stored.startswith(("*", "!")) or stored in NO_PASSWORD
    hashed = recognise(stored, bare=True)
    if hashed is None and stored and not locked and _of_the_system(fields):
        hashed = PasswordHash("unrecognised")  # clear, or of a method that nobody knows
    if hashed is not None or locked or not stored:
        yield Entry(path, name, stored, hashed)


def _of_the_system(fields: list[str]) -> bool:
    """Whether a row is one of passwd(5) or shadow(5), and not merely of as many fields."""
    if len(fields) == 7:
        return fields[2].isdigit() and fields[3].isdigit() and fields[5].startswith("/")
    return len(fields) == 9 and all(not days or days.isdigit() for days in fields[2:])


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
