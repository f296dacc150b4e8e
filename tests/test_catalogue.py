"""The catalogue: what it holds together, what it refuses, what it answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance import catalogue, declared_cases, knowledge, listing, policy, profile, regulation
from conformance.catalogue import Catalogue, CatalogueError, UnknownName
from conformance.declared_cases import DeclaredCase
from conformance.fault import FaultFile
from conformance.selection import Selection, case_labels, fault_labels

MODULE = '''\
from conformance.case import case


@case("LAB-001", severity="high", needs=("http",), catches=("cred-one",))
def test_one() -> None:
    """The first.

    Method: look.
    Pass: seen.
    """


@case("LAB-002", severity="low", needs=("ssh",), catches=("cred-one", "stream-two"))
def test_two() -> None:
    """The second.

    Method: look again.
    Pass: seen again.
    """
'''
FAULTS = """\
[[fault]]
id = "cred-one"
title = "One"
posture = { anything = true }
cwe = "CWE-798"
seen_in = "constructed"

[[fault]]
id = "stream-two"
title = "Two"
posture = {}
cwe = "CWE-319"
seen_in = "constructed"
"""
REGULATION = """\
[regulation]
id = "REG-1"
title = "t"
publisher = "p"
edition = "e"
status = "in force"
source = "read"

[[clause]]
id = "1"
obligation = "M"
summary = "A demand in own words."
how = "device"
cases = ["LAB-001", "LAB-002"]

[[clause]]
id = "2"
obligation = "R"
summary = "A demand without test cases."
how = "process"
"""
PROFILE = """\
[profile]
id = "mine"
title = "t"
summary = "s"
[selection]
regulations = ["*"]
only_assessed = true
[decision]
rule = "every-clause"
statement = "in words"
"""


@pytest.fixture(scope="module", autouse=True)
def _marker(pytestconfig: pytest.Config) -> None:
    """Test modules are imported here without the plugin, which registers the mark otherwise."""
    pytestconfig.addinivalue_line("markers", "camproof_case(case): a test case of the suite")


class Bench:
    """A folder with a small catalogue of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = self._write("lab/test_lab.py", MODULE)
        self.faults = self._write("faults.toml", FAULTS)
        self.regulation = self._write("regulations/reg.toml", REGULATION)
        self.profile = self._write("profiles/mine.toml", PROFILE)

    def load(self, *, built_in: bool = True) -> Catalogue:
        found = declared_cases.laboratory([self.module.parent])
        declared = declared_cases.by_id(
            dataclasses.replace(one, built_in=built_in) for one in found
        )
        known = regulation.load(self.regulation.parent, declared)
        profiles = profile.load(self.profile.parent, known)
        return Catalogue(declared, FaultFile(self.faults), known, profiles)

    def refuses(self, path: Path, old: str, new: str, line: int) -> str:
        """Change a file, load, and return what is refused at that file and line."""
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(CatalogueError) as caught:
            self.load()
        assert str(caught.value).startswith(f"{path}:{line}: "), str(caught.value)
        assert caught.value.remedy
        return caught.value.what

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_catalogue_that_holds_together(bench: Bench) -> None:
    found = bench.load()
    assert [case.id for case in found.cases()] == ["LAB-001", "LAB-002"]
    assert found.case("LAB-001").area == "lab"
    assert found.is_built_in("LAB-001")
    assert found.clauses_for("LAB-002") == ["REG-1:1"]
    assert found.catchers("cred-one") == ["LAB-001", "LAB-002"]
    assert found.scope("mine") == ["REG-1:1"]
    assert found.cases_for(["mine"]) == ["LAB-001", "LAB-002"]
    (entry,) = found.coverage()
    assert (entry.assessed, entry.open) == (1, ("2",))


def test_unknown_names_are_said(bench: Bench) -> None:
    found = bench.load()
    with pytest.raises(UnknownName, match="LAB-009"):
        found.case("LAB-009")
    with pytest.raises(UnknownName, match="known are mine"):
        found.profile("yours")


def test_an_unknown_case_in_a_clause_is_refused(bench: Bench) -> None:
    assert "'LAB-009'" in bench.refuses(bench.regulation, "LAB-002", "LAB-009", 14)


def test_an_unknown_regulation_in_a_profile_is_refused(bench: Bench) -> None:
    assert "'OTHER'" in bench.refuses(bench.profile, '["*"]', '["OTHER"]', 6)


