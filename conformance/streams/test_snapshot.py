"""STREAM-012: pictures are given to nobody without login, and not in clear."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.http.exchange import Exchange
from devices.links.http.observations import SnapshotSurvey


@case(
    "STREAM-012",
    severity="critical",
    needs=("http",),
    catches=("stream-snapshot-anonymous", "stream-snapshot-http", "cred-http-login"),
    applies_to=("pictures",),
)
def test_no_picture_without_login_or_in_clear(web_snapshots: SnapshotSurvey) -> None:
    """No picture is given without login or in clear over HTTP.

    Method: fetch the declared snapshot with an account, to know that there is one; ask for it, and
    for the picture addresses published for cameras, without login; ask for all of them over plain
    HTTP on every port that speaks it, and again with an account where the port asks for a login
    by Digest (any other login would send the password in clear). Ask the same of every declared
    MJPEG stream over HTTP and of every snapshot address that ONVIF announces. A login that plain
    HTTP asks for, and that the test does not get past, leaves the verdict open.
    Pass: no request without login and no request over plain HTTP, with login or without, gets a
    picture, and each declared or announced address refuses who has no login with status 401 or
    403.
    """
    faults = list(_given(web_snapshots))
    assert not faults, " ".join(faults)
    if not web_snapshots.anonymous and not web_snapshots.announced:
        raise Inconclusive("no request without login was answered", "unreachable")
    if asking := web_snapshots.behind_login:
        raise Inconclusive(
            f"{', '.join(e.request for e in asking)}: a login is asked for without TLS, and "
            "none that the test gives got past it; who has one would get a picture in clear, if "
            "there is one",
            "no-login",
        )
    if unclear := [e for e in web_snapshots.announced if e.status not in {401, 403}]:
        raise Inconclusive(
            " ".join(
                f"{e.request} is declared or announced and answers {e.status} without login, which "
                "is neither a picture nor a refusal."
                for e in unclear
            ),
            "not-offered",
        )
    _judge_genuine(web_snapshots.genuine)


def _given(pictures: SnapshotSurvey) -> Iterator[str]:
    for answer in pictures.anonymous:
        if answer.picture:
            yield f"{answer.request} gives a picture of {answer.body_bytes} bytes without login."
    genuine = [pictures.genuine] if pictures.genuine is not None else []
    in_clear = [e for e in (*pictures.clear, *genuine) if e.picture and e.protection == "none"]
    yield from dict.fromkeys(
        f"{e.request} gives a picture of {e.body_bytes} bytes without TLS." for e in in_clear
    )


def _judge_genuine(genuine: Exchange | None) -> None:
    """Refusals mean something only where there is a picture to be refused."""
    if genuine is None:
        raise Inconclusive(
            "no published picture address answers; the device file describes no operation "
            "'snapshot' (or no account for it) and no other address of a picture was opened with "
            "an account, so the camera's own was not tried",
            "undeclared",
        )
    if not genuine.picture:
        raise Inconclusive(
            f"{genuine.request} answers {genuine.status} and no picture even with an account: its "
            "protection cannot be judged",
            "not-offered",
        )
