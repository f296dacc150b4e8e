"""The process that cameras are forked from, so that a power-on costs no imports.

It holds every module a camera needs and forks one child for each power-on. The bench speaks to it
over a socket, one JSON object a line: ``{"flash", "scene", "address", "posture", "route",
"card"}`` in; ``{"pid"}`` and ``{"exit"}`` (status, negative for a signal) out. The end of the
socket ends it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn, TextIO

from devices.emulated.camera import Specification, power_on
from devices.emulated.posture import Posture
from devices.emulated.uplink import Route


def become(control: socket.socket, uart_fd: int, lifeline_fd: int) -> NoReturn:
    """Be the zygote in a process that was just forked; never returns."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _close_all_but({0, 1, 2, control.fileno(), uart_fd, lifeline_fd})
        serve(control, uart_fd, lifeline_fd)
        status = 0
    except BaseException:  # noqa: BLE001 - the last frame of this process: say why, then end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    """Let go of the bench's other ends: their closing has to reach us and our cameras."""
    first = 0
    for last in [*sorted(kept), os.sysconf("SC_OPEN_MAX")]:
        if first < last:  # CPython 3.11 takes an empty range from 0 for all there are
            os.closerange(first, last)
        first = last + 1


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
        router, resolver = order["route"]
        specification = Specification(
            flash=Path(order["flash"]),
            scene=Path(order["scene"]),
            address=order["address"],
            posture=posture,
            route=Route((router[0], router[1]), (resolver[0], resolver[1])),
            card=Path(order["card"]),
        )
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
