"""CRED-027: guessing is stopped on every way in. CRED-030: one guesser shuts nobody else out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.guessing.guess import Round, SpreadGuessing, SurfaceGuessing
from devices.links.guessing.surfaces import Try
from devices.links.guessing.web import WebSurface
from devices.observation import Observation


@case(
    "CRED-027",
    severity="high",
    needs=(),
    catches=(
        "cred-no-lockout-http",
        "cred-no-lockout-rtsp",
        "cred-no-lockout-onvif",
        "cred-no-lockout-http-digest",
        "cred-no-lockout-onvif-digest",
        "cred-lockout-per-service",
    ),
    changes="lockout",
    revision=3,
)
def test_guessing_is_stopped_on_every_way_in(guessing: Any, evidence: Any, policy: Any) -> None:
    """Guessing is stopped on every way in, and on all of them together.

    Method: on each way into the camera that asks for a login (the web interface's login, HTTP
    Digest or Basic beside it, ONVIF by WS-UsernameToken and by HTTP digest, RTSP, and the logins on
    TCP ports that the device file describes under links.tcp), side by side, with a user made for it
    (else an account set aside with purpose "lockout"): the right password, as many wrong ones as
    the declared lock allows (at most the number of the policy "guessing"; first as many as a rule
    book of the profile allows, where that is less), the right one; once more with one wrong
    password more. Then, with another user, as many wrong passwords as the policy allows together,
    on all ways that share their users in turn, and the right one on each; so too with an account
    that is declared for the serial console and for other ways. See after each lock whether others
    still log in. SSH alone is left to CRED-026, the serial console alone to CRED-054. Where
    the declared lock is of the address, one after the other, waiting for each lock to end. Silence,
    or an answer that tells nothing, is a lock where somebody else logs in meanwhile; of an address,
    where the right password is accepted from another one, or when the lock is over and not before.
    A declared service of another protocol, whose login nobody described or declared absent, leaves
    it inconclusive, and so do a restart or a jump of the camera's clock meanwhile, and a CAPTCHA.
    Pass: on every way the right password is refused in the end, or each guess takes as long as
    the policy demands; and so it is after the guesses on all ways.
    """
    limits = policy("guessing")["limits"]
    each, together = guessing.measured
    for found in each:
        evidence.observe(found, found.surface)
    if together is not None:
        evidence.observe(together, "all ways in turn")
    if (console := guessing.with_console) is not None:
        evidence.observe(console, "the serial console and others in turn")
    elif guessing.console_apart:
        evidence.record("not tried in turn: the serial console", guessing.console_apart)
    for name, why in guessing.absent.items():
        evidence.record(f"not tried: {name}", why)
    problems = [text for found in each for text in _unlimited(found, limits)]
    for spread in (together, console):
        if spread is not None and not problems:
            problems = list(_unlimited_together(spread, limits))
    assert not problems, " ".join(problems)
    doubts = [f.shortfall for f in (*each, together, console) if f is not None and f.shortfall]
    doubts += guessing.untried
    if doubts:
        raise Inconclusive("; ".join(doubts), "not-measured")


def _unlimited(found: SurfaceGuessing, limits: dict[str, Any]) -> Iterator[str]:
    if found.took_wrong:
        yield f"{found.surface} accepts a made-up password of {found.username}."
    elif found.rounds and found.closed_after is None and not found.shortfall:
        last = found.rounds[-1]
        if not _slow(last, limits):
            yield (
                f"{found.surface}: after {len(last.wrong)} wrong passwords of {found.username} in "
                f"{last.seconds:.1f} s the right one is accepted at once, expected the account to "
                "be closed."
            )


def _slow(found: Round, limits: dict[str, Any]) -> bool:
    return found.seconds >= len(found.wrong) * float(limits["seconds_per_guess"])


def _unlimited_together(found: SpreadGuessing, limits: dict[str, Any]) -> Iterator[str]:
    slow = found.seconds >= len(found.guesses) * float(limits["seconds_per_guess"])
    if found.still_open and not slow and not found.jumped:
        yield (
            f"After {len(found.guesses)} wrong passwords of {found.username} in {found.seconds:.1f}"
            f" s, spread over {', '.join(dict.fromkeys(found.guesses))}, the right one is accepted "
            f"over {', '.join(found.still_open)}: failures on one way do not count on the others."
        )


@dataclass(frozen=True, kw_only=True)
class Bystanders(Observation):
    """How others log in while an account is locked: who, from where, and the answer."""

    locked: str
    closed_after: int
    tries: tuple[tuple[str, str, Try], ...]


@case(
    "CRED-030",
    severity="medium",
    needs=("http",),
    catches=("cred-lockout-everyone",),
    changes="lockout",
    applies_to=("http",),
    revision=2,
)
def test_a_guesser_shuts_nobody_else_out(guessing: Any, device: DeviceFile, evidence: Any) -> None:
    """A lock shuts out nobody but whom it is declared to shut out.

    Method: make two users (or take accounts set aside with purpose "lockout"), lock one on the web
    interface by wrong passwords, then log in with right ones: the other user from another address
    of the bench's (bench.sources); where the lock is declared of the account, or of the account
    from one address alone (pair), the other user from the same address; where it is declared of the
    address, or pair, the locked user from the other address.
    Pass: each of these logins is accepted.
    """
    if not isinstance(surface := guessing.surface("http"), WebSurface):
        raise Inconclusive("the web login cannot be tried", "no-link")
    scope = device.declared.lockout.scope if device.declared.lockout else ""
    source = next(iter(device.bench.sources), "")
    if scope not in ("account", "pair") and not source:
        raise Inconclusive(
            "the lock is not declared to be of the account alone: give bench.sources, a second "
            "address of the bench's, from which somebody else can log in",
            "no-source",
        )
    with guessing.accounts.user(surface) as other, guessing.locked(surface) as held:
        who = [("another user", other, source)] if source else []
        if scope in ("account", "pair"):
            who.append(("another user", other, ""))
        if scope in ("address", "pair") and source:
            who.append(("the same user", held.user, source))
        tries = tuple(
            (
                name,
                address or "the same address",
                surface.attempt_as(user.username, user.password, source=address),
            )
            for name, user, address in who
        )
        found = evidence.observe(
            Bystanders(
                locked=held.user.username,
                closed_after=held.guessing.closed_after,
                tries=tries,
            )
        )
        guessing.readmit()  # before the users are removed, which the bench must be let do
    shut_out = [
        f"{name} from {address} ({answer.answer})"
        for name, address, answer in found.tries
        if answer.clear and not answer.accepted
    ]
    assert not shut_out, (
        f"While {found.locked} is locked by {found.closed_after} wrong passwords at the web "
        f"interface, the right password is refused to {', '.join(shut_out)}, expected a login."
    )
    if unclear := [answer.answer for _, _, answer in found.tries if not answer.clear]:
        raise Inconclusive(f"logins are answered {unclear}, which tells nothing", "garbled")
