"""The rule books that the suite carries: whole, in short words, and refused when malformed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import profile, regulation
from conformance.located import CatalogueError
from conformance.regulation import Regulation

FOUNDING = (
    "VN-DIRECTIVE-23-2022",
    "VN-CIRCULAR-25-2010",
    "VN-DECISION-830-2021",
    "VN-UN-AHC",
    "CN-DRAFT-2024",
)

# EN 303 645 V2.1.1: every provision with its status in table B.1.
EN_PROVISIONS = {
    "4-1": "M",
    "5.1-1": "MC", "5.1-2": "MC", "5.1-3": "M", "5.1-4": "MC", "5.1-5": "MC",
    "5.2-1": "M", "5.2-2": "R", "5.2-3": "R",
    "5.3-1": "R", "5.3-2": "MC", "5.3-3": "MC", "5.3-4": "RC", "5.3-5": "RC", "5.3-6": "RC",
    "5.3-7": "MC", "5.3-8": "MC", "5.3-9": "RC", "5.3-10": "MC",
    "5.3-11": "RC", "5.3-12": "RC", "5.3-13": "M", "5.3-14": "RC", "5.3-15": "RC", "5.3-16": "M",
    "5.4-1": "M", "5.4-2": "MC", "5.4-3": "M", "5.4-4": "M",
    "5.5-1": "M", "5.5-2": "R", "5.5-3": "R", "5.5-4": "R", "5.5-5": "M", "5.5-6": "R",
    "5.5-7": "M", "5.5-8": "M",
    "5.6-1": "M", "5.6-2": "M", "5.6-3": "R", "5.6-4": "MC", "5.6-5": "R", "5.6-6": "R",
    "5.6-7": "R", "5.6-8": "R", "5.6-9": "R",
    "5.7-1": "R", "5.7-2": "R",
    "5.8-1": "R", "5.8-2": "M", "5.8-3": "M",
    "5.9-1": "R", "5.9-2": "R", "5.9-3": "R",
    "5.10-1": "RC",
    "5.11-1": "M", "5.11-2": "R", "5.11-3": "R", "5.11-4": "R",
    "5.12-1": "R", "5.12-2": "R", "5.12-3": "R",
    "5.13-1": "M",
    "6-1": "M", "6-2": "MC", "6-3": "M", "6-4": "RC", "6-5": "MC",
}  # fmt: skip

# The articles of each founding document, as its text numbers them.
CHINA_ARTICLES = {str(number) for number in range(1, 41)}
CIRCULAR_PARAGRAPHS = {
    f"{article}.{paragraph}"
    for article, last in {
        3: 5, 4: 4, 5: 3, 6: 2, 7: 4, 8: 4, 9: 2, 10: 3, 11: 3, 12: 5, 13: 2, 15: 3, 16: 4,
        17: 4, 18: 3, 19: 4, 20: 2,
    }.items()
    for paragraph in range(1, last + 1)
} | {"1", "2", "14"}  # fmt: skip
SUBMISSION_SECTIONS = {
    *(f"A.{section}" for section in range(1, 6)),
    *(f"B.{section}" for section in range(6, 14)),
    "C.14",
}
DECISION_SECTIONS = {
    *("I.1", "I.2", "II.1", "II.2", "II.3", "II.4", "II.5", "III.1", "III.2", "Art.2", "Art.3"),
    *(f"IV.{task}" for task in range(1, 13)),
}


@pytest.fixture(scope="module")
def regulations() -> dict[str, Regulation]:
    return regulation.load()


def numbers(rules: Regulation) -> list[str]:
    """Every number that a regulation accounts for: clauses, and what it leaves out."""
    return [c.id for c in rules.clauses] + [i for out in rules.left_out for i in out.ids]


def test_the_founding_documents_and_en_303_645_are_there(
    regulations: dict[str, Regulation],
) -> None:
    assert {*FOUNDING, "EN303645-2.1.1"} <= set(regulations)


def test_en_303_645_is_complete_with_its_statuses(regulations: dict[str, Regulation]) -> None:
    found = [(c.id, c.obligation) for c in regulations["EN303645-2.1.1"].clauses]
    assert found == list(EN_PROVISIONS.items())


@pytest.mark.parametrize(
    ("name", "articles", "article_of"),
    [
        ("CN-DRAFT-2024", CHINA_ARTICLES, lambda i: re.split(r"[.(]", i)[0]),
        ("VN-CIRCULAR-25-2010", CIRCULAR_PARAGRAPHS, lambda i: ".".join(i.split(".")[:2])),
        ("VN-UN-AHC", SUBMISSION_SECTIONS, lambda i: ".".join(i.split(".")[:2])),
        (
            "VN-DECISION-830-2021",
            DECISION_SECTIONS,
            lambda i: ".".join(re.split(r"[.\-]", i)[:2]),
        ),
    ],
)
def test_no_article_is_lost_in_silence(
    regulations: dict[str, Regulation],
    name: str,
    articles: set[str],
    article_of: Callable[[str], str],
) -> None:
    assert {article_of(number) for number in numbers(regulations[name])} == articles


PROFILE_T_SECTIONS = {
    *("1", "2", "3", "4", "5", "6"),
    *(f"7.{section}" for section in range(1, 23)),
    *(f"8.{section}" for section in range(1, 18)),
}
# Points (unnumbered in the document, counted a, b, c) of the sections that are taken apart.
PROFILE_T_POINTS = {
    "7.1": "abc", "7.2": "abcdef", "7.3": "abcd", "7.4": "abcde", "7.5": "abcd", "7.6": "a",
    "7.7": "abcdef", "7.9": "abcdefghijk", "7.12": "abcd", "7.13": "abcdefghi", "7.19": "a",
    "8.12": "abcdefgh",
}  # fmt: skip


def test_profile_t_is_accounted_for(regulations: dict[str, Regulation]) -> None:
    found = numbers(regulations["ONVIF-PROFILE-T-1.0"])
    assert {".".join(number.split(".")[:2]) for number in found} == PROFILE_T_SECTIONS
    points = {f"{section}.1{p}" for section, row in PROFILE_T_POINTS.items() for p in row}
    assert {number for number in found if number.count(".") == 2} == points


def test_the_security_baseline_is_accounted_for(regulations: dict[str, Regulation]) -> None:
    chapters = [*map(str, range(1, 12)), "A", "B", "C"]
    assert sorted(numbers(regulations["ONVIF-SECURITY-BASELINE-26.06"])) == sorted(chapters)


def test_the_onvif_profile_is_onvifs_alone(regulations: dict[str, Regulation]) -> None:
    rules = profile.load(known_regulations=regulations)["onvif"]
    selected = rules.regulations(regulations)
    assert selected == [name for name in regulations if name.startswith("ONVIF-")]
    assert len(selected) == 3
    assert rules.selection.only_assessed


def test_the_directive_has_each_point_that_its_page_quotes(
    regulations: dict[str, Regulation],
) -> None:
    points = {re.sub(r"(?<=\d)[abc]$", "", i) for i in numbers(regulations["VN-DIRECTIVE-23-2022"])}
    assert {f"1.{n}" for n in range(1, 7)} | {f"8.{letter}" for letter in "abcd"} <= points
    assert {f"D15-80.2.{letter}" for letter in ("a", "b", "c", "d", "dd")} <= points
    assert {f"P289.{n}" for n in range(1, 5)} <= points


def test_every_number_stands_once(regulations: dict[str, Regulation]) -> None:
    for rules in regulations.values():
        assert len(numbers(rules)) == len(set(numbers(rules))), rules.id


def test_clauses_are_short_sentences(regulations: dict[str, Regulation]) -> None:
    for rules in regulations.values():
        for clause in rules.clauses:
            assert len(clause.summary) <= 170, f"{rules.id} {clause.id}"
            assert clause.summary.endswith("."), f"{rules.id} {clause.id}"
            assert "  " not in clause.summary, f"{rules.id} {clause.id}"


def test_documents_say_truthfully_what_they_are(regulations: dict[str, Regulation]) -> None:
    china = regulations["CN-DRAFT-2024"].status
    assert "never in force" in china
    assert "2025-04-01" in china
    assert "proposal" in regulations["VN-UN-AHC"].status
    assert "QCVN 11:2026/BCA" in regulations["VN-DIRECTIVE-23-2022"].note


GOOD = """\
[regulation]
id = "REG-1"
title = "t"
publisher = "p"
edition = "e"
status = "in force"
source = "read"

