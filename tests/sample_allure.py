"""Makes allure-results as allure-pytest leaves them, for tests of the reports."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from conformance.assessment import Assessment, Result

_STATUS = {
    "PASS": "passed",
    "FAIL": "failed",
    "INCONCLUSIVE": "broken",
    "NOT_APPLICABLE": "skipped",
}
_SEVERITY = {"critical": "blocker", "high": "critical", "medium": "normal", "low": "minor"}


def write_allure_results(folder: Path, assessment: Assessment) -> None:
    """Write one result file for each verdict of ``assessment``, with its evidence attached."""
    results = folder / "allure-results"
    results.mkdir(exist_ok=True)
    start = int(assessment.started.timestamp() * 1000)
    for result in assessment.results:
        made = _allure_result(folder, result, start)
        start = made["stop"]
        (results / f"{made['uuid']}-result.json").write_text(json.dumps(made), "utf-8")


def _allure_result(folder: Path, result: Result, start: int) -> dict[str, Any]:
    attachments = []
    for evidence in result.evidence:
        source = f"{uuid.uuid4()}-attachment{Path(evidence.path).suffix}"
        target = folder / "allure-results" / source
        target.write_bytes((folder / evidence.path).read_bytes())
        attachments.append({"name": evidence.name, "source": source, "type": evidence.media_type})
    labels = [{"name": "epic", "value": result.area}]
    labels += [{"name": "feature", "value": clause.split(":")[0]} for clause in result.clauses]
    labels += [{"name": "story", "value": clause} for clause in result.clauses]
    labels.append({"name": "severity", "value": _SEVERITY[result.severity]})
    return {
        "uuid": str(uuid.uuid4()),
        "historyId": result.id,
        "fullName": f"conformance.{result.area}.{result.id}",
        "name": f"{result.id} {result.title}",
        "status": _STATUS[result.verdict],
        "statusDetails": {"message": result.reason},
        "labels": labels,
        "steps": [{"name": "reach the camera", "status": "passed", "start": start, "stop": start}],
        "attachments": attachments,
        "start": start,
        "stop": start + int(result.seconds * 1000),
    }
