"""Profiles and media addresses, read from media2 and media."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from devices.errors import NotOffered
from devices.links.onvif import requests
from devices.links.onvif.observations import (
    MediaProfile,
    MediaProfiles,
    MediaUri,
    MediaUris,
    OperationAnswer,
)
from devices.links.onvif.session import OnvifSession
from devices.protocols import soap

MAX_PROFILES = 32
SERVICES = ("media2", "media")


def read_profiles(session: OnvifSession) -> MediaProfiles:
    """The profiles of every media service that the camera announces.

    Raises NotOffered when it announces none, and what the first service raises otherwise.
    """
    announced = [service for service in SERVICES if session.address(service) is not None]
    if not announced:
        raise NotOffered("the camera announces neither the media nor the media2 service")
    found: list[MediaProfile] = []
    for service in announced:
        body = session.call(service, requests.get_profiles(service)).demand(
            f"{service}.GetProfiles"
        )
        found.extend(_profile(service, node) for node in soap.children(body, "Profiles"))
    kept = tuple(found[:MAX_PROFILES])
    missed = len(found) - len(kept)
    return MediaProfiles(
        profiles=kept, shortfall=f"{missed} more profiles were not read" if missed else ""
    )


def stream_uris(session: OnvifSession, profiles: MediaProfiles) -> MediaUris:
    """The stream address of every profile, for every protocol that can be asked for."""

    def bodies(profile: MediaProfile) -> Iterator[tuple[str, Element]]:
        for protocol in requests.STREAM_PROTOCOLS[profile.service]:
            yield protocol, requests.stream_uri(profile.service, profile.token, protocol)

    return _uris(session, profiles, bodies)


def other_uris(session: OnvifSession, profiles: MediaProfiles) -> MediaUris:
    """The address of every profile for multicast and for the HTTP tunnel."""

    def bodies(profile: MediaProfile) -> Iterator[tuple[str, Element]]:
        for protocol in requests.OTHER_PROTOCOLS[profile.service]:
            yield protocol, requests.stream_uri(profile.service, profile.token, protocol)

    return _uris(session, profiles, bodies)


def snapshot_uris(session: OnvifSession, profiles: MediaProfiles) -> MediaUris:
    """The snapshot address of every profile."""

    def bodies(profile: MediaProfile) -> Iterator[tuple[str, Element]]:
        yield "snapshot", requests.snapshot_uri(profile.service, profile.token)

    return _uris(session, profiles, bodies)


def _uris(
    session: OnvifSession,
    profiles: MediaProfiles,
    bodies: Callable[[MediaProfile], Iterator[tuple[str, Element]]],
) -> MediaUris:
    uris: list[MediaUri] = []
    others: list[OperationAnswer] = []
    for profile in profiles.profiles:
        for protocol, body in bodies(profile):
            reply = session.call(profile.service, body)
            uri = _uri(reply.body) if reply.body is not None else ""
            if uri:
                uris.append(MediaUri(profile.service, profile.token, protocol, uri))
            else:
                others.append(session.answer(profile.service, body, reply))
    return MediaUris(uris=tuple(uris), answers=tuple(others), shortfall=profiles.shortfall)


def _uri(body: Element) -> str:
    return soap.text(body, "MediaUri", "Uri") or soap.text(body, "Uri")


def _profile(service: str, node: Element) -> MediaProfile:
    encoder = soap.child(node, "Configurations", "VideoEncoder")
    if encoder is None:
        encoder = soap.child(node, "VideoEncoderConfiguration")
    if encoder is None:
        return MediaProfile(service, node.get("token", ""), soap.text(node, "Name"))
    return MediaProfile(
        service,
        node.get("token", ""),
        soap.text(node, "Name"),
        soap.text(encoder, "Encoding"),
        _number(soap.text(encoder, "Resolution", "Width")),
        _number(soap.text(encoder, "Resolution", "Height")),
    )


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 6 else 0
