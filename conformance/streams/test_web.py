"""STREAM-028: the web interface keeps its users on TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.exchange import Exchange
from devices.links.http.hygiene import (
    STRANGER,
    PlainPort,
    WebHygiene,
    hsts_seconds,
    leads_to,
    live_cookies,
)

Policy = Callable[[str], dict[str, Any]]


@case(
    "STREAM-028",
    severity="medium",
    needs=("http", "ports"),
    catches=(
        "stream-no-hsts",
        "stream-hsts-short",
        "stream-cookie-insecure",
        "stream-http-redirect-open",
        "stream-snapshot-http",
    ),
    applies_to=("http",),
)
def test_users_of_the_web_interface_are_kept_on_tls(
    web_hygiene: WebHygiene, device: DeviceFile, policy: Policy
) -> None:
    """Users of the web interface are kept on TLS.

    Method: on every declared plain HTTP port and on every other open port that answers plain HTTP
    ask for the front page, for resources of the web
    interface and for a path that cannot exist, without login; ask for the front page under the
    name of another host. Over TLS, ask for the front page and log in once; read
    Strict-Transport-Security and the cookies. Look at the operations of the device file.
    Pass: plain HTTP gives nothing but redirects to https on the camera itself (status and all by
    policy "web") and refusals, and a port declared as http-redirect does redirect its front page;
    it sets no cookie, and does not send browsers to another host because a client names it;
    over TLS the camera says that browsers are to stay, for long enough; every cookie is Secure and
    HttpOnly; no password goes into a URL.
    """
    rule = policy("web")
    declared = {s.port for s in device.declared.services if s.protocol == "http-redirect"}
    faults = [
        fault
        for port in web_hygiene.ports
        for fault in _plain_faults(port, web_hygiene.hosts, rule, must=port.port in declared)
    ]
    faults += _secured_faults(web_hygiene, rule)
    link = device.links.http
    if link is not None and link.url.startswith("http://"):
        faults.append(f"The web interface {link.url} is declared without TLS.")
    assert not faults, " ".join(faults)
    if not web_hygiene.secured:
        raise Inconclusive("the web interface was not seen over TLS", "insufficient")
    if web_hygiene.no_login:
        raise Inconclusive(f"no login, so no cookie of one was seen: {web_hygiene.no_login}")
    silent = [p for p in web_hygiene.ports if p.closed.startswith(("timeout", "garbled"))]
    if silent:
        numbers = ", ".join(str(port.port) for port in silent)
        raise Inconclusive(f"no answer that can be read came from port {numbers}", "timeout")


def _plain_faults(
    port: PlainPort, hosts: tuple[str, ...], rule: dict[str, Any], *, must: bool
) -> Iterator[str]:
    if must and port.front is not None and not _is_redirect(port.front):
        yield (
            f"{port.front.request} answers {port.front.status}, and is declared as a redirect to "
            "https."
        )
    for answer in port.answers:
        yield from _answer_faults(answer, hosts, rule)
    away = leads_to(port.stranger)[1] if port.stranger is not None else ""
    if away == STRANGER:
        yield (
            f"{port.answers[0].server} redirects to whatever host a client names: asked as "
            f"{STRANGER}, it answers with Location: {_location(port.stranger)}."
        )


def _answer_faults(answer: Exchange, hosts: tuple[str, ...], rule: dict[str, Any]) -> Iterator[str]:
    if answer.succeeded and answer.body_bytes:
        yield (
            f"{answer.request} gives {answer.body_bytes} bytes without TLS, expected a redirect to "
            "https or a refusal."
        )
    if _is_redirect(answer):
        scheme, to = leads_to(answer)
        if scheme != "https" or to not in hosts:
            yield (
                f"{answer.request} redirects to {_location(answer)}, expected https on {hosts[0]}."
            )
        elif answer.status not in rule["redirect"]["status"]:
            yield f"{answer.request} redirects with status {answer.status}."
    for cookie in live_cookies(answer):
        yield f"{answer.request} sets the cookie {cookie.name} without TLS."


def _is_redirect(answer: Exchange) -> bool:
    return bool(leads_to(answer)[0])


def _location(answer: Exchange | None) -> str:
    return answer.header("Location")[:200] if answer is not None else ""


def _secured_faults(seen: WebHygiene, rule: dict[str, Any]) -> Iterator[str]:
    least = rule["hsts"]["min_seconds"]
    if not seen.secured:
        return
    if seen.hsts_seconds is None:
        said = [a.header("Strict-Transport-Security") for a in seen.secured]
        wrong = next((value for value in said if value and hsts_seconds(value) is None), "")
        found = f"an invalid one: {wrong!r}" if wrong else "none"
        yield f"{seen.secured[0].server} sends no Strict-Transport-Security (found {found})."
    elif seen.hsts_seconds < least:
        yield (
            f"{seen.secured[0].server} asks browsers to stay with https for {seen.hsts_seconds} s, "
            f"expected {least} s or more."
        )
    for name in dict.fromkeys(cookie.name for cookie in seen.cookies if not cookie.secure):
        yield f"The cookie {name} lacks Secure."
    readable = rule["cookies"]["readable"]
    for name in dict.fromkeys(c.name for c in seen.cookies if not c.http_only):
        if name.lower() not in readable:
            yield f"The cookie {name} lacks HttpOnly."
    for name in seen.secret_paths:
        yield f"The operation {name} of the web interface puts the password into the URL."
