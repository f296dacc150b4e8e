"""Progress of a run: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

STYLE = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "yellow", "NOT_APPLICABLE": "dim"}
MARK = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "NOT_APPLICABLE": "-"}
EXPECTED_SECONDS = 0.8
"""First guess at the mean length of a test case, until some have been measured."""


class Progress(Protocol):
    """Shows the events of one run."""

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event of ``fixtures.events``."""

    def note(self, text: str) -> None:
        """Say what happens outside the run of test cases (a report being made)."""

    def close(self) -> None:
        """The run is over."""


def make(console: Console, title: str) -> Progress:
    """The live view when ``console`` is a terminal, else plain lines."""
    return LiveProgress(console, title) if console.is_terminal else PlainProgress(console, title)


class State:
    """What is known of a run from its events; shared by both ways to show it."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.areas: dict[str, list[str]] = {}
        self.verdicts: dict[str, str] = {}
        self.running = ""
        self.observing: list[str] = []
        self.waiting = ""

    def take(self, event: dict[str, Any]) -> None:
        """Take one event."""
        kind = event["event"]
        if kind == "plan":
            for case in event["cases"]:
                self.areas.setdefault(case["area"], []).append(case["id"])
        elif kind == "observing":
            self.observing.append(event["what"])
        elif kind == "observed":
            name = event["what"].partition(" ")[0]
            if name in self.observing:
                self.observing.remove(name)
        elif kind == "settling":
            self.waiting = event["what"]
        elif kind == "begin":
            self.running, self.waiting = f"{event['id']} {event['title']}", ""
        elif kind == "end":
            self.running = ""
            self.verdicts[event["id"]] = event["verdict"]

    @property
    def total(self) -> int:
        """Test cases of the plan."""
        return sum(map(len, self.areas.values()))

    def seconds_left(self) -> float:
        """An estimate from the mean so far."""
        done = len(self.verdicts)
        elapsed = time.monotonic() - self.began
        mean = elapsed / done if done > 4 else EXPECTED_SECONDS
        return mean * (self.total - done)


class PlainProgress:
    """One line for each verdict."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._state = State()
        self.note(title)

    def __call__(self, event: dict[str, Any]) -> None:
        """Print a line for a plan, a wait, a verdict."""
        state = self._state
        state.take(event)
        if event["event"] == "plan":
            counts = ", ".join(f"{area} {len(ids)}" for area, ids in state.areas.items())
            self.note(f"{state.total} test cases: {counts}")
        elif event["event"] == "settling" and event["what"]:
            self.note(f"waiting for {event['what']}")
        elif event["event"] == "end":
            self._verdict(event)
        elif event["event"] == "note":
            self.note(event["text"])

    def _verdict(self, event: dict[str, Any]) -> None:
        line = f"[{len(self._state.verdicts):3}/{self._state.total}] {event['id']:13}"
        line += f"{event['verdict']:15}"
        if event["verdict"] != "PASS":
            cause = f"{event['cause']}: " if event["cause"] else ""
            line += f"{cause}{event['reason'].splitlines()[0]}"
        self._print(line.rstrip())

    def note(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is left open."""


class LiveProgress:
    """Areas with their verdicts so far, what runs, what is being observed, time left."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._state = State()
        self._note = ""
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=8, transient=True
        )
        self._live.start()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take an event; what went wrong is printed above the live view and stays."""
        with self._lock:
            self._state.take(event)
        if event["event"] == "end" and event["verdict"] in {"FAIL", "INCONCLUSIVE"}:
            verdict = event["verdict"]
            line = Text.assemble(
                (f"{MARK[verdict]} {event['id']} ", STYLE[verdict]), event["reason"].splitlines()[0]
            )
            self._console.print(line, no_wrap=True, overflow="ellipsis")
        elif event["event"] == "note":
            self._console.print(event["text"], style="yellow")

    def note(self, text: str) -> None:
        """Show what happens now."""
        self._note = text

    def close(self) -> None:
        """End the live view; it vanishes, the printed lines stay."""
        self._live.stop()

    def _render(self) -> RenderableType:
        with self._lock:
            state = self._state
            table = Table.grid(padding=(0, 2))
            for area, ids in state.areas.items():
                table.add_row(area, _marks(ids, state.verdicts), _counts(ids, state.verdicts))
            lines: list[RenderableType] = [Text(self._title, style="bold"), table]
            if state.running:
                lines.append(Text(f"now       {state.running}", overflow="ellipsis", no_wrap=True))
            if state.observing:
                lines.append(Text(f"observing {', '.join(state.observing)}", style="cyan"))
            if state.waiting:
                lines.append(Text(f"waiting for {state.waiting}", style="cyan"))
            lines.append(Text(self._clock(), style="dim"))
        return Group(*lines)

    def _clock(self) -> str:
        state = self._state
        elapsed = time.monotonic() - state.began
        if self._note:
            return f"{elapsed:.0f} s · {self._note}"
        done = len(state.verdicts)
        return (
            f"{elapsed:.0f} s · {done} of {state.total} · about {state.seconds_left():.0f} s left"
        )


def _marks(ids: list[str], verdicts: dict[str, str]) -> Text:
    text = Text()
    for case_id in ids:
        verdict = verdicts.get(case_id)
        text.append(MARK[verdict] if verdict else "·", STYLE[verdict] if verdict else "dim")
    return text


def _counts(ids: list[str], verdicts: dict[str, str]) -> str:
    counts = Counter(verdicts[case_id] for case_id in ids if case_id in verdicts)
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
