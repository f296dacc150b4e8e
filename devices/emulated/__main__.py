"""``python -m devices.emulated``: one emulated camera on its bench, until interrupted.

The last line before it serves is one JSON object on standard output:
``{"ready": seconds, "address", "device_file", "pty", "serial", "power"}``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from devices.emulated.addresses import NoAddress, host_listeners, reserved_address
from devices.emulated.bench.bench import BenchFailure, EmulatedBench
from devices.emulated.posture import Posture
from devices.errors import DeviceError

_IMPORTED = time.monotonic()


def main(words: Sequence[str] | None = None, *, forked: bool = False) -> int:
    """Run the bench with the command line ``words``; returns the exit code.

    ``forked``: this process was forked from one that has loaded everything, and so is the camera.
    """
    began = time.monotonic() if forked else _IMPORTED
    arguments = _arguments(words)
    posture = Posture.of(json.loads(arguments.posture))
    try:
        with reserved_address(arguments.address) as address:
            bench = EmulatedBench(arguments.state.absolute(), address, posture, forked=forked)
            asyncio.run(_emulate(arguments, bench, address, posture, began))
    except (NoAddress, BenchFailure, DeviceError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a program
        return 4
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devices.emulated", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the unit")
    parser.add_argument("--posture", default="{}", help="changed posture fields, as JSON")
    parser.add_argument("--address", help="loopback address; default: a free one")
    parser.add_argument("--unit", type=int, default=1, help="number of the unit, 1 to 255")
    parser.add_argument("--factory", action="store_true", help="leave it as it left the factory")
    parser.add_argument("--write-device-file", type=Path, help="where; default: STATE/device.toml")
    parser.add_argument("--lifeline", action="store_true", help="end with standard input")
    return parser.parse_args(words)


async def _emulate(
    arguments: argparse.Namespace,
    bench: EmulatedBench,
    address: str,
    posture: Posture,
    began: float,
) -> None:
    ended = _until_interrupted(arguments.lifeline)
    host_ports = host_listeners()
    try:
        await bench.open()
        path = await _prepare(arguments, bench, address, posture, host_ports)
        ready = {
            "ready": round(time.monotonic() - began, 2),
            "address": address,
            "device_file": str(path),
            "pty": bench.serial.pty,
            "serial": f"socket://127.0.0.1:{bench.serial.port}",
            "power": bench.power.url,
        }
        print(json.dumps(ready), flush=True)  # noqa: T201 - the program's one result
        await ended.wait()
    finally:
        await bench.close()


async def _prepare(
    arguments: argparse.Namespace,
    bench: EmulatedBench,
    address: str,
    posture: Posture,
    host_ports: tuple[list[int], list[int]],
) -> Path:
    # Imported while the zygote loads its own programs on the other core; so is the unit made.
    from devices.emulated.bench.declaration import device_file  # noqa: PLC0415
    from devices.emulated.bench.provision import provision, wait_for_service  # noqa: PLC0415
    from devices.emulated.flash import write_json  # noqa: PLC0415
    from devices.emulated.maker.production import Production  # noqa: PLC0415

    production = Production(arguments.state.absolute(), address, posture, arguments.unit)
    production.make_unit()
    write_json(production.state / "posture.json", asdict(posture))
    await bench.ready()
    await bench.switch(on=True)
    production.make_papers()
    public_key = production.laboratory_key()
    production.copy_label()
    trust = (production.papers / "device-trust.pem").read_text()
    await asyncio.to_thread(wait_for_service, address)
    if not arguments.factory:
        await asyncio.to_thread(provision, address, trust, production.secrets, public_key)
    text = device_file(
        production,
        address,
        serial_url=f"socket://127.0.0.1:{bench.serial.port}",
        power_url=bench.power.url,
        clock_url=bench.clock.url,
        timers_url=bench.timers.url,
        host_ports=host_ports,
    )
    return _written(arguments.write_device_file or arguments.state / "device.toml", text)


def _written(path: Path, text: str) -> Path:
    path = path.absolute()
    path.write_text(text, encoding="utf-8")
    return path


def _until_interrupted(lifeline: bool) -> asyncio.Event:  # noqa: FBT001 - one private caller
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    if lifeline:

        def follow() -> None:
            os.read(0, 1)
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=follow, name="lifeline", daemon=True).start()
    return ended


if __name__ == "__main__":
    sys.exit(main())
