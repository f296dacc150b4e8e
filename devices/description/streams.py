"""The video that the camera is declared to offer."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from devices.description.parts import Part, Role

MediaTransport = Literal[
    "interleaved",
    "srtp-udp",
    "srtp-interleaved",
    "udp",
    "tunnel",
    "srtp-multicast",
    "multicast",
]
WebContainer = Literal["mjpeg", "hls", "dash", "websocket", "clip"]


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
        "tunnel: RTSP over HTTP(S); srtp-multicast and multicast: to a group; for rtsp(s) only",
    )
    tunnel_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="where the tunnel is asked for; default: the stream's own host, port and path, "
        "inside TLS when its url is rtsps",
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
        None, description="for a WebSocket that asks for one: rtsp.onvif.org, ..."
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

    @model_validator(mode="after")
    def _measurable(self) -> Stream:
        scheme = urlsplit(self.url).scheme
        if scheme not in ("rtsp", "rtsps", "http", "https", "ws", "wss"):
            raise ValueError(
                f"url begins with {scheme or 'no scheme'}: streams are asked for over rtsp and "
                "rtsps, http and https, ws and wss; declare another way as a service alone"
            )
        if self.over_rtsp:
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
