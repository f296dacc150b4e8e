"""What the pages for users show is true: their examples load."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from conformance import declared_cases, profile, regulation
from conformance.fault import FaultFile
from conformance.selection import Selection, case_labels
from devices import device_file
from devices.description import DeviceFile
from devices.identity.origin_certificate import ORIGIN, parse_certificate

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module", autouse=True)
def _marker(pytestconfig: pytest.Config) -> None:
    """Test modules are imported here without the plugin, which registers the mark otherwise."""
    pytestconfig.addinivalue_line("markers", "camproof_case(case): a test case of the suite")


def blocks(page: str, language: str) -> list[str]:
    """The fenced examples of one language on a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_example_of_a_test_case_loads(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(blocks("writing-a-test.md", "python")[0])
    (found,) = declared_cases.laboratory([tmp_path])
    assert found.case.id == "LAB-001"
    assert found.case.criterion


def test_the_example_of_a_fault_loads(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(blocks("writing-a-test.md", "toml")[0])
    assert set(FaultFile(path).faults) <= set(FaultFile().faults)


def test_the_examples_of_a_regulation_and_a_profile_load(tmp_path: Path) -> None:
    first, second = blocks("rules.md", "toml")
    rules, chosen = tmp_path / "rules.toml", tmp_path / "profile.toml"
    rules.write_text(first)
    chosen.write_text(second)
    assert regulation.read(rules).id in regulation.load()
    assert profile.read(chosen).id == profile.DEFAULT


@pytest.mark.parametrize(("page", "count"), [("writing-a-test.md", 2), ("../README.md", 1)])
def test_the_examples_of_selections_choose_something(page: str, count: int) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    expressions = re.findall(r"--select (?:\"([^\"]+)\"|'([^']+)')", text)
    assert len(expressions) == count
    cases = [entry.case for entry in declared_cases.built_in()]
    for expression in expressions:
        assert Selection.parse("".join(expression)).choose(cases, case_labels)


def test_the_example_of_a_device_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    whole, media, passwords, ports, *webs = blocks("device-file.md", "toml")
    path.write_text(whole)
    device = device_file.load(path)
    assert device.declared.lockout is not None
    assert device.documents.quality_certificate == tmp_path / "quality.json"
    own = device.model_dump(by_alias=True, exclude_none=True)
    own["declared"]["streams"] = tomllib.loads(media)["declared"]["streams"]
    first_use = tomllib.loads(passwords)
    own["factory"] = first_use["factory"]
    own["declared"]["passwords"] = first_use["declared"]["passwords"]
    session, challenge, manners = (tomllib.loads(web)["links"]["http"] for web in webs)
    challenge |= manners
    own["links"]["http"] = session | challenge
    own["links"] |= tomllib.loads(ports)["links"]
    own["declared"] |= tomllib.loads(ports)["declared"]
    given = DeviceFile.model_validate(own)
    kinds = [stream.web_container for stream in given.declared.streams]
    assert kinds == ["mjpeg", "hls", "websocket"]
    http = given.links.http
    assert http is not None
    assert http.csrf is not None
    assert set(http.operations) == {"login"}
    assert http.challenge is not None
    assert [step.name for step in http.challenge.computed] == ["inner", "answer"]
    assert [step.wait for step in given.links.tcp["control"].steps] == ["login:", "assword:"]
    assert given.declared.lockout is not None
    assert given.declared.lockout.scope == "both"
    assert given.declared.passwords.policies == ["nist-800-63b-4"]


def test_the_example_of_a_certificate_loads() -> None:
    (text,) = blocks("device-file.md", "json")
    assert parse_certificate(text.encode()).form == ORIGIN


def test_the_page_names_the_test_cases_that_need_a_shell() -> None:
    """Those of the SSH server do not apply without one; those inside the camera still do."""
    text = (DOCS / "device-file.md").read_text(encoding="utf-8")
    server, inside = re.findall(r"test cases (?:of an SSH|that look inside)[^(]*\(([^)]*)\)", text)
    cases = [entry.case for entry in declared_cases.built_in() if "ssh" in entry.case.needs]
    assert set(re.split(r",\s+", server)) == {c.id for c in cases if "ssh" in c.applies_to}
    assert set(re.split(r",\s+", inside)) == {c.id for c in cases if "ssh" not in c.applies_to}
