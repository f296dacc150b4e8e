"""What the ONVIF link observes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from devices.observation import Observation
from devices.protocols.onvif_operations import AccessClass


class Outcome(StrEnum):
    """The kind of an answer to one operation."""

    DATA = "data"  # the operation's own response
    EMPTY = "an empty answer"  # the response of a reading operation, with nothing in it
    NOT_AUTHORISED = "not authorised"  # HTTP 401 or 403, or a fault that says so
    NOT_SUPPORTED = "not supported"  # ActionNotSupported and its like, HTTP 404, 405, 501
    FAULT = "fault"  # any other SOAP fault
    OTHER = "other"  # an HTTP status without a SOAP message


@dataclass(frozen=True)
class OperationAnswer:
    """How the camera answered one operation.

    ``caller`` is an account's name in the device file, or ``anonymous``; ``detail`` the fault's
    codes and reason, or what came instead of SOAP.
    """

    service: str
    operation: str
    access: AccessClass
    caller: str
    outcome: Outcome
    http_status: int
    detail: str = ""

    @property
    def name(self) -> str:
        """``device.GetUsers``."""
        return f"{self.service}.{self.operation}"


def logged_in(answers: Sequence[OperationAnswer], to_nobody: Sequence[OperationAnswer]) -> bool:
    """Whether a login shows: something answers with data that is refused without one."""
    closed = {a.name for a in to_nobody if a.outcome is Outcome.NOT_AUTHORISED}
    return any(a.outcome is Outcome.DATA and a.name in closed for a in answers)


@dataclass(frozen=True, kw_only=True)
class OnvifClock(Observation):
    """The camera's clock; ``offset_seconds`` is how far it is ahead of the bench."""

    utc: datetime
    offset_seconds: float


@dataclass(frozen=True, kw_only=True)
class OnvifDeviceInformation(Observation):
    """GetDeviceInformation."""

    manufacturer: str
    model: str
    firmware_version: str
    serial_number: str
    hardware_id: str


@dataclass(frozen=True)
class OnvifService:
    """One service. ``address`` is as announced; ``contacted`` is where the bench calls it."""

    namespace: str
    address: str
    contacted: str


@dataclass(frozen=True, kw_only=True)
class OnvifServices(Observation):
    """GetServices, or GetCapabilities on devices without it."""

    services: tuple[OnvifService, ...]


@dataclass(frozen=True)
class OnvifUser:
    """One account; ``level`` is Administrator, Operator, User or what the camera says."""

    name: str
    level: str
    password_shown: bool = False


@dataclass(frozen=True, kw_only=True)
class OnvifUsers(Observation):
    """GetUsers."""

    users: tuple[OnvifUser, ...]


@dataclass(frozen=True)
class NetworkInterface:
    """One interface; ``mac`` as the camera writes it."""

    name: str
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OnvifNetwork(Observation):
    """GetNetworkInterfaces."""

    interfaces: tuple[NetworkInterface, ...]


@dataclass(frozen=True)
class MediaProfile:
    """One media profile of ``service`` (media or media2)."""

    service: str
    token: str
    name: str
    encoding: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True)
class MediaProfiles(Observation):
    """The profiles of all media services; media2 first."""

    profiles: tuple[MediaProfile, ...]


@dataclass(frozen=True)
class MediaUri:
    """An address that the camera hands out; ``asked_for`` is the protocol in the request."""

    service: str
    profile: str
    asked_for: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class MediaUris(Observation):
    """Stream or snapshot addresses; ``answers`` are the requests that gave none."""

    uris: tuple[MediaUri, ...]
    answers: tuple[OperationAnswer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OnvifMedia(Observation):
    """The media profiles, and the addresses handed out for multicast and the HTTP tunnel."""

    profiles: tuple[MediaProfile, ...]
    others: tuple[MediaUri, ...]


@dataclass(frozen=True, kw_only=True)
class OnvifAccess(Observation):
    """Operations that only read, called as one account (or as nobody)."""

    caller: str
    role: str
    answers: tuple[OperationAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class OnvifReplay(Observation):
    """What becomes of a login that is used again.

    ``scheme`` is ``UsernameToken`` or ``HTTP digest``; ``fresh`` is the control: a login made for
    this very request. ``repeated``: the same bytes once more. ``outdated``: a new login dated
    ``outdated_minutes`` back (UsernameToken alone). ``password_text``: the password in clear.
    """

    scheme: str
    fresh: Outcome
    repeated: Outcome
    outdated: Outcome | None = None
    outdated_minutes: int = 0
    password_text: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class OnvifGuessing(Observation):
    """Wrong passwords in a row, then the right one.

    ``before`` is the right password at the start, ``after`` the right one at the end;
    ``seconds`` is the time of each wrong login, in order.
    """

    account: str
    before: Outcome
    wrong: tuple[Outcome, ...]
    seconds: tuple[float, ...]
    after: Outcome

    @property
    def attempts(self) -> int:
        """How many wrong passwords were tried."""
        return len(self.wrong)


@dataclass(frozen=True, kw_only=True)
class FirmwareUpload(Observation):
    """StartFirmwareUpgrade: where a bundle may be sent, or the refusal."""

    answer: OperationAnswer
    uri: str = ""
    delay: str = ""
    expected_down_time: str = ""


@dataclass(frozen=True, kw_only=True)
class OnvifCall(Observation):
    """One operation that changes something, and its answer."""

    answer: OperationAnswer
