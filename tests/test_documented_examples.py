"""What the pages for users show is true: their examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance import declared_cases, profile, regulation
from conformance.fault import FaultFile
from conformance.selection import Selection

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


def test_the_examples_of_selections_parse() -> None:
    page = (DOCS / "writing-a-test.md").read_text(encoding="utf-8")
    expressions = re.findall(r'--select "([^"]+)"', page)
    assert len(expressions) == 2
    for expression in expressions:
        Selection.parse(expression)
