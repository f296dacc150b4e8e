"""Policies for passwords: what each rule book demands, and what breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import password_policy
from conformance.password_policy import Demand, PasswordPolicy
from devices.links.password_trials import InterfaceTrials, Trial, differing, kinds_of

ALL = ("small letters", "capital letters", "digits", "others")


def trial(rule: str, *, taken: bool, length: int = 16, kinds: tuple[str, ...] = ALL) -> Trial:
    return Trial(rule, f"a password against {rule}", length, kinds, taken)


def interface(*trials: Trial, name: str = "the API") -> InterfaceTrials:
    return InterfaceTrials(name, "create", trials)


def test_every_rule_book_is_read_with_its_edition() -> None:
    for name in password_policy.names():
        policy = password_policy.load(name)
        assert policy.edition
        assert policy.version in policy.title


@pytest.mark.parametrize(
    ("regulations", "claimed", "names"),
    [
        (["VN-DIRECTIVE-23-2022"], [], ["Decision 724/QD-BTTTT"]),
        (["EN303645-2.1.1", "CN-DRAFT-2024"], [], ["ETSI EN 303 645"]),
        (["CN-DRAFT-2024"], [], []),
        (["VN-X"], ["nist-800-63b-4"], ["Decision 724/QD-BTTTT", "NIST SP 800-63B, revision 4"]),
    ],
)
def test_policies_are_chosen_by_regulation_and_claim(
    regulations: list[str], claimed: list[str], names: list[str]
) -> None:
    chosen = password_policy.chosen(regulations, claimed)
    assert [policy.name.removeprefix("passwords by ") for policy in chosen] == names


def test_a_claimed_policy_that_does_not_exist_is_told() -> None:
    with pytest.raises(Exception, match="passwords-mine"):
        password_policy.chosen([], ["mine"])


def test_rule_books_differ_about_mixtures() -> None:
    """Where one demands four kinds, another forbids to ask for them."""
    long_and_plain = interface(trial("kinds", taken=True, kinds=ALL[:3]))
    strict, nist = password_policy.load("decision-724"), password_policy.load("nist-800-63b-4")
    (said,) = strict.breaches(long_and_plain, ["kinds", "no-composition"])
    assert "Decision 724" in said
    assert "version 2024-05" in said
    assert not list(nist.breaches(long_and_plain, ["kinds", "no-composition"]))
    refusing = interface(trial("kinds", taken=False, kinds=ALL[:3]))
    assert not list(strict.breaches(refusing, ["kinds", "no-composition"]))
    (said,) = nist.breaches(refusing, ["kinds", "no-composition"])
    assert "refuses" in said


def test_lengths_are_those_of_the_edition() -> None:
    fourteen = interface(trial("length", taken=True, length=14))
    assert not list(password_policy.load("nist-800-63b-3").breaches(fourteen, ["length"]))
    assert list(password_policy.load("nist-800-63b-4").breaches(fourteen, ["length"]))


@given(
    st.sampled_from(["length", "kinds", "common", "username", "reuse"]),
    st.sampled_from(["length", "kinds", "common", "username", "reuse"]),
    st.integers(0, 40),
    st.sets(st.sampled_from(ALL)),
)
def test_what_is_refused_breaks_no_demand_for_refusal(
    rule: Any, other: str, length: int, kinds: set[str]
) -> None:
    known: dict[str, dict[str, Any]] = {"length": {"min_length": 8}, "kinds": {"kinds": ALL}}
    details = known.get(rule, {})
    demand = Demand.model_validate({"rule": rule, "clause": "x", **details})
    assert not demand.broken_by(trial(other, taken=False, length=length, kinds=tuple(kinds)))


@pytest.mark.parametrize(
    "demand",
    [
        {"rule": "length", "clause": "x"},
        {"rule": "common", "clause": "x", "min_length": 8},
        {"rule": "kinds", "clause": "x", "kinds": ["runes"]},
        {"rule": "moon", "clause": "x"},
    ],
)
def test_a_malformed_demand_is_refused(demand: dict[str, Any]) -> None:
    row = {"name": "n", "version": "1", "edition": "e", "sources": ["s"], "regulations": []}
    with pytest.raises(ValueError, match="demand"):
        PasswordPolicy.model_validate({**row, "demand": [demand]})


def test_differences_between_interfaces_are_told_by_what_was_tried() -> None:
    one = interface(trial("common", taken=True), trial("length", taken=False), name="one")
    two = interface(trial("common", taken=False), trial("length", taken=False), name="two")
    assert differing([one, two]) == {"a password against common": (["one"], ["two"])}


@given(st.text())
def test_kinds_of_any_text_are_known_words(text: str) -> None:
    assert set(kinds_of(text)) <= set(ALL)
