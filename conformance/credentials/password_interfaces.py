"""The interfaces that set passwords: those described, and those found that nobody described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from conformance.credentials.web_accounts import MODEST_FIRST
from devices.description import DeviceFile
from devices.errors import LinkError
from devices.links.expendable_account import ExpendableAccount
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_page
from devices.links.onvif import requests
from devices.links.onvif.link import OnvifLink
from devices.links.password_trials import (
    FurtherWebWay,
    Interface,
    MixedWay,
    onvif_login,
    web_login,
)
from devices.links.users import (
    OnvifUserWay,
    UserWay,
    WebUserWay,
    names_on_the_web,
    names_over_onvif,
)
from devices.protocols import soap
from devices.secrets import Secrets

_SETS = re.compile(
    r"/(?:users?|passwords?|passwd|pwd|accounts?)(?:\.\w+)?/?(?:\{\w+\}/?)?$", re.IGNORECASE
)
_ONVIF = "/onvif/device_service"


def interfaces_of(
    http: HttpLink | None,
    onvif: OnvifLink | None,
    secrets: Secrets,
    ways: Sequence[UserWay],
    boot_seconds: float = 0.0,
) -> list[Interface]:
    """Every described interface that makes users or changes passwords, and can be put back.

    ``boot_seconds``: how long the web interface is waited for where it is gone before a user could
    be removed.
    """
    making = [way for way in ways if _makes_and_removes(way, http)]
    found: list[Interface] = []
    for way in ways:
        if isinstance(way, OnvifUserWay) and onvif is not None:
            login = onvif_login(onvif)
            names = partial(names_over_onvif, onvif)
            found.append(Interface("ONVIF CreateUsers", "create", way, login, names))
            found.append(Interface("ONVIF SetUser", "change", way, login))
        elif isinstance(way, WebUserWay) and http is not None:
            found += _of_the_web(http, secrets, way, making)
    if http is None:
        return found
    awaiting = partial(http.wait_until_it_answers, boot_seconds)
    return [replace(one, await_camera=awaiting) for one in found]


def _makes_and_removes(way: UserWay, http: HttpLink | None) -> bool:
    if not isinstance(way, WebUserWay):
        return True
    return http is not None and http.offers("create_user") and http.offers("delete_user")


def _of_the_web(
    http: HttpLink, secrets: Secrets, way: WebUserWay, making: Sequence[UserWay]
) -> list[Interface]:
    login, found = web_login(http), list[Interface]()
    own: list[UserWay] = [one for one in making if isinstance(one, WebUserWay)]
    own = own or list(making)
    for name in http.description.operations:
        usual = name in {"create_user", "change_password"}
        if not usual and not re.match(r"(create_user|change_password|set_password)_", name):
            continue
        by = way if usual else FurtherWebWay(http, secrets, name)
        call = http.operation(name)
        title = f"the web operation {name} ({call.method} {call.path})"
        if name.startswith("create_user") and http.offers("delete_user"):
            names = partial(names_on_the_web, http, secrets)
            found.append(Interface(title, "create", by, login, names))
        elif not name.startswith("create_user") and own:
            found.append(Interface(title, "change", MixedWay(own[0], by), login))
        elif not name.startswith("create_user") and (kept := expendable(secrets)) is not None:
            username, password = kept
            account = ExpendableAccount(by, login, username, password, secrets.trial_password)
            found.append(Interface(title, "change", account, login, account=username))
    return found


def expendable(secrets: Secrets) -> tuple[str, str] | None:
    """User name and password of the account that the bench can spare, if one is given."""
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, purpose="lockout", service="http"):
            return found[1].username, secrets.password(found[0])
    return None


def without_users(device: DeviceFile, http: HttpLink | None, secrets: Secrets) -> list[str]:
    """The web operations that change passwords, where no user's password may be changed."""
    if http is None or device.links.onvif is not None or expendable(secrets) is not None:
        return []
    if http.offers("create_user") and http.offers("delete_user"):
        return []
    return [
        f"the web operation {name}: give an account with purpose 'lockout', or describe "
        "create_user and delete_user"
        for name in http.description.operations
        if re.match(r"(change_password|set_password)(_|$)", name)
    ]


def undescribed(device: DeviceFile, http: HttpLink | None, paths: Iterable[str]) -> list[str]:
    """Interfaces that are declared or found, and that no operation or link describes.

    ``paths`` are published ones where cameras administer users.
    """
    if http is None:
        return []
    operations = http.description.operations.values()
    described = {_shape(op.path) for op in operations if op.method != "GET"}
    lacking = [
        f"{row.method} {row.path}: describe it under links.http.operations"
        for row in device.declared.api
        if row.method in {"POST", "PUT", "PATCH"} and _SETS.search(row.path)
        if _shape(row.path) not in described
    ]
    offered = set(http.description.operations)
    if "create_user" in offered and "delete_user" not in offered:
        lacking.append("the web operation create_user: describe delete_user beside it")
    lacking += [
        f"{path} answers: describe it under links.http.operations"
        for path in paths
        if _shape(path) not in {_shape(op.path) for op in operations} and _answers(http, path)
    ]
    if device.links.onvif is None and _speaks_onvif(http):
        lacking.append(f"ONVIF answers at {_ONVIF}: give [links.onvif]")
    return lacking


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path.partition("?")[0]).rstrip("/")


def _answers(http: HttpLink, path: str) -> bool:
    """Whether something of its own is there, open or behind a login."""
    client = http.anonymous()
    try:
        answer = client.request("GET", path)
        beside = client.request("GET", impossible_neighbour(path))
    except LinkError:
        return False
    finally:
        client.close()
    return _there(answer) and not (_there(beside) or same_page(answer, beside))


def _there(answer: Exchange) -> bool:
    return answer.succeeded or answer.status in {401, 403}


def _speaks_onvif(http: HttpLink) -> bool:
    body = soap.envelope(requests.plain("device", "GetSystemDateAndTime"))
    client = http.anonymous()
    try:
        answer = client.request(
            "POST", _ONVIF, headers={"Content-Type": soap.CONTENT_TYPE}, body=body
        )
    except LinkError:
        return False
    finally:
        client.close()
    return b"GetSystemDateAndTimeResponse" in answer.content
