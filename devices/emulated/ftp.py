"""An FTP server that lets anyone in, as a fault: read-only, passive mode (RFC 959, RFC 2428)."""

from __future__ import annotations

import asyncio
import posixpath

from devices.emulated.shell.file_view import FileView
from devices.emulated.shell.invocation import Host
from devices.emulated.shell.kernel import Kernel

_DATA_SECONDS = 10.0


class FtpSession:
    """One control connection."""

    def __init__(
        self,
        camera: Host,
        kernel: Kernel,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._camera = camera
        self._view = FileView(camera, kernel)
        self._reader = reader
        self._writer = writer
        self._logged_in = False
        self._name = ""
        self._cwd = "/"
        self._data: asyncio.Server | None = None
        self._peer: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(self) -> None:
        """Answer commands until QUIT or the end of the connection."""
        self._say(220, f"{self._camera.settings.hostname} FTP server ready.")
        try:
            while True:
                line = (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").strip()
                verb, _, argument = line.partition(" ")
                if not await self._command(verb.upper(), argument):
                    return
        finally:
            if self._data is not None:
                self._data.close()

    async def _command(self, verb: str, argument: str) -> bool:
        if verb == "QUIT":
            self._say(221, "Goodbye.")
            return False
        if verb == "USER":
            self._name = argument
            self._say(331, "Please specify the password.")
        elif verb == "PASS":
            self._logged_in = self._name in ("anonymous", "ftp")
            self._say(230, "Login successful.") if self._logged_in else self._say(530, "Denied.")
        elif not self._logged_in:
            self._say(530, "Please login with USER and PASS.")
        elif verb in ("PASV", "EPSV"):
            await self._passive(verb)
        elif verb in ("LIST", "NLST", "RETR"):
            await self._transfer(verb, argument)
        else:
            self._simple(verb, argument)
        return True

    def _simple(self, verb: str, argument: str) -> None:
        target = posixpath.normpath(posixpath.join(self._cwd, argument))
        if verb == "CWD" and self._view.is_dir(target):
            self._cwd = target
        answers = {
            "SYST": (215, "UNIX Type: L8"),
            "PWD": (257, f'"{self._cwd}"'),
            "TYPE": (200, "Switching mode."),
            "NOOP": (200, "OK."),
            "CWD": (250, "Done.") if self._view.is_dir(target) else (550, "Failed."),
        }
        self._say(*answers.get(verb, (502, "Command not implemented.")))

    async def _passive(self, verb: str) -> None:
        if self._data is not None:
            self._data.close()
        self._peer = asyncio.Queue()
        address = self._camera.address
        self._data = await asyncio.start_server(lambda _, w: self._peer.put_nowait(w), address, 0)
        port = self._data.sockets[0].getsockname()[1]
        if verb == "EPSV":
            self._say(229, f"Entering Extended Passive Mode (|||{port}|)")
        else:
            numbers = ",".join([*address.split("."), str(port >> 8), str(port & 255)])
            self._say(227, f"Entering Passive Mode ({numbers}).")

    async def _transfer(self, verb: str, argument: str) -> None:
        target = posixpath.normpath(posixpath.join(self._cwd, argument))
        try:
            if verb == "RETR":
                data = self._view.read(target)
            else:
                data = "".join(f"{name}\r\n" for name in self._view.names(target)).encode()
        except OSError:
            self._say(550, "Failed to open file.")
            return
        if self._data is None:
            self._say(425, "Use PASV first.")
            return
        self._say(150, "Here it comes.")
        peer = await asyncio.wait_for(self._peer.get(), _DATA_SECONDS)
        peer.write(data)
        await peer.drain()
        peer.close()
        self._data.close()
        self._data = None
        self._say(226, "Transfer complete.")

    def _say(self, code: int, text: str) -> None:
        self._writer.write(f"{code} {text}\r\n".encode())
