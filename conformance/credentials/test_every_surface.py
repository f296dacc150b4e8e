"""CRED-036: what is changed of a user counts on every surface at once."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.case import case
from conformance.credentials.undescribed import undescribed_logins
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError, NotOffered
from devices.links.administration import Administration
from devices.links.surfaces import Surface, SurfaceLogin, SurfaceLogins, Watch
from devices.links.users import TrialViewer, UserWay
from devices.secrets import Secrets


@case(
    "CRED-036",
    severity="high",
    needs=(),
    catches=("cred-rtsp-own-users", "cred-onvif-own-users", "cred-old-password-survives"),
    changes="settings",
    revision=2,
)
def test_changes_of_a_user_count_everywhere(
    *,
    user_ways: Sequence[UserWay],
    administrations: Sequence[Administration],
    surfaces: Sequence[Surface],
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    policy: Any,
) -> None:
    """What is changed of a user counts on every surface at once.

    Method: by each way to administer users (ONVIF, the web interface's declared operations), make
    a viewer, and try the login on the web interface, over ONVIF, RTSP, SSH (by password) and the
    described logins of TCP ports: those that take it, and refuse a made-up password, are watched.
    Change the password, make the user an administrator and a viewer again (where ONVIF can), remove
    the user. After each, try the logins that were right before and those that should be right now,
    each on a new connection. A camera has the seconds of policy "passwords" to carry a change out.
    A declared service that may have a login which nobody described leaves the verdict open.
    Pass: no surface takes the old password, the removed user, or lets a former administrator do
    what administrators alone may; every surface takes the new password.
    """
    grace = policy("passwords")["surfaces"]["grace_seconds"]
    faults: list[str] = []
    missing: list[str] = []
    watched: set[str] = set()
    for way in user_ways:
        watch = Watch(surfaces, grace)
        try:
            _life(way, administrations, watch, secrets)
        except (LinkError, DeviceFileError) as error:
            missing.append(f"{way.name}: {error}")
        if not watch.logins:
            continue
        evidence.observe(SurfaceLogins(by=way.name, logins=tuple(watch.logins)), way.name)
        watched |= watch.watched()
        faults += _faults(way.name, watch.logins)
        missing += _doubts(way.name, watch.logins)
    assert not faults, " ".join(faults)
    if not watched:
        raise Inconclusive(
            "no user for the test could be made who logs in anywhere: "
            + (
                "; ".join(missing) or "the device file gives neither [links.onvif] nor [links.http]"
            ),
            "not-offered" if missing else "no-link",
        )
    missing += undescribed_logins(device, policy("guessing")["surfaces"]["tried"])
    if missing := [m for m in missing if not _expected(m, watched, user_ways)]:
        raise Inconclusive("; ".join(missing), "not-measured")


def _life(
    way: UserWay, administrations: Sequence[Administration], watch: Watch, secrets: Secrets
) -> None:
    """One trial user from the first to the last day."""
    viewer = TrialViewer(way, f"Tr1al{random.token_hex(3)}", secrets.trial_password())
    wrong, new = secrets.trial_password(), secrets.trial_password()
    name, old = viewer.username, viewer.password
    with viewer:
        watch.begin((name, old), (name, wrong))
        if not watch.surfaces:
            raise NotOffered("its users cannot log in anywhere, or any password is taken")
        viewer.change_password(new)
        watch.change("after the change", (name, old), (name, new))
        _role(administrations, watch, name, new)
        viewer.remove()
        watch.change("after the removal", (name, new), None)
    if viewer.left_behind:
        raise NotOffered(viewer.left_behind)


def _role(administrations: Sequence[Administration], watch: Watch, name: str, word: str) -> None:
    """Make the user an administrator and a viewer again, where there is a way."""
    way = next((each for each in administrations if each.role is not None), None)
    if way is None or way.role is None:
        return
    try:
        way.role(name, word, "admin")
    except NotOffered:
        return  # what one surface makes another need not know: the roles are of one list then
    try:
        watch.ask_rights("as an administrator", (name, word), gone=False)
    finally:
        way.role(name, word, "viewer")
    watch.ask_rights("as a viewer again", (name, word), gone=True)


def _faults(by: str, logins: Sequence[SurfaceLogin]) -> Iterator[str]:
    for login in logins:
        who = f"After a user was {{}} over {by}, {login.surface} "
        key = (login.when, login.given, login.taken)
        if key == ("after the change", "old", "accepted"):
            yield who.format("given a new password") + "still takes the old one."
        elif key == ("after the removal", "new", "accepted"):
            yield who.format("removed") + "still takes the login."
        elif key == ("after the change", "new", "refused"):
            yield who.format("given a new password") + "refuses the new one."
        elif key == ("as a viewer again", "role", "accepted") and _had(logins, login.surface):
            yield (
                f"A user who was made a viewer again still does over {login.surface} what "
                "administrators alone may."
            )


def _had(logins: Sequence[SurfaceLogin], surface: str) -> bool:
    return any(
        (login.surface, login.when, login.taken) == (surface, "as an administrator", "accepted")
        for login in logins
    )


def _doubts(by: str, logins: Sequence[SurfaceLogin]) -> Iterator[str]:
    for login in logins:
        if login.when == "before" and login.given == "wrong" and login.taken == "accepted":
            yield f"{by}: {login.surface} takes any password, and tells nothing"
        elif login.taken == "undecided":
            yield f"{by}: {login.surface}, {login.given} login {login.when}: {login.answer}"


def _expected(missing: str, watched: set[str], ways: Sequence[UserWay]) -> bool:
    """Whether a way that makes no users is no gap: another one reached the surfaces."""
    return bool(watched) and len(ways) > 1 and "describes no operation" in missing
