"""The login of the SSH server by password as a surface at which passwords can be tried."""

from __future__ import annotations

import time

from devices.errors import LinkError, LoginRefused, NotOffered, Unreachable
from devices.links.guessing.surfaces import SSH, Try
from devices.links.ssh.link import SshLink


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
