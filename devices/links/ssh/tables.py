"""Parsers of what an embedded Linux prints: sockets, processes, accounts, keys.

Pure functions of text. They take what BusyBox, procps, net-tools and iproute2 print, leave out
lines that are none of it, and raise Garbled when nothing of the expected form is there at all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import struct
from dataclasses import dataclass

from devices.errors import Garbled
from devices.protocols.password_hashes import NO_PASSWORD

_TCP_LISTEN, _UDP_UNCONNECTED = "0A", "07"  # include/net/tcp_states.h


@dataclass(frozen=True)
class ListeningSocket:
    """A TCP socket that listens, or a UDP socket without a peer.

    ``address`` is the local IP address, ``0.0.0.0`` or ``::`` for all; ``program`` its process
    name where the source tells, else empty.
    """

    transport: str
    address: str
    port: int
    program: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether only the device itself can reach it."""
        return self.address in ("127.0.0.1", "::1")


@dataclass(frozen=True)
class ProcessRow:
    """One process: its id, its user (name or number, empty when unknown), its command line."""

    pid: int
    user: str
    command: str


@dataclass(frozen=True)
class SystemAccount:
    """One row of ``/etc/passwd`` with what ``/etc/shadow`` says.

    ``scheme`` names how the password is stored: ``locked``, ``empty``, ``descrypt``, ``md5-crypt``,
    ``bcrypt``, ``sha256-crypt``, ``sha512-crypt``, ``yescrypt``, ``scrypt``, ``unknown``, or
    ``unread`` when the shadow file could not be read. The hash itself is not kept.
    """

    name: str
    uid: int
    home: str
    shell: str
    scheme: str

    @property
    def has_shell(self) -> bool:
        """Whether the shell lets a user work."""
        return self.shell.rpartition("/")[2] not in ("nologin", "false", "sync", "halt", "shutdown")


@dataclass(frozen=True)
class AuthorizedKey:
    """One key of an ``authorized_keys`` file."""

    path: str
    algorithm: str
    fingerprint: str
    comment: str = ""


def parse_proc_net(text: str, transport: str) -> list[ListeningSocket]:
    """Parse ``/proc/net/{tcp,tcp6,udp,udp6}``; ``transport`` is ``tcp`` or ``udp``.

    Raises Garbled when the header is missing or a row is malformed.
    """
    lines = text.splitlines()
    if not lines or "local_address" not in lines[0]:
        raise Garbled("not a /proc/net socket table")
    wanted = _TCP_LISTEN if transport == "tcp" else _UDP_UNCONNECTED
    found = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) < 4:
            raise Garbled(f"a row of /proc/net/{transport} is cut short: {line[:80]!r}")
        address, port = _proc_address(fields[1])
        _, remote_port = _proc_address(fields[2])
        if fields[3].upper() == wanted and remote_port == 0:
            found.append(ListeningSocket(transport, address, port))
    return found


