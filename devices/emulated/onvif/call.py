"""One ONVIF request on its way through the emulated camera, and the fault that ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

if TYPE_CHECKING:
    from devices.emulated.camera import Camera
    from devices.emulated.onvif.events import PullPoints
    from devices.emulated.onvif.upgrade import Uploads


class OnvifFault(Exception):
    """Ends a request with a SOAP fault; ``subcodes`` are ONVIF's, from the outer one inward."""

    def __init__(self, code: str, *subcodes: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code  # Sender | Receiver
        self.subcodes = subcodes
        self.reason = reason


class NotAuthorized(OnvifFault):
    """The caller is not logged in, or not as somebody who may do this."""

    def __init__(self, reason: str = "Sender not authorized") -> None:
        super().__init__("Sender", "NotAuthorized", reason=reason)


@dataclass(frozen=True)
class Caller:
    """Who is logged in."""

    name: str
    role: str


@dataclass(frozen=True)
class Call:
    """A request that may be answered.

    ``authority`` is ``address:port`` of the socket it came in on, ``path`` where it was sent;
    ``caller`` is None when nobody is logged in;
    ``capabilities`` has GetServiceCapabilities of each service.
    """

    camera: Camera
    uploads: Uploads
    pull_points: PullPoints
    arguments: Element
    caller: Caller | None
    authority: str
    path: str
    capabilities: Mapping[str, Operation]


Operation = Callable[[Call], Element | Awaitable[Element]]
"""Answers one operation with the response element, at once or after a while."""
