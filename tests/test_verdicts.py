"""What a test case did becomes one of four verdicts; nothing passes without evidence.

A laboratory's own test cases (``--tests``) go through the same plugin as the suite's.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camproof.campaign import Campaign, Job
from conformance.assessment import Result
from conformance.verdict import Verdict

DEVICE = """\
schema_version = 1
[device]
manufacturer = "Acme"
model = "C1"
hardware = "A"
serial = "0001"
firmware = { version = "1.0" }
[authorisation]
granted_by = "the test"
reference = "tests/test_verdicts.py"
expires = 2099-12-31
addresses = ["127.0.0.1"]
[accounts.admin]
username = "root"
password = { env = "CAMPROOF_TEST_PASSWORD" }
[[declared.not_applicable]]
case = "LAB-011"
reason = "this product has no such thing"
"""

CASES = """\
import logging
import sys
import warnings
import allure
import pytest
from dataclasses import dataclass
from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.errors import Unreachable
from devices.links.http.pool import PinnedAdapter
from devices.observation import Artefact, Observation


@dataclass(frozen=True, kw_only=True)
class Seen(Observation):
    fact: str


def lab(number, **more):
    return case(f"LAB-{number:03}", severity="low", needs=("http",), **more)


class Told(Exception):
    def __init__(self, told):
        super().__init__("the camera said something")
        self.told = told

    def __str__(self):
        return f"it told {self.told}"


def tell(secrets):
    password = secrets.password("admin")
    logging.getLogger("lab").warning("logged %s", password)
    print("printed", password)
    print("printed too", password, file=sys.stderr)
    warnings.warn(f"warned of {password}")
    allure.attach(f"attached {password}", f"name with {password}")
    with allure.step(f"step with {password}"):
        try:
            raise OSError(2, "not found", f"/keys/{password}")
        except OSError as error:
            raise Told(password) from ValueError([password], error)


@pytest.fixture
def telling_set_up(secrets):
    tell(secrets)


@pytest.fixture
def telling_tear_down(secrets):
    yield
    tell(secrets)


def published(function):
    function.__doc__ = "A title.\\n\\nMethod: looks.\\nPass: it is there.\\n"
    return function


@lab(1)
@published
def test_pass(evidence):
    evidence.record("what was seen", "it is there")

@lab(2)
@published
def test_no_evidence():
    assert True

@lab(3)
@published
def test_fail(evidence):
    evidence.record("what was seen", b"nothing")
    found = ["a", "b"]
    assert not found, "port 23 is open, expected closed"

@lab(4)
@published
def test_partial(evidence):
    evidence.observe(Seen(fact="half", shortfall="the camera stopped answering"))

@lab(5)
@published
def test_link_error(evidence):
    raise Unreachable("192.0.2.7 port 443 refused the connection")

@lab(6)
@published
def test_crash(evidence):
    evidence.record("x", "y")
    [][0]

@lab(7)
@published
def test_skipped():
    pytest.skip("no time")

@lab(8)
@published
def test_inconclusive():
    raise Inconclusive("the account is locked", "locked")

@lab(9)
@published
def test_not_applicable():
    raise NotApplicable("the device file declares no SSH service")

@lab(10, changes="factory")
@published
def test_not_allowed(evidence):
    evidence.record("x", "must not run")

@lab(11)
@published
def test_declared_absent(evidence):
    raise AssertionError("must not run")

@lab(12)
@published
def test_secret(evidence, secrets):
    secrets.password("admin")
    evidence.record("log", "the password is pa55-w0rd-of-the-test, c2F5")
    evidence.observe(Seen(fact="root:pa55-w0rd-of-the-test", artefacts=(
        Artefact("a.bin", "application/octet-stream", b"x pa55-w0rd-of-the-test x"),)))
    assert False, "the camera prints pa55-w0rd-of-the-test"

@lab(13)
@published
def test_no_link(http, evidence):
    evidence.record("x", "must not run")

@lab(14)
@published
def test_tells(evidence, secrets):
    evidence.record("x", "y")
    tell(secrets)

@lab(15)
@published
def test_tells_before(telling_set_up, evidence):
    evidence.record("x", "must not run")

@lab(16)
@published
def test_tells_after(telling_tear_down, evidence):
    evidence.record("x pa55-w0rd-of-the-test", "y")

@lab(17)
@published
def test_skips_with_a_secret(secrets):
    pytest.skip("no time for " + secrets.password("admin"))

@lab(18)
@published
def test_fails_on_nothing():
    assert False, "port 23 is open"

@lab(19)
@published
def test_says_fail_on_nothing():
    pytest.fail("port 23 is open")

@lab(20)
@published
def test_says_fail(evidence):
    evidence.record("x", "y")
    pytest.fail("port 23 is open")

@pytest.fixture
def asserts_in_set_up():
    assert [] == [1], "no ports"

@lab(21)
@published
def test_assertion_in_set_up(evidence, asserts_in_set_up):
    evidence.record("x", "must not run")

@pytest.fixture
def fails_in_tear_down():
    yield
    pytest.fail("not put back")

@lab(22)
@published
def test_fail_in_tear_down(evidence, fails_in_tear_down):
    evidence.record("x", "y")

@lab(23)
@published
def test_assertion_in_tear_down_after_a_fail(evidence, fails_in_tear_down):
    evidence.record("x", "y")
    assert False, "port 23 is open"

