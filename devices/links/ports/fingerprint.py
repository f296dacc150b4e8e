"""Naming the protocol behind an open TCP port, by what it says and not by its number.

Read-only: it waits for a greeting, then tries TLS, RTSP OPTIONS, HTTP GET and two keep-alives,
each on a connection of its own. No login and no command is sent. The probes and the patterns are
data (fingerprints.toml).
"""

from __future__ import annotations

import re
import socket
import ssl
import time
import tomllib
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

UNKNOWN = "unknown"
_DATA = Path(__file__).with_name("fingerprints.toml")
_GREETING_BYTES = 1024
_PAUSE = 0.5  # s of silence after which a greeting is over: banners and prompts come apart
_WHOLE = 3.0  # s beyond the first byte's that a greeting may take: some never end
_UNNAMED = "everything"  # what had been sent when no probe drew an answer that has a name


@dataclass(frozen=True)
class Patience:
    """Seconds: to ``connect``, for a ``greeting``, for the ``answer`` to a probe.

    ``late`` is for the greeting of a port that has said nothing to any probe: a telnet server that
    looks up its client's name first greets after seconds.
    """

    connect: float = 3.0
    greeting: float = 0.5
    answer: float = 1.0
    late: float = 4.0


@dataclass(frozen=True)
class NamedService:
    """What one open port turned out to be.

    ``protocol``: https, http, rtsps, rtsp, ssh, telnet, ftp, console, tls (TLS around something
    unnamed), ... or ``unknown``. ``words``: the first bytes that named it, printable. ``error``:
    why it could not be asked, else empty.
    """

    port: int
    protocol: str
    words: str = ""
    error: str = ""


@dataclass(frozen=True)
class _Pattern:
    protocol: str
    match: re.Pattern[str]
    after: str | None


@dataclass(frozen=True)
class _Knowledge:
    probes: tuple[tuple[str, bytes], ...]
    patterns: tuple[_Pattern, ...]


def name_services(
    address: str,
    ports: Iterable[int],
    *,
    passive: frozenset[int] = frozenset(),
    parallel: int = 4,
    patience: Patience | None = None,
) -> list[NamedService]:
    """Name every port, ``parallel`` at a time; to ports in ``passive`` nothing is sent."""
    limits = patience or Patience()

    def name(port: int) -> NamedService:
        return name_service(address, port, passive=port in passive, patience=limits)

    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="fingerprint") as pool:
        return list(pool.map(name, ports))


def name_service(
    address: str, port: int, *, passive: bool = False, patience: Patience
) -> NamedService:
    """Name one port; never raises for what the port does."""
    try:
        with _connect(address, port, patience) as sock:
            greeting = _read(sock, patience.late if passive else patience.greeting)
    except OSError as error:
        return NamedService(port, UNKNOWN, error=str(error))
    protocol = identify(greeting, "")
    if protocol or passive or greeting:
        return NamedService(port, protocol or UNKNOWN, printable(greeting))
    named = _by_tls(address, port, patience) or _by_probes(address, port, patience)
    silent = named.protocol == UNKNOWN and not named.words
    return _by_late_greeting(address, port, patience) if silent else named


def identify(data: bytes, after: str) -> str:
    """The protocol that ``data`` shows, or an empty text.

    ``after`` is the name of the probe that drew the answer; empty for a greeting.
    """
    text = data.decode("latin-1")
    for pattern in _knowledge().patterns:
        if pattern.after in (None, after) and text and pattern.match.match(text):
            return pattern.protocol
    return ""


def printable(data: bytes, limit: int = 160) -> str:
    """The bytes as one line of ASCII, with what is not printable escaped."""
    return data[:limit].decode("latin-1").encode("unicode_escape").decode("ascii")


