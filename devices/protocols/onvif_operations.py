"""ONVIF services, their operations and access classes, as the specifications state them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class AccessClass(StrEnum):
    """What an operation may do, and so who may call it (ONVIF Core, access classes)."""

    PRE_AUTH = "PRE_AUTH"
    READ_SYSTEM = "READ_SYSTEM"
    READ_SYSTEM_SENSITIVE = "READ_SYSTEM_SENSITIVE"
    READ_SYSTEM_SECRET = "READ_SYSTEM_SECRET"  # noqa: S105 - the specification's word
    WRITE_SYSTEM = "WRITE_SYSTEM"
    UNRECOVERABLE = "UNRECOVERABLE"
    READ_MEDIA = "READ_MEDIA"
    ACTUATE = "ACTUATE"


@dataclass(frozen=True)
class ServiceDefinition:
    """One ONVIF service: its namespace, the class of each operation, harmless probes.

    ``reads`` are further operations that only read and need no argument;
    ``also`` are further namespaces that its operations stand in.
    """

    name: str
    namespace: str
    access: Mapping[str, AccessClass]
    probes: tuple[str, ...]
    reads: tuple[str, ...]
    also: tuple[str, ...]
    actions: Mapping[str, str]


@cache
def services() -> Mapping[str, ServiceDefinition]:
    """The services by short name: ``device``, ``media``, ``media2``, ``events``, ``security``."""
    path = files("devices.protocols") / "onvif_operations.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: ServiceDefinition(
            name,
            table["namespace"],
            {
                operation: AccessClass(access)
                for access, operations in table["access"].items()
                for operation in operations
            },
            tuple(table["probes"]),
            tuple(table.get("reads", ())),
            tuple(table.get("also", ())),
            table.get("actions", {}),
        )
        for name, table in data.items()
    }


def service_of(namespace: str) -> ServiceDefinition | None:
    """The service with this namespace; None for one that is not in the table."""
    return next((s for s in services().values() if namespace in (s.namespace, *s.also)), None)


def action(namespace: str, operation: str) -> str:
    """The WS-Addressing action of an operation's request (WS-Addressing 1.0, WSDL binding, 4.4)."""
    service = service_of(namespace)
    usual = f"{namespace}/{operation}"
    return service.actions.get(operation, usual) if service is not None else usual
