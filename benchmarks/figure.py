"""One measured figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured, in which unit, over how many runs; ``peer`` is measured beside it."""

    name: str
    values: Sequence[float]
    unit: str
    command: str
    target: str = ""
    peer: str = ""
    peer_values: Sequence[float] = ()

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """This figure over its peer's, both medians."""
        if not self.peer_values:
            return None
        return self.median / statistics.median(self.peer_values)

    def line(self) -> str:
        """One line for people."""
        low, high = min(self.values), max(self.values)
        text = f"{self.name}: {self.median:.2f} {self.unit} (of {len(self.values)}: "
        text += f"{low:.2f} to {high:.2f})"
        if self.ratio is not None:
            text += f"; {self.ratio:.2f} x {self.peer} "
            text += f"({statistics.median(self.peer_values):.2f} {self.unit})"
        if self.target:
            text += f"; target {self.target}"
        return text