def _by_late_greeting(address: str, port: int, patience: Patience) -> NamedService:
    greeting = b""
    try:
        with _connect(address, port, patience) as sock:
            greeting = _read(sock, patience.late)
    except OSError:
        pass  # it could be asked before, and said nothing
    return NamedService(port, identify(greeting, "") or UNKNOWN, printable(greeting))


_SLOWER = 4.0
"""How many times as long an answer inside TLS is waited for, once TLS was spoken and no more."""


def _by_tls(address: str, port: int, patience: Patience) -> NamedService | None:
    """What is spoken inside TLS; None where TLS is not."""
    spoke_tls = False
    for seconds in (patience.answer, _SLOWER * patience.answer):
        for probe, payload in _knowledge().probes[:2]:  # the two that are spoken inside TLS
            try:
                with _connect(address, port, patience) as plain:
                    spoke, answer = _ask_inside(plain, probe, payload, seconds)
            except OSError:
                spoke, answer = False, b""
            spoke_tls = spoke_tls or spoke
            if named := identify(answer, probe):
                name = {"rtsp": "rtsps", "http": "https"}.get(named, f"tls+{named}")
                return NamedService(port, name, printable(answer))
            if not spoke_tls:
                return None
    return NamedService(port, "tls")


def _ask_inside(
    plain: socket.socket, probe: str, payload: bytes, seconds: float
) -> tuple[bool, bytes]:
    """Whether TLS is spoken on a connection, and the answer to ``payload`` inside it."""
    plain.settimeout(seconds)
    spoke = False
    try:
        with _tls_context().wrap_socket(plain, suppress_ragged_eofs=True) as sock:
            spoke = True
            sock.sendall(payload)
            return spoke, _read(sock, seconds, probe)
    except ssl.SSLError as error:
        # An alert is TLS too (a client certificate is asked for, no common version).
        return spoke or "ALERT" in (error.reason or ""), b""
    except OSError:
        return spoke, b""


def _by_probes(address: str, port: int, patience: Patience) -> NamedService:
    heard = b""
    for probe, payload in _knowledge().probes:
        try:
            with _connect(address, port, patience) as sock:
                sock.settimeout(patience.answer)
                sock.sendall(payload)
                answer = _read(sock, patience.answer, probe)
        except OSError:
            continue
        if named := identify(answer, probe):
            return NamedService(port, named, printable(answer))
        heard = heard or answer
    return NamedService(port, identify(heard, _UNNAMED) or UNKNOWN, printable(heard))


def _connect(address: str, port: int, patience: Patience) -> socket.socket:
    return socket.create_connection((address, port), timeout=patience.connect)


def _read(sock: socket.socket, seconds: float, after: str = "") -> bytes:
    """What begins to arrive within ``seconds``, until it pauses, ends or is named; at most 1 KiB.

    ``after`` is the probe that it answers. A line alone does not end it: a telnet server sends its
    banner and its prompt apart.
    """
    data = b""
    end = time.monotonic() + seconds + _WHOLE
    sock.settimeout(seconds)
    while len(data) < _GREETING_BYTES and time.monotonic() < end:
        if data.endswith(b"\n") and identify(data, after):
            break
        try:
            more = sock.recv(_GREETING_BYTES - len(data))
        except (TimeoutError, ConnectionResetError, ssl.SSLError):
            break
        if not more:
            break
        data += more
        sock.settimeout(_PAUSE)
    return data


def _tls_context() -> ssl.SSLContext:
    """As tolerant as the TLS library allows: it is to name the service, not to judge it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


@cache
def _knowledge() -> _Knowledge:
    rows = tomllib.loads(_DATA.read_text("utf-8"))
    probes = tuple(
        (row["name"], bytes.fromhex(row["hex"]) if "hex" in row else row["text"].encode())
        for row in rows["probe"]
    )
    patterns = tuple(
        _Pattern(row["protocol"], re.compile(row["match"], re.DOTALL), row.get("after"))
        for row in rows["pattern"]
    )
    return _Knowledge(probes, patterns)