def test_an_unknown_fault_in_a_case_is_refused(bench: Bench) -> None:
    what = bench.refuses(bench.module, '"stream-two"', '"stream-three"', 13)
    assert "LAB-002: catches the unknown fault 'stream-three'" in what


def test_a_fault_that_nothing_catches_is_refused(bench: Bench) -> None:
    bench.module.write_text(MODULE.replace('"cred-one", "stream-two"', '"cred-one",'))
    what = bench.refuses(bench.faults, "Two", "Second", 9)
    assert "'stream-two'" in what


def test_a_built_in_case_that_catches_nothing_is_refused(bench: Bench) -> None:
    what = bench.refuses(bench.module, ', catches=("cred-one",)', "", 4)
    assert "LAB-001: catches no fault" in what


def test_a_laboratorys_case_may_catch_nothing(bench: Bench) -> None:
    text = bench.module.read_text().replace(', catches=("cred-one",)', "")
    bench.module.write_text(text)
    found = bench.load(built_in=False)
    assert found.case("LAB-001").catches == ()
    assert not found.is_built_in("LAB-001")


def test_a_repeated_case_is_refused_with_both_places(bench: Bench) -> None:
    assert f"{bench.module}:4" in bench.refuses(bench.module, "LAB-002", "LAB-001", 13)


def test_a_repeated_fault_is_refused(bench: Bench) -> None:
    assert "line 2" in bench.refuses(bench.faults, "stream-two", "cred-one", 9)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"CWE-319"', '"319"', 12),
        ('id = "stream-two"', 'id = "other-two"', 9),
        ('id = "stream-two"', "id = stream", 9),
        ('title = "Two"\n', "", 8),
    ],
)
def test_a_malformed_fault_is_refused(bench: Bench, old: str, new: str, line: int) -> None:
    bench.refuses(bench.faults, old, new, line)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("def test_two() -> None:", "def test_two() -> None", 14, "SyntaxError"),
        ('severity="low"', 'severity="low", changes="moon"', 13, "changes is one of"),
        ("from conformance.case import case", "import no_such_module", 1, "ModuleNotFound"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused(
    bench: Bench, old: str, new: str, line: int, what: str
) -> None:
    assert what in bench.refuses(bench.module, old, new, line)


def test_an_empty_or_missing_folder_of_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such folder"):
        list(declared_cases.laboratory([tmp_path / "none"]))
    with pytest.raises(CatalogueError, match=r"no test_\*\.py"):
        list(declared_cases.laboratory([tmp_path]))


def test_listings_are_json_with_the_id_first(bench: Bench) -> None:
    found = bench.load()
    for rows in (make(found) for make in listing.LISTINGS.values()):
        assert rows
        assert all(next(iter(row)) == "id" for row in rows)
        assert json.loads(json.dumps(rows)) == rows
    assert listing.coverage(found)[0]["open"] == ["2"]


def test_the_digest_follows_the_content_and_not_the_place(bench: Bench, tmp_path: Path) -> None:
    digest = bench.load().sha256
    (tmp_path / "elsewhere").mkdir()
    assert len(digest) == 64
    assert Bench(tmp_path / "elsewhere").load().sha256 == digest
    bench.regulation.write_text(REGULATION.replace("in own words", "in other words"))
    assert bench.load().sha256 != digest


def test_labels_choose_cases_and_faults(bench: Bench) -> None:
    found = bench.load()
    chosen = Selection.parse("http or low").choose(found.cases(), case_labels)
    assert [case.id for case in chosen] == ["LAB-001", "LAB-002"]
    chosen_faults = Selection.parse("streams").choose(found.faults(), fault_labels)
    assert [fault.id for fault in chosen_faults] == ["stream-two"]


POLICY = 'name = "TLS"\nversion = "2"\nsources = ["RFC 9325"]\nminimum = "TLSv1.2"\n'


def test_a_policy_needs_name_version_and_sources(tmp_path: Path) -> None:
    path = tmp_path / "tls.toml"
    path.write_text(POLICY)
    assert policy.read(path)["minimum"] == "TLSv1.2"
    path.write_text(POLICY.replace('["RFC 9325"]', "[]"))
    with pytest.raises(CatalogueError, match=r"tls\.toml:3: sources"):
        policy.read(path)
    path.write_text(POLICY.replace('name = "TLS"\n', ""))
    with pytest.raises(CatalogueError, match=r"tls\.toml:1: name"):
        policy.read(path)
    with pytest.raises(CatalogueError, match="cannot be read"):
        policy.load("no-such-policy")


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("t.csv", "a,b\n1,2,3\n", 2, "more or fewer fields"),
        ("t.csv", "a,b\n1\n", 2, "more or fewer fields"),
        ("t.csv", "a,a\n1,2\n", 1, "name each column once"),
        ("t.csv", "", 1, "name each column once"),
        ("t.csv", 'a,b\n"x"y,2\n', 2, "not CSV"),
        ("t.toml", "[[a]]\nx = 1\n[[b]]\ny = 2\n", 1, "2 arrays of tables"),
        ("t.toml", 'name = "x"\n', 1, "no array of tables"),
        ("t.toml", "x = \n", 1, "not TOML"),
    ],
)
def test_malformed_knowledge_is_refused(
    tmp_path: Path, name: str, text: str, line: int, what: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CatalogueError) as caught:
        knowledge.read(path)
    assert caught.value.line == line
    assert what in caught.value.what


