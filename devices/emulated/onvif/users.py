"""Operations of the ONVIF device service on user accounts: all of a request, or nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from devices.emulated.accounts import AccountError
from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.protocols.soap import children, element, text

LEVELS = {"Administrator": "admin", "Operator": "operator", "User": "viewer"}
_LEVEL_OF = {role: level for level, role in LEVELS.items()}


@dataclass(frozen=True)
class _Wanted:
    name: str
    password: str
    role: str


def get_users(call: Call) -> Element:
    """Names and levels, without passwords."""
    found = [
        element(
            "tds:User",
            element("tt:Username", user.name),
            element("tt:UserLevel", _LEVEL_OF[user.role]),
        )
        for user in call.camera.accounts.users()
    ]
    return element("tds:GetUsersResponse", *found)


def create_users(call: Call) -> Element:
    """Add accounts."""
    accounts, wanted = call.camera.accounts, _wanted(call)
    for user in wanted:
        if accounts.role(user.name) is not None:
            raise _prohibited("UsernameClash", "the user name exists already")
        _check_password(call, user, "onvif-create")
    created: list[str] = []
    try:
        for user in wanted:
            accounts.create(user.name, user.password, user.role, "onvif-create")
            created.append(user.name)
    except AccountError as error:
        for name in created:
            accounts.delete(name)
        raise OnvifFault("Receiver", "Action", reason=str(error)) from error
    _audit(call, "user-created", created)
    return element("tds:CreateUsersResponse")


def set_user(call: Call) -> Element:
    """Change level and password of accounts."""
    accounts, wanted = call.camera.accounts, _wanted(call)
    for user in wanted:
        _check_known(call, user.name)
        _check_password(call, user, "onvif-set")
    roles = {user.name: user.role for user in accounts.users()}
    _keep_an_admin(roles | {user.name: user.role for user in wanted})
    for user in sorted(wanted, key=lambda user: user.role != "admin"):  # promotions first
        accounts.set_role(user.name, user.role)
        accounts.set_password(user.name, user.password, "onvif-set")
    _audit(call, "user-changed", [user.name for user in wanted])
    return element("tds:SetUserResponse")


def delete_users(call: Call) -> Element:
    """Remove accounts."""
    accounts = call.camera.accounts
    names = [(node.text or "").strip() for node in children(call.arguments, "Username")]
    for name in names:
        _check_known(call, name)
    _keep_an_admin({u.name: u.role for u in accounts.users() if u.name not in names})
    for name in dict.fromkeys(names):
        accounts.delete(name)
    _audit(call, "user-deleted", names)
    return element("tds:DeleteUsersResponse")


def _wanted(call: Call) -> list[_Wanted]:
    found: list[_Wanted] = []
    for node in children(call.arguments, "User"):
        level = text(node, "UserLevel")
        if level == "Anonymous":
            raise _prohibited("AnonymousNotAllowed", "user level Anonymous is not allowed")
        if level not in LEVELS:
            raise OnvifFault("Sender", "InvalidArgVal", reason=f"unknown user level {level[:40]}")
        found.append(_Wanted(text(node, "Username"), text(node, "Password"), LEVELS[level]))
    if not found:
        raise OnvifFault("Sender", "InvalidArgs", reason="no user is given")
    if len({user.name for user in found}) != len(found):
        raise _prohibited("UsernameClash", "a user name is given twice")
    return found


def _check_password(call: Call, user: _Wanted, way: str) -> None:
    if problem := call.camera.accounts.problem_with(user.name, user.password, way):
        raise _prohibited("PasswordTooWeak", problem)


def _check_known(call: Call, name: str) -> None:
    if call.camera.accounts.role(name) is None:
        reason = "the user name is not known"
        raise OnvifFault("Sender", "InvalidArgVal", "UsernameMissing", reason=reason)


def _keep_an_admin(roles: Mapping[str, str]) -> None:
    """Refuse a change after which no administrator would be left."""
    if "admin" not in roles.values():
        reason = "the last administrator cannot be removed"
        raise OnvifFault("Sender", "InvalidArgVal", "FixedUser", reason=reason)


def _prohibited(subcode: str, reason: str) -> OnvifFault:
    return OnvifFault("Sender", "OperationProhibited", subcode, reason=reason)


def _audit(call: Call, event: str, names: list[str]) -> None:
    by = call.caller.name if call.caller else ""
    call.camera.audit.write(event, user=by, detail=", ".join(names))


OPERATIONS: dict[str, Operation] = {
    "GetUsers": get_users,
    "CreateUsers": create_users,
    "SetUser": set_user,
    "DeleteUsers": delete_users,
}
