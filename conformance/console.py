"""What test cases of the serial console have in common: landmarks, and whether a shell obeys."""

from __future__ import annotations

import re
from typing import Any

from conformance.verdict import Inconclusive
from devices.links.serial.link import SerialLink

ANSWER_SECONDS = 8.0
FLUSH_SECONDS = 0.05
"""login(1) forgets what was typed up to shortly after its password prompt (tcflush)."""

_UNDECODABLE = 0.2
_LOGIN = ("login", "password", "shell", "refused")
_CONTROLS = "\r\n\t\b\a\x1b"
"""What is no letter and yet belongs to the text of a console."""


def patterns(rows: list[dict[str, Any]], kind: str) -> str:
    """One expression for all landmarks of a kind."""
    return "|".join(f"(?:{row['pattern']})" for row in rows if row["kind"] == kind)


def login_marks(knowledge: Any) -> dict[str, str]:
    """The patterns by which what a console says to a login is told apart."""
    rows = knowledge("boot_log")
    marks = {kind: patterns(rows, kind) for kind in _LOGIN}
    return marks | {"locked": patterns(knowledge("console"), "locked")}


def demand_console(text: str) -> None:
    """No verdict on a console that was not heard: unplugged and disabled look alike."""
    if not text.strip():
        raise Inconclusive(
            "the serial console printed nothing while the camera started: it is disabled, or the "
            "bench is not connected to it",
            "silent-console",
        )
    strange = sum(
        not (each.isprintable() or each in _CONTROLS) or each == "\ufffd" for each in text
    )
    if strange > _UNDECODABLE * len(text):
        raise Inconclusive(
            "what the serial console printed is not text: check links.serial.baud", "garbled"
        )


def boot_prompt_answers(serial: SerialLink, prompt: str, evidence: Any) -> str:
    """The start of the help text that the boot loader printed; empty when nothing answered."""
    serial.exchange("\x03\r", prompt, 2.0)
    answer = serial.exchange("help\r", prompt, ANSWER_SECONDS)
    evidence.observe(answer, "help of the boot loader")
    if re.search(prompt, answer.text, re.MULTILINE) is None:
        return ""  # whatever was printed meanwhile, it was no answer of who waits for commands
    said = re.sub(prompt, "", answer.text.partition("\n")[2], flags=re.MULTILINE)
    return " ".join(said.split())[:80]


def published_password(
    serial: SerialLink, landmarks: dict[str, str], knowledge: Any, evidence: Any
) -> str:
    """Try the published passwords of boot loaders; says so when one opens it."""
    rows = [row for row in knowledge("default_credentials") if row["service"] == "u-boot"]
    serial.wait_quiet(0.3, 2.0)  # the answer to the last keys is none to a password
    for row in rows:
        until = f"{landmarks['prompt']}|{landmarks['password']}|{landmarks['handover']}"
        answer = serial.exchange(f"{row['password']}\r", until, 5.0, shown="a published password")
        evidence.observe(answer, "boot loader after a published password")
        if re.search(landmarks["prompt"], answer.text, re.MULTILINE):
            return " with a published password"
        if re.search(landmarks["handover"], answer.text):
            break
    return ""


def shell_works(serial: SerialLink, evidence: Any) -> bool:
    """Whether the console carries out a command; the quotes keep the echo of typing apart."""
    answer = serial.exchange("echo cam''proof\r", r"^camproof\b", ANSWER_SECONDS)
    evidence.observe(answer, "echo on the console")
    return re.search(r"^camproof\b", answer.text, re.MULTILINE) is not None
