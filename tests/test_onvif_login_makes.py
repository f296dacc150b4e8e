"""ONVIF and digest cameras of other makes: what the login cases say of them."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from onvif_stand import PASSWORDS, device_file, served
from test_onvif_link import ADDRESS, DigestOnly, camera, linked
from web_stand import PASSWORD, Handler, Kept, foreign_server, laboratory

from conformance import policy
from conformance.credentials import test_onvif as cases
from conformance.credentials.test_digest import test_no_login_is_good_twice as twice
from conformance.credentials.test_published_accounts import (
    test_no_published_account_opens_onvif as published,
)
from devices.errors import LoginRefused
from devices.links.http.digests import nonce_use, web_door
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.protocols import soap
from devices.protocols.soap import element, fault
from devices.secrets import Secrets

ROWS = [
    {"service": "http", "username": f"user{n}", "password": "1234", "vendor": "V"} for n in range(8)
]


class ShutsTheBenchOut(DigestOnly):
    """After six wrong logins of any users it refuses the address, and says nothing of that."""

    wrong = 0

    def admitted(self, request: web.Request) -> bool:
        if not request.headers.get("Authorization"):
            return False
        right = super().admitted(request)
        self.wrong += not right
        return right and self.wrong < 6


def opened(link: OnvifLink, folder: Path, url: str) -> None:
    device = device_file(url, ADDRESS, folder)
    published(
        onvif=link,
        device=device,
        secrets=Secrets(device),
        evidence=Kept(),
        knowledge=lambda _: ROWS,
        policy=policy.load,
    )


def test_pairs_refused_by_a_lock_that_is_not_declared_show_nothing(tmp_path: Path) -> None:
    for make, lasting in ((DigestOnly, True), (ShutsTheBenchOut, False)):
        with served(camera(make().handle), ADDRESS, None) as port:
            url = f"http://{ADDRESS}:{port}/onvif/device_service"
            if lasting:
                opened(linked(url, tmp_path), tmp_path, url)
            else:
                with pytest.raises(LoginRefused, match="as well: give the camera's lock"):
                    opened(linked(url, tmp_path), tmp_path, url)


class Spelling(DigestOnly):
    """Announces its services in GetServices with a slash too many; the media are open to all."""

    def services(self) -> list[Any]:
        announced = "http://www.onvif.org/ver10/media/wsdl/", "http://10.0.0.1/onvif/Media"
        names = element("tds:Namespace", announced[0]), element("tds:XAddr", announced[1])
        return [element("tds:Service", *names)]

    async def handle(self, request: web.Request) -> web.Response:
        message = soap.parse(await request.read())
        assert message.body is not None
        name = soap.local(message.body)
        if name == "GetServices":
            body = element("tds:GetServicesResponse", *self.services())
            return web.Response(body=soap.envelope(body))
        if name in {"GetProfiles", "GetStreamUri"}:
            body = element(f"trt:{name}Response", *self.content(name))
            return web.Response(body=soap.envelope(body))
        return await super().handle(request)


class Silent(Spelling):
    """Names its device service alone in GetServices, and its media in GetCapabilities."""

    def services(self) -> list[Any]:
        names = (
            element("tds:Namespace", soap.NAMESPACES["tds"]),
            element("tds:XAddr", "http://10.0.0.1/onvif/device_service"),
        )
        return [element("tds:Service", *names)]


@pytest.mark.parametrize("make", [Spelling, Silent])
def test_open_media_are_found_however_they_are_announced(
    make: type[DigestOnly], tmp_path: Path
) -> None:
    with served(camera(make().handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with pytest.raises(AssertionError, match=r"answers media\.GetProfiles"):
            cases.test_onvif_without_login(link.access(), link.access("admin"), policy.load)


class CodesOfWss(DigestOnly):
    """UsernameToken alone; refuses by the codes of WS-Security with 400, 500 and 200."""

    code, status = "", 0

    async def handle(self, request: web.Request) -> web.Response:
        data = await request.read()
        message = soap.parse(data)
        assert message.body is not None
        name = soap.local(message.body)
        open_to_all = {"GetCapabilities", "GetServices", "GetSystemDateAndTime"}
        if name in open_to_all:
            return await super().handle(request)
        if not self.right(data):
            refused = fault("Sender", [self.code], "-").replace(b"ter:", b"wsse:")
            return web.Response(
                body=refused.replace(b"xmlns:ter", b"xmlns:wsse"), status=self.status
            )
        body = element(f"tds:{name}Response", *self.content(name))
        return web.Response(body=soap.envelope(body))

    def right(self, data: bytes) -> bool:
        user = re.search(rb"Username>([^<]*)<", data)
        return b"PasswordDigest" in data and user is not None and user[1].decode() in PASSWORDS


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SecurityTokenUnavailable", 500),
        ("InvalidSecurityToken", 400),
        ("UnsupportedSecurityToken", 200),
        ("FailedAuthentication", 400),
    ],
)
def test_refusals_by_the_codes_of_ws_security_are_refusals(
    code: str, status: int, tmp_path: Path
) -> None:
    other = CodesOfWss()
    other.code, other.status = code, status
    with served(camera(other.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        cases.test_onvif_without_login(link.access(), link.access("admin"), policy.load)
        found = link.replay("viewer")
        assert (found.fresh, found.password_text) == (Outcome.DATA, Outcome.NOT_AUTHORISED)


def old_digest(*, once: bool) -> type[Handler]:
    """HTTP/1.0, a connection for each request, digest without qop (RFC 2069), two realms."""
    nonces: set[str] = set()

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    class Camera(Handler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            header = self.headers.get("Authorization", "")
            given = dict(re.findall(r'(\w+)="([^"]*)"', header))
            nonce = given.get("nonce", "")
            expected = md5(
                md5(given.get("username", ""), "cam", PASSWORD), nonce, md5("GET", self.path)
            )
            if nonce in nonces and given.get("response") == expected:
                if once:
                    nonces.discard(nonce)
                return self.answer(200, b"model=C1")
            fresh = secrets.token_hex(8)
            nonces.add(fresh)
            both = f'Basic realm="old", Digest realm="cam", nonce="{fresh}", domain="/ /x"'
            return self.answer(401, b"no", WWW_Authenticate=both)

    return Camera


@pytest.mark.parametrize("once", [False, True])
def test_a_login_without_qop_is_used_again_as_well(*, once: bool, tmp_path: Path) -> None:
    api = {"api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin", "viewer"]}]}
    with foreign_server(old_digest(once=once)) as url:
        lab = laboratory(url, tmp_path, http={"authentication": "digest"}, declared=api)
        use, _ = nonce_use(web_door(lab.http, "/cgi-bin/info.cgi", "admin", PASSWORD))
        assert (use.repeated, use.lower, use.made_up, use.control) == (not once, None, False, True)
        if not once:
            with pytest.raises(AssertionError, match="byte for byte: no qop is offered"):
                twice(
                    camera=SimpleNamespace(link=lambda _: lab.http),
                    device=lab.device,
                    secrets=lab.secrets,
                    pass_time=SimpleNamespace(by="waiting", sure=True),
                    evidence=Kept(),
                    policy=policy.load,
                )
        lab.http.close()
