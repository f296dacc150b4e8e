"""Who is calling: WS-UsernameToken or HTTP digest, with the camera's own accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from aiohttp import web

from devices.emulated.http_digest import web_digest
from devices.emulated.onvif.call import Caller, NotAuthorized
from devices.errors import DeviceError, Garbled
from devices.protocols.soap import Envelope
from devices.protocols.wsse import UsernameToken, username_token

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

WINDOW = timedelta(minutes=5)
"""How far a token's creation time may be from the camera's clock (UsernameToken Profile, 3.1)."""

MAX_NONCES = 8192
SERVICE = "onvif"
BY_DIGEST = "onvif-digest"


class SeenNonces:
    """Remembers tokens for as long as their creation time would still be accepted."""

    def __init__(self) -> None:
        self._seen: dict[tuple[bytes, str], datetime] = {}

    def first_use(self, token: UsernameToken, now: datetime) -> bool:
        """Whether this token was not used before; it is remembered from now on."""
        key = (token.nonce, token.created)
        if key in self._seen:
            return False
        if len(self._seen) >= MAX_NONCES:
            self._seen = {k: until for k, until in self._seen.items() if until > now}
        while len(self._seen) >= MAX_NONCES:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = now + 2 * WINDOW
        return True


class StaleNonce(NotAuthorized):
    """A right login by a nonce that is too old or a count that was used: asked for again."""


class Login:
    """Finds out who sends a request.

    Credentials in the HTTP header are looked at first, as ONVIF Core, 5.9.1, asks.
    """

    def __init__(self, camera: Camera, clock: Callable[[], datetime] | None = None) -> None:
        self._camera = camera
        self._clock = clock or camera.clock.now
        self._nonces = SeenNonces()
        self._digest = web_digest(camera, camera.reported.brand)

    def caller(self, request: web.BaseRequest, message: Envelope, body: bytes) -> Caller | None:
        """Who is logged in; None without credentials. Raises NotAuthorized for wrong ones."""
        header = request.headers.get("Authorization")
        if header:
            return self._by_http_digest(header, request, body)
        try:
            token = username_token(message)
        except Garbled as error:
            raise NotAuthorized(str(error)) from error
        if token is None:
            return None
        origin = request.headers.get("X-Forwarded-For", "")
        return self._by_token(token, request.remote or "", origin)

    def challenges(self, *, stale: bool = False) -> list[str]:
        """The ``WWW-Authenticate`` values of a 401."""
        return self._digest.challenges(stale=stale)

    def _by_token(self, token: UsernameToken, source: str, origin: str) -> Caller:
        camera = self._camera
        if camera.lockout.locked(SERVICE, token.username, origin):
            self._refuse(token.username, source, "account locked")
        if not token.digested and not camera.posture.onvif_password_text:
            self._refuse(token.username, source, "password in clear")
        password = self._password(token.username)
        camera.accounts.hash_for("onvif", token.username, token.secret)
        if password is None or not token.proves(password):
            camera.lockout.failed(SERVICE, token.username, origin)
            if password is None and camera.posture.onvif_tells_unknown_user:
                raise NotAuthorized("unknown user")
            self._refuse(token.username, source, "wrong user name or password")
        if token.digested and camera.posture.onvif_replay_window and not self._fresh(token):
            self._refuse(token.username, source, "token replayed or out of date")
        return self._accept(token.username)

    def _fresh(self, token: UsernameToken) -> bool:
        now, created = self._clock(), token.created_at()
        flaws = self._camera.posture.onvif_token_flaws
        if created is None:
            return "no-created" in flaws and not token.created
        if not token.nonce and "no-nonce" not in flaws:
            return False
        if now - created > WINDOW or (created - now > WINDOW and "future" not in flaws):
            return False
        return not token.nonce or self._nonces.first_use(token, now)

    def _by_http_digest(self, header: str, request: web.BaseRequest, body: bytes) -> Caller:
        camera, source = self._camera, request.remote or ""
        try:
            checked = self._digest.check(
                header, request.method, request.path_qs, self._password, body=body
            )
        except DeviceError as error:
            raise NotAuthorized(str(error)) from error
        if camera.lockout.locked(BY_DIGEST, checked.username):
            self._refuse(checked.username, source, "account locked")
        if checked.stale:
            raise StaleNonce
        if not checked.accepted:
            camera.lockout.failed(BY_DIGEST, checked.username)
            self._refuse(checked.username, source, "HTTP digest not accepted")
        return self._accept(checked.username, BY_DIGEST)

    def _accept(self, name: str, service: str = SERVICE) -> Caller:
        self._camera.lockout.succeeded(service, name)
        own = name == self._camera.posture.extra_onvif_account.partition(":")[0]
        role = self._camera.accounts.role(name) or ("viewer" if self._password(name) else "")
        return Caller(name, "viewer" if own else role)

    def _password(self, name: str) -> str | None:
        """The password of an account; also of one that only ONVIF knows."""
        extra_name, _, extra_password = self._camera.posture.extra_onvif_account.partition(":")
        if extra_name and name == extra_name:
            return extra_password
        return self._camera.accounts.password(name, service=SERVICE)

    def _refuse(self, name: str, source: str, why: str) -> NoReturn:
        self._camera.audit.write("onvif-login-failed", user=name, source=source, detail=why)
        raise NotAuthorized
