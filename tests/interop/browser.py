"""A headless Chromium that shows one page, and pictures of it, over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium")


class Browser:
    """One page of a running browser."""

    def __init__(self, port: int) -> None:
        self._port = port

    def picture(self) -> bytes:
        """What the page shows now, as PNG."""
        return asyncio.run(self._picture())

    async def _picture(self) -> bytes:
        base = f"http://127.0.0.1:{self._port}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{base}/json/list") as answer:
                pages: list[dict[str, Any]] = await answer.json()
            (url,) = [p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                await socket.send_json({"id": 1, "method": "Page.captureScreenshot"})
                while True:
                    message = await socket.receive_json(timeout=20)
                    if message.get("id") == 1:
                        return base64.b64decode(message["result"]["data"])


@contextmanager
def browser(url: str, width: int = 1920, height: int = 1080) -> Iterator[Browser]:
    """A browser of this size in pixels that shows ``url``."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="camproof-browser-", ignore_cleanup_errors=True) as own:
        command = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={own}", f"--window-size={width},{height}"]
        process = subprocess.Popen(
            [*command, "--remote-debugging-port=0", url],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"ws://127\.0\.0\.1:(\d+)/", line):
                    yield Browser(int(found[1]))
                    break
            else:
                raise RuntimeError("the browser did not start")
        finally:
            process.terminate()
            process.communicate(timeout=20)
