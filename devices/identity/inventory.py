"""The components of a camera from every source that lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devices.identity.bill import Bill, Statement
from devices.identity.packages import Package
from devices.observation import Observation


@dataclass(frozen=True)
class InventoryItem:
    """One component; ``source`` says who lists it, ``statements`` what the maker says of it."""

    name: str
    version: str
    source: str
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ComponentInventory(Observation):
    """All components; a source that could not be had is in ``shortfall``."""

    items: tuple[InventoryItem, ...]


def listed_items(bill: Bill) -> Iterable[InventoryItem]:
    """The components of a bill of materials with the maker's statements about each."""
    for component in bill.components:
        references = {component.reference, component.identifier} - {""}
        statements = tuple(s for s in bill.statements if s.reference in references)
        yield InventoryItem(component.name, component.version, "bill of materials", statements)


def installed_items(packages: Iterable[Package], bill: Bill | None) -> Iterable[InventoryItem]:
    """Installed packages; a statement about the component of the same name counts for them."""
    by_name = {item.name: item.statements for item in listed_items(bill)} if bill else {}
    for package in packages:
        statements = by_name.get(package.name, ())
        yield InventoryItem(package.name, package.version, "package database", statements)
