"""STREAM-023: digest nonces age, and their uses are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.errors import DeviceError
from devices.links.rtsp.nonces import NonceAge, NonceUse


@case(
    "STREAM-023",
    severity="medium",
    needs=("rtsp",),
    catches=("stream-nonce-endless", "stream-nonce-count-ignored", "stream-nonce-reuse"),
    applies_to=("rtsp-streams",),
)
def test_nonces_age_and_count(
    nonce_use: NonceUse, age_nonce: Callable[[float], NonceAge], evidence: Any, policy: Any
) -> None:
    """The nonces of RTSP logins age, and a count of one is taken once.

    Method: log in twice with one nonce; where the challenge offers qop (RFC 7616, 3.4), send the
    second request again byte for byte, and a new one with a count already used. Use the nonce with
    a count never used on a new connection. Where it is taken there, use one again when the time of
    the policy "streams" has passed: the bench moves the camera's clock ([bench.clock]; all
    background observations end first, and the clock is put right again), or waits where it has no
    such control. A challenge without qop (RFC 2069, as many cameras and gst-rtsp-server have it)
    gives nothing to count: the repetition is then recorded and not judged here, STREAM-006 judges
    it on another connection and STREAM-005 the digest. A nonce that is refused on a new connection
    ends with its own, however long that lasts.
    Pass: no count is taken twice, and the nonce is refused on a new connection, at once or after
    the time of the policy.
    """
    if nonce_use.scheme != "digest":
        raise Inconclusive(
            f"{nonce_use.url}: the login is by {nonce_use.scheme}, which has no nonce "
            "(see STREAM-005)",
            "not-offered",
        )
    if nonce_use.first != 200:
        raise Inconclusive(
            f"{nonce_use.url}: the right login is answered {nonce_use.first or 'not at all'}",
            "login-refused",
        )
    limit = policy("streams")["login"]["max_nonce_seconds"]
    problems = list(_counted_twice(nonce_use))
    age, doubt = nonce_use.age, ""
    if nonce_use.elsewhere == 200 and age is None:
        try:
            age = evidence.observe(age_nonce(limit))
        except (DeviceError, Inconclusive) as error:  # the counts are judged even so
            doubt = str(error)
    if age is not None and age.status == 200:
        problems.append(
            f"{nonce_use.url}: a nonce is still good on a new connection {age.seconds:.0f} s after "
            f"it was issued (by {age.by}), expected a refusal."
        )
    assert not problems, " ".join(problems)
    if doubt := doubt or _doubt(nonce_use, age):
        raise Inconclusive(f"{nonce_use.url}: {doubt}", "not-measured")


def _counted_twice(use: NonceUse) -> Iterator[str]:
    if not use.qop:
        return
    if use.repeated == 200:
        yield (
            f"{use.url}: a request with the nonce count of the one before it is accepted again on "
            "the same connection, expected a refusal (RFC 7616, 3.4 and 5.4)."
        )
    if use.lower == 200:
        yield (
            f"{use.url}: a new request with a nonce count that was used before is accepted, "
            "expected a refusal."
        )


def _doubt(use: NonceUse, age: NonceAge | None) -> str:
    """What keeps the answers from showing that a nonce is refused."""
    if use.qop and max(use.repeated, use.lower) >= 500:
        return "a used count is answered by a server error, which is no refusal"
    if use.elsewhere == 200:
        if age is None:
            return "a nonce is good on new connections, and how long was not measured"
        if age.status not in (401, 403):
            return f"an old nonce is answered {age.status or 'not at all'}"
        if age.control != 200:
            return f"a fresh login after the old nonce is answered {age.control}"
    elif use.elsewhere not in (401, 403):
        return f"the nonce on a new connection is answered {use.elsewhere or 'not at all'}"
    return ""
