"""A camera with an audio back channel made of gst-rtsp-server's ONVIF server; see gst_camera.py.

usage: gst_backchannel.py ADDRESS PORT PEM USER PASSWORD
Prints "ready" when it listens. Run by the Python that Debian's gi belongs to.
"""

import sys
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402
    Gio,
    GLib,
    Gst,
    GstRtsp,
    GstRtspServer,
)

SESSION_SECONDS = 5
VIDEO = (
    "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1"
    " ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
AUDIO = (
    '( capsfilter caps="application/x-rtp, media=audio, payload=0, clock-rate=8000,'
    ' encoding-name=PCMU" name=depay_backchannel ! rtppcmudepay ! fakesink async=false )'
)


def _client_connected(_server: Any, client: Any) -> None:
    client.connect("new-session", lambda _client, session: session.set_timeout(SESSION_SECONDS))


def _clean_up(sessions: Any) -> bool:
    sessions.cleanup()
    return True


def main(arguments: list[str]) -> None:
    address, port, pem, user, password = arguments
    Gst.init(None)
    server = GstRtspServer.RTSPOnvifServer.new()
    server.set_address(address)
    server.set_service(port)
    auth = GstRtspServer.RTSPAuth()
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(pem))
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    factory = GstRtspServer.RTSPOnvifMediaFactory.new()
    factory.set_launch(VIDEO)
    factory.set_backchannel_launch(AUDIO)
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    factory.set_profiles(GstRtsp.RTSPProfile.SAVP | GstRtsp.RTSPProfile.SAVPF)
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", permission, True)  # noqa: FBT003 - gi's own
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/stream", factory)
    server.connect("client-connected", _client_connected)
    # As gst-rtsp-server's own examples: nothing else ends a session by time.
    GLib.timeout_add_seconds(1, _clean_up, server.get_session_pool())
    server.attach(None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main(sys.argv[1:])
