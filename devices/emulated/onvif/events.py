"""Operations of the ONVIF event service: pull points, and what the camera reports through them."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.emulated.onvif.device import address
from devices.emulated.onvif.streams import SOURCE
from devices.emulated.video import motion
from devices.protocols.soap import element, text

MAX_PULL_POINTS = 8
_LIFETIME = 60.0  # s without a pull
_LONGEST = 3600.0
_MAX_WAIT = 60.0  # s that PullMessages may block (Core, 9.1.2)
_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})(?:\.\d+)?S)?")
_ITEM_FILTER = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
_TOPIC_DIALECTS = (
    "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete",
    "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet",
)


@dataclass
class PullPoint:
    """One subscription: whose it is, until when (monotonic), and which state it has told."""

    owner: str
    until: float
    told: bool | None = None


class PullPoints:
    """The subscriptions of one camera, by the last part of their address."""

    def __init__(self) -> None:
        self._points: dict[str, PullPoint] = {}

    def open(self, owner: str, seconds: float) -> str:
        """Make one; raises OnvifFault when there are too many."""
        now = time.monotonic()
        self._points = {k: point for k, point in self._points.items() if point.until > now}
        if len(self._points) >= MAX_PULL_POINTS:
            raise OnvifFault("Receiver", "Action", "MaxPullPoints", reason="too many pull points")
        name = secrets.token_urlsafe(9)
        self._points[name] = PullPoint(owner, now + seconds)
        return name

    def of(self, call: Call) -> tuple[str, PullPoint]:
        """The one that a request is addressed to; raises OnvifFault for another's, and for none.

        Who has no login got here only where a fault lets the address be enough.
        """
        name = call.path.rpartition("/")[2]
        point = self._points.get(name)
        if point is None or point.until <= time.monotonic():
            raise OnvifFault("Sender", "InvalidArgVal", reason="no such subscription")
        if call.caller is not None and point.owner not in ("", call.caller.name):
            raise OnvifFault("Sender", "InvalidArgVal", reason="no such subscription")
        return name, point

    def close(self, name: str) -> None:
        """End one."""
        self._points.pop(name, None)


def get_service_capabilities(call: Call) -> Element:  # noqa: ARG001 - every operation gets a call
    """What the event service can do."""
    return element(
        "tev:GetServiceCapabilitiesResponse",
        element(
            "tev:Capabilities",
            WSSubscriptionPolicySupport="false",
            MaxPullPoints=str(MAX_PULL_POINTS),
            PersistentNotificationStorage="false",
        ),
    )


def get_event_properties(call: Call) -> Element:  # noqa: ARG001
    """The topics, and how they can be filtered."""
    description = element(
        "tt:MessageDescription",
        element(
            "tt:Source",
            element("tt:SimpleItemDescription", Name="Source", Type="tt:ReferenceToken"),
        ),
        element("tt:Data", element("tt:SimpleItemDescription", Name="State", Type="xs:boolean")),
        IsProperty="true",
    )
    alarm = element(
        "MotionAlarm", description, **{"{http://docs.oasis-open.org/wsn/t-1}topic": "true"}
    )
    return element(
        "tev:GetEventPropertiesResponse",
        element(
            "tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml"
        ),
        element("wsnt:FixedTopicSet", "true"),
        element("wstop:TopicSet", element("tns1:VideoSource", alarm)),
        *[element("wsnt:TopicExpressionDialect", dialect) for dialect in _TOPIC_DIALECTS],
        element("tev:MessageContentFilterDialect", _ITEM_FILTER),
        element(
            "tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"
        ),
    )


def create_pull_point_subscription(call: Call) -> Element:
    """A new pull point at an address of its own."""
    seconds = _seconds(text(call.arguments, "InitialTerminationTime"), _LIFETIME)
    owner = call.caller.name if call.caller is not None else ""
    name = call.pull_points.open(owner, seconds)
    reference = f"{address(call, 'events')}/{name}"
    return element(
        "tev:CreatePullPointSubscriptionResponse",
        element("tev:SubscriptionReference", element("wsa:Address", reference)),
        *_times("wsnt", seconds),
    )


async def pull_messages(call: Call) -> Element:
    """What has happened; waits until something does, at most as long as the client bears."""
    _, point = call.pull_points.of(call)
    now = time.time()
    if point.told == motion.moving(now):
        patience = min(_seconds(text(call.arguments, "Timeout"), 1.0), _MAX_WAIT)
        await asyncio.sleep(min(patience, motion.until_change(now)))
        now = time.time()
    messages = []
    if point.told != motion.moving(now):
        operation = "Initialized" if point.told is None else "Changed"
        messages.append(motion.notification(SOURCE, operation, now))
        point.told = motion.moving(now)
    point.until = max(point.until, time.monotonic() + _LIFETIME)
    return element("tev:PullMessagesResponse", *_times("tev", _LIFETIME), *messages)


def set_synchronization_point(call: Call) -> Element:
    """Tell the present state again."""
    _, point = call.pull_points.of(call)
    point.told = None
    return element("tev:SetSynchronizationPointResponse")


def renew(call: Call) -> Element:
    """Keep a pull point for longer."""
    _, point = call.pull_points.of(call)
    seconds = _seconds(text(call.arguments, "TerminationTime"), _LIFETIME)
    point.until = time.monotonic() + seconds
    termination, current = reversed(_times("wsnt", seconds))
    return element("wsnt:RenewResponse", termination, current)


def unsubscribe(call: Call) -> Element:
    """End a pull point."""
    name, _ = call.pull_points.of(call)
    call.pull_points.close(name)
    return element("wsnt:UnsubscribeResponse")


def _times(prefix: str, seconds: float) -> list[Element]:
    now = time.time()
    return [
        element(f"{prefix}:CurrentTime", motion.utc(now)),
        element(f"{prefix}:TerminationTime", motion.utc(now + seconds)),
    ]


def _seconds(written: str, default: float) -> float:
    """Seconds of an xs:duration; a time of day, and what is neither, counts as the default."""
    match = _DURATION.fullmatch(written)
    if match is None or not any(match.groups()):
        return default
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return min(3600 * hours + 60 * minutes + seconds, _LONGEST)


OPERATIONS: dict[str, Operation] = {
    "GetServiceCapabilities": get_service_capabilities,
    "GetEventProperties": get_event_properties,
    "CreatePullPointSubscription": create_pull_point_subscription,
    "PullMessages": pull_messages,
    "SetSynchronizationPoint": set_synchronization_point,
    "Renew": renew,
    "Unsubscribe": unsubscribe,
}
