"""All reports of a run, as ``camproof run`` ends with and ``camproof report`` makes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from conformance import assessment as record
from reports import allure, dossier, page
from reports.allure_install import AllureUnavailable
from reports.dossier import DossierError
from reports.seal_key import SealKeyError, load_or_make_seal_key

Log = Callable[[str], None]

PAGE = f"{page.FOLDER}/{page.FILE_NAME}"
ALLURE = f"{allure.REPORT}/index.html"


@dataclass
class Made:
    """What came of making the reports.

    ``outputs`` are the paths in the run's folder that were made now; ``problems`` has a message
    for each that was not. ``complete``: only a view is missing, the Allure report, if anything.
    """

    outputs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    complete: bool = True


def make_all(folder: Path, *, allure: bool, log: Log = lambda _: None) -> Made:
    """Make the approval page, the Allure report and the dossier of ``folder``.

    What could be made is there, whatever else could not, and making it again gives the same. An
    earlier page or dossier does not stay in the place of one that could not be made. ``allure``
    says whether to make the Allure HTML, which may need the npm registry; what it is made from is
    prepared in any case. Raises AssessmentError when the folder holds no readable assessment: then
    there is nothing to report.
    """
    record.read(folder)
    made = Made()
    _try(made, "what Allure shows about the run", "", lambda: _prepare(folder), log)
    needed = [
        _try(made, "the approval page", PAGE, lambda: _render(folder), log),
        _try(made, "the dossier", dossier.FILE_NAME, lambda: _seal(folder), log),
    ]
    if allure:
        _try(made, "the Allure report", ALLURE, lambda: _generate(folder, log), log)
    made.complete = all(needed)
    return made


def _prepare(folder: Path) -> None:
    allure.prepare(folder)


def _generate(folder: Path, log: Log) -> None:
    allure.generate(folder, log)


def _render(folder: Path) -> None:
    (folder / PAGE).unlink(missing_ok=True)  # it would be sealed as this run's
    page.render(folder)


def _seal(folder: Path) -> None:
    """Seal; where that fails, an earlier dossier is kept, under a name that says what it is."""
    dossier.put_aside(folder)
    try:
        dossier.seal(folder, load_or_make_seal_key())
    except (DossierError, SealKeyError) as error:
        if not (folder / dossier.EARLIER).exists():
            raise
        kept = f"The dossier that was there before is kept as {folder / dossier.EARLIER}."
        raise DossierError(f"{error} {kept}") from error


def _try(made: Made, name: str, output: str, step: Callable[[], object], log: Log) -> bool:
    """Run one step; enter what it made, or in words for people what kept it from being done."""
    log(f"making {name}")
    try:
        step()
    except (AllureUnavailable, DossierError, SealKeyError) as error:
        made.problems.append(str(error))
        return False
    except OSError as error:
        where = error.filename or "a file"
        made.problems.append(f"{name} could not be written: {where}: {error.strerror or error}")
        return False
    if output:
        made.outputs.append(output)
    return True