[[clause]]
id = "1"
obligation = "M"
summary = "A demand in own words."
how = "device"
cases = [
    "CRED-001",
    "CRED-002",
]
"""
KNOWN = {"CRED-001", "CRED-002"}


def write(folder: Path, text: str, name: str = "reg.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_a_good_file(tmp_path: Path) -> None:
    rules = regulation.read(write(tmp_path, GOOD), KNOWN)
    assert rules.reference(rules.clauses[0]) == "REG-1:1"


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (('"CRED-002"', '"CRED-999"'), 16, "unknown test case 'CRED-999'"),
        (('"CRED-002"', '"CRED-001"'), 15, "names test case CRED-001 twice"),
        (('"CRED-002"', '"cred-2"'), 14, "cases.1"),
        (('"M"', '"X"'), 11, "obligation"),
        (('"M"', '"MC"'), 10, "without a condition"),
        (('how = "device"', 'how = "magic"'), 13, "how"),
        (('how = "device"', "how ="), 13, "not TOML"),
        (('how = "device"', 'how = "device"\ncase = []'), 14, "case"),
        (('id = "1"', 'id = "1:2"'), 10, "id"),
        (('status = "in force"\n', ""), 1, "status"),
        (("[regulation]", "[regulations]"), 1, "unknown table or key 'regulations'"),
        (("[[clause]]", "[[paragraph]]"), 9, "unknown table or key 'paragraph'"),
        (("[[clause]]", "[clause]"), 9, "not an array of tables"),
    ],
)
def test_says_file_line_and_remedy(
    tmp_path: Path, change: tuple[str, str], line: int, what: str
) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(CatalogueError) as caught:
        regulation.read(path, KNOWN)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert what in caught.value.what
    assert caught.value.remedy


def test_a_repeated_clause_is_refused(tmp_path: Path) -> None:
    again = GOOD + GOOD[GOOD.index("[[clause]]") :]
    with pytest.raises(CatalogueError, match=r":19: clause '1' is already on line 10"):
        regulation.read(write(tmp_path, again), KNOWN)


def test_a_repeated_regulation_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.toml")
    second = write(tmp_path, GOOD, "b.toml")
    with pytest.raises(CatalogueError) as caught:
        regulation.load(tmp_path, KNOWN)
    assert (caught.value.path, caught.value.line) == (str(second), 2)


def test_headers_inside_a_string_are_no_headers(tmp_path: Path) -> None:
    text = GOOD.replace('source = "read"', 'source = """read\n[[clause]]\n"""')
    with pytest.raises(CatalogueError) as caught:
        regulation.read(write(tmp_path, text.replace("CRED-002", "CRED-999")), KNOWN)
    assert caught.value.line == 18


PROFILE = """\
[profile]
id = "mine"
title = "t"
summary = "s"

