"""The schemas in docs/ are those of the code, and hold for real files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import laboratory
import pytest

from camproof.campaign import Campaign, Job
from conformance import assessment
from devices import device_file

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("assessment.schema.json", assessment.json_schema()),
        ("device-file.schema.json", device_file.json_schema()),
    ],
)
def test_the_published_schema_is_the_codes(name: str, made: str) -> None:
    published = (DOCS / name).read_text("utf-8")
    assert published == made, f"docs/{name} is stale; write it again from the code"
    jsonschema.Draft202012Validator.check_schema(json.loads(published))


def test_a_real_assessment_and_device_file_hold(tmp_path: Path) -> None:
    device = laboratory.device_file(tmp_path)
    own = laboratory.test_cases(tmp_path, "evidence.record('seen', 'it')", "assert False, 'no'")
    (tmp_path / "run").mkdir()
    Campaign(Job(device, tmp_path / "run", select="LAB-*", tests=[own]), lambda _e: None).run()
    written = json.loads((tmp_path / "run" / "assessment.json").read_text("utf-8"))
    jsonschema.validate(written, json.loads(assessment.json_schema()))
    given = json.loads(json.dumps(tomllib.loads(device.read_text("utf-8")), default=str))
    jsonschema.validate(given, json.loads(device_file.json_schema()))
