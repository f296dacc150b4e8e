"""What two units share: found in what their runs kept, and entered in both records."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance import across_units, assessment, catalogue, knowledge
from conformance.across_units import Unit
from conformance.assessment import Assessment, Evidence, Result
from conformance.verdict import Verdict
from devices.emulated.bench.launch import EmulatedCamera
from fixtures import plugin
from fixtures.observed import RECIPES

SECRET = {
    "what": "TLS key",
    "observation": "scan",
    "path": "servers.*.chain.0.key",
    "cases": ["LAB-001"],
    "source": "a standard",
}
NOTE = Evidence(
    name="across units", path="evidence/u.json", sha256="0" * 64, media_type="application/json"
)


def server(*keys: str) -> dict[str, Any]:
    return {"servers": [{"chain": [{"key": key}]} for key in keys]}


def unit(folder: Path, name: str, serial: str, observation: Any) -> Unit:
    """A run that kept one observation as evidence of one test case."""
    own = folder / name
    own.mkdir()
    (own / "scan.json").write_text(
        observation if isinstance(observation, str) else json.dumps(observation)
    )
    kept = Evidence(name="scan", path="scan.json", sha256="", media_type="application/json")
    record = Assessment.model_validate(
        {
            "demonstration": False,
            "suite": {"version": "1", "catalogue_sha256": ""},
            "device": {
                "manufacturer": "Acme",
                "model": "C1",
                "hardware": "A",
                "serial": serial,
                "firmware": {"version": "1"},
                "emulated": False,
            },
            "profiles": [],
            "started": datetime(2026, 1, 1, tzinfo=UTC),
            "results": [result(evidence=[kept])],
            "decision": {"verdict": "INCOMPLETE"},
        }
    )
    return Unit(name, record, own)


def result(verdict: Verdict = Verdict.PASS, reason: str = "good", **more: Any) -> Result:
    facts = {"id": "LAB-001", "title": "t", "area": "streams", "severity": "low"}
    return Result.model_validate({**facts, "verdict": verdict, "reason": reason, **more})


def test_a_key_of_two_units_is_found_and_named(tmp_path: Path) -> None:
    units = [
        unit(tmp_path, "a", "1", server("own-a", "common")),
        unit(tmp_path, "b", "2", server("common")),
        unit(tmp_path, "c", "3", server("own-c")),
    ]
    found = across_units.compare(units, [SECRET])
    assert found.units == 3
    assert found.compared == {"TLS key": 3}
    assert [(item.value, item.units) for item in found.shared] == [("common", ("a", "b"))]


def test_two_runs_of_one_unit_may_show_one_key(tmp_path: Path) -> None:
    units = [unit(tmp_path, name, "1", server("common")) for name in ("a", "b")]
    found = across_units.compare(units, [SECRET])
    assert (found.units, found.shared) == (1, ())


@pytest.mark.parametrize(
    "kept",
    ["", "[", '"text"', "null", '{"servers": 1}', '{"servers": [{"chain": [{"key": null}]}]}'],
)
def test_what_cannot_be_read_is_not_counted_as_compared(tmp_path: Path, kept: str) -> None:
    units = [unit(tmp_path, "a", "1", kept), unit(tmp_path, "b", "2", server("common"))]
    found = across_units.compare(units, [SECRET])
    assert found.compared == {"TLS key": 1}
    assert found.shared == ()


def test_a_shared_key_fails_the_test_case_with_its_evidence(tmp_path: Path) -> None:
    units = [unit(tmp_path, name, name, server("common")) for name in ("a", "b")]
    found = across_units.compare(units, [SECRET])
    judged = across_units.judge(result(), found.shared, "a", NOTE)
    assert judged.verdict == Verdict.FAIL
    assert judged.reason == ("The TLS key common is also that of b; each unit must have its own.")
    assert judged.evidence == [NOTE]
    assert across_units.judge(judged, found.shared, "a", NOTE) == judged
    other = result(id="LAB-002")
    assert across_units.judge(other, found.shared, "a", NOTE) == other


def test_an_earlier_failure_keeps_its_reason(tmp_path: Path) -> None:
    units = [unit(tmp_path, name, name, server("common")) for name in ("a", "b")]
    found = across_units.compare(units, [SECRET])
    failed = result(Verdict.FAIL, "The key is weak.")
    assert across_units.judge(failed, found.shared, "b", NOTE).reason == (
        "The key is weak. The TLS key common is also that of a; each unit must have its own."
    )


def test_every_unit_secret_names_what_exists() -> None:
    for name in plugin.pytest_plugins:
        importlib.import_module(name)
    known = {case.id for case in catalogue.load().cases()}
    for row in knowledge.load("unit_secrets"):
        assert row["observation"] in RECIPES
        assert set(row["cases"]) <= known


def test_two_emulated_units_with_one_host_key_are_both_rejected(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.toml" for number in (1, 2)]
    with ExitStack() as stack:
        for number, path in enumerate(files, start=1):
            camera = EmulatedCamera({"host_key_fixed": True}, device_file=path, unit=number)
            stack.enter_context(camera)
        command = ["run", *map(str, files), "--select", "BACKDOOR-016", "--no-allure"]
        done = subprocess.run(
            [sys.executable, "-m", "camproof", *command, "--output", str(tmp_path / "run")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1, done.stdout + done.stderr
    campaign = json.loads((tmp_path / "run" / "campaign.json").read_text())
    assert campaign["across_units"]["compared"]["SSH host key"] == 2
    assert len(campaign["across_units"]["shared"]) == 1
    for row in campaign["cameras"]:
        record = assessment.read(tmp_path / "run" / row["folder"])
        (only,) = record.results
        assert "each unit must have its own" in only.reason
        assert only.evidence[-1].name == "across units"
        dossier = str(tmp_path / "run" / row["folder"] / "dossier.zip")
        verified = subprocess.run(
            [sys.executable, "-m", "camproof", "verify", dossier],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