[selection]
regulations = ["REG-*"]

[decision]
rule = "every-clause"
statement = "in words"
"""


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (('"REG-*"', '"REG-*", "NONE"'), 7, "unknown regulation 'NONE'"),
        (('"REG-*"', ""), 7, "regulations"),
        (('rule = "every-clause"', 'rule = "majority"'), 10, "rule"),
        (('"mine"', '"Mine"'), 2, "id"),
        (("[decision]", "[decide]"), 9, "unknown table or key 'decide'"),
        (('["REG-*"]', '["REG-*"]\nareas = ["streams"]'), 8, "areas without only_assessed"),
        (('["REG-*"]', '["REG-*"]\nobligations = ["MUST"]'), 8, "obligations"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, what: str
) -> None:
    path = write(tmp_path, PROFILE.replace(*change))
    with pytest.raises(CatalogueError) as caught:
        profile.read(path, ["REG-1"])
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert what in caught.value.what


def test_a_profile_selects_by_rule(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("[[clause]]") :].replace('"1"', '"2"').replace('"M"', '"R"')
    unassessed = re.sub(r"cases = \[.*?\]\n", "", second, flags=re.DOTALL).replace('"2"', '"3"')
    rules = {"REG-1": regulation.read(write(tmp_path, GOOD + second + unassessed), KNOWN)}
    areas = {"CRED-001": "credentials", "CRED-002": "privacy"}

    def scope(extra: str) -> list[str]:
        text = PROFILE.replace('["REG-*"]', f'["REG-*"]\n{extra}')
        return profile.read(write(tmp_path, text, "p.toml")).scope(rules, areas)

    assert scope("") == ["REG-1:1", "REG-1:2", "REG-1:3"]
    assert scope('obligations = ["M"]') == ["REG-1:1"]
    assert scope("only_assessed = true") == ["REG-1:1", "REG-1:2"]
    assert scope('only_assessed = true\nareas = ["privacy"]') == ["REG-1:1", "REG-1:2"]
    assert scope('only_assessed = true\nareas = ["streams"]') == []


def test_the_suites_profiles(regulations: dict[str, Regulation]) -> None:
    profiles = profile.load(known_regulations=regulations)
    assert profiles[profile.DEFAULT].selection.only_assessed
    assert tuple(profiles["founding"].selection.regulations) == FOUNDING
    whole = profiles["en-303-645-v2.1.1"]
    areas = {c: "any" for r in regulations.values() for cl in r.clauses for c in cl.cases}
    assert len(whole.scope(regulations, areas)) == len(EN_PROVISIONS)
