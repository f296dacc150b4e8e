"""Follows redirects: a few, to permitted addresses, and never out of TLS with a login."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from devices.errors import LinkError, NotOffered, OutsideAuthorisation, Unreachable
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.describe import Redirected

MAX_REDIRECTS = 3

T = TypeVar("T")


def following(url: str, attempt: Callable[[str], T]) -> T:
    """Return ``attempt(url)``, and that of the next address where it raises Redirected.

    Raises NotOffered for a redirect that cannot be followed: too many, no RTSP address, or from
    rtsps to rtsp, where the login would leave TLS. Raises Unreachable for one to an address that
    the device file does not authorise; nothing is sent there.
    """
    where = url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            return attempt(where)
        except Redirected as redirected:
            where = target_of(where, redirected.location)
        except OutsideAuthorisation as error:
            if where == url:
                raise
            raise Unreachable(f"{url} redirects: {error}") from error
    raise NotOffered(f"{url} redirects more than {MAX_REDIRECTS} times")


def target_of(url: str, location: str) -> str:
    """Return the address that a ``Location`` of an answer for ``url`` means; raises NotOffered."""
    ours = urlsplit(url)
    if location.startswith("/") and not location.startswith("//"):
        return f"{ours.scheme}://{ours.netloc}{location}"
    try:
        here, there = endpoint_of(url), endpoint_of(location)
        target = without_userinfo(location)
    except LinkError as error:
        raise NotOffered(f"{url} redirects to {location[:200]!r}, no RTSP address") from error
    if here.encrypted and not there.encrypted:
        raise NotOffered(
            f"{url} redirects to {target[:200]}: the login would leave TLS, so it is not followed"
        )
    return target
