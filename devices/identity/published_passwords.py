"""Whether a stored form is that of a published password, found without any login."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devices.identity.credential_stores import Entry
from devices.identity.form_checks import check_of

SECONDS = 60.0
"""Time for the trials of one search; past it OutOfTime is raised, for not all was tried."""

TRIES = 60
"""Published passwords tried against one stored form, the most frequent of its user first."""


@dataclass(frozen=True)
class Opened:
    """A stored form that a published password opens, or that is published itself (``how``)."""

    path: str
    account: str
    scheme: str
    how: str


class OutOfTime(Exception):
    """The trials took too long; ``found`` is what had been opened by then."""

    def __init__(self, found: tuple[Opened, ...]) -> None:
        super().__init__(f"not every published password was tried within {SECONDS:.0f} s")
        self.found = found


def opened_by_published(
    forms: Iterable[Entry], published: Mapping[str, str], pairs: Iterable[tuple[str, str]]
) -> tuple[Opened, ...]:
    """Those of ``forms`` that anyone can open. Raises OutOfTime.

    ``published``: stored forms that are known -> where they were published. ``pairs``: user names
    and passwords, the most frequent first; an entry is tried with those of its own name, and one
    without a name with all, TRIES at most. Forms of methods that are not computed are not tried.
    """
    rows, found = list(pairs), list[Opened]()
    ends = time.monotonic() + SECONDS
    for entry in forms:
        if entry.hash is None:
            continue
        known = next((why for form, why in published.items() if _begins(entry.text, form)), "")
        how = f"published: {known}" if known else ""
        own = [(n, password) for n, password in rows if not entry.account or n == entry.account]
        check = None if known or not own else check_of(entry)
        for name, password in own[:TRIES] if check is not None else ():
            if time.monotonic() > ends:
                raise OutOfTime(tuple(found))
            if check is not None and check(password):
                how = f"its password is published for the user {name!r}"
                break
        if how:
            found.append(Opened(entry.path, entry.account, entry.hash.scheme, how))
    return tuple(found)


def untried(forms: Iterable[Entry], opened: Iterable[Opened]) -> tuple[str, ...]:
    """Places of stored forms to which nothing was found, and of which none is computed here."""
    done = {(each.path, each.account) for each in opened}
    return tuple(
        dict.fromkeys(
            f"{entry.path} ({entry.hash.scheme})"
            for entry in forms
            if entry.hash is not None
            and (entry.path, entry.account) not in done
            and check_of(entry) is None
        )
    )


def _begins(text: str, form: str) -> bool:
    """``form`` ends with ``...`` where only its start was published."""
    return text.startswith(form[:-3]) if form.endswith("...") else text == form
