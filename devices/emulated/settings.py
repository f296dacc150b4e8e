"""The camera's settings on flash, with the values it has when it leaves the factory."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.emulated.flash import read_json, write_json

MAX_KEYS = 8
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # RFC 1123 2.1
_PUBLIC_KEY = re.compile(
    r"(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|rsa-sha2-\d+|ssh-rsa) [A-Za-z0-9+/=]{40,1200}"
    r"(?: [\x20-\x7e]{0,80})?"
)
_FACTORY: dict[str, Any] = {
    "hostname": "lv-2100",
    "ssh": {"enabled": False, "authorized_keys": []},
    "streams": {"main": {"enabled": True}, "sub": {"enabled": True}},
}


class SettingsError(ValueError):
    """A value that the camera refuses; the message is for its user."""


@dataclass(frozen=True)
class SshSettings:
    """Whether the SSH service runs, and the OpenSSH public keys that may log in as ``lab``."""

    enabled: bool
    authorized_keys: tuple[str, ...]


class Settings:
    """Settings kept in ``path`` (``FLASH/data/settings.json``)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        stored = read_json(path, {})
        known = {key: value for key, value in stored.items() if key in _FACTORY}
        self._values: dict[str, Any] = copy.deepcopy(_FACTORY) | known
        self._watchers: list[Callable[[], None]] = []

    @property
    def hostname(self) -> str:
        """The camera's name on the network."""
        return str(self._values["hostname"])

    @property
    def ssh(self) -> SshSettings:
        """The SSH service's settings."""
        ssh = self._values["ssh"]
        return SshSettings(bool(ssh["enabled"]), tuple(ssh["authorized_keys"]))

    @property
    def streams(self) -> dict[str, Any]:
        """Per stream name: ``{"enabled": bool}``."""
        streams: dict[str, Any] = copy.deepcopy(self._values["streams"])
        return streams

    def as_dict(self) -> dict[str, Any]:
        """All settings, as the web interface shows them."""
        return copy.deepcopy(self._values)

    def update(self, changes: dict[str, Any]) -> None:
        """Set the given settings, all or none; raises SettingsError naming the wrong one."""
        draft = self.as_dict()
        for key, value in changes.items():
            if key not in _CHECKS:
                raise SettingsError(f"there is no setting {key!r}")
            draft[key] = _CHECKS[key](value)
        self._values = draft
        write_json(self._path, draft)
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` after every change, on the thread that made it."""
        self._watchers.append(watcher)


def _hostname(value: Any) -> str:
    if not isinstance(value, str) or not _HOSTNAME.fullmatch(value):
        raise SettingsError("hostname: letters, digits and inner hyphens, at most 63")
    return value


def _ssh(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("enabled"), bool):
        raise SettingsError("ssh: an object with enabled (true or false) and authorized_keys")
    keys = value.get("authorized_keys", [])
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise SettingsError(f"ssh.authorized_keys: a list of at most {MAX_KEYS} keys")
    for key in keys:
        if not isinstance(key, str) or not _PUBLIC_KEY.fullmatch(key):
            raise SettingsError("ssh.authorized_keys: each an OpenSSH public key line")
    return {"enabled": value["enabled"], "authorized_keys": list(keys)}


def _streams(value: Any) -> dict[str, Any]:
    expected = set(_FACTORY["streams"])
    if not isinstance(value, dict) or set(value) != expected:
        raise SettingsError(f"streams: an object with {', '.join(sorted(expected))}")
    for name, stream in value.items():
        if not isinstance(stream, dict) or not isinstance(stream.get("enabled"), bool):
            raise SettingsError(f"streams.{name}.enabled: true or false")
    return {name: {"enabled": value[name]["enabled"]} for name in value}


_CHECKS: dict[str, Callable[[Any], Any]] = {"hostname": _hostname, "ssh": _ssh, "streams": _streams}
