"""How a bench records: what the device file asks for, what is possible here, and which it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from devices.errors import BenchError
from devices.links.capture.record import Capture
from devices.links.capture.sniffer import Sniffer, permitted

INSIDE = "unshare -Urn sh -c 'ip link set lo up; START-THE-CAMERA & exec camproof run camera.toml'"
"""What puts a run in a network of its own: only cameras that are started inside can be reached."""

_WHAT = {
    "packets": "packets, as the kernel sees them on every interface (AF_PACKET)",
    "namespace": "packets, as the kernel sees them in a network of the run's own (AF_PACKET)",
    "proxy": "what a recording proxy passes on; datagrams at the bench's own sockets",
    "sockets": "the bytes of the bench's own sockets",
}
AnyCapture = TypeVar("AnyCapture", bound=Capture)
_EVERY_ID = 2**32 - 1


@dataclass(frozen=True)
class Method:
    """How captures are taken: ``name`` is a key of the device file's [bench.capture].

    ``why`` says why this one, where the bench had to choose.
    """

    name: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {_WHAT[self.name]}" + (f" ({self.why})" if self.why else "")


def choose(asked: str) -> Method:
    """Return the method to use for the one asked for; raises BenchError when it is not possible.

    ``auto`` takes packets where that is permitted, and else a proxy, which needs nothing.
    """
    if asked in ("proxy", "sockets"):
        return Method(asked)
    possible, inside = permitted(), in_user_namespace()
    if asked == "auto":
        if not possible:
            return Method("proxy", "auto: packets would take CAP_NET_RAW, a proxy takes nothing")
        return Method("namespace" if inside else "packets", "auto: the bench may take packets")
    if asked == "namespace" and not (possible and inside):
        raise BenchError(
            "[bench.capture] asks for a namespace, and this is no user namespace with a network "
            f"of its own: start it as `{INSIDE}`, or `camproof demo --capture namespace`"
        )
    if not possible:
        raise BenchError(
            "[bench.capture] asks for packets, which takes CAP_NET_RAW: run as root, or with a "
            f"camera that is started inside a namespace (`{INSIDE}`), or use method = "
            '"proxy" or "auto"'
        )
    return Method(asked)


def in_user_namespace(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Whether this process is in another user namespace than the machine's first one."""
    try:
        words = uid_map.read_text("ascii").split()
    except OSError:
        return False
    return words != ["0", "0", str(_EVERY_ID)]


class Captures:
    """Makes captures of one camera by one method, as long as ``stack`` is open.

    ``address`` gives the IP address that packets are taken of. Raises BenchError.
    """

    def __init__(self, asked: str, address: Callable[[], str], stack: ExitStack) -> None:
        self.method = choose(asked)
        self._sniffer: Sniffer | None = None
        if self.method.name in ("packets", "namespace"):
            self._sniffer = stack.enter_context(Sniffer(address(), str(self.method)))

    def new(self, kind: type[AnyCapture]) -> AnyCapture:
        """A capture of one exchange."""
        return kind(self._sniffer, proxied=self.method.name == "proxy")


def beside(asked: str) -> Capture:
    """A capture for what no verdict cites frames of: by the proxy where one is used, else own."""
    proxied = asked == "proxy" or (asked == "auto" and not permitted())
    return Capture(proxied=proxied)
