"""Initial passwords: what gives them away, what does not, and what two units share."""

from __future__ import annotations

import hashlib
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laboratory import device as device_file

from conformance import knowledge
from conformance.applicability import absence
from conformance.credentials.test_initial_password import (
    test_the_initial_password_is_the_units_own as judge,
)
from conformance.verdict import Inconclusive
from devices.emulated.label import make_label
from devices.emulated.unit import make_unit
from devices.identity.derivations import Derivation, Recipe, search
from devices.identity.initial_password import InitialPassword, fingerprint, measure

FACTS = {
    "mac": "00:00:5E:00:53:7B",
    "serial": "LV00431207",
    "model": "LV-2100",
    "hardware": "B2",
    "manufacturer": "Lumivista",
    "firmware version": "2.4.1",
}
(ROW,) = knowledge.load("derivations")
RECIPE = Recipe(
    forms=tuple(ROW["forms"]),
    digests=tuple(ROW["digests"]),
    encodings=tuple(ROW["encodings"]),
    salts=tuple(ROW["salts"]),
    pairs=ROW["pairs"],
    chance=ROW["chance"],
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "password",
    [
        "00005E00537B",
        "00537b",
        "cam-00005e00537b",
        "B73500E5",  # reversed
        str(int("00005E00537B", 16)),
        "00005e00537c",  # the next address
        "LV00431207",
        "431207",
        "702134",
        "Lumivista431207",
        sha("LV00431207")[:8],
        sha("LV00431207")[-10:].upper(),
        hashlib.md5(b"00:00:5e:00:53:7b", usedforsecurity=False).hexdigest()[:8],
        hashlib.sha1(b"LV2100LV00431207", usedforsecurity=False).hexdigest()[:12],
        sha("adminLV00431207")[:12],
        sha("LV00431207secret")[:12],
        f"{zlib.crc32(b'LV00431207'):08x}",
        sha("00-00-5E-00-53-7B")[:10],
        "20261122",
    ],
)
def test_what_follows_from_public_facts_is_found(password: str) -> None:
    assert search(password, FACTS, RECIPE).certain


def test_random_passwords_do_not_follow_from_anything() -> None:
    draw = random.Random(7)
    for alphabet, length in (("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 12), ("0123456789abcdef", 12)):
        for _ in range(3):
            password = "".join(draw.choice(alphabet) for _ in range(length))
            assert not search(password, FACTS, RECIPE).certain, password


def test_a_short_number_in_a_digest_is_told_from_a_derivation() -> None:
    """Four digits begin some digest among tens of thousands, whatever they are."""
    by_digest = Recipe(forms=("as it is",), encodings=("decimal",))
    number = str(int(sha("LV00431207"), 16))[:4]
    found = search(number, FACTS, by_digest)
    assert found.found
    assert not found.certain


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.dictionaries(st.sampled_from(list(FACTS)), st.text(max_size=20)))
def test_any_text_is_searched_for(password: str, facts: dict[str, str]) -> None:
    small = Recipe(digests=("CRC-32",), encodings=("hexadecimal",), pairs=False)
    found = search(password, facts, small)
    assert all(0 <= one.chance <= 1 for one in found.found)
    assert set(found.certain) <= set(found.found)


def test_a_recipe_of_unknown_words_is_refused() -> None:
    with pytest.raises(ValueError, match="rot13"):
        Recipe(forms=("rot13",))


def facts_of(password: str, papers: dict[str, Path] | None = None) -> InitialPassword:
    tables = {"common_passwords": ["P@ssw0rd"]}
    return measure(password, FACTS, RECIPE, tables=tables, papers=papers or {})


def test_nothing_of_the_password_is_in_the_observation() -> None:
    assert "K7MW2QZX9PTR" not in repr(facts_of("K7MW2QZX9PTR"))


def test_units_are_compared_by_fingerprints() -> None:
    assert fingerprint("one", "Acme C1") == fingerprint("one", "Acme C1")
    assert fingerprint("one", "Acme C1") != fingerprint("two", "Acme C1")
    assert fingerprint("one", "Acme C1") != fingerprint("one", "Acme C2")
    row = next(r for r in knowledge.load("unit_secrets") if r["what"] == "initial password")
    assert hasattr(facts_of("K7MW2QZX9PTR"), row["path"])
    assert row["cases"] == ["CRED-045"]


def test_a_random_label_passes(tmp_path: Path) -> None:
    manual = tmp_path / "manual.txt"
    manual.write_text("The password is on the label.")
    judge(facts_of("K7MW2QZX9PTR", {"documents.manual": manual}))
    with pytest.raises(Inconclusive, match="gives no papers"):
        judge(facts_of("K7MW2QZX9PTR"))


@pytest.mark.parametrize(
    ("password", "reason"),
    [("P@ssw0rd", "is published"), ("00537b", "follows from public facts")],
)
def test_a_label_that_can_be_known_fails(password: str, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        judge(facts_of(password))


@pytest.mark.parametrize("coding", ["utf-8", "utf-16-le"])
def test_a_label_that_the_manual_holds_fails(coding: str, tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    manual.write_bytes("log in with K7MW2QZX9PTR".encode(coding))
    with pytest.raises(AssertionError, match="stands in papers"):
        judge(facts_of("K7MW2QZX9PTR", {"documents.manual": manual}))


def test_a_finding_that_may_be_chance_decides_nothing() -> None:
    perhaps = (Derivation("MD5 of serial as it is, decimal", 4, 0.4),)
    found = InitialPassword(
        length=4,
        fingerprint="",
        searched=1,
        derivations=perhaps,
        certain=(),
        published=(),
        papers=1,
        in_papers=(),
    )
    with pytest.raises(Inconclusive, match="by accident"):
        judge(found)


def test_a_paper_that_cannot_be_read_is_a_shortfall(tmp_path: Path) -> None:
    assert facts_of("K7MW2QZX9PTR", {"documents.manual": tmp_path / "none"}).shortfall


@pytest.mark.parametrize(
    ("tables", "applies"),
    [
        ({}, False),
        ({"factory": {"password": {"env": "LABEL"}}}, True),
        ({"declared": {"passwords": {"user_set": False}}}, True),
    ],
)
def test_it_applies_where_the_maker_declares_an_initial_password(
    tables: dict[str, Any],
    applies: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    assert bool(absence(device_file(**tables), "CRED-045", ("initial-password",))) != applies


@pytest.mark.parametrize(
    ("tables", "applies"),
    [
        ({}, False),
        ({"factory": {"password": {"env": "LABEL"}}}, True),
        ({"declared": {"passwords": {"user_set": False}}}, True),
        ({"links": {"onvif": {"url": "https://192.0.2.7/onvif/device_service"}}}, True),
    ],
)
def test_first_use_applies_where_there_is_more_to_ask_than_the_web(
    tables: dict[str, Any],
    applies: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    assert bool(absence(device_file(**tables), "CRED-044", ("first-use",))) != applies


@pytest.mark.parametrize("how", ["random", "mac", "serial", "shared"])
def test_labels_of_two_emulated_units(how: str, tmp_path: Path) -> None:
    one, two = (make_label(tmp_path / str(n), make_unit(n), how) for n in (1, 2))
    assert (one == two) == (how == "shared")
