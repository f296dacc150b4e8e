"""The JSON API's account part: set-up, login, users, passwords."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from aiohttp import web

from devices.emulated import wifi
from devices.emulated.accounts import AccountError
from devices.emulated.label import maker_code
from devices.emulated.web.answers import Refusal, json_object, text_field
from devices.emulated.web.identity import CLEAR_COOKIE, COOKIE, Caller, Identity, source

if TYPE_CHECKING:
    from devices.emulated.camera import Camera


_LABEL = "label of the camera"  # no user name: under it wrong label passwords are counted


class AccountApi:
    """Handlers; each gets a request that has passed the gate, and its caller."""

    def __init__(self, camera: Camera, identity: Identity) -> None:
        self._camera = camera
        self._identity = identity

    async def status(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """The one fact that a page needs before anybody is logged in."""
        state = "ready" if self._camera.accounts.exists() else "factory"
        return web.json_response({"state": state})

    async def set_up(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """First use: make the first administrator."""
        body = await json_object(request)
        name, password = text_field(body, "username"), text_field(body, "password")
        if self._camera.accounts.exists() and not self._camera.posture.setup_stays_open:
            raise Refusal(403, "the camera is set up already")  # another first user was faster
        self._check_label(body)
        self._create(name, password, "admin", "setup")
        detail = password if self._camera.posture.audit_passwords else ""
        self._camera.audit.write("set-up", user=name, source=source(request), detail=detail)
        return web.json_response({"user": name, "role": "admin"}, status=201)

    def _check_label(self, body: dict[str, Any]) -> None:
        """Who sets the camera up has read its label; a unit made without one asks for nothing."""
        camera = self._camera
        if not camera.accounts.label:
            return
        if camera.lockout.locked("http", _LABEL):
            raise Refusal(429, "too many failed attempts; try again later")
        if not hmac.compare_digest(
            text_field(body, "label").encode(), camera.accounts.label.encode()
        ):
            camera.lockout.failed("http", _LABEL)
            raise Refusal(403, "this is not the password on the label")

    async def log_in(self, request: web.Request, caller: Caller) -> web.Response:
        """Begin a session, always under a new identifier."""
        body = await json_object(request)
        name, password = text_field(body, "username"), text_field(body, "password")
        session = self._identity.log_in(request, name, password)
        if caller.session is not None:
            self._identity.sessions.log_out(caller.session)
        response = web.json_response(
            {"user": name, "role": self._identity.role(name), "csrf": session.csrf}, status=201
        )
        self._identity.set_cookie(request, response, session)
        if self._camera.posture.session_in_url:
            response.headers["Location"] = f"/?session={session.id}"
        return response

    async def who(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """The logged-in user, so that a reloaded page knows."""
        csrf = caller.session.csrf if caller.session else ""
        return web.json_response({"user": caller.name, "role": caller.role, "csrf": csrf})

    async def log_out(self, request: web.Request, caller: Caller) -> web.Response:
        """End the session."""
        if caller.session is not None:
            self._identity.sessions.log_out(caller.session)
        self._camera.audit.write("logout", user=caller.name, source=source(request))
        return self._without_cookie(request)

    async def change_password(self, request: web.Request, caller: Caller) -> web.Response:
        """Change one's own password; ends all of one's sessions."""
        body = await json_object(request)
        old, new = text_field(body, "old_password"), text_field(body, "new_password")
        camera, where = self._camera, source(request)
        guarded = camera.posture.lockout_change
        if guarded and camera.lockout.locked("http", caller.name):
            raise Refusal(429, "too many failed attempts; try again later")
        if camera.accounts.check(caller.name, old) is None:
            if guarded:
                camera.lockout.failed("http", caller.name)
            camera.audit.write("password-change-failed", user=caller.name, source=where)
            raise Refusal(403, "the old password is wrong")
        try:
            camera.accounts.set_password(caller.name, new)
        except AccountError as error:
            raise Refusal(422, str(error)) from error
        camera.audit.write("password-changed", user=caller.name, source=where)
        return self._without_cookie(request)

    async def users(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """All users and their roles."""
        users = [{"username": u.name, "role": u.role} for u in self._camera.accounts.users()]
        return web.json_response({"users": users})

    async def create_user(self, request: web.Request, caller: Caller) -> web.Response:
        """Add a user."""
        body = await json_object(request)
        name, role = text_field(body, "username"), text_field(body, "role")
        self._create(name, text_field(body, "password"), role)
        self._camera.audit.write(
            "user-created", user=caller.name, source=source(request), detail=f"{name} ({role})"
        )
        return web.json_response({"username": name, "role": role}, status=201)

    async def delete_user(self, request: web.Request, caller: Caller) -> web.Response:
        """Remove a user and end its sessions."""
        name = request.match_info["username"]
        if self._camera.accounts.role(name) is None:
            raise Refusal(404, "there is no such user")
        try:
            self._camera.accounts.delete(name)
        except AccountError as error:
            raise Refusal(409, str(error)) from error
        self._camera.audit.write(
            "user-deleted", user=caller.name, source=source(request), detail=name
        )
        return web.Response(status=204)

    async def join_wifi(self, request: web.Request, caller: Caller) -> web.Response:
        """Keep the wireless network to join."""
        body = await json_object(request)
        name = text_field(body, "ssid")
        try:
            wifi.join(self._camera.flash / "data", name, text_field(body, "passphrase"))
        except wifi.WifiError as error:
            raise Refusal(422, str(error)) from error
        self._camera.audit.write("wifi-changed", user=caller.name, source=source(request))
        return web.Response(status=204)

    async def recover(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """A page of the maker's: the password of today lets a new one be set."""
        body = await json_object(request)
        code = maker_code(self._camera.clock.now())
        if not hmac.compare_digest(text_field(body, "code").encode(), code.encode()):
            raise Refusal(403, "wrong code")
        name = text_field(body, "username")
        try:
            self._camera.accounts.set_password(name, text_field(body, "password"))
        except AccountError as error:
            raise Refusal(422, str(error)) from error
        return web.Response(status=204)

    def _create(self, name: str, password: str, role: str, way: str = "create") -> None:
        try:
            self._camera.accounts.create(name, password, role, way)
        except AccountError as error:
            raise Refusal(422, str(error)) from error
        self._camera.lockout.succeeded("http", name)  # guesses at a name that did not exist yet

    def _without_cookie(self, request: web.Request) -> web.Response:
        response = web.Response(status=204)
        name = COOKIE if request.secure else CLEAR_COOKIE
        response.del_cookie(name, path="/", secure=request.secure, httponly=True)
        return response
