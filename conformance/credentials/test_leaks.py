"""CRED-035: secrets of a login stand nowhere but in the login."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from conformance.case import case
from conformance.credentials.web_accounts import administrator, trial_viewer
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.http.leaks import LeakSearch, Search, Sought, operation_target
from devices.links.http.link import HttpLink
from devices.links.http.sessions import session_cookie
from devices.links.onvif.link import OnvifLink
from devices.links.users import UserWay
from devices.secrets import Secrets

_NAMED = {"configuration": "export", "logs": "log"}


@case(
    "CRED-035",
    severity="high",
    needs=("http",),
    catches=(
        "cred-token-in-url",
        "cred-password-in-log",
        "cred-password-in-export",
        "stream-uri-credentials",
    ),
    changes="settings",
    applies_to=("http",),
    revision=2,
)
def test_secrets_of_logins_stand_nowhere_else(
    *,
    http: HttpLink,
    user_ways: Sequence[UserWay],
    camera: Any,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
) -> None:
    """Passwords and session tokens stand nowhere but in the login.

    Method: with a user made for it (else the viewer of the device file), log in once with a wrong
    password and once with the right one. Then look for both passwords, the session's token, and the
    passwords of the device file's accounts in the addresses that answers lead to, in the front
    page, what it leads and refers to and an error page, passwords in the login's answer and its
    cookies too, and as an administrator in everything that may be
    read by declaration, the exported configuration (operation "configuration") and the log
    ("logs"), and over ONVIF in the system log, the users and the addresses of streams and
    pictures. Each secret is looked for in clear, percent-encoded, in Base64 and hex, reversed, and
    as an unsalted MD5, SHA-1 or SHA-256. Secrets too short to be told from chance are left out.
    Pass: none is found, and nothing that the device file describes puts a password or a session's
    token into an address.
    """
    typed = secrets.trial_password()
    with ExitStack() as stack:
        username, password = _user(http, user_ways, secrets, stack)
        refused, stranger = http.log_in(username, typed)
        http.leave(stranger)
        accepted, client = http.log_in(username, password)
        stack.callback(http.leave, client)
        if not accepted.accepted:
            raise Inconclusive(f"{username} cannot log in", "login-refused")
        cookie = session_cookie(http, client)
        token = client.cookies.get(cookie, "") if cookie else client.token
        if token:
            secrets.remember("trial.session", token)
        sought = [
            Sought("a password that was typed wrongly", "password", typed),
            Sought("the password of the user logged in", "password", password),
            *([Sought("the token of a session", "token", token)] if token else ()),
            *_accounts(device, secrets),
        ]
        search = Search(http, sought)
        search.answer(refused.answer, "error page")
        if http.description.authentication == "session":
            search.login(accepted.answer, client.cookies)
        search.pages(client)
        admin = administrator(http, secrets)
        stack.callback(http.leave, admin)
        search.administrators(admin, _documents(http, device))
        _onvif(camera, device, search)
    found = evidence.observe(search.result())
    faults = list(_faults(found))
    assert not faults, " ".join(faults)
    if missing := list(_unseen(http, device, found)):
        raise Inconclusive("; ".join(missing), "undeclared")


def _unseen(http: HttpLink, device: DeviceFile, found: LeakSearch) -> Iterator[str]:
    """What could not be searched because the device file does not say where it is."""
    if not operation_target(http, "logs") and not any(p.kind == "log" for p in found.places):
        yield "no log was found: describe the operation logs under links.http.operations"
    if device.declared.exports_configuration is not False and not operation_target(
        http, "configuration"
    ):
        yield (
            "describe the operation configuration (its export) under links.http.operations, or "
            "declare exports_configuration = false"
        )


def _user(
    http: HttpLink, ways: Sequence[UserWay], secrets: Secrets, stack: ExitStack
) -> tuple[str, str]:
    try:
        user = stack.enter_context(trial_viewer(http, ways, secrets))
    except Inconclusive:
        found = secrets.account(role="viewer", service="http")
        if found is None:
            raise
        return found[1].username, secrets.password(found[0])
    return user.username, user.password


def _accounts(device: DeviceFile, secrets: Secrets) -> Iterator[Sought]:
    for name, account in device.accounts.items():
        if account.password is not None:
            try:
                yield Sought(
                    f"the password of the account {name!r}", "password", secrets.password(name)
                )
            except DeviceFileError:
                continue


def _documents(http: HttpLink, device: DeviceFile) -> list[tuple[str, str]]:
    named = [(kind, operation_target(http, name)) for name, kind in _NAMED.items()]
    known = {target for _, target in named}
    media = {urlsplit(stream.url).path for stream in device.declared.streams}
    readable = [
        ("answer", resource.path)
        for resource in device.declared.api
        if resource.method == "GET" and "{" not in resource.path and "admin" in resource.roles
        if resource.path not in known | media
    ]
    return [(kind, target) for kind, target in named if target] + readable


def _onvif(camera: Any, device: DeviceFile, search: Search) -> None:
    """What ONVIF says; a camera whose ONVIF does not answer is judged by the rest."""
    if device.links.onvif is None:
        return
    link: OnvifLink = camera.link("onvif")
    try:
        for name, text in link.documents():
            kind = "log" if "Log" in name else "address" if "Uri" in name else "answer"
            search.look(f"ONVIF {name}", kind, text)
    except (LinkError, DeviceFileError) as error:
        search.missing.append(f"ONVIF: {error}")


def _faults(found: LeakSearch) -> Iterator[str]:
    for place in found.places:
        for what in place.found:
            yield f"{place.name} ({place.kind}) holds {what}."
    for name in found.in_urls:
        yield f"By the device file, {name} carries a secret of the login in the address."
