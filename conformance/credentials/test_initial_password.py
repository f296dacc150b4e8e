"""CRED-045: the initial password is the unit's own, and cannot be worked out."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.identity.initial_password import InitialPassword


@case(
    "CRED-045",
    severity="critical",
    needs=("documents",),
    catches=("cred-label-from-mac", "cred-label-from-serial", "cred-label-shared"),
    applies_to=("initial-password",),
    revision=2,
)
def test_the_initial_password_is_the_units_own(initial_password: InitialPassword) -> None:
    """The initial password is the unit's own and cannot be worked out.

    Method: take the initial password of this unit from the device file ([factory]), and look for
    it in public tables of passwords, in the papers that come with every unit, and among what
    follows from the network address, serial number, names and versions of the unit: parts, other
    orders and bases, neighbours, and digests of them with usual words (conformance/knowledge/
    derivations.toml), each finding weighed against chance. Where a campaign has several units,
    compare fingerprints between them.
    Pass: it is in no table and no paper, nothing derived gives it, and no other unit of the
    campaign has it.
    """
    faults = list(_faults(initial_password))
    assert not faults, f"The initial password of this unit {'; it '.join(faults)}."
    if initial_password.derivations:
        first = initial_password.derivations[0]
        raise Inconclusive(
            f"{first.characters} characters of the initial password are {first.how}, which may be "
            f"by accident (chance {first.chance:.2g}): compare other units",
            "insufficient",
        )
    if not initial_password.papers:
        raise Inconclusive(
            "the device file gives no papers that come with every unit ([documents]): whether the "
            "initial password stands in one is not known",
            "no-document",
        )


def _faults(found: InitialPassword) -> Iterator[str]:
    if found.published:
        yield f"is published: {', '.join(found.published)}"
    if found.in_papers:
        yield (
            f"stands in papers that come with every unit ({', '.join(found.in_papers)}), "
            "expected one of its own on its label"
        )
    if found.certain:
        how = found.certain[0]
        yield (
            f"follows from public facts of the unit: {how.characters} of its {found.length} "
            f"characters are {how.how} (by accident with probability {how.chance:.1g})"
        )
