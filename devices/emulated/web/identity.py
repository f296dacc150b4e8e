"""Who is asking: login, session cookie, HTTP digest, and whether the caller may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from devices.emulated.accounts import User
from devices.emulated.http_digest import web_digest
from devices.emulated.label import maker_code
from devices.emulated.sessions import Session, SessionStore
from devices.emulated.web.access import Resource
from devices.emulated.web.answers import Refusal
from devices.errors import DeviceError

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

COOKIE = "__Host-session"  # the prefix makes browsers insist on Secure and Path=/
ROLE_COOKIE = "level"  # under the fault that believes what it says
CLEAR_COOKIE = "session"  # under the fault that serves the login without TLS
_SETUP_FIRST = "set the camera up first: open its web page"


@dataclass(frozen=True)
class Caller:
    """Who sent a request; role ``anonymous`` has no session and no name."""

    name: str = ""
    role: str = "anonymous"
    session: Session | None = None


class Identity:
    """Decides for each request who sends it, and whether the access table lets it through."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        kept = camera.flash / "data" / "sessions.json"
        self.sessions = SessionStore(camera.posture, camera.clock.time, kept)
        camera.accounts.on_revoked(self._revoked)
        self._digest = web_digest(camera, f"{camera.reported.brand} {camera.reported.model}")

    def authorise(self, request: web.Request, resource: Resource) -> Caller:
        """The caller, when the table lets it call ``resource``; raises Refusal."""
        self._check_state(resource)
        caller = self.caller(request, resource)
        if not self._may(caller, resource):
            if caller.role == "anonymous":
                raise Refusal(401, "log in first", self._challenges(resource))
            self._camera.audit.write(
                "access-refused", user=caller.name, source=source(request), detail=resource.key
            )
            raise Refusal(403, "your role does not allow this")
        self._check_csrf(request, resource, caller)
        return caller

    def caller(self, request: web.Request, resource: Resource) -> Caller:
        """Who sends this request, by session cookie or, where offered, by digest."""
        cookies = request.cookies
        session = self.sessions.find(cookies.get(COOKIE) or cookies.get(CLEAR_COOKIE, ""))
        if session is not None and (role := self._role_in(session)):
            if self._camera.posture.role_cookie:
                role = cookies.get(ROLE_COOKIE, role)
            return Caller(session.user, role, session)
        if resource.digest and "Authorization" in request.headers:
            return self._digest_caller(request)
        return Caller()

    def log_in(self, request: web.Request, name: str, password: str) -> Session:
        """Begin a session; raises Refusal. The answers do not tell which names exist."""
        camera, where, origin = self._camera, source(request), _claimed_origin(request)
        if camera.lockout.locked("http", name, origin):
            camera.audit.write("login-locked", user=name, source=where)
            raise Refusal(429, "too many failed logins; try again later")
        if self._check(name, password) is None:
            camera.lockout.failed("http", name, origin)
            typed = f"password {password}" if camera.posture.log_holds_passwords else ""
            camera.audit.write("login-failed", user=name, source=where, detail=typed)
            if camera.posture.login_tells_unknown_user and camera.accounts.role(name) is None:
                raise Refusal(404, "there is no such user")
            raise Refusal(401, "the user name or the password is wrong")
        camera.lockout.succeeded("http", name, origin)
        camera.audit.write("login", user=name, source=where)
        return self.sessions.begin(name, self.role(name) or "")

    def _role_in(self, session: Session) -> str | None:
        """The role that a session gives now; under a fault, the one that it began with."""
        survives = self._camera.posture.session_survives
        if "role" in survives:
            return session.role
        return self.role(session.user) or (session.role if "removal" in survives else None)

    def _revoked(self, name: str) -> None:
        """End the sessions of a user who was removed, or got another password."""
        survives = self._camera.posture.session_survives
        if self._camera.accounts.role(name) is None:
            if "removal" not in survives:
                self.sessions.user_removed(name)
        elif "admin-password" not in survives:
            self.sessions.password_changed(name)

    def still_known(self, caller: Caller) -> bool:
        """Whether who is looking may go on: the session is alive, the account exists."""
        if caller.session is not None and self.sessions.find(caller.session.id) is None:
            return False
        return not caller.name or self.role(caller.name) is not None

    def set_cookie(self, request: web.Request, response: web.Response, session: Session) -> None:
        """Give the session to the browser."""
        protected = self._camera.posture.cookie_attributes
        response.set_cookie(
            COOKIE if request.secure else CLEAR_COOKIE,
            session.id,
            path="/",
            secure=request.secure and protected,
            httponly=protected,
            samesite=None if self._camera.posture.csrf_unprotected else "Strict",
        )
        if self._camera.posture.role_cookie:
            response.set_cookie(
                ROLE_COOKIE,
                session.role,
                path="/",
                secure=request.secure,
                httponly=True,
                samesite="Strict",
            )

    def _check(self, name: str, password: str) -> User | None:
        extra_name, _, extra_password = self._camera.posture.extra_web_account.partition(":")
        if extra_name and (name, password) == (extra_name, extra_password):
            return User(name, "viewer")
        by_code = self._camera.posture.recovery_code == "date"
        if by_code and self.role(name) == "admin" and password == self._code():
            return User(name, "admin")
        self._camera.accounts.hash_for("web", name, password)
        return self._camera.accounts.check(name, password)

    def _code(self) -> str:
        return maker_code(self._camera.clock.now())

    def role(self, name: str) -> str | None:
        """The role of an account that may log in here; None for an unknown name."""
        extra_name = self._camera.posture.extra_web_account.partition(":")[0]
        known = self._camera.accounts.role(name)
        return known or ("viewer" if extra_name and name == extra_name else None)

    def _digest_caller(self, request: web.Request) -> Caller:
        camera, service = self._camera, "http-digest"
        try:
            checked = self._digest.check(
                request.headers["Authorization"],
                request.method,
                request.raw_path,
                lambda name: (
                    None if camera.lockout.locked(service, name) else camera.accounts.password(name)
                ),
            )
        except DeviceError:  # not a digest header
            return Caller()
        if checked.stale:
            again = self._digest.challenges(stale=True)
            raise Refusal(401, "log in again", [("WWW-Authenticate", c) for c in again])
        role = camera.accounts.role(checked.username)
        if checked.accepted and role is not None:
            camera.lockout.succeeded(service, checked.username)
            return Caller(checked.username, role)
        camera.lockout.failed(service, checked.username)
        camera.audit.write("login-failed", user=checked.username, source=source(request))
        return Caller()

    def _challenges(self, resource: Resource) -> list[tuple[str, str]]:
        offered = self._digest.challenges() if resource.digest else []
        return [("WWW-Authenticate", challenge) for challenge in offered]

    def _check_state(self, resource: Resource) -> None:
        if self._camera.accounts.exists():
            if resource.factory == "only" and not self._camera.posture.setup_stays_open:
                raise Refusal(403, "the camera is set up already")
        elif not resource.factory and not self._open_before_set_up():
            raise Refusal(403, _SETUP_FIRST)

    def _open_before_set_up(self) -> bool:
        return bool(self._camera.posture.factory_account) or self._camera.posture.label_logs_in

    def _may(self, caller: Caller, resource: Resource) -> bool:
        posture = self._camera.posture
        if caller.role in resource.roles or "anonymous" in resource.roles:
            return True
        if resource.key == "GET /api/snapshot" and posture.snapshot_anonymous:
            return True
        if resource.media and resource.media in posture.web_media_open:
            return True
        logged_in = caller.role != "anonymous"
        if resource.key == "POST /api/firmware":
            return not posture.update_needs_login or (logged_in and not posture.update_needs_admin)
        return logged_in and not posture.api_roles_enforced

    def _check_csrf(self, request: web.Request, resource: Resource, caller: Caller) -> None:
        if not resource.changes or caller.session is None or self._camera.posture.csrf_unprotected:
            return
        if not caller.session.csrf_matches(request.headers.get("X-CSRF-Token", "")):
            raise Refusal(403, "the request lacks this session's X-CSRF-Token")


def _claimed_origin(request: web.Request) -> str:
    """What a client says of where it comes from; a compliant camera does not care."""
    return request.headers.get("X-Forwarded-For", "")


def source(request: web.Request) -> str:
    """The network address that a request came from."""
    return request.remote or ""
