"""The camera from inside: its sockets, processes and start scripts."""

from __future__ import annotations

import re
import threading
from typing import Any

from conformance.case import case
from conformance.declared_services import service_on
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.ports.link import PortSweep
from devices.links.ssh.inventory import (
    DeviceProcesses,
    DeviceSockets,
    DeviceStartScripts,
    sockets,
)
from devices.links.ssh.link import SshLink
from devices.links.ssh.tables import ListeningSocket

_LOOKS, _PAUSE = 6, 1.0  # s: how often, and how far apart, a doubtful socket is looked for again


@case(
    "BACKDOOR-004",
    severity="critical",
    needs=("ports", "ssh"),
    catches=(
        "backdoor-udp-silent",
        "backdoor-udp-service",
        "backdoor-telnet",
        "stream-plain-rtsp",
        "backdoor-telnet-high-port",
        "backdoor-ftp",
        "backdoor-console-port",
        "backdoor-opener",
    ),
)
def test_the_sockets_that_the_camera_lists_are_those_declared(
    device_sockets: DeviceSockets,
    port_sweep: PortSweep,
    device: DeviceFile,
    ssh: SshLink,
    evidence: Any,
) -> None:
    """The sockets inside the camera, the ports outside and the declaration agree.

    Method: list the listening TCP sockets and the UDP sockets without a peer on the camera itself,
    over SSH (/proc/net, netstat or ss), and compare them with the declared services and with the
    ports found open from the network. A UDP socket that is not declared counts only if it is still
    there when the camera is asked again: media sockets come and go with their session. Sockets
    bound to the loopback address are set aside.
    Pass: every socket belongs to a declared service, and every port that is open from the network
    stands in the camera's own list.
    """
    undeclared = _undeclared(device_sockets, device)
    hidden = _hidden(device_sockets, port_sweep)
    for _ in range(_LOOKS):
        if not hidden and all(s.transport == "tcp" for s in undeclared):
            break  # a listening TCP socket is no session's own
        threading.Event().wait(_PAUSE)
        again = evidence.observe(sockets(ssh))
        undeclared &= _undeclared(again, device)
        hidden &= _hidden(again, port_sweep)
    bound = [  # one program on one port, though it may be bound to several addresses
        f"{s.transport.upper()} port {s.port} is bound on the camera"
        f"{f' by {s.program}' if s.program else ''} and not declared"
        for s in sorted(undeclared, key=lambda s: (s.transport, s.port))
    ]
    wrong = list(dict.fromkeys(bound))
    wrong += [
        f"TCP port {port} is open from the network and missing from the camera's own list"
        for port in sorted(hidden)
    ]
    assert not wrong, f"({device_sockets.source}) " + "; ".join(wrong)
    if not any(s.transport == "tcp" for s in device_sockets.sockets):
        raise Inconclusive(
            "the camera lists no listening TCP socket, though it answers SSH: not the whole list"
        )
    if not port_sweep.open:
        raise Inconclusive("no TCP port is open from the network: nothing to compare the list with")


def _undeclared(found: DeviceSockets, device: DeviceFile) -> set[ListeningSocket]:
    services = device.declared.services
    return {
        s
        for s in found.sockets
        if not s.on_loopback
        and not (
            (service := service_on([d for d in services if d.transport == s.transport], s.port))
            and service.on
        )
    }


def _hidden(found: DeviceSockets, sweep: PortSweep) -> set[int]:
    return set(sweep.open) - {s.port for s in found.sockets if s.transport == "tcp"}


@case(
    "BACKDOOR-014",
    severity="high",
    needs=("ssh",),
    catches=(
        "backdoor-startup-telnet",
        "backdoor-debug-process",
        "backdoor-telnet",
        "backdoor-telnet-high-port",
        "backdoor-ftp",
        "backdoor-opener",
    ),
)
def test_no_debug_or_remote_shell_program_is_started(
    device_processes: DeviceProcesses, device_start_scripts: DeviceStartScripts, knowledge: Any
) -> None:
    """No remote shell or debug program runs, and no start script starts one.

    Method: list the processes over SSH, read the start scripts and tables
    (conformance/knowledge/places.toml), and look in both for programs that have no place on a
    release build (conformance/knowledge/programs.toml). A start that depends on a memory card, a
    file or a variable counts as a start.
    Pass: none is found.
    """
    programs = [(re.compile(row["match"]), row["what"]) for row in knowledge("programs")]
    wrong = [
        f"process {process.pid} is {what}: {process.command!r}"
        for process in device_processes.processes
        for pattern, what in programs
        if pattern.search(process.command)
    ]
    for script in device_start_scripts.scripts:
        for number, line in enumerate(script.text.splitlines(), start=1):
            if line.lstrip().startswith("#"):
                continue
            wrong += [
                f"{script.path} line {number} starts {what}: {line.strip()!r}"
                for pattern, what in programs
                if pattern.search(line)
            ]
    assert not wrong, "; ".join(wrong)
    if not device_processes.processes or not device_start_scripts.scripts:
        raise Inconclusive("the camera lists no process, or no start script could be read")
