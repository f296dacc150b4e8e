"""The process that cameras are forked from, so that a power-on costs no imports.

It holds every module a camera needs and forks one child for each power-on. The bench speaks to it
over a socket, one JSON object a line: ``{"flash", "scene", "address", "posture"}`` in; ``{"pid"}``
and ``{"exit"}`` (status, negative for a signal) out. The end of the socket ends it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from devices.emulated.camera import Specification, power_on
from devices.emulated.posture import Posture


def serve(control: socket.socket, uart_fd: int, lifeline_fd: int) -> None:
    """Fork a camera for each order, until the bench hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bench, which ends us
    orders = control.makefile("r", encoding="utf-8")
    _send(control, {"ready": True})
    while line := _next(orders):
        pid = os.fork()
        if pid == 0:
            orders.close()
            control.close()
            _become_camera(json.loads(line), uart_fd, lifeline_fd)
        _send(control, {"pid": pid})
        _, status = os.waitpid(pid, 0)
        _send(control, {"exit": os.waitstatus_to_exitcode(status)})


def _next(orders: TextIO) -> str:
    """The next order; nothing when the bench has hung up."""
    try:
        return orders.readline()
    except ConnectionError:
        return ""


def _become_camera(order: dict[str, Any], uart_fd: int, lifeline_fd: int) -> None:
    status = 1
    try:
        posture = Posture.of(order["posture"])
        flash, scene = Path(order["flash"]), Path(order["scene"])
        specification = Specification(flash, scene, order["address"], posture)
        status = power_on(specification, uart_fd, lifeline_fd)
    except BaseException:  # noqa: BLE001 - the last frame of this process: say why, then end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    try:
        control.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        sys.exit(0)


if __name__ == "__main__":
    control_fd, uart, lifeline = (int(number) for number in sys.argv[1:4])
    serve(socket.socket(fileno=control_fd), uart, lifeline)
