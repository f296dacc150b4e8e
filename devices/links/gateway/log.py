"""What has come so far: contacts gathered by destination and protocol, and trials of clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from devices.description import Outbound
from devices.links.gateway.endpoints import matches
from devices.links.gateway.observations import CertificateKind, Contact, Destination, TlsTrial
from devices.links.gateway.recognise import opening, recognise_flow

MAX_CONTACTS = 1000
MAX_TRIALS = 1000
MAX_DESTINATIONS = 1000
FLOWS = 8
"""Flows to one destination that are told apart by the source; later ones are counted."""

FLOW_DATAGRAMS = 32
"""Datagrams of one flow that are kept; later ones are counted."""

TRIES = 4
"""Connections that one client is shown the same certificate on while it gives no answer."""

KindsFor = Callable[[str], Sequence[CertificateKind]]
"""Which kinds of certificate can be shown to a client that asks for a name."""

_Key = tuple[Destination, str]
_Client = tuple[Destination, str, str]


@dataclass
class Flow:
    """Datagrams between two pairs of address and port."""

    began: float
    kept: list[bytes] = field(default_factory=list)
    count: int = 0


class Log:
    """Gathers; use from one thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._contacts: dict[_Key, Contact] = {}
        self._flows: dict[Destination, dict[tuple[str, int], Flow]] = {}
        self._shown: dict[_Client, list[CertificateKind]] = {}
        self.trials: list[TlsTrial] = []
        self.strangers = 0
        self.unreadable: dict[str, None] = {}
        self.overflow = 0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def contact(
        self, destination: Destination, protocol: str, detail: str = "", sample: str = ""
    ) -> None:
        """Enter one connection."""
        key = (destination, protocol)
        known = self._contacts.get(key)
        if known is not None:
            self._contacts[key] = replace(known, count=known.count + 1)
        elif len(self._contacts) < MAX_CONTACTS:
            seen = round(self.seconds, 3)
            self._contacts[key] = Contact(destination, protocol, 1, seen, detail, sample)
        else:
            self.overflow += 1

    def datagram(self, source: tuple[str, int], destination: Destination, data: bytes) -> None:
        """Enter one datagram."""
        if destination not in self._flows and len(self._flows) >= MAX_DESTINATIONS:
            self.overflow += 1
            return
        flows = self._flows.setdefault(destination, {})
        if source in flows or len(flows) < FLOWS:
            flow = flows.setdefault(source, Flow(self.seconds))
        else:  # a client that takes a new port for each question
            flow = next(reversed(flows.values()))
        flow.count += 1
        if len(flow.kept) < FLOW_DATAGRAMS:
            flow.kept.append(data)

    def next_kind(self, client: _Client, kinds: Sequence[CertificateKind]) -> CertificateKind:
        """Which certificate to show to a client now: the first that it has not answered."""
        shown = self._shown.setdefault(client, [])
        answered = self._answered(client)
        left = [k for k in kinds if k not in answered and shown.count(k) < TRIES]
        # Nothing left to learn: the genuine one, which is first where there is one, or a bad one.
        kind = min(left, key=shown.count) if left else kinds[0]
        shown.append(kind)
        return kind

    def trial(self, trial: TlsTrial) -> None:
        """Enter how a client took a certificate; what is known already is not kept again."""
        known = any(
            (t.destination, t.client, t.server_name, t.certificate, t.outcome)
            == (
                trial.destination,
                trial.client,
                trial.server_name,
                trial.certificate,
                trial.outcome,
            )
            for t in self.trials
        )
        if known:
            return
        if len(self.trials) < MAX_TRIALS:
            self.trials.append(trial)
        else:
            self.overflow += 1

    def contacts(self) -> tuple[Contact, ...]:
        """Everything seen, connections first."""
        gathered: dict[_Key, Contact] = dict(self._contacts)
        flows = [(d, flow) for d, several in self._flows.items() for flow in several.values()]
        for destination, flow in flows:
            protocol, detail = recognise_flow(flow.kept, destination.port)
            began, sample = round(flow.began, 3), opening(flow.kept[0])
            contact = Contact(destination, protocol, flow.count, began, detail, sample)
            known = gathered.get((destination, protocol))
            if known is not None:
                contact = replace(known, count=known.count + flow.count)
            gathered[destination, protocol] = contact
        return tuple(gathered.values())

    def has_all(self, declared: Sequence[Outbound], kinds: KindsFor) -> bool:
        """Whether each declared endpoint was seen, and each TLS client there answered all."""
        destinations = [*(key[0] for key in self._contacts), *self._flows]
        for endpoint in declared:
            seen = [d for d in destinations if matches(d, endpoint) == "yes"]
            clients = [c for c in self._shown if matches(c[0], endpoint) == "yes"]
            if not seen or not all(self._has_answered(client, kinds) for client in clients):
                return False
        return True

    def _has_answered(self, client: _Client, kinds: KindsFor) -> bool:
        answered, shown = self._answered(client), self._shown[client]
        name = asked_name(client[2], client[0])
        return all(kind in answered or shown.count(kind) >= TRIES for kind in kinds(name))

    def _answered(self, client: _Client) -> set[CertificateKind]:
        return {
            t.certificate
            for t in self.trials
            if (t.destination, t.client, t.server_name) == client and t.outcome != "undecided"
        }


def asked_name(server_name: str, destination: Destination) -> str:
    """The name that a TLS client expects in the certificate: its own word first."""
    return server_name or next(iter(destination.names), destination.address)
