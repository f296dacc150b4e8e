"""The camera's clock, read again and again: one that jumps spoils what is timed by it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from devices.errors import LinkError
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink

STEADY_SECONDS = 30.0
"""A Date is of whole seconds and an answer may be slow; time servers slew smaller steps than that
(ntpd steps from 0.128 s on, and panics at 1000 s; what matters to a lock are minutes)."""


class ClockWatch:
    """Reads the clock of one camera without login: Date of HTTP, else GetSystemDateAndTime."""

    def __init__(self, http: HttpLink | None, onvif: OnvifLink | None) -> None:
        self._http, self._onvif = http, onvif
        self._last: dict[str, float] = {}

    def step(self) -> float:
        """How many seconds the clock jumped since the last call; forward is more than 0.

        0 where it ran steadily, was not read before, or cannot be read now.
        """
        for source, read in (("Date", self._date), ("ONVIF", self._onvif_time)):
            try:
                moment = read()
            except LinkError:
                continue
            if moment is None:
                continue
            now = moment.timestamp() - time.monotonic()  # of the bench, which no server sets
            last = self._last.get(source, now)
            self._last[source] = now
            return round(now - last) if abs(now - last) >= STEADY_SECONDS else 0.0
        return 0.0

    def _date(self) -> datetime | None:
        if self._http is None:
            return None
        client = self._http.anonymous()
        try:
            written = client.request("GET", "/").header("Date")
        finally:
            client.close()
        try:
            moment = parsedate_to_datetime(written)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None

    def _onvif_time(self) -> datetime | None:
        return self._onvif.clock().utc if self._onvif is not None else None


def told(step: float) -> str:
    """A step for people; empty where there was none."""
    if not step:
        return ""
    way = "forward" if step > 0 else "back"
    return f"the camera's clock went {way} by {abs(step):.0f} s"
