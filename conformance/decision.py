"""From verdicts to a decision: test cases, then clauses, then profiles, then the run.

Nothing is approved by silence. A clause passes only when every test case that it names has run,
and a profile is approved only when every clause that it selects passed or does not apply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from conformance.assessment import (
    Assessment,
    ClauseResult,
    Decision,
    DecisionVerdict,
    ProfileDecision,
    Result,
)
from conformance.regulation import Regulation
from conformance.verdict import Verdict, combine

NOT_ASSESSED = "NOT_ASSESSED"
_ORDER: tuple[DecisionVerdict, ...] = ("REJECTED", "INCOMPLETE", "APPROVED")


def settle(
    record: Assessment, regulations: Iterable[Regulation], scopes: Mapping[str, Collection[str]]
) -> None:
    """Bring the clauses and the decision of a record up to its results."""
    record.clauses = clause_results(regulations, record.results)
    record.decision = decide(scopes, record.clauses, record.results)


def clause_results(
    regulations: Iterable[Regulation], results: Iterable[Result]
) -> list[ClauseResult]:
    """The verdict of every clause of ``regulations``, in the documents' order."""
    verdicts = {name: result.verdict for name, result in _by_id(results).items()}
    return [
        ClauseResult(
            regulation=regulation.id,
            id=clause.id,
            obligation=clause.obligation,
            verdict=clause_verdict(clause.cases, verdicts) or NOT_ASSESSED,
            cases=list(clause.cases),
        )
        for regulation in regulations
        for clause in regulation.clauses
    ]


def clause_verdict(cases: Sequence[str], verdicts: Mapping[str, Verdict]) -> Verdict | None:
    """Add up the verdicts of a clause's test cases; None when it names none or none ran.

    A case that did not run while others did counts as INCONCLUSIVE: half an assessment may find
    a failure, and cannot find conformity.
    """
    ran = [verdicts[name] for name in cases if name in verdicts]
    if ran and len(ran) < len(cases):
        ran.append(Verdict.INCONCLUSIVE)
    return combine(ran)


def decide(
    scopes: Mapping[str, Collection[str]],
    clauses: Iterable[ClauseResult],
    results: Sequence[Result],
) -> Decision:
    """Decide each profile, and the run.

    ``scopes`` gives the ``REGULATION:CLAUSE`` references that decide each profile
    (``Catalogue.scope``). A reference without a clause result counts as not assessed. Failures
    outside a profile's clauses do not decide it; they are added to its reasons as remarks.
    """
    known = {f"{clause.regulation}:{clause.id}": clause for clause in clauses}
    by_id = _by_id(results)
    by_profile = {
        name: _decide_profile(references, known, by_id) for name, references in scopes.items()
    }
    if not by_profile:
        reason = "No profile was chosen, so nothing could be decided."
        return Decision(verdict="INCOMPLETE", reasons=[reason])
    worst = next(v for v in _ORDER if any(p.verdict == v for p in by_profile.values()))
    reasons = [
        f"{name}: {reason}"
        for name, profile in by_profile.items()
        if profile.verdict == worst
        for reason in profile.reasons
    ]
    return Decision(verdict=worst, by_profile=by_profile, reasons=reasons)


def _decide_profile(
    references: Collection[str],
    known: Mapping[str, ClauseResult],
    results: Mapping[str, Result],
) -> ProfileDecision:
    selected = [known[reference] for reference in references if reference in known]
    missing = [reference for reference in references if reference not in known]
    failed = [c for c in selected if c.verdict == Verdict.FAIL]
    inconclusive = [c for c in selected if c.verdict == Verdict.INCONCLUSIVE]
    open_clauses = [c for c in selected if c.verdict == NOT_ASSESSED]
    reasons = [_failed(c, results) for c in failed]
    reasons += [_inconclusive(c, results) for c in inconclusive]
    reasons += _not_assessed(open_clauses, missing)
    verdict: DecisionVerdict = "APPROVED"
    if failed:
        verdict = "REJECTED"
    elif inconclusive or open_clauses or missing:
        verdict = "INCOMPLETE"
    elif not any(c.verdict == Verdict.PASS for c in selected):
        verdict = "INCOMPLETE"
        reasons.append("No clause of this profile applies to this camera.")
    else:
        reasons.append(_approved(selected))
    named = {name for clause in selected for name in clause.cases}
    return ProfileDecision(verdict=verdict, reasons=reasons + _remarks(named, results))


def _by_id(results: Iterable[Result]) -> dict[str, Result]:
    """Results by id; of two for one case the failed one stays, so that none is lost."""
    found: dict[str, Result] = {}
    for result in results:
        if result.id not in found or found[result.id].verdict != Verdict.FAIL:
            found[result.id] = result
    return found


def _failed(clause: ClauseResult, results: Mapping[str, Result]) -> str:
    cases = [n for n in clause.cases if n in results and results[n].verdict == Verdict.FAIL]
    return f"{clause.regulation} {clause.id} failed: {', '.join(cases)}"


def _inconclusive(clause: ClauseResult, results: Mapping[str, Result]) -> str:
    causes = []
    for name in clause.cases:
        result = results.get(name)
        if result is None:
            causes.append(f"{name} (not run)")
        elif result.verdict == Verdict.INCONCLUSIVE:
            causes.append(f"{name} ({result.cause or 'no cause given'})")
    return f"{clause.regulation} {clause.id} is inconclusive: {', '.join(causes)}"


def _not_assessed(clauses: Iterable[ClauseResult], missing: Iterable[str]) -> list[str]:
    """One sentence per regulation and kind: whole rule books leave dozens of clauses open."""
    groups: dict[tuple[str, str], list[str]] = {}
    for clause in clauses:
        why = "test cases not run" if clause.cases else "no test case"
        groups.setdefault((clause.regulation, why), []).append(clause.id)
    for reference in missing:
        regulation, _, clause_id = reference.partition(":")
        groups.setdefault((regulation, "not in this assessment"), []).append(clause_id)
    return [
        f"{regulation}: {len(ids)} clause{'s' if len(ids) > 1 else ''} not assessed "
        f"({why}): {', '.join(ids)}"
        for (regulation, why), ids in groups.items()
    ]


def _approved(selected: Sequence[ClauseResult]) -> str:
    passed = sum(clause.verdict == Verdict.PASS for clause in selected)
    if passed == len(selected):
        return f"All selected clauses passed: {passed}."
    return f"Of {len(selected)} selected clauses {passed} passed and the others do not apply."


def _remarks(named: Collection[str], results: Mapping[str, Result]) -> list[str]:
    return [
        f"Remark: {name} failed; no clause of this profile names it."
        for name, result in results.items()
        if result.verdict == Verdict.FAIL and name not in named
    ]
