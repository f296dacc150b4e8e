"""The web service: the HTTPS application with page, JSON API and ONVIF, and its plain HTTP twin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from devices.emulated.addresses import PORTS
from devices.emulated.onvif import add_onvif_routes, add_upload_route
from devices.emulated.rtsp.websocket import PATH, SECOND_PATH, RtspSockets
from devices.emulated.video.source import snapshot_jpeg
from devices.emulated.web.access import Resource, load_resources
from devices.emulated.web.account_api import AccountApi
from devices.emulated.web.answers import SECURITY_HEADERS, Refusal
from devices.emulated.web.device_api import MAX_BUNDLE, DeviceApi
from devices.emulated.web.flaws import HIDDEN, Flaws
from devices.emulated.web.identity import Caller, Identity
from devices.emulated.web.media_api import MediaApi

if TYPE_CHECKING:
    from devices.emulated.camera import Camera
    from devices.emulated.rtsp.service import RtspService

_Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
_Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UI = Path(__file__).with_name("ui")
_UI_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_HSTS = {"year": 31_536_000, "minute": 60, "none": 0}  # s that browsers stay with HTTPS
_SHUTDOWN = 1.0  # s that running requests get when the service stops
_RECOVERY_SCRIPT = """
onSubmit("#login form.forgot", (form, fields) => call("POST", "/api/recover-password", fields));
"""
_FOREIGN_SERVER = "uc-httpd 1.0.0"  # of the maker that shows under the posture foreign_brand


class WebService:
    """Serves PORTS["https"] with the camera's TLS context, and PORTS["http"] without."""

    def __init__(self, camera: Camera, rtsp: RtspService | None = None) -> None:
        self._camera = camera
        self._rtsp = rtsp
        self._identity = Identity(camera)
        self._flaws = Flaws(camera)
        self._resources = load_resources()
        self._media = MediaApi(camera, self._identity)
        self._handlers = self._table()
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Listen on both ports."""
        await self._listen(self._application(), PORTS["https"], tls=True)
        await self._listen(self._twin(), PORTS["http"], tls=False)

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        self._media.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners = []

    async def _listen(self, app: web.Application, port: int, *, tls: bool) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        self._runners.append(runner)
        context = self._camera.tls_context() if tls else None
        await web.TCPSite(runner, self._camera.address, port, ssl_context=context).start()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._outermost], client_max_size=MAX_BUNDLE)
        app.on_response_prepare.append(self._dress)
        for resource in self._resources:
            app.router.add_route(resource.method, resource.path, self._guarded(resource))
        if self._camera.posture.recovery_code == "page":
            app.router.add_post("/api/recover-password", self._recover)
        add_onvif_routes(app, self._camera)
        self._add_rtsp(app)
        for path in self._camera.posture.web_media_hidden:
            app.router.add_get(path, self._hidden)
        return app

    def _twin(self) -> web.Application:
        """The plain HTTP port: sends everybody to TLS and takes nothing, on a compliant camera."""
        posture = self._camera.posture
        app = web.Application(client_max_size=MAX_BUNDLE)
        app.on_response_prepare.append(self._dress)
        if posture.http_serves_login:
            for resource in self._resources:
                if resource.path != "/api/firmware":
                    app.router.add_route(resource.method, resource.path, self._guarded(resource))
            app.middlewares.append(self._outermost)
        if posture.snapshot_over_http:
            app.router.add_get("/api/snapshot", self._bare_snapshot)
        if posture.onvif_over_http:
            add_onvif_routes(app, self._camera)
        if posture.update_over_http:
            self._add_upload(app)
        if posture.web_media_plain:
            self._add_media(app)
        if "plain" in posture.rtsp_websocket:
            self._add_rtsp(app)
        app.router.add_route("*", "/{anything:.*}", self._redirect)
        return app

    def _add_rtsp(self, app: web.Application) -> None:
        """Let RTSP be spoken in a WebSocket, by who logs in over RTSP."""
        offered = self._camera.posture.rtsp_websocket
        if self._rtsp is None or not offered:
            return
        sockets = RtspSockets(self._rtsp, anonymous="anonymous" in offered)
        for path in (PATH, SECOND_PATH) if "second" in offered else (PATH,):
            app.router.add_get(path, sockets.serve)

    def _add_upload(self, app: web.Application) -> None:
        """Take firmware without TLS, from whoever logged in over TLS."""
        upload = next(r for r in self._resources if r.path == "/api/firmware")
        app.router.add_route(upload.method, upload.path, self._guarded(upload))
        add_upload_route(app, self._camera)
        if not self._camera.posture.http_serves_login:
            app.middlewares.append(self._outermost)

    def _add_media(self, app: web.Application) -> None:
        """Give video without TLS, to whoever logs in."""
        for resource in self._resources:
            if resource.media in self._camera.posture.web_media_plain:
                app.router.add_route(resource.method, resource.path, self._guarded(resource))
        if self._outermost not in app.middlewares:
            app.middlewares.append(self._outermost)

    @web.middleware
    async def _outermost(self, request: web.Request, handler: _Endpoint) -> web.StreamResponse:
        try:
            if (page := self._flaws.old_page(request)) is not None:
                return page
            method, path = self._flaws.unguarded(request)
            if path:
                for resource in self._resources:
                    if resource.matches(method, path):
                        return await self._handlers[resource.key](request, Caller("", "admin"))
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    def _guarded(self, resource: Resource) -> _Endpoint:
        handler = self._handlers[resource.key]

        async def endpoint(request: web.Request) -> web.StreamResponse:
            try:
                caller = self._identity.authorise(request, resource)
            except Refusal:
                if not self._flaws.goes_on(resource):
                    raise
                answer = await handler(request, Caller("", "admin"))
                answer.set_status(302)
                answer.headers["Location"] = "/"
                return answer
            return await handler(request, caller)

        return endpoint

    async def _dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """The headers of every answer; the server's make and version are nobody's business."""
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.secure and (seconds := _HSTS[self._camera.posture.hsts]):
            response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
        if self._camera.posture.foreign_brand:
            response.headers["Server"] = f"{self._camera.reported.brand} {_FOREIGN_SERVER}"
        else:
            response.headers.popall("Server", None)

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        # Not the Host header: a redirect goes where the camera is, not where a client says.
        host = self._camera.address
        if self._camera.posture.http_redirect == "host-header":
            host = request.host.partition(":")[0]
        target = f"https://{host}:{PORTS['https']}{request.path_qs}"
        return web.Response(status=308, headers={"Location": target, "Connection": "close"})

    async def _page(self, request: web.Request, caller: Caller) -> web.StreamResponse:  # noqa: ARG002
        return self._ui_file("index.html")

    async def _asset(self, request: web.Request, caller: Caller) -> web.StreamResponse:  # noqa: ARG002
        return self._ui_file(request.match_info["file"])

    def _ui_file(self, name: str) -> web.Response:
        files = {path.name: path for path in _UI.iterdir() if path.suffix in _UI_TYPES}
        if name not in files:
            raise Refusal(404, "there is no such page")
        told = self._camera.reported
        text = files[name].read_text("utf-8")
        if name == "app.js" and self._camera.posture.recovery_code == "page":
            text += _RECOVERY_SCRIPT
        text = text.replace("%BRAND%", told.brand).replace("%MODEL%", told.model)
        if name == "app.js" and self._camera.posture.web_hidden_operation:
            text += f'\nconst SUPPORT = "{HIDDEN}"; // the service desk\'s tool asks here\n'
        return web.Response(text=text, content_type=_UI_TYPES[files[name].suffix])

    async def _recover(self, request: web.Request) -> web.StreamResponse:
        return await AccountApi(self._camera, self._identity).recover(request, Caller())

    async def _hidden(self, request: web.Request) -> web.StreamResponse:
        return await self._media.mjpeg(request, Caller())

    async def _bare_snapshot(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        picture = await snapshot_jpeg(self._camera)
        return web.Response(body=picture, content_type="image/jpeg")

    def _table(self) -> dict[str, _Handler]:
        account, device = AccountApi(self._camera, self._identity), DeviceApi(self._camera)
        return {
            "GET /": self._page,
            "GET /ui/{file}": self._asset,
            "GET /api/status": account.status,
            "POST /api/setup": account.set_up,
            "POST /api/session": account.log_in,
            "GET /api/session": account.who,
            "DELETE /api/session": account.log_out,
            "PUT /api/account/password": account.change_password,
            "GET /api/users": account.users,
            "POST /api/users": account.create_user,
            "DELETE /api/users/{username}": account.delete_user,
            "PUT /api/wifi": account.join_wifi,
            "GET /api/settings": device.settings,
            "PUT /api/settings": device.change_settings,
            "GET /api/configuration": device.configuration,
            "GET /api/device": device.device,
            "GET /api/snapshot": device.snapshot,
            "GET /api/live.mjpeg": self._media.mjpeg,
            "GET /api/live/index.m3u8": self._media.playlist,
            "GET /api/live/segments/{segment}": self._media.segment,
            "GET /api/live/socket": self._media.socket,
            "GET /api/recordings": self._media.recordings,
            "GET /api/recordings/{recording}": self._media.recording,
            "GET /api/audit": device.audit,
            "POST /api/firmware": device.firmware,
            "POST /api/reboot": device.reboot,
            "POST /api/factory-reset": device.factory_reset,
        }
