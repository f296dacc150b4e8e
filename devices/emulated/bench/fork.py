"""A child forked from this process, with what is used of ``subprocess.Popen``."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import NoReturn

_LOOK = 0.01  # s between two looks at a child that may not be waited for without limit


class ForkedProcess:
    """Runs ``body``, which never returns, in a child process."""

    def __init__(self, body: Callable[[], NoReturn]) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            body()

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status (negative: signal); raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            else:
                time.sleep(_LOOK)
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
