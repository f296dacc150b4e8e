"""Applets of the emulated camera's shell that work on the content of files.

Each reads its :class:`Invocation`, writes to it, and returns the exit status.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from devices.emulated.shell.invocation import Applet, Invocation


def _cat(call: Invocation) -> int:
    status = 0
    for _, data in call.inputs(call.operands()):
        status |= data is None
        call.output += data or b""
    return status


def _digest(algorithm: str) -> Applet:
    def applet(call: Invocation) -> int:
        status = 0
        for name, data in call.inputs(call.operands()):
            if data is None:
                status = 1
            else:
                call.say(f"{hashlib.new(algorithm, data).hexdigest()}  {name}")
        return status

    return applet


def _grep(call: Invocation) -> int:
    operands, options = call.operands(), call.options()
    if not operands:
        return call.complain("grep: no pattern") + 1
    text = re.escape(operands[0]) if "F" in options else operands[0]
    try:
        pattern = re.compile(text.encode(), re.IGNORECASE if "i" in options else 0)
    except re.error:
        return call.complain("grep: bad pattern") + 1
    found = False
    for name, data in call.inputs(operands[1:]):
        hits = [
            line
            for line in (data or b"").splitlines()
            if bool(pattern.search(line)) != ("v" in options)
        ]
        found = found or bool(hits)
        if "l" in options and hits:
            call.say(name)
        elif "c" in options:
            call.say(str(len(hits)))
        elif "q" not in options and "l" not in options:
            mark = name.encode() + b":" if len(operands) > 2 else b""
            call.output += b"".join(mark + hit + b"\n" for hit in hits)
    return 0 if found else 1


def _head(call: Invocation) -> int:
    return _lines(call, lambda lines, count: lines[:count])


def _tail(call: Invocation) -> int:
    return _lines(call, lambda lines, count: lines[-count:])


def _lines(call: Invocation, choose: Callable[[list[bytes], int], list[bytes]]) -> int:
    arguments, count, in_bytes = list(call.arguments), 10, False
    if arguments[:1] and (match := re.fullmatch(r"-([nc]?)(\d*)", arguments[0])):
        in_bytes = match[1] == "c"
        del arguments[0]
        number = match[2] or (arguments.pop(0) if arguments else "")
        count = int(number) if number.isdigit() else 10
    status = 0
    for _, data in call.inputs(arguments):
        status |= data is None
        parts = (
            [bytes([b]) for b in data or b""]
            if in_bytes
            else (data or b"").splitlines(keepends=True)
        )
        call.output += b"".join(choose(parts, count))
    return status


def _wc(call: Invocation) -> int:
    options = call.options()
    for name, data in call.inputs(call.operands()):
        content = data or b""
        counts = {"l": content.count(b"\n"), "w": len(content.split()), "c": len(content)}
        shown = [str(n) for key, n in counts.items() if not options or key in options]
        call.say(" ".join(shown) + (f" {name}" if name != "-" else ""))
    return 0


def _sorted(call: Invocation) -> int:
    for _, data in call.inputs(call.operands()):
        lines = sorted((data or b"").splitlines())
        kept = list(dict.fromkeys(lines)) if "u" in call.options() else lines
        call.output += b"".join(line + b"\n" for line in kept)
    return 0


TEXT_APPLETS: dict[str, Applet] = {
    "cat": _cat,
    "grep": _grep,
    "head": _head,
    "md5sum": _digest("md5"),
    "sha256sum": _digest("sha256"),
    "sort": _sorted,
    "tail": _tail,
    "wc": _wc,
}
