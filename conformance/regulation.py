"""Regulations and standards as data: one TOML file per document and edition.

A clause is stated in our own words, never in its publisher's, and names the test cases that bear
on it. What the cases cannot settle is said in ``leaves_open``; what a document holds beyond its
clauses is named with a reason in ``left_out``, so that no article is lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from conformance.located import CatalogueError, LocatedToml, Source

__all__ = ["CatalogueError", "Clause", "LeftOut", "Obligation", "Regulation", "load", "read"]

Obligation = Literal["M", "R", "MC", "RC"]
"""Mandatory, recommended, and each on a condition (notation of EN 303 645 V2.1.1, table B.1)."""

OBLIGATIONS: tuple[Obligation, ...] = ("M", "R", "MC", "RC")
CaseId = Annotated[str, Field(pattern=r"^[A-Z]+-\d{3}$")]


class _Table(BaseModel):
    """Base of every table: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Clause(_Table):
    """One numbered demand of one edition."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.()\-]*$",
        description="the document's own number, without spaces or colons",
    )
    obligation: Obligation = Field(description="one of M, R, MC, RC")
    condition: str = Field("", description="when it applies; required for MC and RC")
    summary: str = Field(min_length=12, max_length=300, description="12 to 300 characters")
    how: Literal["device", "document", "process"] = Field(
        description="device (seen on the camera), document (in its papers) or process"
    )
    cases: tuple[CaseId, ...] = Field((), description="a list of test case ids; may be left out")
    leaves_open: str = Field("", description="what the listed cases do not settle")


class LeftOut(_Table):
    """Articles of the document that put no demand on a camera, its maker, operator or tester."""

    ids: tuple[str, ...] = Field(min_length=1, description="a list of the document's numbers")
    reason: str = Field(min_length=10, description="why nothing there can be assessed")


class Header(_Table):
    """The ``[regulation]`` table: what the document is."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]*$", description="letters, digits, . and -")
    title: str = Field(min_length=1, description="the document's name in English")
    publisher: str = Field(min_length=1, description="who issued it")
    edition: str = Field(min_length=1, description="number or date of the edition")
    status: str = Field(min_length=1, description="in force, draft, replaced by ... since ...")
    source: str = Field(min_length=1, description="what was read to write the clauses")
    note: str = Field("", description="what a reader must know about numbering and scope")


class Regulation(Header):
    """One edition of one document, with its clauses in the document's order."""

    clauses: tuple[Clause, ...]
    left_out: tuple[LeftOut, ...] = ()

    def reference(self, clause: Clause) -> str:
        """How an assessment names a clause of this regulation: ``REGULATION:CLAUSE``."""
        return f"{self.id}:{clause.id}"


def read(path: Source, known_cases: Iterable[str] | None = None) -> Regulation:
    """Read one regulation.

    ``known_cases`` are the ids that ``cases`` may name; None leaves them unchecked. Raises
    CatalogueError with file and line.
    """
    toml = LocatedToml(path)
    toml.only("regulation", "clause", "left_out")
    if not isinstance(toml.data.get("regulation"), dict):
        raise toml.error("there is no [regulation] table", "begin the file with one")
    header = toml.model(Header, "regulation", 0, toml.data["regulation"])
    rows = enumerate(toml.tables("clause"))
    clauses = tuple(toml.model(Clause, "clause", i, row) for i, row in rows)
    outs = enumerate(toml.tables("left_out"))
    left_out = tuple(toml.model(LeftOut, "left_out", i, row) for i, row in outs)
    if not clauses:
        raise toml.error("there is no [[clause]]", "a regulation has at least one")
    _check(toml, clauses, None if known_cases is None else frozenset(known_cases))
    return Regulation(**header.model_dump(), clauses=clauses, left_out=left_out)


def load(
    folder: Source | None = None, known_cases: Iterable[str] | None = None
) -> dict[str, Regulation]:
    """Read every regulation of a folder (default: the suite's own), by id.

    Raises CatalogueError, also for two files with the same regulation id.
    """
    folder = folder if folder is not None else files("conformance") / "regulations"
    found: dict[str, Regulation] = {}
    for path in toml_files(folder):
        regulation = read(path, known_cases)
        if regulation.id in found:
            line = LocatedToml(path).line("regulation", key="id")
            what = f"regulation id {regulation.id!r} is used by another file too"
            raise CatalogueError(path, line, what, "give each edition an id of its own")
        found[regulation.id] = regulation
    return found


def toml_files(folder: Source) -> list[Source]:
    """The ``.toml`` files of a folder, in the order of their names."""
    return sorted(
        (path for path in folder.iterdir() if path.name.endswith(".toml")),
        key=lambda path: path.name,
    )


def _check(
    toml: LocatedToml, clauses: tuple[Clause, ...], known_cases: frozenset[str] | None
) -> None:
    seen: dict[str, int] = {}
    for index, clause in enumerate(clauses):
        line = toml.line("clause", index, key="id")
        if clause.id in seen:
            what = f"clause {clause.id!r} is already on line {seen[clause.id]}"
            raise toml.error(what, "give each clause its own number", line=line)
        seen[clause.id] = line
        if clause.obligation in ("MC", "RC") and not clause.condition:
            what = f"clause {clause.id} is {clause.obligation} without a condition"
            raise toml.error(what, "say in condition when it applies", line=line)
        _check_cases(toml, index, clause, known_cases)


def _check_cases(
    toml: LocatedToml, index: int, clause: Clause, known_cases: frozenset[str] | None
) -> None:
    for case_id in clause.cases:
        line = toml.line("clause", index, key="cases", value=case_id)
        if clause.cases.count(case_id) > 1:
            what = f"clause {clause.id} names test case {case_id} twice"
            raise toml.error(what, "name it once", line=line)
        if known_cases is not None and case_id not in known_cases:
            what = f"clause {clause.id} names the unknown test case {case_id!r}"
            remedy = "correct the id, or remove it (`camproof catalogue tests` lists them)"
            raise toml.error(what, remedy, line=line)
