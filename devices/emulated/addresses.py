"""Where an emulated camera lives: a loopback address of its own, with fixed unprivileged ports.

Linux answers on the whole of 127.0.0.0/8, so several cameras run side by side with the same
ports. Where only 127.0.0.1 exists, one camera runs at a time.
"""

from __future__ import annotations

import fcntl
import random
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TUNNEL_PORT = 8000
"""TCP port of a tunnel without TLS, opened by a fault only."""

PORTS = {"https": 8443, "http": 8080, "rtsps": 8322, "rtsp": 8554, "ssh": 2222}
"""The services' TCP ports; ``rtsp`` is opened by a fault only."""


RTP_PORTS = range(20000, 20400)
"""UDP ports that streams are sent from, each session an even one and the next."""


GATEWAY_PORT, RESOLVER_PORT = 7443, 7053
"""Where the bench's gateway and name server listen, on an address beside the camera's."""


def gateway_of(address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return where the router and the name server of a camera are: addresses and ports.

    The address is the camera's own with the first bit of its second byte changed, so that no two
    cameras share one and the camera's own ports stay its own.
    """
    first, second, *rest = address.split(".")
    host = ".".join((first, str(int(second) ^ 0x80), *rest))
    return (host, GATEWAY_PORT), (host, RESOLVER_PORT)


class NoAddress(Exception):
    """No loopback address is free for an emulated camera."""


@contextmanager
def reserved_address(wanted: str | None = None) -> Iterator[str]:
    """Reserve a loopback address for one camera until the context ends.

    ``wanted`` asks for this one. Raises NoAddress when it, or every candidate, is taken.
    """
    folder = Path(tempfile.gettempdir()) / "camproof-addresses"
    folder.mkdir(mode=0o777, exist_ok=True)
    for address in _candidates(wanted):
        lock = (folder / address).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if _is_free(address):
            try:
                yield address
            finally:
                lock.close()
            return
        lock.close()
    raise NoAddress(
        f"{wanted or 'no loopback address'} is not free for an emulated camera: its ports "
        f"{', '.join(map(str, PORTS.values()))} are in use; stop the other camera, or choose "
        "another address with --address"
    )


def _candidates(wanted: str | None) -> Iterator[str]:
    if wanted is not None:
        yield wanted
    elif sys.platform != "linux":
        yield "127.0.0.1"
    else:
        pick = random.SystemRandom()
        for _ in range(64):
            yield f"127.{pick.randint(64, 127)}.{pick.randint(0, 255)}.{pick.randint(2, 254)}"


def _is_free(address: str) -> bool:
    for port in PORTS.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def host_listeners() -> tuple[list[int], list[int]]:
    """TCP and UDP ports on which this machine itself listens on every address.

    They answer on the camera's address too and belong to the bench, not to the camera. Empty
    where the system does not tell (no /proc/net).
    """
    return _wildcard_ports("tcp", "0A"), _wildcard_ports("udp", "07")


def _wildcard_ports(protocol: str, state: str) -> list[int]:
    ports: set[int] = set()
    for name in (protocol, f"{protocol}6"):
        try:
            rows = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            _, local, _, row_state, *_ = row.split()
            address, _, port = local.rpartition(":")
            if row_state == state and int(address, 16) == 0:
                ports.add(int(port, 16))
    return sorted(ports)