@lab(24)
@published
def test_assertion_inside_a_link(evidence):
    evidence.record("x", "y")
    PinnedAdapter.request_url(None, "not a request", None)

@lab(25)
@published
def test_assertion_in_a_step(evidence, step):
    evidence.record("x", "y")
    with step("look"):
        assert False, "port 23 is open"

@lab(26)
@published
def test_text_that_cannot_be_written(evidence, step):
    with step("asks \\udc80"):
        evidence.record("answer \\udc80", "\\udc80")
    evidence.record("tree", {"\\udc80": ["\\udc80"]})
    evidence.observe(Seen(fact="\\udc80"))
    assert False, "its name is \\udc80"

@lab(27)
@published
def test_error_that_cannot_be_written(evidence):
    logging.warning("\\udc80")
    raise Unreachable("it answered \\udc80")

@pytest.fixture
def broken():
    raise ValueError("\\udc80")

@lab(28)
@published
def test_set_up_that_cannot_be_written(broken):
    raise AssertionError("must not run")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verdicts")


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Result]:
    (folder / "camera.toml").write_text(DEVICE)
    (folder / "own").mkdir()
    (folder / "own" / "test_lab.py").write_text(CASES)
    (folder / "run").mkdir()
    job = Job(folder / "camera.toml", folder / "run", select="LAB-*", tests=[folder / "own"])
    job.environment = {"CAMPROOF_TEST_PASSWORD": "pa55-w0rd-of-the-test"}
    record = Campaign(job, lambda _event: None).run()
    for result in record.results:
        for item in result.evidence:
            assert (folder / "run" / item.path).is_file()
    return {result.id: result for result in record.results}


@pytest.mark.parametrize(
    ("case_id", "verdict", "cause", "says"),
    [
        ("LAB-001", "PASS", "", "it is there."),
        ("LAB-002", "INCONCLUSIVE", "no-evidence", "no evidence"),
        ("LAB-003", "FAIL", "", "port 23 is open, expected closed"),
        ("LAB-004", "INCONCLUSIVE", "partial", "stopped answering"),
        ("LAB-005", "INCONCLUSIVE", "unreachable", "refused the connection"),
        ("LAB-006", "INCONCLUSIVE", "suite", "IndexError"),
        ("LAB-007", "INCONCLUSIVE", "skipped", "without a declaration"),
        ("LAB-008", "INCONCLUSIVE", "locked", "the account is locked"),
        ("LAB-009", "NOT_APPLICABLE", "", "declares no SSH"),
        ("LAB-010", "INCONCLUSIVE", "not-authorised", "'factory'"),
        ("LAB-011", "NOT_APPLICABLE", "", "no such thing"),
        ("LAB-012", "FAIL", "", "[redacted:admin.password]"),
        ("LAB-013", "INCONCLUSIVE", "no-link", "[links.http]"),
        ("LAB-014", "INCONCLUSIVE", "suite", "Told: it told [redacted:admin.password]"),
        ("LAB-015", "INCONCLUSIVE", "suite", "Told: it told [redacted:admin.password]"),
        ("LAB-016", "INCONCLUSIVE", "suite", "Told: it told [redacted:admin.password]"),
        ("LAB-017", "INCONCLUSIVE", "skipped", "no time for [redacted:admin.password]"),
        ("LAB-018", "INCONCLUSIVE", "no-evidence", "port 23 is open"),
        ("LAB-019", "INCONCLUSIVE", "no-evidence", "port 23 is open"),
        ("LAB-020", "FAIL", "", "port 23 is open"),
        ("LAB-021", "INCONCLUSIVE", "suite", "the set-up of the test case failed"),
        ("LAB-022", "INCONCLUSIVE", "suite", "not put back"),
        ("LAB-023", "FAIL", "", "port 23 is open"),
        ("LAB-024", "INCONCLUSIVE", "suite", "a check inside the suite failed"),
        ("LAB-025", "FAIL", "", "port 23 is open"),
        ("LAB-026", "FAIL", "", "its name is \\udc80"),
        ("LAB-027", "INCONCLUSIVE", "unreachable", "it answered \\udc80"),
        ("LAB-028", "INCONCLUSIVE", "suite", "\\udc80"),
    ],
)
def test_verdict(
    results: dict[str, Result], case_id: str, verdict: str, cause: str, says: str
) -> None:
    result = results[case_id]
    assert (result.verdict.value, result.cause) == (verdict, cause), result.reason
    assert says in result.reason


def test_no_file_of_the_run_holds_the_password(results: dict[str, Result], folder: Path) -> None:
    written = {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    assert not [path for path, data in written.items() if b"pa55-w0rd" in data]
    assert not [path for path in written if "pa55-w0rd" in path.name]
    shown = b"".join(written.values())
    for what in (
        "logged",
        "printed",
        "printed too",
        "warned of",
        "attached",
        "name with",
        "step with",
    ):
        assert f"{what} [redacted:admin.password]".encode() in shown, what
    assert results["LAB-014"].evidence


def test_allure_shows_a_failure_for_a_fail_and_nothing_else(
    results: dict[str, Result], folder: Path
) -> None:
    records = [
        json.loads(path.read_text())
        for path in (folder / "run" / "allure-results").glob("*-result.json")
    ]
    failed = [record for record in records if record["status"] == "failed"]
    assert len(failed) == sum(result.verdict is Verdict.FAIL for result in results.values())
