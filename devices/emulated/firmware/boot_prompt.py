"""The boot loader's autoboot and its prompt, per ``posture.bootloader``.

- locked: nothing is asked and nothing that is typed matters (U-Boot: bootdelay -2)
- prompt: any key during the last second before the start gives the prompt
- password: as prompt, but a password is asked first; it was set in the factory and is unknown
- published-password: as password, but it is one that vendors' builds have in common
- word: as prompt, for the word that it names alone (U-Boot: CONFIG_AUTOBOOT_STOP_STR)
"""

from __future__ import annotations

import sys
import time
from typing import Any

from devices.emulated.bench.exit_status import REBOOT
from devices.emulated.uart import Uart

_LINE_LIMIT = 256
_STOP_WORD = b"lvstop"
_PUBLISHED = "HI2105CHIP"


def autoboot(uart: Uart, bootloader: str, texts: dict[str, Any]) -> None:
    """Wait for the key that stops the start, where there is one; return to go on starting."""
    if bootloader == "locked":
        return
    word = _STOP_WORD if bootloader == "word" else b""
    if word:
        uart.write(f'Autoboot in 1 seconds, type "{word.decode()}" to stop ')
    else:
        uart.write("Hit any key to stop autoboot:  1 ")
    deadline = time.monotonic() + float(texts["environment"]["bootdelay"])
    key = b""
    while (word not in key or not key) and (left := deadline - time.monotonic()) > 0:
        key += uart.read(left)
    uart.write("\b\b 0 \n")
    if not key or word not in key:
        return
    if bootloader == "password" and not _admitted(uart, ""):
        return
    if bootloader == "published-password" and not _admitted(uart, _PUBLISHED):
        return
    _prompt(uart, texts)


def _admitted(uart: Uart, right: str) -> bool:
    """Ask for the password three times; nobody outside the factory knows an empty ``right``."""
    for _ in range(3):
        uart.write("Enter password: ")
        if _read_line(uart, echo=False) == right != "":
            return True
        uart.write("Incorrect password\n")
    return False


def _prompt(uart: Uart, texts: dict[str, Any]) -> None:
    while True:
        uart.write(texts["prompt"])
        command = _read_line(uart).strip()
        if command == "boot":
            return
        if command == "reset":
            uart.write("resetting ...\n")
            sys.exit(REBOOT)
        uart.write(_answer(command, texts))


def _answer(command: str, texts: dict[str, Any]) -> str:
    if not command:
        return ""
    if command in ("help", "?"):
        return str(texts["commands"]).lstrip("\n")
    if command == "version":
        return f"{texts['version']}\n"
    if command == "printenv":
        return "".join(f"{key}={value}\n" for key, value in texts["environment"].items())
    return f"Unknown command '{command.split(maxsplit=1)[0]}' - try 'help'\n"


def _read_line(uart: Uart, *, echo: bool = True) -> str:
    """Read up to CR or LF. Control characters are dropped; Ctrl-C gives an empty line."""
    line = ""
    while True:
        for byte in uart.read(None):
            if byte in b"\r\n\x03":
                uart.write("\n")
                return "" if byte == 3 else line
            if byte in b"\b\x7f":
                line = line[:-1]
            elif 0x20 <= byte < 0x7F and len(line) < _LINE_LIMIT:
                line += chr(byte)
                if echo:
                    uart.write(chr(byte))
