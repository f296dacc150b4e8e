"""The commands of the emulated camera's shell, with BusyBox's options and output where it matters.

Each applet reads its :class:`Invocation`, writes to it, and returns the exit status.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import stat
from collections.abc import Callable, Iterator

from devices.emulated.maker.os_accounts import find_account
from devices.emulated.shell.invocation import Applet, Invocation
from devices.emulated.shell.kernel import MACHINE, RELEASE
from devices.emulated.shell.text import TEXT_APPLETS


def _ls(call: Invocation) -> int:
    options, status = call.options(), 0
    names = call.operands() or ["."]
    for name in names:
        path = call.path(name)
        if not call.view.exists(path):
            status = call.complain(f"ls: {name}: No such file or directory")
        elif call.view.is_dir(path) and "d" not in options:
            if len(names) > 1:
                call.say(f"{name}:")
            for entry in call.view.names(path):
                if "a" in options or "A" in options or not entry.startswith("."):
                    call.say(_listed(call, posixpath.join(path, entry), entry, options))
        else:
            call.say(_listed(call, path, name, options))
    return status


def _listed(call: Invocation, path: str, name: str, options: set[str]) -> str:
    if "l" not in options:
        return name
    real = call.view.real(path)
    mode = real.stat().st_mode if real is not None else 0o40555
    if real is None and not call.view.is_dir(path):
        mode = 0o100444
    size = call.view.size(path)
    return f"{stat.filemode(mode)}    1 root     root     {size:>9} Mar  2 09:00 {name}"


def _ps(call: Invocation) -> int:
    call.say("PID   USER     TIME  COMMAND")
    for process in call.kernel.processes():
        call.say(f"{process.pid:5d} {process.user:<8} 0:00 {process.command}")
    call.say(f"  512 {call.user.name:<8} 0:00 ps")
    return 0


def _id(call: Invocation) -> int:
    names = call.operands()
    user = find_account(call.camera.root, names[0]) if names else call.user
    if user is None:
        return call.complain(f"id: unknown user {names[0]}")
    if "u" in call.options():
        call.say(user.name if "n" in call.options() else str(user.uid))
    else:
        call.say(f"uid={user.uid}({user.name}) gid={user.gid}({user.name})")
    return 0


def _uname(call: Invocation) -> int:
    parts = {
        "s": "Linux",
        "n": call.camera.settings.hostname,
        "r": RELEASE,
        "v": "#1 SMP PREEMPT Mon Mar 2 09:00:00 UTC 2026",
        "m": MACHINE,
        "o": "GNU/Linux",
    }
    options = call.options() or {"s"}
    call.say(" ".join(text for key, text in parts.items() if key in options or "a" in options))
    return 0


def _netstat(call: Invocation) -> int:
    options = call.options()
    call.say("Active Internet connections (only servers)")
    titles = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       "
    call.say(titles + ("PID/Program name" if "p" in options else ""))
    protocols = options & {"t", "u"} or {"t", "u"}
    pids = {(p.user, p.command): p for p in call.kernel.processes()}
    for socket in call.kernel.listening():
        if socket.protocol[0] not in protocols:
            continue
        local = f"{call.camera.address}:{socket.port}"
        state = "LISTEN" if socket.protocol == "tcp" else ""
        line = f"{socket.protocol:<5} {0:6d} {0:6d} {local:<23} {'0.0.0.0:*':<23} {state:<11} "
        process = pids.get(call.kernel.owner(socket))
        if "p" in options:
            line += f"{process.pid}/{process.program}" if process else "-"
        call.say(line)
    return 0


def _find(call: Invocation) -> int:
    paths = [a for a in call.arguments if not a.startswith("-")][:1] or ["."]
    roots = []
    for argument in call.arguments:
        if argument.startswith("-"):
            break
        roots.append(argument)
    tests = _find_tests(call.arguments[len(roots) :])
    if tests is None:
        return call.complain("find: unrecognized expression")
    status = 0
    for root in roots or paths:
        if not call.view.exists(call.path(root)):
            status = call.complain(f"find: {root}: No such file or directory")
        for path in _walk(call, root, 0, int(tests.get("maxdepth", "32"))):
            if _passes(call, path, tests):
                call.say(path)
    return status


_FIND_TESTS = {"name", "type", "maxdepth", "size", "path"}


def _find_tests(arguments: list[str]) -> dict[str, str] | None:
    rest = [a for a in arguments if a not in ("-xdev", "-print")]
    keys, values = [a.lstrip("-") for a in rest[::2]], rest[1::2]
    if len(keys) != len(values) or not set(keys) <= _FIND_TESTS:
        return None
    return dict(zip(keys, values, strict=True))


def _walk(call: Invocation, path: str, depth: int, deepest: int) -> Iterator[str]:
    if not call.view.exists(call.path(path)):
        return
    yield path
    if depth < deepest and call.view.is_dir(call.path(path)):
        for name in call.view.names(call.path(path)):
            yield from _walk(call, posixpath.join(path, name), depth + 1, deepest)


def _passes(call: Invocation, path: str, tests: dict[str, str]) -> bool:
    if "name" in tests and not fnmatch.fnmatchcase(posixpath.basename(path), tests["name"]):
        return False
    if "path" in tests and not fnmatch.fnmatchcase(path, tests["path"]):
        return False
    if "type" in tests and call.view.is_dir(call.path(path)) != (tests["type"] == "d"):
        return False
    if match := re.fullmatch(r"([+-]?)(\d+)([ck]?)", tests.get("size", "")):
        unit = {"c": 1, "k": 1024, "": 512}[match[3]]
        size, limit = -(-call.view.size(call.path(path)) // unit), int(match[2])
        return {"+": size > limit, "-": size < limit, "": size == limit}[match[1]]
    return True


def _echo(call: Invocation) -> int:
    words = call.arguments
    newline = b"" if words[:1] == ["-n"] else b"\n"
    call.output += " ".join(words[1:] if not newline else words).encode() + newline
    return 0


def _mount(call: Invocation) -> int:
    for line in call.view.read("/proc/mounts").decode().splitlines():
        device, where, kind, options, *_ = line.split()
        call.say(f"{device} on {where} type {kind} ({options})")
    return 0


def _dmesg(call: Invocation) -> int:
    call.say(f"[    0.000000] Linux version {RELEASE} (build@camera) #1 SMP PREEMPT")
    call.say("[    0.412045] mmcblk0: mmc0:0001 8GB")
    call.say("[    1.902133] eth0: link up, 100Mbps, full-duplex")
    return 0


def _uptime(call: Invocation) -> int:
    minutes = int(call.kernel.uptime() // 60)
    call.say(f" up {minutes} min,  load average: 0.12, 0.08, 0.03")
    return 0


def _test(call: Invocation) -> int:
    words = [a for a in call.arguments if a != "]"]
    if words[:1] == ["!"]:
        call.arguments = words[1:]
        return 1 - _test(call)
    if len(words) == 2 and words[0] in ("-e", "-f", "-d", "-r", "-s", "-x"):
        path = call.path(words[1])
        kind = {"-f": not call.view.is_dir(path), "-d": call.view.is_dir(path)}
        return 0 if call.view.exists(path) and kind.get(words[0], True) else 1
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return 0 if bool(words[1]) == (words[0] == "-n") else 1
    if len(words) == 3 and words[1] in ("=", "==", "!="):
        return 0 if (words[0] == words[2]) == (words[1] != "!=") else 1
    return 0 if len(words) == 1 and words[0] else 1


def _which(call: Invocation) -> int:
    status = 0
    for name in [a for a in call.arguments if not a.startswith("-")]:
        if name in APPLETS:
            call.say(f"/bin/{name}")
        else:
            status = 1
    return status


def _printed(text: Callable[[Invocation], str]) -> Applet:
    def applet(call: Invocation) -> int:
        call.say(text(call))
        return 0

    return applet


APPLETS: dict[str, Applet] = {
    **TEXT_APPLETS,
    "[": _test,
    "command": _which,
    "dmesg": _dmesg,
    "echo": _echo,
    "env": _printed(lambda c: "\n".join(f"{k}={v}" for k, v in c.variables.items() if k.isalpha())),
    "false": lambda _call: 1,
    "find": _find,
    "hostname": _printed(lambda call: call.camera.settings.hostname),
    "id": _id,
    "ls": _ls,
    "mount": _mount,
    "netstat": _netstat,
    "ps": _ps,
    "pwd": _printed(lambda call: call.cwd),
    "test": _test,
    "true": lambda _call: 0,
    "uname": _uname,
    "uptime": _uptime,
    "which": _which,
    "whoami": _printed(lambda call: call.user.name),
}
