"""Which declared service a port belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from devices.description import Service


def service_on(declared: Iterable[Service], port: int) -> Service | None:
    """The declared service that covers a port; one that is on is preferred."""
    covering = [s for s in declared if s.port <= port <= (s.last_port or s.port)]
    return next((s for s in covering if s.on), covering[0] if covering else None)
