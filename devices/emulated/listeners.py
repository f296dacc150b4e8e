"""Services that a camera should not have, opened by faults: real sockets with real behaviour.

``posture.listeners`` names them as ``kind:port``: ``telnet``, ``ftp``, ``console``, ``opener``
(TCP), ``udp-echo`` and ``udp-silent``. None is open on a compliant camera.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from devices.emulated.ftp import FtpSession
from devices.emulated.maker.os_accounts import check_os_password, find_account
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.shell import BANNER, Shell

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

# RFC 854 and RFC 857, 858: will echo, will suppress go-ahead, do echo off, do window size.
_NEGOTIATION = bytes((255, 253, 1, 255, 253, 31, 255, 251, 1, 255, 251, 3))
_IAC, _SB, _SE = 255, 250, 240
_SESSION_SECONDS = 120.0
_TRIES = 3
_MAX_LINE = 1024

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listeners:
    """The listeners of one camera."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._kernel = Kernel(camera)
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[asyncio.DatagramTransport] = []
        self._conversations: dict[str, Conversation] = {
            "telnet": self._telnet,
            "ftp": self._ftp,
            "console": self._console,
            "opener": self._opener,
        }

    async def start(self) -> None:
        """Open every listener of the posture."""
        loop = asyncio.get_running_loop()
        for entry in self._camera.posture.listeners:
            kind, _, port = entry.partition(":")
            where = (self._camera.address, int(port))
            if kind.startswith("udp-"):
                protocol = _Echo if kind == "udp-echo" else asyncio.DatagramProtocol
                transport, _ = await loop.create_datagram_endpoint(protocol, local_addr=where)
                self._datagrams.append(transport)
            else:
                handler = self._bounded(self._conversations[kind])
                self._servers.append(await asyncio.start_server(handler, *where))

    async def stop(self) -> None:
        """Close every listener."""
        for server in self._servers:
            server.close()
        for transport in self._datagrams:
            transport.close()

    def _bounded(self, talk: Conversation) -> Conversation:
        """A conversation that ends by itself, and survives whatever its client does."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                async with asyncio.timeout(_SESSION_SECONDS):
                    await talk(reader, writer)
                    await writer.drain()
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        return handle

    async def _telnet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_NEGOTIATION)
        shell = await self._login(reader, writer)
        if shell is None:
            return
        writer.write(BANNER.replace("\n", "\r\n").encode())
        while not shell.ended:
            writer.write(shell.prompt.encode())
            line = await _line(reader)
            if line is None:
                return
            outcome = shell.run(line)
            writer.write((outcome.output + outcome.errors).replace(b"\n", b"\r\n"))
            await writer.drain()

    async def _login(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Shell | None:
        for _ in range(_TRIES):
            writer.write(f"\r\n{self._camera.settings.hostname} login: ".encode())
            name = await _line(reader)
            if name is None:
                return None
            writer.write(b"Password: ")
            password = await _line(reader)
            if password is None:
                return None
            writer.write(b"\r\n")
            root = self._camera.root
            account = find_account(root, name)
            if await asyncio.to_thread(check_os_password, root, name, password) and account:
                return Shell(self._camera, self._kernel, account)
            writer.write(b"Login incorrect\r\n")
        return None

    async def _ftp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await FtpSession(self._camera, self._kernel, reader, writer).serve()

    async def _console(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """An application console as on TCP 9527 of HiSilicon-based cameras: log, then a prompt."""
        writer.write(b"[Sofia] console ready\r\nuser name: ")
        name = await _line(reader)
        writer.write(b"password: ")
        password = await _line(reader)
        if name is not None and password is not None:
            if self._camera.accounts.check(name, password) is not None:
                writer.write(b"admin$ ")
                await _line(reader)
            else:
                writer.write(b"user name or password error\r\n")

    async def _opener(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What remains of a telnet opener here: it greets, and opens nothing."""
        writer.write(b"randNum:48151623")
        await reader.read(_MAX_LINE)


class _Echo(asyncio.DatagramProtocol):
    """Answers every datagram with a discovery-like reply."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._transport.sendto(b"DHIP" + data[:64], addr)


async def _line(reader: asyncio.StreamReader) -> str | None:
    """One line without its end and without telnet commands; None at the end of the stream."""
    line = bytearray()
    with contextlib.suppress(asyncio.IncompleteReadError):
        while len(line) < _MAX_LINE:
            byte = (await reader.readexactly(1))[0]
            if byte == _IAC:
                await _skip_command(reader, line)
            elif byte in b"\r\n\0":
                if line or byte == 13:
                    return line.decode("utf-8", "replace")
            else:
                line.append(byte)
    return None


async def _skip_command(reader: asyncio.StreamReader, line: bytearray) -> None:
    """Take a telnet command out of the stream (RFC 854); IAC IAC is the byte 255 itself."""
    command = (await reader.readexactly(1))[0]
    if command == _IAC:
        line.append(_IAC)
    elif command == _SB:
        await reader.readuntil(bytes((_IAC, _SE)))
    elif command >= 251:
        await reader.readexactly(1)
