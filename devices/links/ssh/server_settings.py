"""What the SSH server's own settings say of root: configuration of OpenSSH, options of Dropbear."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from devices.errors import NotOffered
from devices.links.ssh.inventory import processes
from devices.links.ssh.link import SshLink
from devices.observation import Observation

_CONFIGURATION = "/etc/ssh/sshd_config"
_NO_ROOT_PASSWORD = frozenset(
    {"no", "prohibit-password", "without-password", "forced-commands-only"}
)


@dataclass(frozen=True, kw_only=True)
class RootByPassword(Observation):
    """Whether the server's settings let root in with a password; None where they do not tell.

    ``source`` is the line that says so.
    """

    endpoint: str
    permitted: bool | None
    source: str = ""


def root_by_password(link: SshLink) -> RootByPassword:
    """Look at the running server and its configuration as the laboratory's user."""
    commands = [row.command for row in processes(link).processes]
    programs = {words[0].rpartition("/")[2].rstrip(":") for c in commands if (words := c.split())}
    if {"dropbear", "sshd"} <= programs:  # which of them answers here is not known
        source = "dropbear and sshd both run"
        return RootByPassword(endpoint=link.endpoint, permitted=None, source=source)
    permitted, source = of_dropbear(commands)
    if permitted is None:
        try:
            permitted, source = of_openssh(
                link.read_file(_CONFIGURATION).decode("utf-8", "replace")
            )
        except NotOffered:
            permitted, source = None, ""
    return RootByPassword(endpoint=link.endpoint, permitted=permitted, source=source)


def of_dropbear(commands: Iterable[str]) -> tuple[bool | None, str]:
    """What Dropbear's options say (dropbear(8)): -s no passwords, -g none of root, -w no root."""
    for command in commands:
        words = command.split()
        if not words or words[0].rpartition("/")[2] != "dropbear":
            continue
        letters = "".join(word[1:] for word in words[1:] if re.fullmatch(r"-[A-Za-z]+", word))
        return not set("sgw") & set(letters), command[:200]
    return None, ""


def of_openssh(text: str) -> tuple[bool | None, str]:
    """What ``sshd_config`` says; None where a Match or Include may say otherwise.

    The first value counts. Without one the default of its release would: not known here.
    """
    for line in text.splitlines():
        words = re.split(r"[\s=]+", line.split("#", 1)[0].strip().strip('"'), maxsplit=1)
        keyword = words[0].lower()
        if keyword in ("match", "include"):
            return None, line.strip()[:200]
        if keyword == "permitrootlogin" and len(words) == 2:
            value = words[1].strip().strip('"').lower()
            return value not in _NO_ROOT_PASSWORD, line.strip()[:200]
    return None, ""
