"""Runs that do not go as planned: interrupted, killed, resumed, refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import laboratory
import pytest
from sample_run import build_run

from camproof import __version__, resume
from camproof import campaign as campaigns
from camproof.campaign import Campaign, Job
from camproof.cli import main
from camproof.errors import CommandError, Exit
from conformance import assessment, catalogue

PASSES = "evidence.record('seen', 'it is there')"
BLOCKS = f"os.environ.get('GO') or threading.Event().wait(120); {PASSES}"


def camproof(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camproof", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **more)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "run").mkdir()
    own = laboratory.test_cases(tmp_path, PASSES, BLOCKS, PASSES)
    device = laboratory.device_file(tmp_path)
    return Job(device, tmp_path / "run", select="LAB-*", tests=[own])


def verdicts(record: assessment.Assessment) -> dict[str, tuple[str, str]]:
    return {result.id: (result.verdict.value, result.cause) for result in record.results}


def test_an_interrupted_run_keeps_what_it_obtained_and_resumes(job: Job) -> None:
    def interrupt_in_the_second(event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event["id"] == "LAB-002":
            campaign.interrupt()

    campaign = Campaign(job, interrupt_in_the_second)
    record = campaign.run()
    assert verdicts(record) == {
        "LAB-001": ("PASS", ""),
        "LAB-002": ("INCONCLUSIVE", "not-run"),
        "LAB-003": ("INCONCLUSIVE", "not-run"),
    }
    assert record.decision.verdict == "INCOMPLETE"
    assert record.finished is None

    begun: list[str] = []
    job.resume = True
    job.environment = {"GO": "1"}
    resumed = Campaign(job, lambda e: begun.append(e["id"]) if e["event"] == "begin" else None)
    record = resumed.run()
    assert begun == ["LAB-002", "LAB-003"]
    assert {verdict for verdict, _ in verdicts(record).values()} == {"PASS"}
    assert record.finished is not None


def test_a_killed_command_leaves_an_assessment_and_no_process(job: Job) -> None:
    command = [sys.executable, "-m", "camproof", "run", str(job.device_file)]
    command += ["--tests", str(job.tests[0]), "--select", "LAB-*", "--output", str(job.folder)]
    reached, writer = os.pipe()
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(writer,)) as process:
        os.close(writer)
        assert process.stdout is not None
        for line in process.stdout:
            if b"LAB-001" in line:
                break
        process.kill()
    record = assessment.read(job.folder)
    assert verdicts(record)["LAB-001"] == ("PASS", "")
    assert verdicts(record)["LAB-003"] == ("INCONCLUSIVE", "not-run")
    assert record.decision.verdict == "INCOMPLETE"
    os.close(reached)


def test_terminate_is_an_interruption(job: Job) -> None:
    command = [sys.executable, "-m", "camproof", "run", str(job.device_file), "--no-allure"]
    command += ["--tests", str(job.tests[0]), "--select", "LAB-*", "--output", str(job.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "LAB-001" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 3
    assert "INCOMPLETE" in "".join(said)
    assert (job.folder / "dossier.zip").exists()


def test_nothing_outside_the_authorisation_is_contacted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.9", 0)) as other:
        other.settimeout(0)
        port = other.getsockname()[1]
        more = f"""
