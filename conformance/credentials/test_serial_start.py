"""What the serial console gives while the camera starts: CRED-052, CRED-055."""

from __future__ import annotations

import re
import time
from typing import Any

from conformance.case import case
from conformance.console import (
    ANSWER_SECONDS,
    boot_prompt_answers,
    demand_console,
    patterns,
    published_password,
    shell_works,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LinkError
from devices.links.power import ColdStart
from devices.links.serial.link import SerialLink
from devices.links.serial.observations import BootInterruption, BootLog

_FLOOD = "\r" * 40 + "\x03\x03\x04\x1a"
_LEAST_SECONDS = 5.0
_KEYS = {"space": " ", "enter": "\r", "esc": "\x1b", "escape": "\x1b"}
_ANY_KEY = (" ", "\r", "\x03")


@case(
    "CRED-052",
    severity="critical",
    needs=("serial",),
    catches=(
        "cred-serial-interrupt",
        "cred-serial-failsafe",
        "cred-serial-automatic",
        "cred-boot-single",
        "backdoor-serial-shell",
    ),
    changes="power",
    revision=2,
)
def test_the_console_asks_for_a_login_before_anything_else(
    *,
    boot_log: BootLog,
    serial: SerialLink,
    cold_start: ColdStart,
    camera: Any,
    device: DeviceFile,
    knowledge: Any,
    evidence: Any,
) -> None:
    """Nothing typed while the camera starts gives a shell before the login.

    Method: restart the camera and type, from the moment at which the kernel runs, the keys that are
    known to stop start scripts (conformance/knowledge/console.toml) in turn until a login is asked
    or all services are up, then a flood of Enter, Ctrl-C, Ctrl-D and Ctrl-Z. Whatever looks like a
    shell, and whatever then asks for no login, is asked to carry out an echo command. Look in the
    log for a login by itself.
    Pass: no shell before a login.
    """
    evidence.observe(boot_log)
    demand_console(boot_log.text)
    rows = knowledge("boot_log")
    shell, login = patterns(rows, "shell"), patterns(rows, "login")
    log = "\n".join(boot_log.lines)
    assert "(automatic login)" not in boot_log.text, (
        "getty logs a user in on the serial console by itself; expected: a login is asked"
    )
    if re.search(shell, log, re.MULTILINE):
        assert not shell_works(serial, evidence), (
            "the start ends in a shell on the serial console, without login; expected: a login"
        )
    mark = serial.mark()
    cold_start.begin()
    _await_kernel(serial, knowledge, boot_log, mark, device.bench.boot_seconds)
    keys = [row["keys"] for row in knowledge("console") if row["kind"] == "start-key"]
    marks = {"shell": shell, "login": login}
    seconds = min(device.bench.boot_seconds, max(_LEAST_SECONDS, 2 * boot_log.seconds))
    found = _pressed(serial, keys, marks, seconds, mark)
    obeyed = found.reached == "shell" and shell_works(serial, evidence)
    answered = True
    if found.reached != "shell":
        serial.wait_quiet(0.2, 1.0)
        pressed = serial.mark()
        serial.exchange(_FLOOD, shell, 0.5)
        after = serial.exchange("\x03\r", f"{shell}|{login}", ANSWER_SECONDS)
        evidence.observe(after, "console after a flood of keys")
        asked = re.search(login, after.text, re.MULTILINE)
        if not asked or re.search(shell, after.text, re.MULTILINE):  # also at an unknown prompt
            obeyed = shell_works(serial, evidence)
        answered = bool(serial.text_since(pressed).strip())
    evidence.observe(found)
    if obeyed or not _comes_up(camera):
        cold_start.begin()
        camera.wait_ready()
    assert not obeyed, (
        "keys typed while the camera starts give a shell on the serial console without login: it "
        "carried out an echo command; expected: a login before anything else"
    )
    demand_console(found.text)
    if not answered and (found.reached or re.search(patterns(rows, "waits"), log)):
        raise Inconclusive(
            "the console asks for a login or a key, and no key that was typed had an answer: is "
            "the bench's line to the camera (its TX) connected?",
            "silent-console",
        )
    if not found.reached and re.search(f"{shell}|{login}", log, re.MULTILINE):
        raise Inconclusive(
            "while keys were typed the start ended with no prompt, though it does without: is the "
            "bench's line to the camera connected?",
            "silent-console",
        )


def _await_kernel(
    serial: SerialLink, knowledge: Any, log: BootLog, mark: int, boot_seconds: float
) -> None:
    """Wait until the boot loader is over, so that no key stops it."""
    handover = patterns(knowledge("bootloader"), "handover")
    if re.search(handover, log.text):
        serial.wait_for(handover, boot_seconds, mark)
        return
    serial.wait_for(r"\S", boot_seconds, mark)
    serial.wait_quiet(log.seconds, log.seconds / 3)  # a kernel that says nothing of itself


def _pressed(
    serial: SerialLink, keys: list[str], marks: dict[str, str], seconds: float, mark: int
) -> BootInterruption:
    """Type until a prompt shows; a prompt that is overprinted at once was none."""
    ends = time.monotonic() + seconds
    while True:
        found = serial.interrupt_boot(keys, marks, max(0.0, ends - time.monotonic()), mark)
        if found.reached != "shell" or time.monotonic() > ends:
            return found
        serial.wait_quiet(0.3, 2.0)
        if re.search(marks["shell"], serial.text_since(mark), re.MULTILINE):
            return found


def _comes_up(camera: Any) -> bool:
    try:
        camera.wait_ready()
    except LinkError:
        return False
    return True


@case(
    "CRED-055",
    severity="critical",
    needs=("serial",),
    catches=(
        "cred-bootloader-word",
        "cred-bootloader-password",
        "cred-boot-single",
        "backdoor-bootloader",
    ),
    changes="power",
    revision=2,
)
def test_the_start_cannot_be_led_elsewhere(
    *,
    boot_log: BootLog,
    serial: SerialLink,
    cold_start: ColdStart,
    camera: Any,
    device: DeviceFile,
    knowledge: Any,
    evidence: Any,
) -> None:
    """The boot loader obeys no key that it announces, and starts the system, not a shell.

    Method: read the start on the serial console. Look for a kernel or init that is told to give a
    shell or single-user mode, for an enabled magic SysRq, and for what the boot loader says of how
    it is stopped (conformance/knowledge/console.toml). Where it says so, restart the camera, type
    what it names, and ask a prompt for its help text; where a password is asked, try the published
    ones once. Nothing is written or saved. BACKDOOR-009 tries the keys that are not announced.
    Pass: the system is started normally, and no announced key gives a prompt that answers.
    """
    evidence.observe(boot_log)
    demand_console(boot_log.text)
    rows = knowledge("console")
    told = [
        f"{row['name']}: {match[0].strip()[-100:]!r}"
        for row in rows
        if row["kind"] in ("single", "sysrq")
        and (match := re.search(row["pattern"], boot_log.text, re.MULTILINE))
    ]
    assert not told, f"the start on the serial console shows {'; '.join(told)}; expected: init"
    loader = {kind: patterns(knowledge("bootloader"), kind) for kind in _LANDMARKS}
    announced = announced_keys(rows, boot_log.text)
    if announced:
        mark = serial.mark()
        cold_start.begin()
        seconds = min(30.0, device.bench.boot_seconds)
        found = serial.interrupt_boot(announced, loader, seconds, mark)
        evidence.observe(found)
        proof, how = _answer(found, serial, loader, knowledge, evidence)
        if found.reached != "handover":
            cold_start.begin()  # whatever it waits for
        camera.wait_ready()
        demand_console(found.text)
        assert not proof, (
            f"the boot loader names the keys that stop it, and stops for them{how}: help printed "
            f"{proof!r}; expected: no prompt without a password of this unit"
        )
        if not found.reached or found.reached == "prompt":
            raise Inconclusive(
                "the boot loader names keys that stop it; while they were typed there was neither "
                "a prompt that answers nor the start of a kernel",
                "insufficient",
            )
    elif not re.search(loader["handover"], boot_log.text):
        raise Inconclusive(
            "the serial console does not show that a kernel starts: what it is told is not seen",
            "insufficient",
        )


_LANDMARKS = ("prompt", "password", "handover")


def announced_keys(rows: list[dict[str, Any]], text: str) -> list[str]:
    """What the boot loader says that stops it, as it is typed; empty where it says nothing."""
    found: list[str] = []
    for row in rows:
        match = re.search(row["pattern"], text) if row["kind"] == "announced" else None
        if match is None:
            continue
        named = match.groupdict().get("keys") or ""
        found += [_typed(named), _typed(named) + "\r"] if named else _ANY_KEY
    return list(dict.fromkeys(found))


def _typed(named: str) -> str:
    """``Ctrl-C`` -> the control character; a word is typed as it stands."""
    control = re.fullmatch(r"(?i)(?:ctrl[-+ ]?|\^)([a-z])", named.strip())
    if control:
        return chr(ord(control[1].upper()) - 64)
    return _KEYS.get(named.strip().lower(), named)


def _answer(
    found: BootInterruption,
    serial: SerialLink,
    loader: dict[str, str],
    knowledge: Any,
    evidence: Any,
) -> tuple[str, str]:
    """What a prompt said to "help", and with which password it was opened."""
    opened = ""
    if found.reached == "password":
        opened = published_password(serial, loader, knowledge, evidence)
    if found.reached == "prompt" or opened:
        return boot_prompt_answers(serial, loader["prompt"], evidence), opened
    return "", ""
