"""CRED-040: the algorithms of HTTP digest. CRED-041: no login is good twice, or for long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.http.digests import (
    DigestDoor,
    DigestOffer,
    DigestOffers,
    HttpNonceUse,
    aged,
    nonce_use,
    offer_of,
    web_door,
    web_offers,
)
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.onvif.tokens import OnvifTokens
from devices.secrets import Secrets


@case("CRED-040", severity="medium", needs=(), catches=("cred-digest-md5",), revision=2)
def test_digest_is_not_by_md5_alone(
    camera: Any, device: DeviceFile, evidence: Any, policy: Any
) -> None:
    """HTTP digest is offered with SHA-256, not with MD5 alone.

    Method: ask closed resources of the web interface, and an ONVIF operation that asks for a login,
    without one, and read the challenges (RFC 7616, 3.3; none named is MD5). RTSP is STREAM-005's.
    Pass: every place that asks for digest offers an algorithm of the policy "passwords".
    """
    strong = set(policy("passwords")["digest"]["strong"])
    found = evidence.observe(_offers(camera, device), "offers")
    digests = [offer for offer in found.offers if "digest" in offer.schemes]
    weak: dict[str, list[DigestOffer]] = {}
    for offer in digests:
        if not strong & set(offer.algorithms):
            weak.setdefault(offer.surface, []).append(offer)
    assert not weak, " ".join(
        f"{surface}: {', '.join(offer.place for offer in offers[:5])} asks for digest by "
        f"{', '.join(sorted({a for offer in offers for a in offer.algorithms}))} alone, expected "
        "SHA-256 among them."
        for surface, offers in weak.items()
    )
    if not digests:
        _demand_declared(device)
        raise Inconclusive("no place was found that asks for a login by HTTP digest", "not-offered")


def _offers(camera: Any, device: DeviceFile) -> DigestOffers:
    """Those of the web interface and of ONVIF, as far as the device file gives them."""
    offers: list[DigestOffer] = []
    missing: list[str] = []
    if device.links.http is not None:
        found = web_offers(camera.link("http"))
        offers += found.offers
        missing.append(found.shortfall)
    if device.links.onvif is not None:
        onvif: OnvifLink = camera.link("onvif")
        try:
            door = onvif.digest_door(onvif.default_account())
            if challenges := door.send("").challenges:
                offers.append(offer_of("ONVIF", door.target, challenges))
        except (LinkError, DeviceFileError) as error:
            missing.append(f"ONVIF: {error}")
    return DigestOffers(offers=tuple(offers), shortfall="; ".join(filter(None, missing)))


@case(
    "CRED-041",
    severity="high",
    needs=(),
    catches=(
        "cred-digest-uncounted",
        "cred-digest-endless",
        "cred-onvif-token-future",
        "cred-onvif-token-no-nonce",
        "cred-onvif-token-no-created",
        "cred-onvif-replay",
        "cred-onvif-password-text",
    ),
    changes="settings",
    revision=3,
)
def test_no_login_is_good_twice(
    *,
    camera: Any,
    device: DeviceFile,
    secrets: Secrets,
    pass_time: Any,
    evidence: Any,
    policy: Any,
) -> None:
    """No login is good a second time, or for long.

    Method: over ONVIF, send WS-UsernameTokens with the right password that are used a second time,
    dated further back or ahead than the policy "onvif" allows, without a nonce, without a creation
    time, and with the password in clear. With HTTP digest on the web interface and over ONVIF, as
    far as they ask for it: send an accepted request again byte for byte, a new one with a count of
    the nonce that was used, one with a nonce that was never given, and use a nonce after the time
    of the policy "passwords" (the bench moves the camera's clock, or waits). A fresh right login
    follows each.
    Pass: none of them is accepted, and the fresh logins are.
    """
    limit = policy("passwords")["digest"]["max_nonce_seconds"]
    faults: list[str] = []
    doubts: list[str] = []
    judged = 0
    for door in _doors(camera, device, secrets, doubts):
        try:
            use, _ = nonce_use(door)
        except LinkError as error:
            doubts.append(f"{door.surface}: {error}")
            continue
        use = _aged(door, use, pass_time, limit, doubts)
        evidence.observe(use, f"nonces {door.surface}")
        judged += 1
        faults += _nonce_faults(use, sure=pass_time.sure)
        doubts += _nonce_doubts(use, sure=pass_time.sure)
    if device.links.onvif is not None:
        onvif: OnvifLink = camera.link("onvif")
        window = policy("onvif")["tokens"]["window_seconds"]
        try:
            tokens = evidence.observe(onvif.tokens(onvif.expendable_account(), window), "tokens")
        except (LinkError, DeviceFileError) as error:
            doubts.append(f"WS-UsernameToken: {error}")
        else:
            judged += bool(tokens.tries)
            faults += _token_faults(tokens)
            doubts += _token_doubts(tokens)
    assert not faults, " ".join(faults)
    if not judged and not doubts:
        _demand_declared(device)
    if doubts or not judged:
        why = "; ".join(doubts) or "neither HTTP digest nor WS-UsernameToken is asked for"
        raise Inconclusive(why, "not-measured" if doubts else "not-offered")


def _demand_declared(device: DeviceFile) -> None:
    """Raise NotApplicable where no such login is declared, once none was found either."""
    web = device.links.http
    if device.links.onvif is None and (web is None or web.authentication != "digest"):
        raise NotApplicable("the device file declares neither HTTP digest nor ONVIF")


def _doors(
    camera: Any, device: DeviceFile, secrets: Secrets, doubts: list[str]
) -> Iterator[DigestDoor]:
    """Where digest is asked for: one resource of the web interface, one operation of ONVIF."""
    if device.links.http is not None:
        http: HttpLink = camera.link("http")
        offers = [o for o in web_offers(http).offers if "digest" in o.schemes]
        media = {stream.url.rpartition("/")[2] for stream in device.declared.streams}
        offers.sort(key=lambda offer: offer.place.rpartition("/")[2] in media)
        found = secrets.account(role="viewer", service="http") or secrets.account(service="http")
        if offers and found is not None:
            account = found[1].username, secrets.password(found[0])
            yield web_door(http, offers[0].place, *account)
    if device.links.onvif is not None:
        onvif: OnvifLink = camera.link("onvif")
        try:
            door = onvif.digest_door(onvif.expendable_account())
            asks = "digest" in offer_of("ONVIF", door.target, door.send("").challenges).schemes
        except (LinkError, DeviceFileError) as error:
            doubts.append(f"ONVIF: {error}")
        else:
            if asks:
                yield door


def _aged(
    door: DigestDoor, use: HttpNonceUse, pass_time: Any, limit: float, doubts: list[str]
) -> HttpNonceUse:
    """With the age of a nonce, where time can be made to pass."""
    if pass_time.by == "waiting":
        doubts.append(
            f"{door.surface}: nobody waits {limit:.0f} s for a nonce to age: give [bench.clock]"
        )
        return use
    try:
        return aged(door, use, pass_time.passed(limit + 5), seconds=limit)
    except LinkError as error:
        doubts.append(f"{door.surface}: {error}")
        return use


def _nonce_faults(use: HttpNonceUse, *, sure: bool) -> Iterator[str]:
    where = f"{use.surface} ({use.place}): "
    if use.repeated:
        why = "" if use.qop else ": no qop is offered, by which requests could be counted"
        yield where + f"a request by digest is accepted again, byte for byte{why}."
    if use.lower:
        yield where + "a new request with a nonce count that was used is accepted."
    if use.made_up:
        yield where + "a nonce that the camera never gave is accepted."
    if use.aged and sure:
        yield where + f"a nonce is still good {use.seconds:.0f} s after it was given."


def _nonce_doubts(use: HttpNonceUse, *, sure: bool) -> Iterator[str]:
    if use.control is False:
        yield f"{use.surface}: a fresh right login was refused as well"
    if use.aged and not sure:
        yield (
            f"{use.surface}: a nonce was good after the bench had moved the camera's clock, by "
            "which it need not count: say [bench.clock] counts = true if it does"
        )


def _token_faults(tokens: OnvifTokens) -> Iterator[str]:
    taken = [each.what for each in tokens.tries if each.outcome is Outcome.DATA]
    if taken:
        yield f"Over ONVIF a UsernameToken is accepted {', '.join(taken)}."


def _token_doubts(tokens: OnvifTokens) -> Iterator[str]:
    if any(outcome is not Outcome.DATA for outcome in tokens.between):
        yield "a fresh right UsernameToken was refused between the others: the account is locked"
    odd = [e for e in tokens.tries if e.outcome not in {Outcome.DATA, Outcome.NOT_AUTHORISED}]
    # A broken token may be called a fault of the message: refused all the same.
    if any(each.outcome in {Outcome.OTHER, Outcome.NOT_SUPPORTED} for each in odd):
        yield "a UsernameToken was answered without a SOAP message"
