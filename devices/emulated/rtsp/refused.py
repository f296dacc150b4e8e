"""A request that is refused, from wherever that is found out."""

from __future__ import annotations


class Refused(Exception):
    """Carries the status of a request that is refused."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status
