"""The ONVIF link against the emulated services and against cameras nobody here wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from onvif_stand import PASSWORDS, device_file, onvif_stand, served

from devices.emulated.posture import Posture
from devices.errors import (
    DeviceFileError,
    Garbled,
    LinkError,
    LoginRefused,
    NotOffered,
    OutsideAuthorisation,
    Unreachable,
)
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.onvif.requests import plain
from devices.permit import Permit
from devices.protocols import soap
from devices.protocols.digest import DigestServer
from devices.protocols.soap import element
from devices.protocols.wsse import username_token
from devices.secrets import Secrets

ADDRESS = "127.83.7.6"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def linked(url: str, folder: Path, **extra: Any) -> OnvifLink:
    device = device_file(url, ADDRESS, folder, **extra)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return OnvifLink(device, permit, Secrets(device))


def camera(handler: Handler) -> Callable[[], web.Application]:
    def application() -> web.Application:
        app = web.Application()
        app.router.add_post("/{path:.*}", handler)
        return app

    return application


def test_the_emulated_camera_is_read(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        link = stand.link
        information = link.device_information()
        assert (information.manufacturer, information.serial_number) == ("Lumivista", "LV00000001")
        assert abs(link.clock().offset_seconds) < 5
        assert {user.level for user in link.users().users} == {"Administrator", "Operator", "User"}
        assert link.network().interfaces[0].mac == stand.camera.unit.mac
        profiles = link.profiles().profiles
        assert {(p.service, p.encoding) for p in profiles} == {
            ("media2", "H264"), ("media2", "H265"), ("media", "H264"),
        }  # fmt: skip
        assert {uri.uri for uri in link.stream_uris().uris} == {
            f"rtsps://{ADDRESS}:8322/live/main", f"rtsps://{ADDRESS}:8322/live/sub",
        }  # fmt: skip
        assert all(u.uri.startswith("https://") for u in link.snapshot_uris().uris)


def outcomes(link: OnvifLink, account: str) -> dict[str, Outcome]:
    return {answer.name: answer.outcome for answer in link.access(account).answers}


def test_access_by_role(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        nobody, viewer = outcomes(stand.link, "anonymous"), outcomes(stand.link, "viewer")
        admin = outcomes(stand.link, "admin")
    assert Outcome.DATA not in nobody.values()
    assert viewer["device.GetUsers"] is Outcome.NOT_AUTHORISED
    assert viewer["media2.GetStreamUri"] is Outcome.DATA
    assert admin["device.GetUsers"] is Outcome.DATA
    assert admin["device.GetNTP"] is Outcome.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("posture", "replayed", "in_clear"),
    [
        (Posture(), Outcome.NOT_AUTHORISED, Outcome.NOT_AUTHORISED),
        (Posture(onvif_replay_window=False), Outcome.DATA, Outcome.NOT_AUTHORISED),
        (Posture(onvif_password_text=True), Outcome.NOT_AUTHORISED, Outcome.DATA),
    ],
)
def test_replay(tmp_path: Path, posture: Posture, replayed: Outcome, in_clear: Outcome) -> None:
    with onvif_stand(tmp_path, ADDRESS, posture) as stand:
        found = stand.link.replay(stand.link.expendable_account())
    assert (found.scheme, found.fresh) == ("UsernameToken", Outcome.DATA)
    assert (found.repeated, found.outdated) == (replayed, replayed)
    assert found.password_text is in_clear


@pytest.mark.parametrize(
    ("protected", "after"), [(True, Outcome.NOT_AUTHORISED), (False, Outcome.DATA)]
)
def test_guessing(tmp_path: Path, protected: bool, after: Outcome) -> None:  # noqa: FBT001
    with onvif_stand(tmp_path, ADDRESS, Posture(lockout_onvif=protected)) as stand:
        found = stand.link.guess(stand.link.account_for_lockout(), 6)
        assert (found.before, found.after) == (Outcome.DATA, after)
        assert set(found.wrong) == {Outcome.NOT_AUTHORISED}
        assert stand.link.wait_until_admitted("admin", 5)


class DigestOnly:
    """A camera of another make: HTTP digest alone (RFC 2069 to MD5), prefixes and ports of its own.

    It knows no media2, announces an address behind its router, and is a day behind.
    """

    def __init__(self) -> None:
        self.digest = DigestServer("IP Camera(12345)", ("MD5",))
        self.logins = 0
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.paths.append(request.path)
        message = soap.parse(body)
        assert message.body is not None
        name = soap.local(message.body)
        if name == "GetServices":
            fault = soap.fault("Receiver", ["ActionNotSupported"], "unknown action")
            return web.Response(body=fault, status=500)
        if name == "GetCapabilities":
            media = element(
                "tt:Media", element("tt:XAddr", "http://192.168.1.64:80/onvif/Media?x=1")
            )
            content = [element("tds:Capabilities", media)]
        elif not self.admitted(request):
            challenge = {"WWW-Authenticate": self.digest.challenges()[0]}
            return web.Response(status=401, text="<html>401</html>", headers=challenge)
        else:
            self.logins += 1
            assert username_token(message) is None, "both logins at once"
            content = self.content(name)
        response = soap.envelope(element(f"tds:{name}Response", *content))
        return web.Response(body=response.replace(b"tds:", b"ns9:").replace(b":tds=", b":ns9="))

    def admitted(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization")
        if not header:
            return False
        return self.digest.check(header, "POST", request.path_qs, PASSWORDS.get).accepted

    def content(self, name: str) -> list[Any]:
        if name == "GetDeviceInformation":
            return [element("tds:Manufacturer", "Other"), element("tds:Model", "X")]
        if name == "GetProfiles":
            return [element("trt:Profiles", element("tt:Name", "p"), token="p1")]
        if name == "GetStreamUri":
            uri = "rtsp://192.168.1.64:554/user=admin_password=tlJwpbo6_channel=1.sdp"
            return [element("trt:MediaUri", element("tt:Uri", uri))]
        return []


def test_a_camera_with_http_digest_alone(tmp_path: Path) -> None:
    other = DigestOnly()
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        assert link.device_information().manufacturer == "Other"
        uris = link.stream_uris().uris
        assert {uri.service for uri in uris} == {"media"}
        assert "password=" in uris[0].uri
        assert "/onvif/Media" in other.paths, "the announced path, at the permitted address"
        found = link.replay("viewer")
        assert (found.scheme, found.fresh) == ("HTTP digest", Outcome.DATA)
        assert found.repeated is Outcome.NOT_AUTHORISED


class OneTimeNonces(DigestOnly):
    """Takes each nonce for one request, and does not say that the next one is stale."""

    def admitted(self, request: web.Request) -> bool:
        accepted = super().admitted(request)
        self.digest = DigestServer("IP Camera(12345)", ("MD5",))
        return accepted


def test_a_nonce_that_serves_once_is_renewed(tmp_path: Path) -> None:
    other = OneTimeNonces()
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session("viewer") as session:
            body = plain("device", "GetDeviceInformation")
            outcomes = [session.call("device", body).outcome for _ in range(3)]
        assert outcomes == [Outcome.DATA] * 3


def plain_answer(status: int, body: bytes, content_type: str = "text/html") -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=body, content_type=content_type)

    return handler


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (plain_answer(200, b"<html>login</html>"), Garbled),
        (plain_answer(200, b"<Envelope><Body>"), Garbled),
        (plain_answer(200, soap.envelope(element("tds:GetScopesResponse"))), Garbled),
        (plain_answer(404, b"no such page"), NotOffered),
        (plain_answer(401, b"go away"), LoginRefused),
        (plain_answer(302, b""), Garbled),
        (plain_answer(500, soap.fault("Receiver", ["Action"], "broken")), NotOffered),
        (plain_answer(400, soap.fault("Sender", ["NotAuthorized"], "")), LoginRefused),
        (plain_answer(200, b"<a>" + b"x" * (3 * 1024 * 1024)), Garbled),
    ],
)
def test_odd_cameras_end_in_one_error(
    tmp_path: Path, handler: Handler, error: type[LinkError]
) -> None:
    with served(camera(handler), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with pytest.raises(error):
            link.device_information()


def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    with served(camera(plain_answer(200, b"")), ADDRESS, None) as port:
        pass
    with pytest.raises(Unreachable):
        linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path).clock()


def test_nothing_is_sent_outside_the_authorisation(tmp_path: Path) -> None:
    with pytest.raises(OutsideAuthorisation):
        linked("http://127.83.99.99/onvif/device_service", tmp_path).clock()


def test_a_missing_account_is_a_fault_of_the_device_file(tmp_path: Path) -> None:
    link = linked(f"http://{ADDRESS}/onvif/device_service", tmp_path, accounts={})
    with pytest.raises(DeviceFileError, match="admin"):
        link.device_information()


class TellsItsName(DigestOnly):
    """Gives the device information to anybody, as many cameras do; ``closed`` takes a login."""

    closed: tuple[str, ...] = ("GetNetworkInterfaces", "GetUsers")

    def admitted(self, request: web.Request) -> bool:
        return self.asked not in self.closed or super().admitted(request)

    async def handle(self, request: web.Request) -> web.Response:
        message = soap.parse(await request.read()).body
        assert message is not None
        self.asked = soap.local(message)
        return await super().handle(request)


def test_a_login_is_told_by_an_operation_that_is_closed_to_nobody(tmp_path: Path) -> None:
    with served(camera(TellsItsName().handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session("viewer") as session:
            assert session.gate().operation == "GetNetworkInterfaces"
            assert session.log_in("viewer", PASSWORDS["viewer"]).outcome is Outcome.DATA
            assert session.log_in("viewer", "wrong").outcome is Outcome.NOT_AUTHORISED
        assert link.replay("viewer").repeated is Outcome.NOT_AUTHORISED
        assert link.guess("probe", 2).wrong == (Outcome.NOT_AUTHORISED,) * 2
        assert link.wait_until_admitted("viewer", 1)


def test_a_camera_open_to_all_tells_no_login(tmp_path: Path) -> None:
    other = TellsItsName()
    other.closed = ()
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with pytest.raises(NotOffered, match="see CRED-015"):
            link.guess("probe", 2)


def test_an_account_that_is_refused_is_not_tried_again_and_again(tmp_path: Path) -> None:
    other = DigestOnly()
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session_with("viewer", "wrong") as session:
            with pytest.raises(LoginRefused, match="GetDeviceInformation"):
                session.gate()
            before = len(other.paths)
        assert before <= 5
