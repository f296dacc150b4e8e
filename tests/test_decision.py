"""How verdicts add up to clauses, profiles and a decision."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.assessment import ClauseResult, Decision, Result
from conformance.decision import NOT_ASSESSED, clause_results, clause_verdict, decide
from conformance.regulation import Clause, Regulation
from conformance.verdict import Verdict

PASS, FAIL = Verdict.PASS, Verdict.FAIL
UNSURE, ABSENT = Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE
CASES = ("CRED-001", "CRED-002", "CRED-003")


def result(case_id: str, verdict: Verdict, cause: str = "") -> Result:
    return Result(
        id=case_id,
        title=case_id,
        area="credentials",
        severity="high",
        verdict=verdict,
        reason="because",
        cause=cause,
    )


def regulation(**clauses: tuple[str, ...]) -> Regulation:
    return Regulation(
        id="REG",
        title="t",
        publisher="p",
        edition="e",
        status="s",
        source="s",
        clauses=tuple(
            Clause(
                id=name, obligation="M", summary="a demand of its own", how="device", cases=cases
            )
            for name, cases in clauses.items()
        ),
    )


def decided(clauses: Mapping[str, tuple[str, ...]], *results: Result) -> Decision:
    rules = regulation(**clauses)
    scope = [f"REG:{name}" for name in clauses]
    return decide({"core": scope}, clause_results([rules], results), results)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({}, None),
        ({"CRED-001": PASS, "CRED-002": PASS, "CRED-003": PASS}, PASS),
        ({"CRED-001": PASS, "CRED-002": ABSENT, "CRED-003": ABSENT}, PASS),
        ({"CRED-001": ABSENT, "CRED-002": ABSENT, "CRED-003": ABSENT}, ABSENT),
        ({"CRED-001": PASS, "CRED-002": UNSURE, "CRED-003": PASS}, UNSURE),
        ({"CRED-001": FAIL, "CRED-002": UNSURE, "CRED-003": PASS}, FAIL),
        ({"CRED-001": PASS, "CRED-002": PASS}, UNSURE),
        ({"CRED-001": ABSENT}, UNSURE),
        ({"CRED-001": FAIL}, FAIL),
        ({"STREAM-001": PASS}, None),
    ],
)
def test_clause_verdict(verdicts: dict[str, Verdict], expected: Verdict | None) -> None:
    assert clause_verdict(CASES, verdicts) == expected


def test_a_clause_without_cases_is_not_assessed() -> None:
    assert clause_verdict((), {"CRED-001": PASS}) is None


def test_clause_results_keep_the_order_and_say_not_assessed() -> None:
    found = clause_results([regulation(b=("CRED-001",), a=())], [result("CRED-001", PASS)])
    assert [(c.id, c.verdict, c.cases) for c in found] == [
        ("b", PASS, ["CRED-001"]),
        ("a", NOT_ASSESSED, []),
    ]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((PASS, PASS), "APPROVED"),
        ((PASS, ABSENT), "APPROVED"),
        ((ABSENT, ABSENT), "INCOMPLETE"),
        ((PASS, UNSURE), "INCOMPLETE"),
        ((FAIL, UNSURE), "REJECTED"),
        ((FAIL, PASS), "REJECTED"),
    ],
)
def test_profile_decision(verdicts: tuple[Verdict, Verdict], expected: str) -> None:
    first, second = verdicts
    decision = decided(
        {"one": ("CRED-001",), "two": ("CRED-002",)},
        result("CRED-001", first),
        result("CRED-002", second),
    )
    assert decision.verdict == expected
    assert decision.by_profile["core"].verdict == expected
    assert decision.reasons


def test_reasons_are_sentences_that_name_clause_and_case() -> None:
    decision = decided(
        {
            "5.1-1": ("CRED-001", "CRED-002"),
            "5.1-5": ("CRED-003", "CRED-004"),
            "5.2-1": (),
            "5.2-2": (),
            "5.6-1": ("BACKDOOR-001",),
        },
        result("CRED-001", PASS),
        result("CRED-002", FAIL),
        result("CRED-003", UNSURE, cause="timeout"),
    )
    assert decision.by_profile["core"].reasons == [
        "REG 5.1-1 failed: CRED-002",
        "REG 5.1-5 is inconclusive: CRED-003 (timeout), CRED-004 (not run)",
        "REG: 2 clauses not assessed (no test case): 5.2-1, 5.2-2",
        "REG: 1 clause not assessed (test cases not run): 5.6-1",
    ]
    assert decision.reasons[0] == "core: REG 5.1-1 failed: CRED-002"


def test_a_failure_outside_the_profile_is_a_remark_and_does_not_decide() -> None:
    decision = decided({"one": ("CRED-001",)}, result("CRED-001", PASS), result("LAB-001", FAIL))
    assert decision.verdict == "APPROVED"
    assert decision.by_profile["core"].reasons == [
        "All selected clauses passed: 1.",
        "Remark: LAB-001 failed; no clause of this profile names it.",
    ]


def test_a_clause_missing_from_the_assessment_is_not_assessed() -> None:
    clause = ClauseResult(regulation="REG", id="one", obligation="M", verdict=PASS)
    decision = decide({"core": ["REG:one", "REG:two"]}, [clause], [])
    assert decision.verdict == "INCOMPLETE"
    assert "(not in this assessment): two" in decision.reasons[0]


def test_no_profile_and_an_empty_profile_are_never_approved() -> None:
    assert decide({}, [], []).verdict == "INCOMPLETE"
    assert decide({"core": []}, [], []).verdict == "INCOMPLETE"


def test_the_worst_profile_decides_and_gives_the_reasons() -> None:
    results = [result("CRED-001", PASS), result("CRED-002", FAIL)]
    clauses = clause_results([regulation(one=("CRED-001",), two=("CRED-002",))], results)
    decision = decide({"good": ["REG:one"], "bad": ["REG:two"]}, clauses, results)
    assert decision.verdict == "REJECTED"
    assert decision.by_profile["good"].verdict == "APPROVED"
    assert all(reason.startswith("bad: ") for reason in decision.reasons)


def test_two_results_of_one_case_do_not_hide_a_failure() -> None:
    for results in ([FAIL, PASS], [PASS, FAIL]):
        decision = decided({"one": ("CRED-001",)}, *(result("CRED-001", v) for v in results))
        assert decision.verdict == "REJECTED"


verdict_maps = st.dictionaries(st.sampled_from(CASES), st.sampled_from(list(Verdict)))


@given(verdict_maps)
def test_a_clause_passes_only_when_every_case_ran_and_none_objects(
    verdicts: dict[str, Verdict],
) -> None:
    verdict = clause_verdict(CASES, verdicts)
    if verdict == PASS:
        assert set(verdicts) == set(CASES)
        assert set(verdicts.values()) <= {PASS, ABSENT}
    assert (verdict == FAIL) == (FAIL in verdicts.values())
    assert (verdict is None) == (not verdicts)


@given(verdict_maps, st.sampled_from(CASES))
def test_taking_a_result_away_never_brings_approval(
    verdicts: dict[str, Verdict], taken: str
) -> None:
    clauses = {"one": CASES[:2], "two": CASES[2:]}
    results = [result(name, verdict) for name, verdict in verdicts.items()]
    fewer = [r for r in results if r.id != taken]
    if decided(clauses, *fewer).verdict == "APPROVED":
        assert decided(clauses, *results).verdict == "APPROVED"
        assert len(fewer) == len(results)


@given(verdict_maps)
def test_approved_rejected_and_incomplete_mean_what_they_say(verdicts: dict[str, Verdict]) -> None:
    clauses = {name: (name,) for name in CASES}
    decision = decided(clauses, *(result(n, v) for n, v in verdicts.items()))
    values = set(verdicts.values())
    if FAIL in values:
        assert decision.verdict == "REJECTED"
    elif UNSURE in values or len(verdicts) < len(CASES) or PASS not in values:
        assert decision.verdict == "INCOMPLETE"
    else:
        assert decision.verdict == "APPROVED"
