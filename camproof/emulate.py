"""``emulate``: one emulated camera in the foreground, for any tool to talk to."""

from __future__ import annotations

import argparse
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from camproof.errors import Exit
from camproof.faults import posture_of
from camproof.targets import check_writable
from devices import device_file
from devices.emulated.addresses import PORTS
from devices.emulated.bench.launch import EmulatedCamera, Ready


def serve(console: Console, arguments: argparse.Namespace) -> Exit:
    """Start the camera, say where it is, and keep it until interrupted."""
    if arguments.write_device_file is not None:
        check_writable(arguments.write_device_file)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        state = arguments.state
        if state is None:
            folder = tempfile.TemporaryDirectory(prefix="camproof-emulate-")
            state = Path(stack.enter_context(folder))
        camera = EmulatedCamera(
            posture_of(arguments.fault),
            state=state,
            factory=arguments.factory,
            device_file=arguments.write_device_file,
            address=arguments.address,
            unit=arguments.unit,
        )
        try:
            _describe(console, stack.enter_context(camera))
            signal.pause()
        except KeyboardInterrupt:
            console.print("switched off")
    return Exit.APPROVED


def _describe(console: Console, ready: Ready) -> None:
    device = device_file.load(ready.device_file)
    rows = {
        "device file": str(ready.device_file),
        "web, ONVIF": f"https://{ready.address}:{PORTS['https']}/",
        **{f"stream {s.name}": f"{s.url} ({s.codec})" for s in device.declared.streams},
        "ssh": f"{ready.address} port {PORTS['ssh']}, user lab, key in the device file",
        "serial": f"{ready.serial} or {ready.pty}",
        "power": f"{ready.power} (PUT 0 or 1)",
    }
    unit = device.device
    console.print(
        f"emulated camera {unit.manufacturer} {unit.model} {unit.serial}, "
        f"ready after {ready.seconds:.2f} s; Ctrl-C switches it off",
        highlight=False,
    )
    for name, value in rows.items():
        console.print(f"  {name:13} {value}", highlight=False, markup=False, soft_wrap=True)
