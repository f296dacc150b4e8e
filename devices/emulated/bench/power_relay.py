"""The bench's power relay, as a REST device: ``PUT /relay/1`` with ``0`` or ``1``; ``GET`` asks.

The same protocol as labgrid's NetworkPowerDriver speaks with its model ``rest``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from devices.emulated.bench.rest_device import RestDevice


class PowerRelay(RestDevice):
    """Serves one relay channel; ``switch(on)`` is awaited before the answer goes out."""

    def __init__(
        self, host: str, switch: Callable[[bool], Awaitable[None]], is_on: Callable[[], bool]
    ) -> None:
        super().__init__(host, "/relay/1", "PUT 0 or 1")
        self._switch = switch
        self._is_on = is_on

    async def set(self, body: str) -> None:
        """Switch."""
        if body not in {"0", "1"}:
            raise ValueError(body)
        await self._switch(body == "1")

    def state(self) -> str:
        """``1`` while there is power, else ``0``."""
        return "1" if self._is_on() else "0"