def test_knowledge_gives_rows(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('user,password,note\nroot,,"a, b"\n')
    assert knowledge.read(table) == [{"user": "root", "password": "", "note": "a, b"}]
    tables = tmp_path / "t.toml"
    tables.write_text('version = "1"\n[[path]]\nurl = "/x"\n')
    assert knowledge.read(tables) == [{"url": "/x"}]
    with pytest.raises(CatalogueError, match="'no-such-table' is not there"):
        knowledge.load("no-such-table")


@pytest.fixture(scope="module")
def suite() -> Catalogue:
    return catalogue.load()


class TestTheSuitesOwn:
    """The real catalogue; whole once every area's test cases are in."""

    def test_it_holds_together(self, suite: Catalogue) -> None:
        assert len(suite.cases()) >= 45
        assert len(suite.faults()) >= 50

    def test_every_case_decides_the_default_profile(self, suite: Catalogue) -> None:
        assert suite.cases_for([profile.DEFAULT]) == [case.id for case in suite.cases()]

    def test_each_area_has_eight_cases(self, suite: Catalogue) -> None:
        for area in ("streams", "credentials", "backdoors", "updates", "origin"):
            assert sum(case.area == area for case in suite.cases()) >= 8, area

    def test_every_clause_is_assessed_or_openly_not(self, suite: Catalogue) -> None:
        for entry in suite.coverage():
            assert entry.assessed + len(entry.open) == len(entry.regulation.clauses)

    def test_policies_and_knowledge_can_be_read(self) -> None:
        for name in policy.names():
            assert policy.load(name)["sources"]
        for name in knowledge.names():
            assert knowledge.load(name)

    def test_the_digest_is_stable(self, suite: Catalogue) -> None:
        assert catalogue.load().sha256 == suite.sha256


fragments = st.lists(
    st.sampled_from(
        ["[[clause]]", "[regulation]", "[profile]", "[selection]", "[decision]", "[[fault]]"]
        + ['id = "1"', "cases = [", "]", '"""', "'''", "a,b", '"x', "= 1", "#", "\x00", "é"]
        + [line for text in (REGULATION, PROFILE, FAULTS) for line in text.splitlines()]
    )
    | st.text(max_size=12),
    max_size=25,
).map("\n".join)


@given(text=fragments)
@example("x = " + "[" * 5000)
@example("x = " + "9" * 5000)
@example(REGULATION.replace("REG-1", "R\x85\u2028"))
def test_any_file_is_read_or_refused_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    table = path.with_suffix(".csv")
    table.write_text(text, encoding="utf-8", newline="")
    for read, source in (
        (regulation.read, path),
        (profile.read, path),
        (FaultFile, path),
        (policy.read, path),
        (knowledge.read, path),
        (knowledge.read, table),
    ):
        try:
            read(source)
        except CatalogueError as error:
            assert error.line >= 1  # noqa: PT017 - to be read is a good outcome too
            assert error.remedy  # noqa: PT017


def test_a_declared_case_knows_its_place(bench: Bench) -> None:
    found = list(declared_cases.laboratory([bench.module.parent]))
    assert all(isinstance(one, DeclaredCase) and one.path == bench.module for one in found)
    assert [one.line for one in found] == [4, 13]
