"""The approval page as data: what it shows, in the order in which it shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance import areas
from conformance.assessment import ClauseResult, Result
from reports.page_evidence import EvidenceReader, EvidenceView, Picture
from reports.run_folder import CaseFact, ClauseFact, RegulationFact, RunFolder

VERDICTS = ("FAIL", "INCONCLUSIVE", "PASS", "NOT_APPLICABLE", "NOT_ASSESSED")
"""In the order in which verdicts weigh (ETSI TS 103 701 V1.1.1, clause 4.8)."""
_SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class Tally:
    """How often one verdict was reached; ``share`` is of the whole, from 0 to 1."""

    verdict: str
    count: int
    start: float
    share: float


@dataclass(frozen=True)
class Case:
    """One verdict with its published method, and what it rests on."""

    result: Result
    fact: CaseFact
    evidence: tuple[EvidenceView, ...]


@dataclass(frozen=True)
class Area:
    """The verdicts of one area, by id."""

    name: str
    cases: tuple[Case, ...]
    tallies: tuple[Tally, ...]


@dataclass(frozen=True)
class Clause:
    """One clause, its verdict, and the test cases that assess it with theirs."""

    result: ClauseResult
    fact: ClauseFact
    cases: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Regulation:
    """One regulation with its clauses."""

    fact: RegulationFact
    clauses: tuple[Clause, ...]
    tallies: tuple[Tally, ...]

    @property
    def open(self) -> bool:
        """Whether something in it is to be looked at."""
        return any(tally.verdict in ("FAIL", "INCONCLUSIVE") for tally in self.tallies)


@dataclass(frozen=True)
class Page:
    """Everything that the page shows."""

    run: RunFolder
    report_id: str
    areas: tuple[Area, ...]
    tallies: tuple[Tally, ...]
    findings: tuple[Case, ...]
    regulations: tuple[Regulation, ...]
    picture: Picture | None

    @property
    def counts(self) -> dict[str, int]:
        """How often each verdict was reached; those that do not occur are left out."""
        return {tally.verdict: tally.count for tally in self.tallies}


def build_page(run: RunFolder) -> Page:
    """Gather what the page shows of ``run``."""
    reader = EvidenceReader(run)
    facts = {fact.id: fact for fact in run.catalogue.cases}
    cases = [
        Case(
            result=result,
            fact=facts.get(result.id, CaseFact(id=result.id)),
            evidence=tuple(reader.view(evidence) for evidence in result.evidence),
        )
        for result in run.assessment.results
    ]
    started = run.assessment.started
    return Page(
        run=run,
        report_id=f"{started:%Y%m%d-%H%M%S}-{run.assessment_sha256[:12]}",
        areas=tuple(_areas(cases)),
        tallies=tally(case.result.verdict for case in cases),
        findings=tuple(sorted(_findings(cases), key=_weight)),
        regulations=tuple(_regulations(run)),
        picture=reader.picture(),
    )


def tally(verdicts: Iterable[str]) -> tuple[Tally, ...]:
    """Count verdicts, in the order in which they weigh; those that do not occur are left out."""
    counts = Counter(str(verdict) for verdict in verdicts)
    total = sum(counts.values())
    made, start = [], 0.0
    for verdict in VERDICTS:
        if count := counts[verdict]:
            made.append(Tally(verdict, count, start, count / total))
            start += count / total
    return tuple(made)


def _areas(cases: Sequence[Case]) -> Iterable[Area]:
    for name in areas.in_order(case.result.area for case in cases):
        chosen = sorted((c for c in cases if c.result.area == name), key=lambda c: c.result.id)
        yield Area(name, tuple(chosen), tally(case.result.verdict for case in chosen))


def _findings(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if case.result.verdict in ("FAIL", "INCONCLUSIVE")]


def _weight(case: Case) -> tuple[int, int, str]:
    severity = case.result.severity
    known = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return VERDICTS.index(case.result.verdict), known, case.result.id


def _regulations(run: RunFolder) -> Iterable[Regulation]:
    verdicts = {result.id: str(result.verdict) for result in run.assessment.results}
    facts = {(fact.regulation, fact.id): fact for fact in run.catalogue.clauses}
    titles = {fact.id: fact for fact in run.catalogue.regulations}
    for name in dict.fromkeys(clause.regulation for clause in run.assessment.clauses):
        clauses = [
            Clause(
                result=clause,
                fact=facts.get((name, clause.id), ClauseFact(regulation=name, id=clause.id)),
                cases=tuple((case, verdicts.get(case, "NOT_ASSESSED")) for case in clause.cases),
            )
            for clause in run.assessment.clauses
            if clause.regulation == name
        ]
        yield Regulation(
            fact=titles.get(name, RegulationFact(id=name, title=name)),
            clauses=tuple(clauses),
            tallies=tally(clause.result.verdict for clause in clauses),
        )
