"""A camera made of gst-rtsp-server, with Digest; run by the Python that Debian's gi belongs to.

usage: gst_camera.py ADDRESS PORT PEM PROFILE USER PASSWORD PIPELINE
PEM is "-" for RTSP without TLS; PROFILE is AVP or SAVP. Prints "ready" when it listens.
"""

import sys

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


def main(arguments: list[str]) -> None:
    address, port, pem, profile, user, password, pipeline = arguments
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    auth = GstRtspServer.RTSPAuth()
    if pem != "-":
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(pem))
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline)
    factory.set_profiles(getattr(GstRtsp.RTSPProfile, profile))
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", permission, True)  # noqa: FBT003 - gi's own
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main(sys.argv[1:])
