"""What the camera's analytics say of its picture: motion, as ONVIF events and metadata show it.

Motion comes and goes by the clock, so that whoever watches long enough sees both states.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from devices.protocols.soap import NAMESPACES, element

PERIOD = 4.0  # s that each state lasts
TOPIC = "tns1:VideoSource/MotionAlarm"
DIALECT = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"


def moving(unix_time: float) -> bool:
    """Whether there is motion at this time."""
    return int(unix_time // PERIOD) % 2 == 0


def until_change(unix_time: float) -> float:
    """Seconds until the state changes."""
    return PERIOD - unix_time % PERIOD


def utc(unix_time: float) -> str:
    """A time as xs:dateTime in UTC."""
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def notification(source: str, operation: str, unix_time: float) -> Element:
    """A ``wsnt:NotificationMessage``; ``operation`` is Initialized or Changed (Core, 9.4)."""
    state = "true" if moving(unix_time) else "false"
    topic = element("wsnt:Topic", TOPIC, Dialect=DIALECT)
    topic.set("xmlns:tns1", NAMESPACES["tns1"])  # used in a text, where no tag declares it
    message = element(
        "tt:Message",
        element("tt:Source", element("tt:SimpleItem", Name="Source", Value=source)),
        element("tt:Data", element("tt:SimpleItem", Name="State", Value=state)),
        UtcTime=utc(unix_time),
        PropertyOperation=operation,
    )
    return element("wsnt:NotificationMessage", topic, element("wsnt:Message", message))


def metadata_document(source: str, unix_time: float | None = None) -> Element:
    """A ``tt:MetadataStream`` (Streaming, 5.1.2.1.1): where something moves, and the event."""
    now = time.time() if unix_time is None else unix_time
    left = (now % 2.0) - 1.0  # the coordinates of a scene description run from -1 to 1
    box = element(
        "tt:BoundingBox",
        left=f"{left:.3f}",
        top="0.200",
        right=f"{min(left + 0.25, 1.0):.3f}",
        bottom="-0.200",
    )
    centre = element("tt:CenterOfGravity", x=f"{left + 0.125:.3f}", y="0.000")
    shape = element("tt:Appearance", element("tt:Shape", box, centre))
    frame = element("tt:Frame", UtcTime=utc(now))
    if moving(now):
        frame.append(element("tt:Object", shape, ObjectId="1"))
    return element(
        "tt:MetadataStream",
        element("tt:VideoAnalytics", frame),
        element("tt:Event", notification(source, "Changed", now)),
    )
