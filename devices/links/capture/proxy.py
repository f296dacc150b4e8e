"""A recording proxy: what a program of somebody else says to a camera, kept without privileges.

It passes bytes on unchanged, TLS included, and looks into none.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devices.errors import Unreachable
from devices.links.capture.frames import Flow
from devices.links.capture.record import Capture
from devices.links.capture.relay import STALL, relay

_CHUNK = 64 * 1024
_POLL = 0.1  # s


class RecordingProxy:
    """Listens on ``local`` (address, port; port 0: a free one) and leads to ``target``.

    ``datagrams``: UDP, each client address with a socket of its own. The target is a permitted IP
    address. In the capture the flows lead from the proxy to the target.
    """

    def __init__(
        self,
        target: tuple[str, int],
        capture: Capture,
        *,
        local: tuple[str, int] = ("127.0.0.1", 0),
        datagrams: bool = False,
    ) -> None:
        self._target = target
        self._capture = capture
        self._datagrams = datagrams
        self._family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        self._listener = socket.socket(socket.AF_INET6 if ":" in local[0] else socket.AF_INET, kind)
        try:
            self._listener.bind(local)
            if not datagrams:
                self._listener.listen()
        except OSError as error:
            self._listener.close()
            raise Unreachable(f"the proxy cannot listen on {local[0]}: {error.strerror}") from error
        self._listener.settimeout(_POLL)
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where programs connect to instead of the target."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def __enter__(self) -> Self:
        self._begin(self._pass_datagrams if self._datagrams else self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                continue
            self._begin(self._pass_stream, client)

    def _pass_stream(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self._target, timeout=STALL) as camera,
        ):
            client.settimeout(STALL)
            flow = Flow(camera.getsockname()[:2], self._target)
            relay(client, camera, flow, self._capture.tcp, ended=self._ended.is_set)

    def _pass_datagrams(self) -> None:
        own: dict[tuple[str, int], socket.socket] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ, None)
            while not self._ended.is_set():
                for key, _ in selector.select(_POLL):
                    with contextlib.suppress(OSError):
                        self._pass_datagram(key.data, own, selector)
        for each in own.values():
            each.close()

    def _pass_datagram(
        self,
        client: tuple[str, int] | None,
        own: dict[tuple[str, int], socket.socket],
        selector: selectors.BaseSelector,
    ) -> None:
        if client is not None:
            data = own[client].recv(_CHUNK)
            self._capture.udp(self._flow(own[client]), data, outgoing=False)
            self._listener.sendto(data, client)
            return
        data, client = self._listener.recvfrom(_CHUNK)
        if client not in own:
            own[client] = socket.socket(self._family, socket.SOCK_DGRAM)
            own[client].connect(self._target)
            selector.register(own[client], selectors.EVENT_READ, client)
        self._capture.udp(self._flow(own[client]), data, outgoing=True)
        own[client].send(data)

    def _flow(self, own: socket.socket) -> Flow:
        return Flow(own.getsockname()[:2], self._target)
