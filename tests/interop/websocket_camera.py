"""websockify, told that it knows RTSP's sub-protocol; its own options and addresses follow.

websockify puts any byte stream into a WebSocket's messages; what they hold is not its business.
"""

from typing import Any

from websockify import websocketproxy  # type: ignore[import-not-found]
from websockify.websockifyserver import CompatibleWebSocket  # type: ignore[import-not-found]


def _select(_socket: Any, protocols: list[str]) -> str:
    return "rtsp.onvif.org" if "rtsp.onvif.org" in protocols else ""


CompatibleWebSocket.select_subprotocol = _select
websocketproxy.websockify_init()
