"""A camera made of gst-rtsp-server; run by the Python that Debian's gi belongs to.

``gst_camera.py --help`` lists what can be set. Prints "ready" when it listens, and runs until it
is killed. Access is by a role: who logs in has it, and without ``--login`` everybody has.
"""

import argparse
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

ROLE = "user"
SESSION_SECONDS = 5
LOWER = {
    "tcp": GstRtsp.RTSPLowerTrans.TCP,
    "udp": GstRtsp.RTSPLowerTrans.UDP,
    "multicast": GstRtsp.RTSPLowerTrans.UDP_MCAST,
}


def main() -> None:
    options = _options()
    Gst.init(None)
    mounts = GstRtspServer.RTSPMountPoints()
    mounts.add_factory(options.path, _factory(options, guarded=True))
    for path in options.open_path:
        mounts.add_factory(path, _factory(options, guarded=False))
    ports = [(options.port, options.certificate)]
    ports += [(options.clear_port, "")] if options.clear_port else []
    servers = [_server(options, mounts, port, certificate) for port, certificate in ports]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()
    servers.clear()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--clear-port", help="serve the same without TLS here")
    parser.add_argument("--certificate", default="", help="PEM with key and chain: TLS")
    parser.add_argument("--path", default="/stream")
    parser.add_argument("--open-path", action="append", default=[], help="needs no login")
    parser.add_argument("--launch", required=True, help="the pipeline")
    parser.add_argument("--open-launch", default="", help="that of open paths; else the same")
    parser.add_argument("--profiles", default="AVP", help="AVP, AVPF, SAVP, SAVPF, with commas")
    parser.add_argument("--lower", default="tcp,udp", help="tcp, udp, multicast, with commas")
    parser.add_argument("--multicast-group", default="239.255.77.0", help="first of ten addresses")
    parser.add_argument("--login", choices=("none", "basic", "digest"), default="none")
    parser.add_argument("--account", action="append", default=[], help="NAME:PASSWORD")
    parser.add_argument("--shared", action="store_true", help="one media for all clients")
    return parser.parse_args()


def _server(options: argparse.Namespace, mounts: Any, port: str, certificate: str) -> Any:
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(port)
    server.set_mount_points(mounts)
    auth = GstRtspServer.RTSPAuth()
    if certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(certificate))
    _log_in_by(auth, options)
    server.set_auth(auth)
    server.connect("client-connected", _client_connected)
    # As gst-rtsp-server's own examples: nothing else ends a session by time.
    GLib.timeout_add_seconds(1, _clean_up, server.get_session_pool())
    server.attach(None)
    return server


def _client_connected(_server: Any, client: Any) -> None:
    client.connect("new-session", lambda _client, session: session.set_timeout(SESSION_SECONDS))


def _clean_up(sessions: Any) -> bool:
    sessions.cleanup()
    return True


def _log_in_by(auth: Any, options: argparse.Namespace) -> None:
    anybody = _token(ROLE if options.login == "none" else "anybody")
    if options.login == "none" or options.open_path:
        auth.set_default_token(anybody)
    if options.login != "none":
        auth.set_supported_methods(getattr(GstRtsp.RTSPAuthMethod, options.login.upper()))
    for account in options.account:
        name, _, password = account.partition(":")
        if options.login == "digest":
            auth.add_digest(name, password, _token(ROLE))
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), _token(ROLE))


def _token(role: str) -> Any:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    return token


def _factory(options: argparse.Namespace, *, guarded: bool) -> Any:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(options.launch if guarded else options.open_launch or options.launch)
    factory.set_shared(options.shared)
    profiles = [getattr(GstRtsp.RTSPProfile, name) for name in options.profiles.split(",")]
    factory.set_profiles(_all(profiles))
    lower = options.lower.split(",")
    factory.set_protocols(_all([LOWER[name] for name in lower]))
    if "multicast" in lower:
        factory.set_address_pool(_pool(options.multicast_group))
    permissions = GstRtspServer.RTSPPermissions()
    for role in (ROLE, "anybody"):
        # Who may not even look is answered 404; who may look and not construct, 401.
        permissions.add_permission_for_role(role, "media.factory.access", True)  # noqa: FBT003
        may_construct = role == ROLE or not guarded
        permissions.add_permission_for_role(role, "media.factory.construct", may_construct)
    factory.set_permissions(permissions)
    return factory


def _all(flags: list[Any]) -> Any:
    first, *others = flags
    for flag in others:
        first |= flag
    return first


def _pool(group: str) -> Any:
    """Multicast addresses on the loopback network: a time to live of 0 keeps them on the host."""
    pool = GstRtspServer.RTSPAddressPool()
    last = f"{group.rpartition('.')[0]}.9"
    if not pool.add_range(group, last, 21000, 21100, 1):
        raise SystemExit(f"{group} to {last} is no range of multicast addresses")
    return pool


main()
