"""What a person has to do where `camproof restore` could not: by surface, account and file."""

from __future__ import annotations

from pathlib import Path

from devices.description import Account, DeviceFile, Secret
from devices.journal import SECRETS, Change, surface


def steps(change: Change, device: DeviceFile, folder: Path) -> str:
    """The steps for a change that is still open. No password is in it, only where each is."""
    bench = device.bench
    where = surface(change.via) if change.via else "the camera"
    restore = _command(bench.restore.command) if bench.restore is not None else ""
    if change.kind == "password":
        return _password(change, device, folder, where)
    if change.kind == "user":
        return f"log in to {where} as an administrator and delete the user {change.subject}"
    if change.kind == "lock":
        return (
            f"wait until {change.until} and see that {change.subject} can log in to {where}; if "
            "not, have an administrator unlock it"
        )
    if change.kind == "setting":
        return f"log in to {where} as an administrator and set again what {change.subject} replaced"
    if change.kind == "factory":
        command = _command(bench.provision.command) if bench.provision is not None else ""
        return f"set the camera up with the accounts of the device file{_by(command)}"
    if change.kind == "firmware":
        version = device.device.firmware.version
        return f"see that firmware {version} runs, or install it{_by(restore)}"
    if change.kind == "clock":
        return "set the camera's clock to the time of day, or have it follow its time server"
    if change.kind == "power":
        return "switch the camera's power on"
    if change.kind == "start":
        return "see that the camera is up; if not, take its power away and give it again"
    return f"log out on {where}"


def _password(change: Change, device: DeviceFile, folder: Path, where: str) -> str:
    named = next(((n, a) for n, a in device.accounts.items() if a.username == change.subject), None)
    own = _own(*named) if named is not None else "that it had before"
    reached = (
        f'; the one it has now may be in {folder / SECRETS}, under "{change.secrets[-1]}"'
        if change.secrets
        else ""
    )
    return f"on {where} give {change.subject} the password {own}{reached}"


def _own(name: str, account: Account) -> str:
    return f"of accounts.{name}, which is in {_source(account.password)}"


def _source(secret: Secret | None) -> str:
    if secret is None:
        return "no place that the device file names"
    return f"{secret.file}" if secret.file is not None else f"the environment variable {secret.env}"


def _command(words: list[str]) -> str:
    return " ".join(words)


def _by(command: str) -> str:
    return f"; the bench does it by `{command}`" if command else ""
