"""STREAM-040: who gets the events of a camera over ONVIF."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.onvif.events import ACCOUNT, EventAnswer, OnvifEvents
from devices.links.onvif.observations import Outcome


@case(
    "STREAM-040",
    severity="high",
    needs=("onvif",),
    catches=("stream-events-anonymous", "stream-events-subscription-open", "stream-onvif-http"),
    applies_to=("onvif",),
)
def test_onvif_events_are_for_who_logs_in(onvif_events: OnvifEvents) -> None:
    """ONVIF events are encrypted, and only for who logs in.

    Method: subscribe to events as an administrator, and pull them. Subscribe without login and as
    a user who cannot exist; pull from the administrator's subscription, and end it, as these two.
    Ask every declared port without TLS for the event service. The subscriptions are ended
    afterwards. A camera without pull points leaves the verdict open: notifications that a camera
    sends by itself are not asked for.
    Pass: the administrator gets events over TLS; every request of the other two is refused for want
    of a login; no port has the event service without TLS.
    """
    faults = list(_faults(onvif_events))
    assert not faults, f"{'; '.join(faults)}."
    _judge_control(onvif_events)
    if doubts := [_told(answer) for answer in onvif_events.answers if _is_doubtful(answer)]:
        raise Inconclusive(
            f"{'; '.join(doubts)}: neither given nor refused for want of a login", "not-offered"
        )
    if closed := [a.url for a in onvif_events.in_clear if a.outcome is Outcome.NOT_AUTHORISED]:
        raise Inconclusive(
            f"{', '.join(closed)}: a login is asked for without TLS, and none is given there; who "
            "has one may get events in clear",
            "no-login",
        )
    if spoken := [a.url for a in onvif_events.in_clear if a.soap]:
        raise Inconclusive(
            f"{', '.join(spoken)}: ONVIF is answered without TLS, though not what was asked of it; "
            "whether events are had there was not seen",
            "not-offered",
        )


def _faults(events: OnvifEvents) -> Iterator[str]:
    if events.protection == "none" and _data(events, ACCOUNT):
        yield "The events are served without TLS, at the address that the device file gives"
    for port in events.in_clear:
        if port.outcome is Outcome.DATA:
            yield f"{port.url} has the event service without TLS"
    for answer in events.answers:
        if answer.caller != ACCOUNT and answer.outcome is Outcome.DATA:
            yield _told(answer)


def _told(answer: EventAnswer) -> str:
    whose = f" on the subscription of {answer.owner!r}" if answer.owner else ""
    events = f" with {answer.messages} events" if answer.messages else ""
    return (
        f"{answer.operation}{whose} by {answer.caller!r} is answered with "
        f"{answer.outcome.value}{events} (HTTP {answer.http_status})"
    )


def _data(events: OnvifEvents, caller: str) -> set[str]:
    return {
        answer.operation
        for answer in events.answers
        if answer.caller == caller and answer.outcome is Outcome.DATA
    }


def _judge_control(events: OnvifEvents) -> None:
    """Refusals mean something only where there is something to be refused."""
    if events.service is None:
        raise Inconclusive("the camera announces no event service", "not-offered")
    given = _data(events, ACCOUNT)
    if "CreatePullPointSubscription" not in given:
        raise Inconclusive(
            "the camera makes no pull point for the test's account, so who else gets events is "
            "not shown: "
            + "; ".join(_told(answer) for answer in events.answers if answer.caller == ACCOUNT),
            "not-offered",
        )
    if "PullMessages" not in given:
        raise Inconclusive("the test's account could not pull from its own subscription", "no-data")


def _is_doubtful(answer: EventAnswer) -> bool:
    refused = answer.outcome in {Outcome.NOT_AUTHORISED, Outcome.DATA}
    return answer.caller != ACCOUNT and not refused
