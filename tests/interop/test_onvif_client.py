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
    assert len(service.GetServices(IncludeCapability=False)) == 5
    assert all(s.Capabilities for s in service.GetServices(IncludeCapability=True))
    assert service.GetCapabilities(Category="All").Events.WSPullPointSupport


def test_media_lists_profiles_and_addresses(device: DeviceFile, connect: Connect) -> None:
    media = connect("viewer").media()
    profiles = media.GetProfiles()
    assert [profile.VideoEncoderConfiguration.Encoding for profile in profiles] == ["H264"]
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    token = profiles[0].token
    stream = media.GetStreamUri(ProfileToken=token, StreamSetup=setup).Uri
    assert stream in {stream.url for stream in device.declared.streams if stream.over_rtsp}
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
    assert streams == {stream.url for stream in device.declared.streams if stream.over_rtsp}


def test_events_are_pulled_from_a_subscription(connect: Connect) -> None:
    client = connect("viewer")
    events = client.events()
    assert events.GetServiceCapabilities().MaxPullPoints >= 2
    properties = events.GetEventProperties()
    assert "MotionAlarm" in str(properties.TopicSet)
    opened = events.CreatePullPointSubscription(InitialTerminationTime="PT60S")
    assert opened.TerminationTime > opened.CurrentTime
    pull = client.pullpoint(opened)
    message = pull.PullMessages(Timeout="PT1S", MessageLimit=10).NotificationMessage[0]
    assert message.Topic.Dialect.endswith("ConcreteSet")  # zeep drops the text of mixed content
    assert "PropertyOperation" in str(message)
    assert "State" in str(message)
    manager = client.subscription(opened)
    assert manager.Renew(TerminationTime="PT30S").TerminationTime
    manager.Unsubscribe()
    with pytest.raises(Exception, match="no such subscription"):
        pull.PullMessages(Timeout="PT1S", MessageLimit=10)


def test_the_security_service_tells_the_versions_of_tls(connect: Connect) -> None:
    client = connect("viewer")
    security = client.security()
    told = security.GetServiceCapabilities().TLSServerCapabilities
    assert told.TLSServerSupported == ["1.2", "1.3"]
    assert client.tlsserver().GetEnabledTLSVersions() == ["1.2", "1.3"]


def test_profiles_have_metadata(connect: Connect) -> None:
    client = connect("viewer")
    media2, media = client.media2(), client.media()
    profiles = media2.GetProfiles(Type=["Metadata"])
    assert [bool(p.Configurations and p.Configurations.Metadata) for p in profiles] == [True, False]
    assert media2.GetMetadataConfigurations()[0].token == "metadata"
    assert media.GetMetadataConfigurations()[0].Analytics
    assert media.GetProfiles()[0].MetadataConfiguration.token == "metadata"


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
