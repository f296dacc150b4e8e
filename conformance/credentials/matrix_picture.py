"""Who may do what, as a table for people: one HTML page without script and without other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

State = Literal["may", "refused", "too much", "unclear", "stricter", "not asked"]

_COLOURS: Mapping[State, tuple[str, str]] = {
    "may": ("#d9f2dd", "allowed, and let through"),
    "refused": ("#eceff3", "not allowed, and turned away"),
    "too much": ("#f6b9b3", "not allowed, and let through"),
    "unclear": ("#fde9b8", "does not show whether the role was asked"),
    "stricter": ("#dbe7fb", "allowed by the table, and turned away"),
    "not asked": ("#ffffff", "not asked"),
}
_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:1.5em;color:#1c2530}"
    "table{border-collapse:collapse}caption{text-align:left;font-weight:600;margin-bottom:.6em}"
    "th,td{border:1px solid #c9d1dc;padding:.25em .6em;text-align:left;vertical-align:top}"
    "thead th{position:sticky;top:0;background:#f7f9fb}td.n{color:#5a6675;font-size:12px}"
    "ul{list-style:none;padding:0}li{display:inline-block;margin-right:1em}"
    "li b{display:inline-block;width:1em;height:1em;border:1px solid #c9d1dc;margin-right:.3em}"
)


@dataclass(frozen=True)
class Cell:
    """One answer: what it was, in a few characters, and what that means."""

    text: str
    state: State


@dataclass(frozen=True)
class Row:
    """One operation, with a note (class, declared roles) and a cell for each subject."""

    operation: str
    note: str
    cells: Mapping[str, Cell]


def picture(title: str, subjects: Sequence[str], rows: Sequence[Row]) -> str:
    """The page. Everything in it that came from a camera is escaped."""
    head = "".join(f"<th>{escape(subject)}</th>" for subject in subjects)
    body = "".join(_row(row, subjects) for row in rows)
    legend = "".join(
        f'<li><b style="background:{colour}"></b>{escape(words)}</li>'
        for colour, words in _COLOURS.values()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><table><caption>{escape(title)}</caption>"
        f"<thead><tr><th>operation</th><th>who may</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table><ul>{legend}</ul></body></html>\n"
    )


def _row(row: Row, subjects: Sequence[str]) -> str:
    cells = "".join(_cell(row.cells.get(s, Cell("", "not asked"))) for s in subjects)
    name, note = escape(row.operation), escape(row.note)
    return f'<tr><th scope="row">{name}</th><td class="n">{note}</td>{cells}</tr>'


def _cell(cell: Cell) -> str:
    colour = _COLOURS[cell.state][0]
    text = escape(cell.text[:40])
    return f'<td style="background:{colour}" title="{escape(cell.state)}">{text}</td>'
