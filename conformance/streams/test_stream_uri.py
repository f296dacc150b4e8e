"""STREAM-013: the addresses that a camera hands out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.onvif.observations import MediaUri, MediaUris, Outcome
from devices.secrets import Secrets


@case(
    "STREAM-013",
    severity="high",
    needs=("onvif",),
    catches=("stream-uri-plain", "stream-uri-credentials"),
    applies_to=("onvif",),
)
def test_stream_addresses(
    onvif_stream_uris: MediaUris,
    onvif_snapshot_uris: MediaUris,
    secrets: Secrets,
    policy: Callable[[str], dict[str, Any]],
) -> None:
    """Addresses of streams and pictures are encrypted and hold no login.

    Method: as an administrator, list the profiles of the media2 and media services and ask for
    the stream address of each, for every transport protocol that the service defines, and for its
    snapshot address. Look at each address's scheme, at a user part, at parameters that carry a
    login in query or path, and for any password of the accounts that the test uses.
    Pass: every stream address has an encrypted scheme (rtsps, https, wss), every snapshot address
    https, and none holds a login.
    """
    rule = policy("onvif")["addresses"]
    if not onvif_stream_uris.uris:
        raise Inconclusive("the camera hands out no stream address over ONVIF", "not-offered")
    faults = [
        fault
        for kind, found, schemes in (
            ("stream", onvif_stream_uris, rule["stream_schemes"]),
            ("snapshot", onvif_snapshot_uris, rule["snapshot_schemes"]),
        )
        for uri in found.uris
        for fault in _faults(kind, uri, schemes, rule["credential_parameters"], secrets)
    ]
    assert not faults, f"{'; '.join(dict.fromkeys(faults))}."
    if not onvif_snapshot_uris.uris and not onvif_snapshot_uris.answers:
        raise Inconclusive("no snapshot address was asked for", "insufficient")
    unknown = [
        f"{answer.name}: {answer.outcome.value} (HTTP {answer.http_status})"
        for answer in (*onvif_stream_uris.answers, *onvif_snapshot_uris.answers)
        if answer.outcome in {Outcome.NOT_AUTHORISED, Outcome.OTHER}
    ]
    if unknown:
        raise Inconclusive(
            f"not every address was given: {'; '.join(dict.fromkeys(unknown))}", "login-refused"
        )


def _faults(
    kind: str, found: MediaUri, schemes: list[str], parameters: list[str], secrets: Secrets
) -> Iterator[str]:
    where = f"{found.service} profile {found.profile}"
    try:
        parts = urlsplit(found.uri)
        scheme, login = parts.scheme.lower(), "@" in parts.netloc
    except ValueError:
        yield f"{where}: the {kind} address is no URI"
        return
    if scheme not in schemes:
        use = "" if found.asked_for == kind else f" for {found.asked_for}"
        yield (
            f"{where}: the {kind} address{use} begins with {scheme}://, "
            f"expected {' or '.join(f'{s}://' for s in schemes)}"
        )
    names = "|".join(map(re.escape, parameters))
    named = re.search(rf"(?:^|[/?&;_])({names})=[^/?&;_]", found.uri, re.IGNORECASE)
    if named:
        yield f"{where}: the {kind} address carries a login in its parameter {named[1]}"
    elif login or secrets.redact(found.uri.encode()) != found.uri.encode():
        yield f"{where}: the {kind} address for {found.asked_for} carries a login"
