"""From what requests, urllib3, http.client and ssl raise to this project's link errors."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
import urllib3

from devices.errors import Garbled, LinkError, NotConnected, TimedOut, Unreachable


@contextmanager
def translated_errors(what: str, late: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Raise Unreachable, TimedOut or Garbled instead; ``late`` says that a deadline has passed."""
    try:
        yield
    except LinkError:
        raise
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    ) as error:
        raise _translated(what, error, late=late()) from error


def _translated(what: str, error: BaseException, *, late: bool) -> LinkError:
    causes = list(_causes(error))
    if any(isinstance(c, requests.ConnectTimeout) for c in causes):
        return NotConnected(f"{what}: no connection in time")
    if late or any(isinstance(c, TimeoutError | requests.Timeout) for c in causes):
        return TimedOut(f"{what}: no answer in time")
    if any(isinstance(c, ssl.SSLError) for c in causes):
        return Garbled(f"{what}: TLS: {_last(causes)}")
    if any(isinstance(c, urllib3.exceptions.NewConnectionError) for c in causes):
        return Unreachable(f"{what}: no connection: {_last(causes)}")
    if any(isinstance(c, http.client.RemoteDisconnected | ConnectionError) for c in causes):
        return Unreachable(f"{what}: closed without an answer: {_last(causes)}")
    if any(isinstance(c, http.client.HTTPException | ValueError) for c in causes):
        return Garbled(f"{what}: not an HTTP answer: {_last(causes)}")
    return Unreachable(f"{what}: {_last(causes)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        for argument in error.args:
            if isinstance(argument, BaseException):
                yield from _causes(argument)
        error = error.__cause__ or error.__context__


def _last(causes: list[BaseException]) -> str:
    return f"{type(causes[-1]).__name__}: {causes[-1]}"[:200]