[links.http]
url = "https://127.0.0.9:{port}/"
[[declared.services]]
name = "https"
port = {port}
protocol = "https"
purpose = "web"
encrypted = true
[accounts.admin]
username = "admin"
password = {{ env = "HOME" }}
"""
        device = laboratory.device_file(tmp_path, address="127.0.0.8", more=more)
        select = "(streams or credentials)"
        out = tmp_path / "run"
        done = camproof("run", device, "--select", select, "--output", out, "--no-allure")
        assert done.returncode == 3, done.stdout + done.stderr
        with pytest.raises(BlockingIOError):
            other.accept()
    causes = {r.cause for r in assessment.read(tmp_path / "run").results}
    assert "not-authorised" in causes
    assert "suite" not in causes


def test_an_expired_authorisation_is_refused(tmp_path: Path) -> None:
    more = '[links.http]\nurl = "https://127.0.0.1:9/"\n'
    device = laboratory.device_file(tmp_path, more=more)
    device.write_text(device.read_text().replace("2099-12-31", "2020-01-01"))
    done = camproof("run", device, "--select", "STREAM-012", "--output", tmp_path / "run",
                    "--no-allure")  # fmt: skip
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "none.toml"], "cannot be read: No such file"),
        (["demo", "--fault", "no-such-fault"], "unknown fault 'no-such-fault'"),
        (["demo", "--profile", "no-such-profile"], "unknown profile 'no-such-profile'"),
        (["demo", "--select", "STREAM-001 and ("], "selection, character"),
        (["demo", "--resume"], "--resume needs --output"),
        (["report", "nowhere"], "cannot be read"),
        (["verify", "nowhere.zip"], "no such dossier"),
        (["selftest", "--faults", "((("], "selection"),
    ],
)
def test_wrong_usage_is_said_before_anything_starts(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = camproof(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_or_unwritable_output_is_refused(tmp_path: Path) -> None:
    device = laboratory.device_file(tmp_path)
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").write_text("keep me")
    done = camproof("run", device, "--output", full)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    file = tmp_path / "file"
    file.write_text("")
    done = camproof("run", device, "--output", file / "below")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert (full / "precious").read_text() == "keep me"


def test_a_suite_that_breaks_says_so_and_decides_nothing(tmp_path: Path) -> None:
    own = laboratory.test_cases(tmp_path, PASSES, "os._exit(3)", PASSES)
    done = camproof(
        *("run", laboratory.device_file(tmp_path), "--tests", own, "--select", "LAB-*"),
        *("--no-allure", "--output", tmp_path / "run"),
    )
    assert done.returncode == 4
    assert "the suite itself failed before the end" in done.stdout
    assert verdicts(assessment.read(tmp_path / "run"))["LAB-001"] == ("PASS", "")


def test_an_internal_error_of_pytest_is_no_end_of_a_run(job: Job) -> None:
    job.environment = {"GO": "1"}
    hook = "def pytest_runtest_logfinish(nodeid):\n    assert 'test_2' not in nodeid\n"
    (job.tests[0] / "conftest.py").write_text(hook)
    campaign = Campaign(job, lambda _event: None)
    record = campaign.run()
    assert verdicts(record)["LAB-002"] == ("PASS", "")
    assert verdicts(record)["LAB-003"] == ("INCONCLUSIVE", "not-run")
    assert record.finished is None
    assert campaign.broken


@pytest.mark.parametrize("stops", ["os._exit(0)", "pytest.exit('enough', returncode=0)"])
def test_a_test_case_cannot_end_a_run_early_as_if_it_were_whole(tmp_path: Path, stops: str) -> None:
    (tmp_path / "run").mkdir()
    own = laboratory.test_cases(tmp_path, PASSES, stops, PASSES)
    module = own / "test_lab.py"
    module.write_text(f"import pytest\n{module.read_text()}")
    job = Job(laboratory.device_file(tmp_path), tmp_path / "run", select="LAB-*", tests=[own])
    campaign = Campaign(job, lambda _event: None)
    assert campaign.run().finished is None
    assert campaign.broken


def test_settings_for_other_tests_do_not_reach_a_run(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no.such.plugin")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    job.environment = {"GO": "1"}
    record = Campaign(job, lambda _event: None).run()
    assert {verdict for verdict, _ in verdicts(record).values()} == {"PASS"}
    job.environment = {"PYTEST_ADDOPTS": "--no-such-option"}
    job.resume = True
    with pytest.raises(CommandError, match="no-such-option"):
        Campaign(job, lambda _event: None).run()


def test_a_run_that_does_not_stop_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "STOP_LIMIT", 0.1)
    deaf = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {PASSES}"
    (tmp_path / "run").mkdir()
    own = laboratory.test_cases(tmp_path, deaf, BLOCKS)
    job = Job(laboratory.device_file(tmp_path), tmp_path / "run", select="LAB-*", tests=[own])

    def interrupt_in_the_second(event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event["id"] == "LAB-002":
            campaign.interrupt()

    campaign = Campaign(job, interrupt_in_the_second)
    record = campaign.run()
    assert verdicts(record) == {"LAB-001": ("PASS", ""), "LAB-002": ("INCONCLUSIVE", "not-run")}
    assert not campaign.broken


def test_a_run_that_is_interrupted_before_it_begins_has_no_result(job: Job) -> None:
    campaign = Campaign(job, lambda _event: None)
    campaign.interrupt()
    with pytest.raises(CommandError, match="before there was any result") as refused:
        campaign.run()
    assert refused.value.code == Exit.INCOMPLETE


def begun_run(tmp_path: Path) -> list[str]:
    """A whole run in ``tmp_path/run``; returns the command that resumes it."""
    own = laboratory.test_cases(tmp_path, PASSES)
    device = laboratory.device_file(tmp_path)
    (tmp_path / "run").mkdir()
    Campaign(Job(device, tmp_path / "run", select="LAB-*", tests=[own]), lambda _e: None).run()
    command = ["run", str(device), "--tests", str(own), "--select", "LAB-*", "--no-allure"]
    return [*command, "--output", str(tmp_path / "run"), "--resume"]


def test_a_whole_run_is_resumed_to_the_same_end(tmp_path: Path) -> None:
    command = begun_run(tmp_path)
    before = assessment.read(tmp_path / "run")
    assert before.finished is not None
    assert main(command) == Exit.INCOMPLETE  # as its decision says
    assert assessment.read(tmp_path / "run") == before
    assert (tmp_path / "run" / "dossier.zip").exists()


def test_only_the_same_run_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = begun_run(tmp_path)
    device, module = tmp_path / "camera.toml", tmp_path / "own" / "test_lab.py"
    before = (tmp_path / "run" / "assessment.json").read_bytes()

    def refused(*more: str) -> str:
        assert main([*command, *more]) == Exit.USAGE
        assert (tmp_path / "run" / "assessment.json").read_bytes() == before
        return capsys.readouterr().err

    original = device.read_text()
    device.write_text(original.replace('"0001"', '"0002"'))
    assert "device.serial was '0001' and is '0002'" in refused()
    device.write_text(original.replace('"1.0"', '"1.1"'))
    assert "firmware.version was '1.0' and is '1.1'" in refused()
    device.write_text(original + "[bench]\nparallel = 2\n")
    assert "the device file's bench has been changed" in refused()
    device.write_text(original)
    assert "profiles was 'core' and is 'founding'" in refused("--profile", "founding")
    module.write_text(module.read_text() + "# changed\n")
    assert "suite.catalogue_sha256 was" in refused()


def test_the_suite_itself_refuses_to_go_on_with_another_camera(tmp_path: Path) -> None:
    begun_run(tmp_path)
    device = tmp_path / "camera.toml"
    device.write_text(device.read_text().replace('"0001"', '"0002"'))
    job = Job(device, tmp_path / "run", select="LAB-*", tests=[tmp_path / "own"], resume=True)
    with pytest.raises(CommandError, match=r"device\.serial was") as refused:
        Campaign(job, lambda _event: None).run()
    assert refused.value.code == Exit.SUITE


def test_a_demonstration_does_not_become_a_laboratory_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_run(tmp_path / "demo")
    device = laboratory.device_file(tmp_path)
    assert main(["run", str(device), "--output", str(tmp_path / "demo"), "--resume"]) == Exit.USAGE
    assert "demonstration was True and is False" in capsys.readouterr().err


def test_a_demonstration_is_resumed_with_the_same_faults_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalogue.load()
    record = build_run(tmp_path)
    suite = assessment.Suite(version=__version__, catalogue_sha256=known.sha256)
    same = record.model_copy(update={"suite": suite, "profiles": ["core"]})
    assessment.write(same, tmp_path)
    command = ["demo", "--output", str(tmp_path), "--resume"]
    assert main(command) == Exit.USAGE
    assert "has no demonstration.json" in capsys.readouterr().err
    resume.note_demonstration(tmp_path, [], {})
    resume.check_demonstration(tmp_path, [], {}, known, [])
    assert main([*command, "--fault", "backdoor-telnet"]) == Exit.USAGE
    assert "had no fault and now has backdoor-telnet" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{" * 100_000])
def test_an_assessment_that_cannot_be_read_is_not_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / "assessment.json").write_bytes(content)
    device = laboratory.device_file(tmp_path)
    assert main(["run", str(device), "--output", str(tmp_path), "--resume"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert "cannot resume" in said
    assert "Traceback" not in said
    assert main(["demo", "--output", str(tmp_path), "--resume"]) == Exit.USAGE


def test_a_run_that_dies_before_writing_does_not_report_the_one_before(tmp_path: Path) -> None:
    command = begun_run(tmp_path)
    (tmp_path / "own" / "conftest.py").write_text("import os\nos._exit(0)\n")
    assert main(command) == Exit.SUITE
    assert not (tmp_path / "run" / "dossier.zip").exists()


def test_a_test_case_that_pytest_would_repeat_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its runs the last would decide: a camera that fails the first would pass."""
    own = laboratory.test_cases(tmp_path, PASSES)
    module = own / "test_lab.py"
    text = module.read_text().replace("def test_1(evidence)", "def test_1(evidence, n)")
    module.write_text(f"import pytest\npytestmark = pytest.mark.parametrize('n', (1, 2))\n{text}")
    device = laboratory.device_file(tmp_path)
    command = ["run", str(device), "--tests", str(own), "--output", str(tmp_path / "run")]
    assert main(command) == Exit.USAGE
    assert "test_lab.py:6: LAB-001: is parametrized" in capsys.readouterr().err
    (own / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(params=(1, 2))\ndef n(request):\n    return request.param\n"
    )
    module.unlink()
    (own / "test_other.py").write_text(text)  # another name: a module is imported once
    assert main(command) == Exit.SUITE
    assert "LAB-001 would run more than once" in capsys.readouterr().err
