"""The login of the SSH server by password as a surface at which passwords can be tried."""

from __future__ import annotations

import time
from typing import Any, Self

from devices.errors import LinkError, LoginRefused, NotOffered, Unreachable
from devices.links.guessing.media import OnvifSurface, RtspSurface
from devices.links.guessing.refusers import (
    OnvifRefuser,
    Refusal,
    Refuser,
    RtspRefuser,
    WebRefuser,
)
from devices.links.guessing.surfaces import HUNG_UP, SSH, Surface, Try
from devices.links.ssh.link import SshLink

_DISCONNECT, _FAILURE, _SUCCESS = 1, 51, 52


class SshSurface:
    """Passwords over SSH, a connection for each. ``Try.said``: what the server did."""

    name, kind = SSH, "ssh"

    def __init__(self, ssh: SshLink) -> None:
        self._ssh = ssh

    def attempt(self, username: str, password: str) -> Try:
        """Log in by password (or keyboard-interactive), and out again.

        A server that ends the connection instead of an answer refuses too. Raises LinkError where
        no connection can be had.
        """
        began = time.monotonic()
        session = self._ssh.connect()
        accepted, said = False, "refused"
        try:
            session.log_in_by_password(username, password)
            accepted, said = session.alive, "accepted"
        except LoginRefused:
            pass
        except (NotOffered, Unreachable) as error:
            said = str(error)
        except LinkError as error:
            return Try(False, 0, _since(began), False, str(error))  # noqa: FBT003 - as a row
        finally:
            session.close()
        return Try(accepted, 0, _since(began), True, said)  # noqa: FBT003


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


class SshRefuser:
    """Passwords over SSH, a connection each: servers end one whose user name changes."""

    def __init__(self, ssh: SshLink) -> None:
        self._ssh = ssh

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def refuse(self, username: str, password: str) -> Refusal:
        """Log in by password. The status is the number of the message that answers (RFC 4252).

        The time includes the request for the service, which names no user.
        """
        with self._ssh.connect() as session:
            began, status = time.perf_counter(), _SUCCESS
            said = "accepted"
            try:
                session.log_in_by_password(username, password)
            except LoginRefused:
                status, said = _FAILURE, "refused"
            except NotOffered as error:
                status, said = _FAILURE, str(error)
            except Unreachable:
                status, said = _DISCONNECT, HUNG_UP
            seconds = round(time.perf_counter() - began, 6)
            banner = session.transport.get_banner() or b""
        text = f"{said}\n{banner.decode('utf-8', 'replace')}"
        return Refusal(status, (), text, len(banner), seconds)


def refuser_of(link: Any, surface: Surface) -> Refuser:
    """What looks closely at the refusals of a surface, which belongs to this link."""
    if isinstance(surface, SshSurface):
        return SshRefuser(link)
    if isinstance(surface, OnvifSurface):
        return OnvifRefuser(link, surface)
    if isinstance(surface, RtspSurface):
        return RtspRefuser(link.access, surface)
    return WebRefuser(link)
