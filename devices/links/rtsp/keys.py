"""Collects the SRTP keys that a camera hands out, by their fingerprints."""

from __future__ import annotations

from devices.description import Stream
from devices.errors import LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint, endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, describe, keys_of
from devices.links.rtsp.observations import OfferedKey, RtspEndpoints, RtspKeying

SESSIONS = 2  # descriptions asked for of each stream, each on its own connection


def keying(access: RtspAccess, endpoints: RtspEndpoints) -> RtspKeying:
    """Describe every declared stream twice, and on every endpoint without TLS that answers."""
    keys: list[OfferedKey] = []
    problems: list[str] = []
    count = 0
    for stream in access.streams():
        for url, endpoint in _places(stream, endpoints):
            try:
                # Over a connection without TLS never more than a digest of the password.
                with access.connect(
                    endpoint, login=access.login(), allow_basic=endpoint.encrypted
                ) as client:
                    described = describe(client, url)
            except LinkError as error:
                if endpoint.encrypted or endpoint == endpoint_of(stream.url):
                    problems.append(f"{url}: {error}")
                continue
            count += 1
            found, unread = _offered(described, url, session=count, inside_tls=endpoint.encrypted)
            keys += found
            problems += unread
            if not found and endpoint == endpoint_of(stream.url) and _declares_srtp(stream):
                problems.append(f"{url}: description {count} offers no SRTP key")
    return RtspKeying(descriptions=count, keys=tuple(keys), shortfall="; ".join(problems))


def _declares_srtp(stream: Stream) -> bool:
    return any(transport.startswith("srtp") for transport in stream.transports)


def _places(stream: Stream, endpoints: RtspEndpoints) -> list[tuple[str, Endpoint]]:
    own = endpoint_of(stream.url)
    url = without_userinfo(stream.url)
    rest = url.partition("://")[2].partition("/")[2]
    bare = [
        Endpoint(e.host, e.port, encrypted=False)
        for e in endpoints.endpoints
        if e.speaks_rtsp and not e.encrypted and e.host == own.host
    ]
    others = [(f"{e.url}/{rest}", e) for e in bare if e != own]
    return [(url, own)] * SESSIONS + others


def _offered(
    described: Described, url: str, *, session: int, inside_tls: bool
) -> tuple[list[OfferedKey], list[str]]:
    found: list[OfferedKey] = []
    unread: list[str] = []
    for media in described.description.video():
        for offer in keys_of(described.description, media):
            if offer.keys is None:
                unread.append(f"{url}: a {offer.exchange} key could not be read: {offer.problem}")
                continue
            suite = offer.keys.suite
            found.append(
                OfferedKey(
                    session=session,
                    url=url,
                    key_exchange=offer.exchange,
                    suite=suite.name,
                    cipher=suite.cipher,
                    key_bits=8 * suite.key_bytes,
                    tag_bits=8 * suite.tag_bytes,
                    fingerprint=offer.keys.fingerprint,
                    confidential=inside_tls,
                )
            )
    return found, unread
