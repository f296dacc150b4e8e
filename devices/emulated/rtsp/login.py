"""Who may use the RTSP service: Digest as the posture offers it, with the camera's lockout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.errors import Garbled, NotOffered
from devices.protocols.digest import Checked, parse_basic
from devices.protocols.rtsp import Request

if TYPE_CHECKING:
    from devices.emulated.rtsp.login_state import LoginState
    from devices.emulated.rtsp.service import RtspHost


class RtspLogin:
    """The login of one connection. Nonces belong to the connection: elsewhere they are stale."""

    def __init__(self, camera: RtspHost, source: str, state: LoginState) -> None:
        self._camera = camera
        self._source = source
        self._scheme = camera.posture.rtsp_authentication
        self._state = state
        self._digest = state.digest()
        self._known = ""

    @property
    def user(self) -> str:
        """Who logged in on this connection; empty for nobody."""
        return self._known

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Return the ``WWW-Authenticate`` values of a 401."""
        if self._scheme == "basic":
            return [f'Basic realm="{self._digest.realm}"']
        return self._digest.challenges(stale=stale)

    def check(self, request: Request) -> Checked:
        """Check a request's ``Authorization``; failures count towards the lockout."""
        if self._scheme == "none":
            return Checked(accepted=True)
        value = request.get("Authorization")
        if not value:
            return Checked()
        try:
            checked = self._basic(value) if self._scheme == "basic" else self._digested(request)
        except (Garbled, NotOffered):
            return Checked()
        return self._counted(checked)

    def _counted(self, checked: Checked) -> Checked:
        camera, name = self._camera, checked.username
        camera.accounts.hash_for("rtsp", name, "")
        if camera.lockout.locked("rtsp", name):
            return Checked(name)
        if checked.accepted:
            if name != self._known:  # once for a connection, not with each request
                camera.audit.write("login", user=name, source=self._source, detail="rtsp")
                self._known = name
                self._state.logged_in(name)
            camera.lockout.succeeded("rtsp", name)
        elif not checked.stale:
            camera.lockout.failed("rtsp", name)
            camera.audit.write("login-failed", user=name, source=self._source, detail="rtsp")
        return checked

    def refusal(self, checked: Checked) -> int:
        """The status of a refused login; under a fault it tells which users exist."""
        tells = self._camera.posture.rtsp_tells_unknown_user and bool(checked.username)
        return 403 if tells and self._camera.accounts.role(checked.username) is None else 401

    def _basic(self, value: str) -> Checked:
        name, password = parse_basic(value)
        known = self._camera.accounts.check(name, password) is not None
        return Checked(name, accepted=known or self._master(name) == password)

    def _digested(self, request: Request) -> Checked:
        value = request.get("Authorization")
        checked = Checked()
        for password_of in (self._state.password, self._master):
            checked = self._digest.check(
                value, request.method, request.uri, password_of, body=request.body
            )
            if checked.accepted or checked.stale:
                break
        return checked

    def _master(self, username: str) -> str | None:
        """The password that a fault lets in besides the account's own."""
        name, _, password = self._camera.posture.rtsp_master_password.partition(":")
        return password if name and name == username else None
