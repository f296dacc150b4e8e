"""Who may call what over ONVIF: operations of every access class, called by every kind of caller.

Only what reads is called whole. What changes something is called for a thing that does not exist
(a random name), which any camera has to refuse, whoever asks; and once for a user that the test
made itself. Nothing irrevocable is called at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from devices.errors import LinkError
from devices.links.onvif import requests
from devices.links.onvif.observations import OperationAnswer, Outcome
from devices.links.onvif.session import OnvifSession
from devices.observation import Observation
from devices.protocols import soap
from devices.protocols.onvif_operations import AccessClass, services
from devices.protocols.soap import element

_THERE = {Outcome.DATA, Outcome.NOT_AUTHORISED}
"""How a service answers that is there, though it is not announced."""


@dataclass(frozen=True)
class MatrixCall:
    """One operation ready to be called. ``reads``: it changes nothing; else it cannot succeed."""

    service: str
    operation: str
    body: Element
    reads: bool

    @property
    def access(self) -> AccessClass:
        """The class that the specification gives it."""
        return services()[self.service].access[self.operation]


@dataclass(frozen=True, kw_only=True)
class OnvifColumn(Observation):
    """The answers to one subject: ``anonymous``, ``wrong``, ``viewer``, ``operator``, ``admin``."""

    subject: str
    answers: tuple[OperationAnswer, ...]

    def answer_to(self, name: str) -> OperationAnswer | None:
        """The answer to ``device.GetUsers``; None when it was not called."""
        return next((answer for answer in self.answers if answer.name == name), None)


def calls(profile: str) -> list[MatrixCall]:
    """Every operation of the matrix; ``profile`` is the token of one that exists."""
    found = [
        MatrixCall(name, operation, _reading(name, operation, profile), reads=True)
        for name, definition in services().items()
        for operation in (*definition.probes, *definition.reads)
    ]
    return found + [
        MatrixCall(name, soap.local(body), body, reads=False) for name, body in _impossible()
    ]


def left_out() -> list[str]:
    """Operations of the table that are not called, by class, for they might be obeyed."""
    called = {(call.service, call.operation) for call in calls("")}
    return [
        f"{name}.{operation} ({access.value})"
        for name, definition in services().items()
        for operation, access in definition.access.items()
        if (name, operation) not in called
    ]


def column(
    session: OnvifSession, subject: str, asked: list[MatrixCall], *, sparing: OnvifSession | None
) -> OnvifColumn:
    """Call them as the session's account.

    A service that is not announced is asked for where the device service is, as many cameras have
    all of them at one address; where it is not there, it has no part in the column.

    ``sparing`` is a session of a right login, for a subject whose login is wrong: one operation of
    each class is asked then, and the right login goes in between, so that nothing is locked.
    """
    answers: list[OperationAnswer] = []
    missing: list[str] = []
    seen: set[AccessClass] = set()
    for call in asked:
        if sparing is not None and call.access in seen:
            continue
        announced = call.service == "device" or session.address(call.service) is not None
        if sparing is not None and not announced:
            continue
        seen.add(call.access)
        try:
            reply = session.call(call.service, call.body)
            answer = session.answer(call.service, call.body, reply)
            if announced or answer.outcome in _THERE:
                answers.append(answer)
            if sparing is not None:
                gate = sparing.gate()
                sparing.call(gate.service, requests.plain(gate.service, gate.operation))
        except LinkError as error:
            missing.append(f"{call.service}.{call.operation}: {error}")
    return OnvifColumn(subject=subject, answers=tuple(answers), shortfall="; ".join(missing[:5]))


def _reading(service: str, operation: str, profile: str) -> Element:
    if operation == "GetSystemLog":
        return element("tds:GetSystemLog", element("tds:LogType", "System"))
    if operation == "GetCapabilities":
        return requests.get_capabilities()
    return requests.probe(service, operation, profile)


def _impossible() -> Iterator[tuple[str, Element]]:
    """Changes of things that do not exist."""
    nothing = f"none-{secrets.token_hex(6)}"
    yield "device", requests.delete_user(nothing)
    yield (
        "device",
        element(
            "tds:SetRelayOutputState",
            element("tds:RelayOutputToken", nothing),
            element("tds:LogicalState", "inactive"),
        ),
    )
    for operation in (
        "DeleteProfile",
        "SetSynchronizationPoint",
        "RemoveVideoEncoderConfiguration",
    ):
        yield "media", element(f"trt:{operation}", element("trt:ProfileToken", nothing))
    yield "media2", element("tr2:DeleteProfile", element("tr2:Token", nothing))


def refused(outcome: Outcome) -> bool:
    """Whether the caller was turned away for who it is."""
    return outcome is Outcome.NOT_AUTHORISED
