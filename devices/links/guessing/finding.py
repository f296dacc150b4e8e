"""Which ways into a camera ask for a login at which passwords can be tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from devices.errors import LinkError, NotOffered
from devices.links.guessing.media import OnvifSurface, RtspSurface
from devices.links.guessing.surfaces import ONVIF, ONVIF_DIGEST, RTSP, WEB, Surface
from devices.links.guessing.tcp import TcpSurface
from devices.links.guessing.web import ChallengeSurface, WebSurface
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.rtsp.access import RtspAccess


@dataclass
class Found:
    """The surfaces of a camera. ``absent``: why another way in is none, by its name.

    ``untold``: of those, the ones that may be ways in all the same: nobody could look.
    """

    surfaces: list[Surface] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)


def find_surfaces(http: HttpLink | None, onvif: OnvifLink | None, rtsp: RtspAccess | None) -> Found:
    """Look at each way that the links lead to."""
    makers: list[tuple[str, Callable[[], Surface]]] = []
    if http is not None:
        makers.append((WEB, lambda: WebSurface(http)))
        if http.description.authentication == "session":
            makers.append(("HTTP digest or basic", lambda: ChallengeSurface(http)))
    if onvif is not None:
        makers.append((ONVIF, lambda: OnvifSurface(onvif, digest=False)))
        makers.append((ONVIF_DIGEST, lambda: OnvifSurface(onvif, digest=True)))
    if rtsp is not None and any(s.over_rtsp for s in rtsp.device.declared.streams):
        makers.append((RTSP, lambda: RtspSurface(rtsp)))
    return _made(makers)


def find_tcp_logins(names: list[str], make: Callable[[str], TcpSurface]) -> Found:
    """Look at each login that the device file describes under [links.tcp]."""
    return _made([(name, partial(make, name)) for name in names])


def _made(makers: list[tuple[str, Callable[[], Surface]]]) -> Found:
    found = Found()
    for name, make in makers:
        try:
            found.surfaces.append(make())
        except LinkError as error:
            found.absent[name] = str(error)
            if name == WEB or not isinstance(error, NotOffered):
                found.untold[name] = str(error)
    return found
