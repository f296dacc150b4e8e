"""The emulated camera's ONVIF services, spoken to with bare SOAP over HTTPS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener
from xml.etree.ElementTree import Element

import pytest
from onvif_stand import PASSWORDS, Stand, onvif_stand

from devices.emulated.firmware.updater import Updater, UpdateRefused
from devices.emulated.onvif.login import WINDOW
from devices.emulated.posture import Posture
from devices.links.onvif import requests
from devices.protocols import soap, wsse
from devices.protocols.onvif_operations import AccessClass, services
from devices.protocols.wsse import UsernameToken

ADDRESS = "127.83.7.2"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with onvif_stand(tmp_path_factory.mktemp("onvif"), ADDRESS) as running:
        yield running


def post(stand: Stand, url: str, data: bytes) -> tuple[int, bytes, list[str]]:
    context = ssl.create_default_context(cafile=str(stand.trust))
    opener = build_opener(HTTPSHandler(context=context), ProxyHandler({}))
    request = Request(url, data, {"Content-Type": soap.CONTENT_TYPE})
    try:
        with opener.open(request, timeout=10) as response:
            return response.status, response.read(), []
    except HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get_all("WWW-Authenticate") or []


def token(name: str, password: str = "", age: timedelta = timedelta(0)) -> UsernameToken:
    return wsse.digest_token(name, password or PASSWORDS[name], datetime.now(UTC) - age)


def ask(
    stand: Stand, body: Element, login: UsernameToken | None = None
) -> tuple[int, soap.Envelope, soap.Fault | None]:
    header = [wsse.security_header(login)] if login else []
    status, data, _ = post(stand, stand.url, soap.envelope(body, header))
    message = soap.parse(data)
    return status, message, soap.fault_of(message)


def codes(stand: Stand, body: Element, login: UsernameToken | None) -> tuple[str, ...]:
    _, _, fault = ask(stand, body, login)
    return fault.codes if fault else ()


def test_without_login_there_is_a_challenge_and_a_fault(stand: Stand) -> None:
    body = soap.envelope(requests.plain("device", "GetUsers"))
    status, data, challenges = post(stand, stand.url, body)
    assert status == 401
    assert [c.split(",")[-1].strip() for c in challenges] == ["algorithm=SHA-256", "algorithm=MD5"]
    fault = soap.fault_of(soap.parse(data))
    assert fault is not None
    assert fault.codes == ("Sender", "NotAuthorized")


@pytest.mark.parametrize("role", ["anonymous", "viewer", "operator", "admin"])
def test_each_role_may_do_what_its_access_classes_allow(stand: Stand, role: str) -> None:
    may = {
        "anonymous": {"PRE_AUTH"},
        "viewer": {"PRE_AUTH", "READ_SYSTEM", "READ_MEDIA"},
        "operator": {"PRE_AUTH", "READ_SYSTEM", "READ_SYSTEM_SENSITIVE", "READ_MEDIA", "ACTUATE"},
        "admin": {access.value for access in AccessClass},
    }[role]
    harmless = {
        "StartFirmwareUpgrade", "GetUsers", "GetDeviceInformation", "GetNetworkInterfaces",
        "GetHostname", "GetSystemLog", "GetScopes", "GetCapabilities", "CreateUsers", "SetUser",
    }  # fmt: skip
    for name, access in services()["device"].access.items():
        if name in harmless:
            login = None if role == "anonymous" else token(role)
            refused = "NotAuthorized" in codes(stand, requests.plain("device", name), login)
            assert refused is (access.value not in may), f"{name} ({access}) as {role}"


def test_a_login_counts_once_and_for_five_minutes(stand: Stand) -> None:
    body = requests.plain("device", "GetScopes")
    once = token("viewer")
    assert codes(stand, body, once) == ()
    assert "NotAuthorized" in codes(stand, body, once)
    for age in (WINDOW + timedelta(seconds=30), -WINDOW - timedelta(seconds=30)):
        assert "NotAuthorized" in codes(stand, body, token("viewer", age=age))
    assert codes(stand, body, token("viewer", age=timedelta(minutes=4))) == ()
    assert "NotAuthorized" in codes(stand, body, wsse.text_token("viewer", PASSWORDS["viewer"]))


def test_guessing_locks_the_account(tmp_path: Path) -> None:
    body = requests.plain("device", "GetScopes")
    with onvif_stand(tmp_path, "127.83.7.3") as stand:
        for _ in range(5):
            assert "NotAuthorized" in codes(stand, body, token("viewer", "Wrong-Password-1"))
        assert "NotAuthorized" in codes(stand, body, token("viewer"))
        assert codes(stand, body, token("admin")) == ()
        events = [entry["detail"] for entry in stand.camera.audit.entries()]
    assert events[-1] == "account locked"
    assert PASSWORDS["viewer"] not in str(events)


def test_users_are_managed_as_the_specification_says(stand: Stand) -> None:
    create = requests.create_user("newcomer", "Velvet-Canyon-5", "User")
    assert codes(stand, create, token("admin")) == ()
    assert codes(stand, create, token("admin"))[-1] == "UsernameClash"
    weak = requests.create_user("other", "short", "User")
    assert codes(stand, weak, token("admin"))[-1] == "PasswordTooWeak"
    anonymous = requests.create_user("other", "Velvet-Canyon-5", "Anonymous")
    assert codes(stand, anonymous, token("admin"))[-1] == "AnonymousNotAllowed"
    information = requests.plain("device", "GetDeviceInformation")
    assert codes(stand, information, token("newcomer", "Velvet-Canyon-5")) == ()
    assert codes(stand, requests.delete_user("newcomer"), token("admin")) == ()
    assert codes(stand, requests.delete_user("newcomer"), token("admin"))[-1] == "UsernameMissing"
    assert codes(stand, requests.delete_user("admin"), token("admin"))[-1] == "FixedUser"
    listed = ask(stand, requests.plain("device", "GetUsers"), token("admin"))[1].body
    assert listed is not None
    assert not any("password" in soap.local(node).lower() for node in listed.iter())


def test_what_is_not_there_is_not_supported(stand: Stand) -> None:
    status, _, fault = ask(stand, requests.plain("device", "GetNTP"), token("admin"))
    assert status == 500
    assert fault is not None
    assert fault.codes == ("Receiver", "ActionNotSupported")
    assert "ActionNotSupported" in codes(stand, Element("{urn:other}GetThing"), token("admin"))


@pytest.mark.parametrize("data", [b"x", b"<a>", b"<a/>", b"<!DOCTYPE a><a/>"])
def test_what_is_no_soap_is_a_fault(stand: Stand, data: bytes) -> None:
    status, answer, _ = post(stand, stand.url, data)
    fault = soap.fault_of(soap.parse(answer))
    assert (status, fault is not None and fault.codes) == (400, ("Sender", "WellFormed"))


def test_too_long_a_request_is_refused(stand: Stand) -> None:
    status, _, _ = post(stand, stand.url, b" " * (300 * 1024))
    assert status == 413


def test_an_upload_address_counts_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(updater: Updater, bundle: Path) -> None:
        raise UpdateRefused("not signed")

    monkeypatch.setattr(Updater, "apply", refuse)
    uri = stand.link.start_firmware_upgrade("admin").uri
    status, reason, _ = post(stand, uri, b"not a bundle")
    assert (status, reason) == (415, b"not signed\n")
    assert post(stand, uri, b"not a bundle")[0] == 404


def test_restart_and_reset_reach_the_camera(stand: Stand) -> None:
    stand.link.reboot("admin")
    stand.link.factory_default("admin", hard=True)
    assert stand.camera.requests == ["reboot", "factory reset"]


@pytest.mark.parametrize(
    ("posture", "anonymous", "viewer"),
    [
        (Posture(), False, False),
        (Posture(update_needs_login=False), True, False),
        (Posture(update_needs_admin=False), False, True),
        (Posture(onvif_roles_enforced=False), False, True),
    ],
)
def test_who_may_update(
    tmp_path: Path,
    posture: Posture,
    anonymous: bool,  # noqa: FBT001
    viewer: bool,  # noqa: FBT001
) -> None:
    with onvif_stand(tmp_path, "127.83.7.4", posture) as stand:
        assert bool(stand.link.start_firmware_upgrade().uri) is anonymous
        assert bool(stand.link.start_firmware_upgrade("viewer").uri) is viewer


def test_an_update_over_http_is_a_fault(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, "127.83.7.5", Posture(update_over_http=True)) as stand:
        uri = stand.link.start_firmware_upgrade("admin").uri
    assert uri.startswith("http://127.83.7.5:8080/onvif/upload/")
