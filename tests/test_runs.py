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

from camproof.campaign import Campaign, Job
from conformance import assessment

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
