"""A real run on an emulated camera, killed at an entry of its journal; and all that a camera has.

What is changed by a run has to be as before once it is restored: who is a user, who logs in where,
what is set.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from conformance import knowledge
from conformance.console import login_marks
from devices import device_file
from devices.description import DeviceFile
from devices.errors import LinkError
from devices.journal import CHANGES, Change, Journal
from devices.links.guessing.console import ConsoleSurface
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.rtsp.link import RtspLink
from devices.links.serial.link import SerialLink
from devices.links.ssh.link import SshLink
from devices.permit import Permit
from devices.secrets import Secrets

LONGEST = 90.0


def permit_of(device: DeviceFile, journal: Journal | None = None) -> Permit:
    granted = device.authorisation
    return Permit(granted.addresses, granted.allow, granted.expires, journal)


def changes(folder: Path) -> list[Change]:
    return Journal.read(folder)[0].open() if (folder / CHANGES).exists() else []


def begun(folder: Path, kind: str, cameras: int) -> int:
    """How many changes of a kind were begun on each camera of a run, still open or not."""
    counts = []
    for path in folder.rglob(CHANGES):
        rows = [json.loads(line).get("change") for line in path.read_bytes().split(b"\n")[:-1]]
        counts.append(len({row["id"] for row in rows if row and row["kind"] == kind}))
    return min(counts) if len(counts) == cameras else 0


def killed(
    device: Path,
    folder: Path,
    select: str,
    at: tuple[str, int],
    how: str,
    *more: str,
) -> tuple[int, str]:
    """Run until the n-th change of a kind is begun, then stop it; the exit code and what it said.

    ``how``: ``all`` kills the command and its test processes, ``tests`` the latter alone; else the
    name of the signal that the command gets. ``more``: device files of further cameras.
    """
    command = [sys.executable, "-m", "camproof", "run", str(device), *more, "--select", select]
    command += ["--output", str(folder), "--no-allure"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        end, pause = time.monotonic() + LONGEST, threading.Event()
        while begun(folder, at[0], 1 + len(more)) < at[1]:
            assert run.poll() is None, f"it ended before: {run.communicate()}"
            assert time.monotonic() < end, "it did not come"
            pause.wait(0.002)
        if how in ("all", "tests"):
            tests = _test_processes(run.pid)
            if how == "all":
                run.kill()
            for each in tests:
                os.kill(each, signal.SIGKILL)
        else:
            run.send_signal(signal.Signals[how])
        said, _ = run.communicate(timeout=LONGEST)
        return run.returncode, said


def _test_processes(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"\0pytest\0" in words and parent == int(fields[1]):
            found.append(int(folder.name))
    assert found, "there is no test process"
    return found


def all_of(path: Path) -> Mapping[str, object]:
    """What a camera has: its users, who logs in where, its firmware, settings and clock."""
    device = device_file.load(path)
    secrets, permit = Secrets(device), permit_of(device)
    http, onvif = HttpLink(device, permit, secrets), OnvifLink(device, permit, secrets)
    rtsp, ssh = RtspLink(device, permit, secrets), SshLink(device, permit, secrets)
    logins: dict[str, object] = {}
    for name, account in device.accounts.items():
        if account.password is None or "serial" in account.services:
            continue
        user, password = account.username, secrets.password(name)
        attempt, client = http.log_in(user, password)
        http.leave(client)
        logins[f"{user} on the web"] = attempt.accepted
        logins[f"{user} over ONVIF"] = onvif.takes(user, password) is Outcome.DATA
        try:
            logins[f"{user} over RTSP"] = rtsp.takes(user, password)
        except LinkError as error:
            logins[f"{user} over RTSP"] = str(error)
    client = http.account("admin")
    web = http.perform(client, "users").content
    http.leave(client)
    found = {
        "users": sorted((user.name, user.level) for user in onvif.users().users),
        "users on the web": web,
        "firmware": onvif.device_information().firmware_version,
        "clock": abs(onvif.clock().offset_seconds) < 30,
        "laboratory": ssh.run("true").result.status,
        "network": [p.read_text() for p in Path(path).parent.rglob("wifi.json")],
        **logins,
    }
    ssh.close()
    http.close()
    return found


def console_of(path: Path) -> tuple[str, str]:
    """What the serial console waits with, and what comes of the console account's login."""
    device = device_file.load(path)
    secrets = Secrets(device)
    link = SerialLink(device, permit_of(device), secrets)
    try:
        login = ConsoleSurface(link, login_marks(knowledge.load))
        name = next(n for n, a in device.accounts.items() if "serial" in a.services)
        waits = login.asks()
        user, password = device.accounts[name].username, secrets.password(name)
        return waits, login.attempt(user, password).said
    finally:
        link.close()