def _proc_address(text: str) -> tuple[str, int]:
    """``0100007F:1F90`` -> (``127.0.0.1``, 8080); each 32-bit word is in the host's byte order."""
    host, _, port = text.partition(":")
    try:
        raw, number = bytes.fromhex(host), int(port, 16)
    except ValueError:
        raise Garbled(f"not a socket address of /proc/net: {text[:60]!r}") from None
    if len(raw) not in (4, 16) or not 0 <= number <= 0xFFFF:
        raise Garbled(f"not a socket address of /proc/net: {text[:60]!r}")
    # Cameras are little-endian; a big-endian one writes loopback as 7F000001, and all-zero alike.
    words = struct.unpack(f"<{len(raw) // 4}I", raw)
    address = ipaddress.ip_address(struct.pack(f">{len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), number


_NETSTAT = re.compile(
    r"^(?P<transport>tcp|udp)6?\s+(?:\S+\s+)??\d+\s+\d+\s+(?P<local>\S+):(?P<port>\d+)\s+"
    r"(?P<remote>\S+:(?:\*|\d+))\s*(?P<rest>.*)$"
)
_SS = re.compile(
    r"^(?P<transport>tcp|udp)\s+(?P<state>LISTEN|UNCONN)\s+\d+\s+\d+\s+"
    r"(?P<local>\S+):(?P<port>\d+)\s+(?P<remote>\S+)\s*(?P<rest>.*)$"
)


def parse_netstat(text: str) -> list[ListeningSocket]:
    """Parse ``netstat -ltunp`` of BusyBox or net-tools, or ``ss -ltunp`` of iproute2.

    Raises Garbled when no header of either is there.
    """
    if not re.search(r"Local Address|Netid|Recv-Q", text):
        raise Garbled("neither netstat nor ss printed this")
    found = []
    for line in text.splitlines():
        match = _SS.match(line) or _NETSTAT.match(line)
        if match is None or int(match["port"]) > 0xFFFF:
            continue
        rest = match["rest"]
        if match["transport"] == "tcp" and match.re is _NETSTAT and "LISTEN" not in rest:
            continue
        if not re.search(r":\*$|:0$", match["remote"]):
            continue
        program = re.search(r'\d+/([^\s,"]+)|\(\("([^"]+)"', rest)
        name = (program[1] or program[2]) if program else ""
        address = match["local"].strip("[]").partition("%")[0].replace("*", "0.0.0.0")  # noqa: S104
        found.append(ListeningSocket(match["transport"], address, int(match["port"]), name))
    return found


def parse_ps(text: str) -> list[ProcessRow]:
    """Parse ``ps`` of BusyBox or procps by its header. Raises Garbled when there is no header."""
    lines = text.splitlines()
    titles = lines[0].split() if lines else []
    command = next((t for t in ("COMMAND", "CMD", "ARGS") if t in titles), "")
    if "PID" not in titles or not command:
        raise Garbled("not a process table: no PID and COMMAND titles")
    pid_at, command_at = titles.index("PID"), titles.index(command)
    user_at = next((titles.index(t) for t in ("USER", "UID") if t in titles), None)
    rows = []
    for line in lines[1:]:
        fields = line.split(None, command_at)
        if len(fields) <= command_at:
            # BusyBox leaves the VSZ of kernel threads empty: the command is then one field earlier.
            fields = line.split(None, command_at - 1)
        if len(fields) > max(pid_at, user_at or 0) and re.fullmatch(r"[0-9]{1,10}", fields[pid_at]):
            user = fields[user_at] if user_at is not None else ""
            rows.append(ProcessRow(int(fields[pid_at]), user, fields[-1].strip()))
    if not rows:
        raise Garbled("a process table without processes")
    return rows


def parse_accounts(passwd: str, shadow: str | None) -> list[SystemAccount]:
    """Parse ``/etc/passwd`` and ``/etc/shadow`` (None when it could not be read).

    Raises Garbled when passwd holds no account.
    """
    stored = {}
    for line in (shadow or "").splitlines():
        name, separator, rest = line.partition(":")
        if separator:
            stored[name] = rest.partition(":")[0]
    accounts = []
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) != 7 or not re.fullmatch(r"\d{1,10}", fields[2], re.ASCII):
            continue
        name, password, uid, _, _, home, shell = fields
        if password == "x":  # noqa: S105 - the mark that the password stands in shadow
            scheme = "unread" if shadow is None else password_scheme(stored.get(name, "!"))
        else:
            scheme = password_scheme(password)
        accounts.append(SystemAccount(name, int(uid), home, shell or "/bin/sh", scheme))
    if not accounts:
        raise Garbled("/etc/passwd holds no account")
    return accounts


_SCHEMES = (
    (r"\$1\$", "md5-crypt"),
    (r"\$2[abxy]?\$", "bcrypt"),
    (r"\$5\$", "sha256-crypt"),
    (r"\$6\$", "sha512-crypt"),
    (r"\$7\$", "scrypt"),
    (r"\$g?y\$", "yescrypt"),
    (r"\$argon2id\$", "argon2id"),
    (r"_[./0-9A-Za-z]{19}\Z", "bsdi-crypt"),
    (r"[./0-9A-Za-z]{13}\Z", "descrypt"),
)


def password_scheme(field: str) -> str:
    """The scheme of a shadow password field, as crypt(5) names it; see :class:`SystemAccount`."""
    if not field:
        return "empty"
    if field.startswith(("*", "!")) or field == "x" or field in NO_PASSWORD:
        return "locked"
    return next((name for pattern, name in _SCHEMES if re.match(pattern, field)), "unknown")


def parse_authorized_keys(path: str, text: str) -> list[AuthorizedKey]:
    """Parse an ``authorized_keys`` file (sshd(8)); lines that hold no key are left out."""
    found = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        match = re.search(
            r"(?:^|\s)((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w.@-]+)\s+([A-Za-z0-9+/=]{20,})\s*(.*)$",
            line,
        )
        if match is None:
            continue
        try:
            blob = base64.b64decode(match[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        found.append(AuthorizedKey(path, match[1], f"SHA256:{digest}", match[3].strip()[:80]))
    return found
