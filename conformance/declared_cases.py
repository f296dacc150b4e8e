"""Finds test cases: imports test modules and gathers the functions that :func:`case` marked."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

from conformance.areas import AREAS
from conformance.case import ATTRIBUTE, Case
from conformance.located import CatalogueError

_IMPORT_ERRORS = (Exception, pytest.fail.Exception, pytest.skip.Exception)
"""What a module can raise; the outcomes of pytest are no Exception."""


@dataclass(frozen=True)
class DeclaredCase:
    """A test case and where it stands. ``built_in``: it is the suite's own, not a laboratory's."""

    case: Case
    path: Path
    line: int
    built_in: bool

    def error(self, what: str, remedy: str) -> CatalogueError:
        """An error of this test case; raise it."""
        return CatalogueError(self.path, self.line, f"{self.case.id}: {what}", remedy)


def find(extra: Sequence[Path] = ()) -> dict[str, DeclaredCase]:
    """Every test case by id: the suite's own, then those of the folders ``extra``.

    Raises CatalogueError for a module that cannot be imported and for an id used twice.
    """
    return by_id([*built_in(), *laboratory(extra)])


def by_id(cases: Iterable[DeclaredCase]) -> dict[str, DeclaredCase]:
    """Test cases by id; raises CatalogueError for an id used twice."""
    found: dict[str, DeclaredCase] = {}
    for declared in cases:
        first = found.setdefault(declared.case.id, declared)
        if first is not declared:
            what = f"the id is already used in {first.path}:{first.line}"
            raise declared.error(what, "give each test case an id of its own")
    return found


def built_in() -> Iterator[DeclaredCase]:
    """The suite's own test cases, area by area."""
    package = Path(str(files("conformance")))
    for area in AREAS:  # a folder that does not exist yet is passed over
        for path in sorted((package / area).glob("test_*.py")):
            name = f"conformance.{area}.{path.stem}"
            yield from _in_module(_imported(name, path), path, built_in=True)


def laboratory(folders: Sequence[Path]) -> Iterator[DeclaredCase]:
    """The test cases of a laboratory's own folders, and of the folders in them."""
    for folder in folders:
        if not folder.is_dir():
            raise CatalogueError(folder, 1, "no such folder of test cases", "correct --tests")
        paths = sorted(folder.rglob("test_*.py"))
        if not paths:
            what = "the folder holds no test_*.py"
            raise CatalogueError(folder, 1, what, "put test cases there, or correct --tests")
        for path in paths:
            yield from _in_module(_executed(path.resolve()), path, built_in=False)


def _imported(name: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except _IMPORT_ERRORS as error:
        raise _import_failed(path, error) from error


def _executed(path: Path) -> ModuleType:
    """A laboratory's module, under a name that collides with no package and ends in its folder."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"camproof_laboratory_{digest}.{path.parent.name}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CatalogueError(path, 1, "cannot be imported", "give a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except _IMPORT_ERRORS as error:
        del sys.modules[name]
        raise _import_failed(path, error) from error
    return module


def _in_module(module: ModuleType, path: Path, *, built_in: bool) -> Iterator[DeclaredCase]:
    """The test cases defined in ``module``; what it merely imports belongs to another.

    Raises CatalogueError for one that pytest would run several times.
    """
    for member in list(vars(module).values()):
        declared = getattr(member, ATTRIBUTE, None) if inspect.isfunction(member) else None
        if isinstance(declared, Case) and declared.module == module.__name__:
            line = inspect.unwrap(member).__code__.co_firstlineno
            found = DeclaredCase(declared, path, line, built_in)
            if _parametrized(member) or _parametrized(module):
                raise found.error(
                    "is parametrized, and one test case has one verdict",
                    "loop over the values inside it, or declare a test case for each",
                )
            yield found


def _parametrized(marked: object) -> bool:
    """Whether a function, or a module for all of its functions, carries the mark of pytest."""
    marks = getattr(marked, "pytestmark", [])
    return any(
        getattr(mark, "name", "") == "parametrize"
        for mark in (marks if isinstance(marks, list | tuple) else [marks])
    )


def _import_failed(path: Path, error: BaseException) -> CatalogueError:
    line = error.lineno if isinstance(error, SyntaxError) and error.lineno else 0
    if not line:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f.lineno for f in frames if Path(f.filename) == path and f.lineno]
        line = own[-1] if own else 1
    what = f"cannot be imported: {type(error).__name__}: {error}"
    return CatalogueError(path, line, what, "mend the module")
