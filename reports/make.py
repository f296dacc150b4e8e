"""All reports of a run, as ``camproof run`` ends with and ``camproof report`` makes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conformance import assessment as record
from reports import allure, dossier, page
from reports.allure_install import AllureUnavailable
from reports.dossier import DossierError
from reports.seal_key import SealKeyError, load_or_make_seal_key

Log = Callable[[str], None]


def make_all(folder: Path, *, allure: bool, log: Log = lambda _: None) -> list[str]:
    """Make the approval page, the Allure report and the dossier of ``folder``.

    Returns a message for each that could not be made; what could be is there nevertheless, and
    making it again gives the same. ``allure`` says whether to make the Allure HTML, which may
    need the npm registry; what it is made from is prepared in any case. Raises AssessmentError
    when the folder holds no readable assessment: then there is nothing to report.
    """
    record.read(folder)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("what Allure shows about the run", lambda: _prepare(folder)),
        ("the approval page", lambda: page.render(folder)),
        ("the dossier", lambda: dossier.seal(folder, load_or_make_seal_key())),
    ]
    if allure:
        steps.append(("the Allure report", lambda: _generate(folder, log)))
    return [message for name, step in steps if (message := _try(name, step, log))]


def _prepare(folder: Path) -> None:
    allure.prepare(folder)


def _generate(folder: Path, log: Log) -> None:
    allure.generate(folder, log)


def _try(name: str, step: Callable[[], object], log: Log) -> str:
    """Run one step; returns what kept it from being done, in words for people, or nothing."""
    log(f"making {name}")
    try:
        step()
    except (AllureUnavailable, DossierError, SealKeyError) as error:
        return str(error)
    except OSError as error:
        where = error.filename or "a file"
        return f"{name} could not be written: {where}: {error.strerror or error}"
    return ""
