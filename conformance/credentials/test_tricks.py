"""CRED-039: no verb and no header changes who may do what."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.http.tricks import TrickSurvey


@case(
    "CRED-039",
    severity="critical",
    needs=("http",),
    catches=(
        "cred-verb-trick",
        "cred-rewrite-header",
        "cred-override-header",
        "cred-role-cookie",
    ),
    applies_to=("http",),
    revision=3,
)
def test_no_verb_and_no_header_opens_anything(web_tricks: TrickSurvey) -> None:
    """No verb, no header and no role of one's own making opens what is closed.

    Method: on every declared resource that refuses anonymous requests, and as the least account on
    those that only higher roles may read, ask by other verbs (HEAD, OPTIONS, PROPFIND, POST, small
    letters, one that does not exist), with headers that servers have taken for the address
    (X-Original-URL, X-Rewrite-URL), the verb (X-HTTP-Method-Override) or the sender
    (X-Forwarded-For, Referer, Host), with an empty login, with HTTP/1.0 and without Host. Where a
    cookie or token of the account says what it may do, in clear, in JSON or in a JSON Web Token,
    ask with the administrator's words in it, under the old signature and without any. All of them
    only read; verbs that a program may obey are not sent to one. A success counts when it is of the
    kind that an administrator gets, and the same request for a made-up path gets something else.
    Tricks with the path itself are tried by BACKDOOR-007.
    Pass: none opens a resource.
    """
    opened = [result for result in web_tricks.results if result.opened]
    listed = "; ".join(
        dict.fromkeys(
            f"{result.name} gives {result.resource} to {result.caller} ({result.trick})"
            for result in opened
        )
    )
    assert not opened, f"Past the login or the role: {listed}."
    if not web_tricks.tried or not web_tricks.closed:
        raise Inconclusive(
            "no declared resource is closed to somebody and open to an administrator, so that no "
            "trick could be tried",
            "undeclared",
        )
