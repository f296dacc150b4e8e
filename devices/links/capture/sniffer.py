"""Packets as the kernel saw them, by AF_PACKET: for root, or inside a user namespace.

Only packets from and to one address are taken, and none is sent.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from devices.errors import BenchError

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of packets that one sniffer keeps."""

_ALL = 3  # ETH_P_ALL, linux/if_ether.h
_OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h: on loopback each packet comes back, too
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, asm-generic/socket.h
_ROOM = 8 * 1024 * 1024  # bytes of the kernel's queue
_LONGEST = 65_600
_POLL = 0.05  # s


def permitted() -> bool:
    """Whether packets may be taken here."""
    try:
        _open().close()
    except OSError:
        return False
    return True


def _open() -> socket.socket:
    # SOCK_DGRAM: without the link's own header, so that any interface gives IP packets.
    return socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))


class Sniffer:
    """Takes the packets of one host while its ``with`` block lasts. Raises BenchError."""

    def __init__(
        self, address: str, description: str = "packets: seen by AF_PACKET on every interface"
    ) -> None:
        self.description = description
        self._address = ipaddress.ip_address(address)
        self._packets: list[tuple[float, bytes]] = []
        self._kept = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._idle = threading.Condition()
        self._turns = 0

    def __enter__(self) -> Self:
        try:
            self._socket = _open()
        except OSError as error:
            raise BenchError(f"packets take CAP_NET_RAW: {error.strerror}") from error
        if self._address.version == 4:
            _attach(self._socket, host_filter(self._address.packed))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._socket.settimeout(_POLL)
        self._thread = threading.Thread(target=self._take, name="sniffer", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def packets(self) -> list[tuple[float, bytes]]:
        """What was seen until now: Unix time in seconds, and the packet from its IP header on."""
        with self._idle:  # the queue has been empty since we began to wait
            wanted = self._turns + 1
            self._idle.wait_for(lambda: self._turns >= wanted or self._ended.is_set(), 2)
        with self._lock:
            return list(self._packets)

    def _take(self) -> None:
        while not self._ended.is_set():
            try:
                data, where = self._socket.recvfrom(_LONGEST)
            except TimeoutError:
                with self._idle:
                    self._turns += 1
                    self._idle.notify_all()
                continue
            except OSError:  # an interface went down
                continue
            if where[2] == _OUTGOING and where[0] == "lo":
                continue
            if self._concerns(data):
                self._keep(data)

    def _keep(self, data: bytes) -> None:
        with self._lock:
            if self._kept + len(data) <= MAX_BYTES:
                self._kept += len(data)
                self._packets.append((time.time(), data))

    def _concerns(self, data: bytes) -> bool:
        own = self._address.packed
        first, second, end = (12, 16, 20) if self._address.version == 4 else (8, 24, 40)
        if len(data) < end or data[0] >> 4 != self._address.version:
            return False
        return own in (data[first : first + len(own)], data[second : second + len(own)])


def host_filter(address: bytes) -> bytes:
    """Return a classic BPF program that lets IPv4 packets from and to an address through."""
    word = int.from_bytes(address, "big")
    load, equal, end = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    program = [
        (load, 0, 0, 12),  # the source address
        (equal, 2, 0, word),
        (load, 0, 0, 16),  # the target address
        (equal, 0, 1, word),
        (end, 0, 0, _LONGEST),
        (end, 0, 0, 0),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in program)


def _attach(receiver: socket.socket, program: bytes) -> None:
    held = ctypes.create_string_buffer(program)
    header = struct.pack("HL", len(program) // 8, ctypes.addressof(held))
    receiver.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, header)
