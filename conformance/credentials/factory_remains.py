"""What is put on the camera or read from it before a factory reset, and what the reset leaves."""

from __future__ import annotations

import re
import secrets as random
from contextlib import suppress
from dataclasses import dataclass, field

from conformance.credentials.factory_visit import Surfaces, remove
from conformance.credentials.recordings_kept import Recordings, recordings_left
from conformance.credentials.tls_keys_kept import KeysKept, ShownKeys
from conformance.credentials.web_accounts import accepts, administrator
from devices.errors import DeviceFileError, LinkError, NotOffered
from devices.links.onvif.link import OnvifLink
from devices.links.ssh.inventory import stored_secrets
from devices.observation import Observation

_PLACES = (
    "/etc",
    "/data",
    "/config",
    "/mnt/mtd",
    "/mnt/config",
    "/overlay",
    "/var/log",
    "/var/lib",
)


@dataclass(frozen=True, kw_only=True)
class Remains(Observation):
    """What was put on the camera before a reset, where it was looked for, and what was left."""

    planted: tuple[str, ...]
    looked: tuple[str, ...]
    left: tuple[str, ...]


@dataclass
class Planted:
    """What a test puts on the camera, to be looked for after the reset."""

    password: str
    username: str = field(default_factory=lambda: f"Tr{random.token_hex(4)}")
    network: str = field(default_factory=lambda: f"Trial-{random.token_hex(4)}")
    user_made: bool = False
    network_set: bool = False
    user_seen: bool = False
    recordings: Recordings = field(default_factory=Recordings)
    keys: ShownKeys = field(default_factory=ShownKeys)


def plant(at: Surfaces) -> Planted:
    """Make a user and, where that is described, join a wireless network of a made-up name."""
    made = Planted(at.secrets.trial_password())
    for way in at.ways:
        with suppress(NotOffered, DeviceFileError):
            way.create(made.username, made.password)
            made.user_made = True
            made.user_seen = _sees_user(at, made)
            break
    if at.http.offers("wifi"):
        admin, phrase = administrator(at.http, at.secrets), at.secrets.trial_password()
        answer = at.http.perform(admin, "wifi", ssid=made.network, passphrase=phrase)
        at.http.leave(admin)
        made.network_set = at.http.done("wifi", answer)
    return made


def _sees_user(at: Surfaces, made: Planted) -> bool:
    """Whether it is really there: a camera that only says so would have nothing to wipe."""
    with suppress(LinkError, DeviceFileError):
        if at.onvif is not None and _on_onvif(at.onvif, made.username):
            return True
    with suppress(LinkError, DeviceFileError):
        if at.http.offers("users") and _on_the_web(at, made.username):
            return True
    with suppress(LinkError, DeviceFileError):
        return accepts(at.http, made.username, made.password).accepted
    return False


def _on_onvif(onvif: OnvifLink, username: str) -> bool:
    return username in {user.name for user in onvif.users().users}


def _on_the_web(at: Surfaces, username: str) -> bool:
    admin = administrator(at.http, at.secrets)
    listed = at.http.perform(admin, "users").content.decode("utf-8", "replace")
    at.http.leave(admin)
    return username in re.findall(r"[\w.@-]+", listed)


def look_for_remains(at: Surfaces, made: Planted, keys: KeysKept, after: Recordings) -> Remains:
    """Look for what was planted: first in files, which requests that name it might change.

    ``keys``: what the factory state said of the TLS keys; ``after``: the recordings there are now.
    """
    planted, needles = list[str](), list[tuple[str, str]]()
    if made.user_seen:
        planted.append("a user")
        needles.append(("the name of the user made before the reset", made.username))
    if made.network_set:
        planted.append("a wireless network")
        needles.append(("the wireless network set before the reset", made.network))
    looked, left, problems = [*keys.looked], [*keys.left], [*keys.problems]
    if not planted:
        problems.append("nothing could be put on the camera to look for")
    if at.ssh is None:
        problems.append("files were not searched: the device file gives no [links.ssh]")
    elif needles:
        try:
            found = stored_secrets(at.ssh, _PLACES, needles, ())
        except (LinkError, DeviceFileError) as error:
            problems.append(f"files were not searched: {error}")
        else:
            looked.append(f"{found.searched} files over SSH")
            left += [f"{one.path} holds {one.what}" for one in found.found]
            problems += [found.shortfall] if found.shortfall else []
    if made.user_seen:
        _look_for_user(at, made, looked, left, problems)
    _look_for_recordings(made, after, looked, left, problems)
    return Remains(
        planted=tuple(planted),
        looked=tuple(looked),
        left=tuple(left),
        shortfall="; ".join(problems),
    )


def _look_for_user(
    at: Surfaces, made: Planted, looked: list[str], left: list[str], problems: list[str]
) -> None:
    try:
        if at.onvif is not None:
            looked.append("users over ONVIF")
            if _on_onvif(at.onvif, made.username):
                left.append("ONVIF lists the user made before the reset")
        if at.http.offers("users"):
            looked.append("users on the web")
            if _on_the_web(at, made.username):
                left.append("the web interface lists the user made before the reset")
        looked.append("a login of the user")
        if accepts(at.http, made.username, made.password).accepted:
            left.append("the user made before the reset logs in")
    except (LinkError, DeviceFileError) as error:
        problems.append(f"users: {error}")


def _look_for_recordings(
    made: Planted, after: Recordings, looked: list[str], left: list[str], problems: list[str]
) -> None:
    before = made.recordings
    problems += dict.fromkeys(filter(None, (before.problem, after.problem)))
    if before.seen and not after.problem:
        looked.append(f"{len(before.seen)} recordings of before")
        left += recordings_left(before, after)


def keys_left(at: Surfaces) -> str:
    """Whether the laboratory still logs in over SSH before anybody set the camera up."""
    if at.ssh is None:
        return ""
    at.ssh.close()
    try:
        at.ssh.run("true")
    except (LinkError, DeviceFileError):
        return ""
    finally:
        at.ssh.close()
    return "SSH lets the laboratory's account in before anybody has set the camera up"


def forget_planted(at: Surfaces, made: Planted) -> None:
    """Remove what a reset left of it."""
    if made.user_made:
        remove(at, made.username)
