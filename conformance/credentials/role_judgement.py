"""What answers by role show: who gets through, who is kept out, what stays unclear."""

from __future__ import annotations

from conformance.verdict import Inconclusive
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.pages import same_kind, same_page
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
    kept_out = [a for a in matrix.answers if a.allowed and a.role not in _NOBODY and a.turned_away]
    assert not kept_out, "Against its declaration the camera turns away " + "; ".join(
        f"{a.role} at {a.method} {a.path} ({a.answer.status})" for a in kept_out if a.answer
    )
    if not refused:
        raise Inconclusive("the declaration forbids nobody anything", "undeclared")
    unclear = [a for a in refused if not a.turned_away and not hidden(a, matrix)]
    if unclear:
        raise Inconclusive(
            "it does not show whether the role was looked at: "
            + "; ".join(
                f"{a.role} gets {a.answer.status} from {a.method} {a.path}"
                for a in unclear
                if a.answer
            )
        )


def gets_through(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """Success, unless it is a page for everybody in place of what the allowed get."""
    if answer.answer is None or not answer.answer.succeeded:
        return False
    allowed = matrix.allowed_answer(answer)
    if answer.method != "GET" or allowed is None or not allowed.succeeded:
        return True
    everywhere = answer.elsewhere
    if everywhere is not None and same_page(answer.answer, everywhere):
        return same_page(allowed, everywhere)
    return same_kind(answer.answer, allowed)


def hidden(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """Whether the resource is kept from this caller as though it did not exist."""
    if answer.answer is None:
        return False
    allowed = matrix.allowed_answer(answer)
    other_page = answer.answer.succeeded and not gets_through(answer, matrix)
    missing = answer.answer.status in _NOT_THERE and (
        allowed is None or allowed.status not in _NOT_THERE
    )
    return other_page or missing
