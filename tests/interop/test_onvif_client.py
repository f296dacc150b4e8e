"""The emulated camera's ONVIF services, used by onvif-python: a client generated from the WSDLs.

Every answer is validated against ONVIF's own schemas by zeep on the way in.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.auth import HTTPDigestAuth

from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.secrets import Secrets

onvif = pytest.importorskip("onvif", reason="onvif-python is not installed")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("default"),  # of libraries that are not ours to mend
]
Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def device() -> Iterator[DeviceFile]:
    """A running camera's device file."""
    with EmulatedCamera() as ready:
        yield device_file.load(ready.device_file)


@pytest.fixture
def connect(device: DeviceFile, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Log a role in, over TLS verified against the declared authority."""
    link = device.links.onvif
    assert link is not None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(link.trust))
    parts = urlsplit(link.url)

    def client(account: str, **options: Any) -> Any:
        return onvif.ONVIFClient(
            parts.hostname,
            parts.port,
            device.accounts[account].username,
            Secrets(device).password(account),
            use_https=True,
            verify_ssl=True,
            **options,
        )

    return client


def test_the_camera_says_what_it_is(device: DeviceFile, connect: Connect) -> None:
    service = connect("viewer").devicemgmt()
    told = service.GetDeviceInformation()
    assert (told.Manufacturer, told.Model) == (device.device.manufacturer, device.device.model)
    assert told.SerialNumber == device.device.serial
    assert service.GetNetworkInterfaces()[0].Info.HwAddress == device.device.mac
    assert service.GetScopes()
    assert service.GetServiceCapabilities().Security.HttpDigest
    assert service.GetSystemDateAndTime().UTCDateTime.Date.Year > 2025
    assert service.GetHostname().Name
    assert len(service.GetServices(IncludeCapability=False)) == 3


def test_media_lists_profiles_and_addresses(device: DeviceFile, connect: Connect) -> None:
    media = connect("viewer").media()
    profiles = media.GetProfiles()
    assert [profile.VideoEncoderConfiguration.Encoding for profile in profiles] == ["H264"]
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    token = profiles[0].token
    stream = media.GetStreamUri(ProfileToken=token, StreamSetup=setup).Uri
    assert stream in {declared.url for declared in device.declared.streams}
    assert media.GetSnapshotUri(ProfileToken=token).Uri.startswith("https://")
    assert media.GetVideoSources()
    assert media.GetVideoSourceConfigurations()
    assert media.GetVideoEncoderConfigurations()


def test_media2_lists_profiles_and_addresses(device: DeviceFile, connect: Connect) -> None:
    media = connect("viewer").media2()
    profiles = media.GetProfiles(Type=["All"])
    encodings = {profile.Configurations.VideoEncoder.Encoding for profile in profiles}
    assert encodings == {"H264", "H265"}
    streams = {
        str(media.GetStreamUri(Protocol="RtspsUnicast", ProfileToken=profile.token))
        for profile in profiles
    }
    assert streams == {declared.url for declared in device.declared.streams}


def test_http_digest_serves_the_same_client(device: DeviceFile, connect: Connect) -> None:
    told = connect("viewer", http_digest=True).devicemgmt().GetDeviceInformation()
    assert told.Model == device.device.model


def test_the_snapshot_address_gives_a_picture(device: DeviceFile, connect: Connect) -> None:
    media = connect("viewer").media2()
    uri = str(media.GetSnapshotUri(ProfileToken=media.GetProfiles()[0].token))
    link = device.links.onvif
    assert link is not None
    login = HTTPDigestAuth(device.accounts["viewer"].username, Secrets(device).password("viewer"))
    assert requests.get(uri, verify=str(link.trust), timeout=20).status_code == 401
    answer = requests.get(uri, auth=login, verify=str(link.trust), timeout=20)
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8\xff")


def test_users_are_managed_by_the_administrator_alone(connect: Connect) -> None:
    user = {"Username": "newcomer", "Password": "Velvet-Canyon-5", "UserLevel": "User"}
    admin = connect("admin").devicemgmt()
    with pytest.raises(Exception, match="NotAuthorized"):
        connect("viewer").devicemgmt().CreateUsers(User=[user])
    admin.CreateUsers(User=[user])
    try:
        assert "newcomer" in {found.Username for found in admin.GetUsers()}
    finally:
        admin.DeleteUsers(Username=["newcomer"])
    assert "newcomer" not in {found.Username for found in admin.GetUsers()}


def test_a_client_that_trusts_another_authority_is_not_served(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
    with pytest.raises(Exception, match=r"CERTIFICATE_VERIFY_FAILED|CA certificate|TLS CA"):
        connect("viewer").devicemgmt().GetDeviceInformation()
