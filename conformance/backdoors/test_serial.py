"""The serial console: boot loader, login, and what the boot log gives away."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from conformance.case import case
from conformance.console import (
    ANSWER_SECONDS,
    FLUSH_SECONDS,
    boot_prompt_answers,
    demand_console,
    patterns,
    published_password,
    shell_works,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.power import ColdStart
from devices.links.serial.link import SerialLink
from devices.links.serial.observations import BootLog
from devices.secrets import Secrets

PAIRS = 8
"""Published pairs that are tried on a console: the most frequent; each costs some seconds."""


@case(
    "BACKDOOR-009",
    severity="critical",
    needs=("serial",),
    catches=("backdoor-bootloader", "cred-bootloader-password"),
    changes="power",
)
def test_the_boot_loader_gives_no_prompt(
    *,
    serial: SerialLink,
    cold_start: ColdStart,
    camera: Any,
    device: DeviceFile,
    knowledge: Any,
    evidence: Any,
) -> None:
    """The boot loader cannot be stopped from the serial console.

    Method: restart the camera, by its power where the bench can, and type, from the first moment
    on, every key that is known to stop a boot loader of cameras
    (conformance/knowledge/bootloader.toml), in turn, until the kernel starts. If something like a
    prompt appears, ask it for its help text; if a password is asked, try the published ones. The
    camera is restarted afterwards.
    Pass: the kernel starts, and no prompt of a boot loader answered before.
    """
    rows = knowledge("bootloader")
    landmarks = {kind: patterns(rows, kind) for kind in ("prompt", "password", "handover")}
    mark = serial.mark()
    cold_start.begin()
    found = serial.interrupt_boot(
        [row["keys"] for row in rows if row["kind"] == "key"],
        landmarks,
        min(30.0, device.bench.boot_seconds),
        mark,
    )
    evidence.observe(found)
    opened = ""
    if found.reached == "password":
        opened = published_password(serial, landmarks, knowledge, evidence)
    answered = found.reached == "prompt" or opened
    proof = boot_prompt_answers(serial, landmarks["prompt"], evidence) if answered else ""
    if answered:
        cold_start.begin()
    camera.wait_ready()
    assert not proof, (
        f"the boot loader was stopped from the serial console{opened} and answers commands: "
        f"help printed {proof!r}; expected: no prompt before the kernel starts"
    )
    demand_console(found.text)
    if answered or not found.reached:
        raise Inconclusive(
            "what looked like a prompt answered no command, so the start was not watched to its end"
            if answered
            else "neither a prompt nor the start of a kernel was seen on the serial console",
            "insufficient",
        )


@case(
    "BACKDOOR-010",
    severity="critical",
    needs=("serial",),
    catches=(
        "backdoor-serial-shell",
        "backdoor-serial-password",
        "cred-serial-automatic",
        "cred-ssh-root",
    ),
    changes="power",
)
def test_the_serial_console_gives_no_shell(
    boot_log: BootLog, serial: SerialLink, knowledge: Any, evidence: Any
) -> None:
    """The serial console gives no shell, neither by itself nor for a published password.

    Method: restart the camera, by its power where the bench can, wait until it is up, press Enter
    on the serial console and read what waits there. Where a login is asked, try the published user
    names and passwords that occur most often for consoles
    (conformance/knowledge/default_credentials). A shell counts as found when it carries out an echo
    command, which is typed at every prompt but a login, known or not, and where there is none.
    Pass: no shell without login, and none of the pairs opens one.
    """
    evidence.observe(boot_log)
    demand_console(boot_log.text)
    rows = knowledge("boot_log")
    shell, login = patterns(rows, "shell"), patterns(rows, "login")
    state = serial.exchange("\r", f"{shell}|{login}", ANSWER_SECONDS)
    evidence.observe(state, "console after the start")
    if re.search(shell, state.text, re.MULTILINE):
        assert not shell_works(serial, evidence), (
            "the serial console is a shell without login: it carried out an echo command; "
            "expected: a login, or nothing"
        )
    if not re.search(login, state.text, re.MULTILINE):
        if re.search(f"{shell}|{login}", boot_log.text, re.MULTILINE):
            raise Inconclusive(
                "the start ended with a prompt that does not answer: is the bench's line to the "
                "camera connected?",
                "silent-console",
            )
        _demand_no_prompt(state.text, serial, evidence)
        return  # the start was printed, so the line works; nothing asks for anything
    marks = {kind: patterns(rows, kind) for kind in ("shell", "login", "password", "refused")}
    unanswered = []
    for name, password in _console_pairs(knowledge("default_credentials")):
        works = None
        with serial.logging_in():
            outcome = _log_in(serial, name, password, marks)
            evidence.record(f"login {name}", outcome)
            if re.search(shell, outcome["answer"], re.MULTILINE):
                works = shell_works(serial, evidence)
                serial.exchange("exit\r", login, ANSWER_SECONDS)
        assert not works, (
            f"the serial console lets the user {name!r} in with a published password and "
            "gives a shell; expected: no published pair is accepted"
        )
        refused = re.search(f"{marks['refused']}|{login}", outcome["answer"], re.MULTILINE)
        if works is None and not refused:
            unanswered.append(name)
    if unanswered:
        raise Inconclusive(
            f"the console neither let in nor refused {', '.join(map(repr, unanswered))}",
            "silent-console",
        )


@case(
    "BACKDOOR-011",
    severity="high",
    needs=("serial",),
    catches=("backdoor-serial-secrets",),
    changes="power",
)
def test_the_boot_log_holds_no_secrets(
    boot_log: BootLog, device: DeviceFile, secrets: Secrets, knowledge: Any, evidence: Any
) -> None:
    """The boot log on the serial console gives no secret away.

    Method: restart the camera, by its power where the bench can, and record its serial console from
    the first byte until all services are up. Look for the passwords of the accounts that the
    laboratory set on it, and for what is written like a password, a key or a token
    (conformance/knowledge/boot_log.toml).
    Pass: the log has content, and none of them is in it.
    """
    evidence.observe(boot_log)
    demand_console(boot_log.text)
    found = [
        f"the password of the account {name!r}"
        for name, account in device.accounts.items()
        if account.password is not None and secrets.password(name) in boot_log.text
    ]
    rows = knowledge("boot_log")
    placeholder = patterns(rows, "placeholder")
    for row in rows:
        if row["kind"] == "secret":
            for match in re.finditer(row["pattern"], boot_log.text):
                if not re.search(placeholder, match["value"]):
                    line = boot_log.text.count("\n", 0, match.start()) + 1
                    found.append(f"{row['name']} in line {line}")
    assert not found, (
        f"the boot log on the serial console holds {'; '.join(found)}; expected: no secret"
    )


def _demand_no_prompt(answer: str, serial: SerialLink, evidence: Any) -> None:
    """Where neither a shell nor a login is recognised: nothing obeys, and nothing waits.

    Messages of the system end their lines, a prompt does not. Raises Inconclusive.
    """
    waiting = answer.rpartition("\n")[2].strip()
    assert not shell_works(serial, evidence), (
        f"the serial console carried out an echo command at the prompt {waiting[-40:]!r} without "
        "login; expected: a login, or nothing"
    )
    if waiting:
        raise Inconclusive(
            f"the console answers Enter with {waiting[-80:]!r}, which is no prompt that is known: "
            "published passwords could not be tried",
            "unrecognised-prompt",
        )


def _console_pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The published pairs for consoles and shells, the most frequent first."""
    services = Counter({"serial": 3, "os-hash": 3, "telnet": 1})
    weight: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["username"]:
            weight[row["username"], row["password"]] += services[row["service"]]
    return [pair for pair, count in weight.most_common(PAIRS) if count]


def _log_in(serial: SerialLink, name: str, password: str, marks: dict[str, str]) -> dict[str, str]:
    """One login; returns what the console said. The password is published, so no secret."""
    after_name = f"{marks['password']}|{marks['shell']}"
    serial.exchange("\r", marks["login"], ANSWER_SECONDS)
    serial.exchange(f"{name}\r", after_name, ANSWER_SECONDS)
    serial.wait_quiet(FLUSH_SECONDS, 1.0)
    until = f"{marks['refused']}|{marks['shell']}|{marks['login']}"
    answer = serial.exchange(f"{password}\r", until, ANSWER_SECONDS)
    return {"user": name, "password": password, "answer": answer.text}
