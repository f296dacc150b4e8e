"""The video that the camera is declared to offer."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from devices.description.parts import Part, Role

MediaTransport = Literal[
    "interleaved",
    "srtp-udp",
    "srtp-interleaved",
    "udp",
    "tunnel",
    "websocket",
    "srtp-multicast",
    "multicast",
]
RTSP_SUBPROTOCOL = "rtsp.onvif.org"
WebContainer = Literal["mjpeg", "hls", "dash", "websocket", "clip"]


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port is not None
    except ValueError:
        return True  # what it is, is said below


class Stream(Part):
    """Video that the camera offers: over RTSP(S), or as media of its web server."""

    name: str
    url: str = Field(
        description="rtsp or rtsps; http(s) for MJPEG, HLS, DASH and clips; ws(s) for WebSocket"
    )
    codec: Literal["h264", "h265", "mjpeg"]
    width: int
    height: int
    frame_rate: float | None = Field(None, gt=0, description="pictures per second, by day")
    transports: list[MediaTransport] = Field(
        ["interleaved"],
        description="interleaved: inside the RTSP(S) connection; srtp-*: RTP/SAVP; udp: RTP/AVP; "
        "tunnel: RTSP over HTTP(S); websocket: RTSP in a WebSocket, at websocket_url; "
        "srtp-multicast and multicast: to a group; for rtsp(s) only",
    )
    tunnel_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="where the tunnel is asked for; default: the stream's own host, port and path, "
        "inside TLS when its url is rtsps",
    )
    websocket_url: str | None = Field(
        None,
        pattern=r"^wss?://",
        description="where RTSP is spoken in a WebSocket (rtsp.onvif.org; RTSPWebSocketUri of "
        "ONVIF); url is then what is asked for in it",
    )
    metadata: bool | None = Field(
        None,
        description="whether it has an ONVIF metadata track; left out: whatever is found is tested",
    )
    backchannel: Literal["pcmu", "pcma", "g726", "aac", "opus"] | None = Field(
        None, description="codec of its audio back channel (ONVIF Streaming, 5.3), if it has one"
    )
    roles: list[Role] = Field(
        ["admin", "operator", "viewer"], description="accounts of these roles may watch it"
    )
    container: WebContainer | None = Field(
        None,
        description="for http(s) and ws(s): mjpeg (default for the codec mjpeg), hls, dash, "
        "websocket (default for ws and wss), clip: a recording, or a list of recordings",
    )
    subprotocol: str | None = Field(
        None,
        description="for a WebSocket that asks for one; rtsp.onvif.org, RTSP in a WebSocket, "
        "stands for the transport websocket, with an rtsp(s) url of the same host, port and path",
    )
    first_message: str | None = Field(
        None, description="for a WebSocket: text that its client has to send before media comes"
    )

    @property
    def over_rtsp(self) -> bool:
        """Whether the stream is asked for over RTSP, with TLS or without."""
        return urlsplit(self.url).scheme in ("rtsp", "rtsps")

    @property
    def web_container(self) -> WebContainer | None:
        """What the web server gives the video in; None for RTSP."""
        if self.over_rtsp:
            return None
        usual: WebContainer = "websocket" if self.url.startswith("ws") else "mjpeg"
        return self.container or usual

    @model_validator(mode="before")
    @classmethod
    def _rtsp_in_websocket(cls, given: Any) -> Any:
        """Take a WebSocket with RTSP in it for what it is: one more way of an RTSP stream."""
        if not isinstance(given, dict) or given.get("subprotocol") != RTSP_SUBPROTOCOL:
            return given
        url = str(given.get("url", ""))
        scheme, _, rest = url.partition("://")
        if scheme not in ("ws", "wss"):
            return given
        rtsp = "rtsps" if scheme == "wss" else "rtsp"
        port = "" if _has_port(url) else (":443" if scheme == "wss" else ":80")
        host, slash, path = rest.partition("/")
        kept = {k: v for k, v in given.items() if k not in ("subprotocol", "container")}
        return {
            **kept,
            "url": f"{rtsp}://{host}{port}{slash}{path}",
            "websocket_url": url,
            "transports": ["websocket"],
        }

    @model_validator(mode="after")
    def _measurable(self) -> Stream:
        scheme = urlsplit(self.url).scheme
        if scheme not in ("rtsp", "rtsps", "http", "https", "ws", "wss"):
            raise ValueError(
                f"url begins with {scheme or 'no scheme'}: streams are asked for over rtsp and "
                "rtsps, http and https, ws and wss; declare another way as a service alone"
            )
        if self.over_rtsp:
            if ("websocket" in self.transports) != (self.websocket_url is not None):
                raise ValueError("the transport websocket and websocket_url go together")
            if self.container is not None:
                raise ValueError("container is for http(s) and ws(s); leave it out over rtsp(s)")
        elif (self.web_container == "websocket") != scheme.startswith("ws"):
            raise ValueError(f"container {self.web_container!r} cannot be asked for over {scheme}")
        elif self.web_container == "mjpeg" and self.codec != "mjpeg":
            raise ValueError(
                f"over {scheme} the codec {self.codec!r} needs a container: hls, dash or clip; "
                "leave a stream of another kind out and declare its port under declared.services"
            )
        return self
