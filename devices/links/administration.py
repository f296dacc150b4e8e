"""What an administrator changes of another user: the password, the role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.description import Role
from devices.errors import NotOffered
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import OnvifCall, Outcome
from devices.secrets import Secrets

LEVELS: dict[Role, str] = {"admin": "Administrator", "operator": "Operator", "viewer": "User"}
"""ONVIF's user levels by role (Device service, SetUser)."""


@dataclass(frozen=True)
class Administration:
    """One way to change users: ``password`` (name, new one) and ``role`` (name, password, role).

    Both raise NotOffered where the camera refuses, and other link errors.
    """

    name: str
    password: Callable[[str, str], None]
    role: Callable[[str, str, Role], None] | None


def over_onvif(link: OnvifLink) -> Administration:
    """SetUser, as the account of links.onvif."""

    def role(username: str, password: str, wanted: Role) -> None:
        _demand(link.set_user(link.default_account(), username, password, LEVELS[wanted]))

    return Administration("ONVIF SetUser", lambda name, new: role(name, new, "viewer"), role)


def over_the_web(link: HttpLink, secrets: Secrets) -> Administration:
    """The operation ``set_password`` of links.http. Raises NotOffered when it is not described."""
    link.operation("set_password")

    def password(username: str, new: str) -> None:
        found = secrets.account(role="admin", service="http")
        if found is None:
            raise NotOffered("the device file gives no administrator for http")
        client = link.account(found[0])
        try:
            answer = link.perform(client, "set_password", username=username, new_password=new)
        finally:
            link.leave(client)
        if not link.done("set_password", answer):
            raise NotOffered(why_undone("set_password", answer))

    return Administration("the web interface", password, None)


def _demand(call: OnvifCall) -> None:
    if call.answer.outcome is not Outcome.DATA:
        raise NotOffered(
            f"ONVIF {call.answer.operation} is answered with {call.answer.outcome.value} "
            f"{call.answer.detail}"
        )
