"""What a badly made camera does: the web backdoors that a posture may switch on.

Each flaw imitates the behaviour of a published one. None is active on a compliant camera.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from devices.emulated.camera import Camera
    from devices.emulated.web.access import Resource

_AUTH_PARAMETER = "YWRtaW46MTEK"  # "admin:11", as in CVE-2017-7921
_ACCOUNT_FILES = ("/current_config/passwd", "/current_config/Account1")
HIDDEN = "/api/support/accounts"
"""An operation that no document names."""
_LEGACY_INFORMATION = ("/System/deviceInfo", "/onvif-http/snapshot")


class Flaws:
    """Says which requests slip past the gate, and answers those that need an old path."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._active = frozenset(camera.posture.web_bypasses)

    def unguarded(self, request: web.Request) -> tuple[str, str]:
        """Method and path of a resource that this request gets without login; empty for none."""
        tricks, headers = self._camera.posture.web_tricks, request.headers
        raw = request.raw_path.partition("?")[0]
        if "rewrite-header" in tricks and (path := headers.get("X-Original-URL", "")):
            return "GET", path
        if "override-header" in tricks and headers.get("X-HTTP-Method-Override") == "GET":
            return "GET", raw
        if "verb" in tricks and request.method in {"HEAD", "PROPFIND"}:
            return "GET", raw
        return request.method, self._unguarded_path(request, raw)

    def _unguarded_path(self, request: web.Request, raw: str) -> str:
        if "double-slash" in self._active and raw.startswith("//"):
            return re.sub("/+", "/", raw)
        if "suffix" in self._active and request.query_string.startswith(".cab"):
            return raw
        return raw if self._claims_to_be_admin(request) else ""

    def old_page(self, request: web.Request) -> web.Response | None:
        """The answer of a page that no documentation mentions; None when there is none."""
        path = request.path
        if self._camera.posture.csrf_unprotected and request.method == "OPTIONS":
            return self._any_site(request)
        if path in self._camera.posture.web_debug_pages:
            return web.Response(text=self._debug_text(), content_type="text/html")
        if path == HIDDEN and self._camera.posture.web_hidden_operation:
            return self._user_list(granted=True, passwords=False)
        if path in _ACCOUNT_FILES and "config-download" in self._active:
            return self._account_file()
        if path in _LEGACY_INFORMATION and "auth-parameter" in self._active:
            return self._information(granted=self._claims_to_be_admin(request))
        if path == "/device.rsp" and "cookie" in self._active:
            return self._user_list(granted=self._claims_to_be_admin(request))
        if path == "/cgi-bin/param.cgi" and "no-header" in self._active:
            return self._parameters(granted="Authorization" not in request.headers)
        return None

    def goes_on(self, resource: Resource) -> bool:
        """Whether who may not read this is sent to the login, and gets it all the same."""
        reads = resource.method == "GET" and not resource.media and "{" not in resource.path
        return reads and self._camera.posture.redirects_with_content

    @staticmethod
    def _any_site(request: web.Request) -> web.Response:
        """Let whatever site asks send whatever it likes, with the visitor's cookies."""
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Origin": request.headers.get("Origin", "null"),
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            },
        )

    def _claims_to_be_admin(self, request: web.Request) -> bool:
        by_parameter = request.query.get("auth") == _AUTH_PARAMETER
        by_cookie = request.cookies.get("uid") == "admin"
        return ("auth-parameter" in self._active and by_parameter) or (
            "cookie" in self._active and by_cookie
        )

    def _information(self, *, granted: bool) -> web.Response:
        if not granted:
            return web.Response(status=401)
        told = self._camera.reported
        return web.Response(
            text=f"<?xml version='1.0'?>\n<DeviceInfo><model>{told.model}</model>"
            f"<firmwareVersion>V{told.firmware_version}</firmwareVersion></DeviceInfo>\n",
            content_type="application/xml",
        )

    def _account_file(self) -> web.Response:
        rows = (
            f"{number}:{user.name}:{self._camera.accounts.password(user.name)}:{user.role}"
            for number, user in enumerate(self._camera.accounts.users(), start=1)
        )
        return web.Response(
            text="#id:name:passwd:group\n" + "\n".join(rows) + "\n",
            content_type="application/octet-stream",
        )

    def _user_list(self, *, granted: bool, passwords: bool = True) -> web.Response:
        if not granted:
            return web.Response(status=401)
        users = self._camera.accounts.users()
        rows = [{"uid": user.name, "role": user.role} for user in users]
        for row in rows if passwords else ():
            row["pwd"] = self._camera.accounts.password(row["uid"]) or ""
        return web.json_response({"result": 0, "list": rows})

    def _parameters(self, *, granted: bool) -> web.Response:
        if not granted:
            return web.Response(status=401)
        told = self._camera.reported
        return web.Response(text=f'devname="{told.model}"\nversioninfo="{told.firmware_version}"\n')

    def _debug_text(self) -> str:
        told = self._camera.reported
        return (
            "<html><head><title>Manufacturing test</title></head><body><pre>\n"
            f"model {told.model}\nserial {told.serial}\nuptime ok\n"
            "commands: led ircut reboot printenv\n</pre></body></html>\n"
        )
