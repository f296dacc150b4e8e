"""Stream addresses that a camera announces over ONVIF, where the device file has ONVIF."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.description import DeviceFile
from devices.errors import DeviceError, NotOffered
from devices.links.onvif.link import OnvifLink
from devices.links.rtsp.client import without_userinfo
from devices.observation import Observation
from devices.permit import Permit
from devices.secrets import Secrets

MAX_ADDRESSES = 32


@dataclass(frozen=True)
class AnnouncedAddress:
    """A stream's address without user name and password, and the protocol it was asked for."""

    url: str
    protocol: str


@dataclass(frozen=True, kw_only=True)
class AnnouncedStreams(Observation):
    """RTSP addresses from the camera's profiles; ``asked``: the device file has ONVIF."""

    asked: bool
    addresses: tuple[AnnouncedAddress, ...]


def announced_streams(device: DeviceFile, permit: Permit, secrets: Secrets) -> AnnouncedStreams:
    """Return the addresses that ONVIF hands out, each once; none where there is no ONVIF."""
    if device.links.onvif is None:
        return AnnouncedStreams(asked=False, addresses=())
    try:
        uris = OnvifLink(device, permit, secrets).stream_uris()
    except NotOffered:
        return AnnouncedStreams(asked=True, addresses=())
    except DeviceError as error:
        problem = f"ONVIF did not give its stream addresses: {error}"
        return AnnouncedStreams(asked=True, addresses=(), shortfall=problem)
    found = {
        (without_userinfo(uri.uri), uri.asked_for): None for uri in uris.uris if _is_rtsp(uri.uri)
    }
    kept = [AnnouncedAddress(url, protocol) for url, protocol in found][:MAX_ADDRESSES]
    missed = len(found) - len(kept)
    return AnnouncedStreams(
        asked=True,
        addresses=tuple(kept),
        shortfall=f"{missed} more stream addresses were not asked" if missed else uris.shortfall,
    )


def _is_rtsp(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("rtsp", "rtsps")
    except ValueError:
        return False
