"""STREAM-012: pictures are given to nobody without login, and not in clear."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.http.survey import SnapshotSurvey


@case(
    "STREAM-012",
    severity="critical",
    needs=("http",),
    catches=("stream-snapshot-anonymous", "stream-snapshot-http"),
    applies_to=("http",),
)
def test_no_picture_without_login_or_in_clear(web_snapshots: SnapshotSurvey) -> None:
    """No still picture is given without login or in clear.

    Method: fetch the declared snapshot with an account, to know that there is one; ask for it, and
    for the picture addresses published for cameras, without login; ask for all of them over plain
    HTTP on every port that speaks it.
    Pass: no request without login and no request over plain HTTP gets a picture.
    """
    open_to_all = [e for e in web_snapshots.anonymous if e.picture]
    clear = [e for e in web_snapshots.clear if e.picture]
    faults = [
        f"{e.request} gives a picture of {e.body_bytes} bytes without login." for e in open_to_all
    ]
    faults += [f"{e.request} gives a picture of {e.body_bytes} bytes without TLS." for e in clear]
    assert not faults, " ".join(faults)
    if not web_snapshots.anonymous:
        raise Inconclusive("no request without login was answered", "unreachable")
    if web_snapshots.genuine is None:
        raise Inconclusive(
            "no published picture address answers; the device file describes no operation "
            "'snapshot' (or no account for it), so the camera's own was not tried",
            "undeclared",
        )
    if not web_snapshots.genuine.picture:
        raise Inconclusive(
            f"{web_snapshots.genuine.request} answers {web_snapshots.genuine.status} and no "
            "picture even with an account: its protection cannot be judged",
            "not-offered",
        )
