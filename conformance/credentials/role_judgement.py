"""What answers by role show: who gets through, who is kept out, what stays unclear."""

from __future__ import annotations

from conformance.verdict import Inconclusive
from devices.links.http.envelopes import complains
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.pages import gives_away, same_kind, same_page, says_refusal, thinned
from devices.links.http.roles import RoleAnswer, RoleMatrix

_NOT_THERE = {404, 405}
_NOBODY = {ANONYMOUS, "wrong"}


def judge(matrix: RoleMatrix) -> None:
    """Raise AssertionError for who gets more or less than declared, Inconclusive for doubts."""
    refused = [answer for answer in matrix.answers if not answer.allowed]
    broken = [a for a in refused if gets_through(a, matrix)]
    assert not broken, "Beyond what the role allows, " + "; ".join(
        f"{a.role} gets {a.answer.status} from {a.method} {a.path}" for a in broken if a.answer
    )
    let_in = [a for a in matrix.answers if a.allowed and a.role not in _NOBODY and a.turned_away]
    kept_out = [a for a in let_in if not _leads_on(a)]
    assert not kept_out, "Against its declaration the camera turns away " + "; ".join(
        f"{a.role} at {a.method} {a.path} ({a.answer.status})" for a in kept_out if a.answer
    )
    if let_in:
        raise Inconclusive(
            "declare the address that is led to: "
            + "; ".join(f"{a.role} is sent on from {a.method} {a.path}" for a in let_in),
            "undeclared",
        )
    if not refused:
        raise Inconclusive("the declaration forbids nobody anything", "undeclared")
    unclear = [a for a in refused if not a.turned_away and not hidden(a, matrix)]
    if unclear:
        raise Inconclusive(
            "it does not show whether the role was looked at (where a refusal comes with 200, say "
            "in links.http.refusal how it reads): "
            + "; ".join(
                f"{a.role} gets {a.answer.status} from {a.method} {a.path}"
                for a in unclear
                if a.answer
            )
        )


def _leads_on(answer: RoleAnswer) -> bool:
    """Whether a caller who is logged in was sent on, as from an address without its last slash."""
    return answer.answer is not None and 300 <= answer.answer.status < 400


def gets_through(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """What the allowed get, with or behind any status; with none to compare with, data."""
    if answer.answer is None:
        return False
    allowed = matrix.allowed_answer(answer)
    if not answer.answer.succeeded:
        return _behind_a_refusal(answer, allowed)
    everywhere = answer.elsewhere
    if everywhere is not None and same_page(answer.answer, everywhere):
        read = answer.method == "GET"
        return read and allowed is not None and same_page(allowed, everywhere)
    if allowed is None:
        return answer.answer.picture or not says_refusal(answer.answer)
    if answer.method == "GET" and allowed.succeeded:
        return same_kind(answer.answer, allowed) and not thinned(answer.answer, allowed)
    if not allowed.succeeded or not same_page(answer.answer, allowed):
        return False
    return not complains(answer.answer)  # of the body, before it was looked at who asks


def _behind_a_refusal(answer: RoleAnswer, allowed: Exchange | None) -> bool:
    """Whether a refusal, or a redirection, brings along more than the page of any path."""
    beside = answer.elsewhere
    if answer.answer is None or allowed is None or beside is None:
        return False
    return gives_away(answer.answer, allowed) and not gives_away(beside, allowed)


def hidden(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """Whether the resource is kept from this caller as though it did not exist."""
    if answer.answer is None:
        return False
    allowed = matrix.allowed_answer(answer)
    if answer.answer.succeeded:
        if allowed is None or gets_through(answer, matrix):
            return False
        if thinned(answer.answer, allowed):
            return False
        other_page = not same_page(answer.answer, allowed)
        return other_page and (answer.method == "GET" or _as_everywhere(answer))
    return answer.answer.status in _NOT_THERE and (
        allowed is None or allowed.status not in _NOT_THERE
    )


def _as_everywhere(answer: RoleAnswer) -> bool:
    beside = answer.elsewhere
    return answer.answer is not None and beside is not None and same_page(answer.answer, beside)
