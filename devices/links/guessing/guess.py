"""Wrong passwords in a row on one surface, or spread over all, then the right one."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.errors import LinkError
from devices.journal import Journal
from devices.links.guessing.surfaces import CAPTCHA, HUNG_UP, RETRY_AFTER, Surface, Try
from devices.observation import Observation


@dataclass(frozen=True)
class GuessUser:
    """Whose password is guessed, and the right one. ``origin``: how the user came to be."""

    username: str
    password: str
    origin: str


@dataclass(frozen=True)
class Round:
    """Wrong passwords in a row, then the right one; ``seconds`` for the wrong ones together."""

    wrong: tuple[Try, ...]
    right: Try
    seconds: float

    @property
    def closed(self) -> bool:
        """Whether the right password is clearly refused after the wrong ones."""
        return self.right.clear and not self.right.accepted


@dataclass(frozen=True, kw_only=True)
class SurfaceGuessing(Observation):
    """Guesses on one surface; later rounds have more of them. No round: nothing was measured.

    ``answered``: where the camera stopped answering, the wrong passwords before that, in their
    round. ``shut_out``: what somebody else was answered afterwards, from the same address with the
    right password; empty where that was a login, or was not tried. ``told_by``: what tells a lock
    whose answers do not; empty where they do. ``jumped``: seconds that the camera's clock made at
    once meanwhile.
    """

    surface: str
    username: str
    origin: str
    rounds: tuple[Round, ...] = ()
    answered: tuple[Try, ...] = ()
    shut_out: str = ""
    told_by: str = ""
    jumped: float = 0.0

    @property
    def closed_after(self) -> int | None:
        """After how many wrong passwords the account was closed; None when it never was."""
        return next((len(r.wrong) for r in self.rounds if r.closed), None)

    @property
    def took_wrong(self) -> bool:
        """Whether a made-up password was accepted."""
        return any(one.accepted for r in self.rounds for one in r.wrong)


@dataclass(frozen=True, kw_only=True)
class SpreadGuessing(Observation):
    """Wrong passwords of one user on the surfaces in turn, then the right one on each.

    ``silent``: the camera stopped answering. ``told_by``: what tells that this was a lock.
    ``jumped``: seconds that the camera's clock made at once meanwhile.
    """

    username: str
    origin: str
    guesses: tuple[str, ...]
    seconds: float
    still_open: tuple[str, ...]
    silent: bool = False
    told_by: str = ""
    jumped: float = 0.0


LIMIT_SECONDS = 10.0
"""A login that opens again so soon was limited in its rate, not closed."""

CLOSED = ("locked", "silent")
"""What a console says that takes no further password."""


def asks_for_captcha(found: Round) -> bool:
    """Whether a CAPTCHA is asked for that was not asked for at the first wrong password."""
    first = found.wrong[0].said if found.wrong else ""
    return CAPTCHA in found.right.said and CAPTCHA not in first


def wrong_password() -> str:
    """A password that is none, of the kinds of character that any rule asks for."""
    return f"Wr0ng-{secrets.token_hex(8)}"


def made_up_name(like: str) -> str:
    """A user name that nobody has, as long as ``like``: an answer that repeats it has one size."""
    return f"u{secrets.token_hex(len(like))}"[: max(3, len(like))]


def guess(
    surface: Surface, user: GuessUser, attempts: Sequence[int], journal: Journal, seconds: float
) -> SurfaceGuessing:
    """Guess in rounds of so many wrong passwords until the account is closed.

    ``seconds``: how long a lock should last, for the journal. What ends the guessing early (no
    answer, a status that tells nothing) is the shortfall.
    """
    rounds: list[Round] = []
    wrong: list[Try] = []
    shortfall = ""
    entry = journal.begin("lock", user.username, surface.kind, seconds=seconds)
    try:
        for number in attempts:
            wrong = []
            rounds.append(_round(surface, user, number, wrong))
            wrong = []
            if not rounds[-1].right.clear:
                shortfall = (
                    f"{surface.name}: after {number} wrong passwords the right one is answered "
                    f"{rounds[-1].right.answer}, which is neither a login nor a refusal"
                )
            elif asks_for_captcha(rounds[-1]):
                shortfall = (
                    f"{surface.name}: after {number} wrong passwords a login asks for a CAPTCHA: "
                    "whether that stops a guesser is to be judged by hand"
                )
            if not rounds[-1].right.accepted:
                break
    except LinkError as error:
        shortfall = (
            f"{surface.name}: the camera stopped answering while it was guessed, after "
            f"{len(wrong)} wrong passwords{_times(wrong)}: {error}"
        )
    if rounds and rounds[-1].right.accepted and not shortfall:
        journal.end(entry, "the right password logs in")
    return SurfaceGuessing(
        surface=surface.name,
        username=user.username,
        origin=user.origin,
        rounds=tuple(rounds),
        answered=tuple(wrong),
        shortfall=shortfall,
    )


def _times(wrong: Sequence[Try]) -> str:
    """How long the first and the last answer took: some cameras wait longer each time."""
    if len(wrong) < 2:
        return ""
    return f", which were refused after {wrong[0].seconds:.1f} to {wrong[-1].seconds:.1f} s"


def _round(surface: Surface, user: GuessUser, number: int, wrong: list[Try]) -> Round:
    """Guess; ``wrong`` gets each answer as it comes."""
    began = time.monotonic()
    for _ in range(number):
        wrong.append(surface.attempt(user.username, wrong_password()))
        if wrong[-1].said in CLOSED:
            break  # what it says to more of them tells nothing new
    seconds = round(time.monotonic() - began, 3)
    return Round(tuple(wrong), _right(surface, user, wrong), seconds)


def _right(surface: Surface, user: GuessUser, wrong: Sequence[Try]) -> Try:
    """What the right password is answered after wrong ones; again where that is another refusal.

    What is answered once, and not again, is no lock: a limit of a second, a camera that starts.
    """
    right = surface.attempt(user.username, user.password)
    if not right.accepted and (wait := _retry_after(right)) is not None:
        threading.Event().wait(wait)
        right = surface.attempt(user.username, user.password)
    if not right.clear and 0 < right.status < 500:
        again = surface.attempt(user.username, wrong_password())
        if (again.accepted, again.status, again.said) == (False, right.status, right.said):
            return replace(right, clear=True)  # a page that tells everybody to come back later
    elif right.clear and not right.accepted and right.said not in CLOSED:
        last = wrong[-1] if wrong else right
        if (right.status, right.said) == (last.status, last.said):
            return right
        if right.said == HUNG_UP:
            return replace(right, clear=False)  # whoever restarts does so too
        return surface.attempt(user.username, user.password)
    return right


def _retry_after(answer: Try) -> float | None:
    """Seconds after which to come back (RFC 9110, 10.2.3), where they are too few for a lock."""
    found = re.search(rf"{RETRY_AFTER}(\d{{1,3}})\b", answer.said)
    seconds = float(found[1]) if found else None
    return seconds if seconds is not None and seconds <= LIMIT_SECONDS else None


def spread(
    surfaces: Sequence[Surface], user: GuessUser, number: int, journal: Journal, seconds: float
) -> SpreadGuessing:
    """``number`` wrong passwords on the surfaces in turn; silence is the shortfall."""
    kinds = dict.fromkeys(surface.kind for surface in surfaces)
    entries = [journal.begin("lock", user.username, kind, seconds=seconds) for kind in kinds]
    began = time.monotonic()
    made: list[str] = []
    answers: dict[str, Try] = {}
    shortfall, silent = "", False
    try:
        for index in range(number):
            surface = surfaces[index % len(surfaces)]
            surface.attempt(user.username, wrong_password())
            made.append(surface.name)
        taken = round(time.monotonic() - began, 3)
        for surface in surfaces:
            answers[surface.name] = answer = surface.attempt(user.username, user.password)
            if answer.accepted:  # it may have opened the others: what they say now tells nothing
                break
    except LinkError as error:
        taken, silent = round(time.monotonic() - began, 3), True
        shortfall = (
            f"{surface.name}: the camera stopped answering after {len(made)} wrong passwords on "
            f"all ways in turn: {error}"
        )
    unclear = [name for name, answer in answers.items() if not answer.clear]
    if unclear and not shortfall:
        shortfall = f"no clear answer over {', '.join(unclear)}"
    still_open = tuple(name for name, answer in answers.items() if answer.accepted)
    for entry in entries if still_open else ():
        journal.end(entry, "the right password logs in")
    return SpreadGuessing(
        username=user.username,
        origin=user.origin,
        guesses=tuple(made),
        seconds=taken,
        still_open=still_open,
        silent=silent,
        shortfall=shortfall,
    )
