"""The commands as a user types them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import laboratory
import pytest
from sample_run import build_run

from camproof.cli import main
from camproof.errors import Exit
from conformance import assessment
from devices import device_file
from devices.emulated.bench.launch import EmulatedCamera

PASSES = "evidence.record('seen', 'it is there')"


def camproof(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camproof", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, **more)


def test_emulate_says_where_it_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    written = tmp_path / "camera.toml"
    command = [sys.executable, "-u", "-m", "camproof", "emulate"]
    command += ["--fault", "backdoor-telnet", "--write-device-file", str(written)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "power" in line:
                break
        assert "rtsps://127." in said
        assert "socket://" in said
        device = device_file.load(written)
        assert device.device.emulated
        assert "telnet" not in written.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert "camera ready" not in said


def test_doctor_finds_the_bench_ready_and_says_what_is_missing(tmp_path: Path) -> None:
    with EmulatedCamera() as ready:
        done = camproof("doctor", ready.device_file)
        assert done.returncode == 0, done.stdout
        assert "the bench is ready" in done.stdout
        broken = tmp_path / "broken.toml"
        text = ready.device_file.read_text().replace(ready.serial, "socket://127.0.0.1:9")
        broken.write_text(text.replace("sbom.cdx.json", "none.json"))
        done = camproof("doctor", broken)
    assert done.returncode == 3
    assert "✗ link serial" in done.stdout
    assert "✗ documents.sbom" in done.stdout
    assert "✓ link onvif" in done.stdout


def test_device_new_asks_its_way_to_a_valid_file(tmp_path: Path) -> None:
    answers = [
        *("not an address", "192.0.2.10"),
        *("Acme", "C1", "A", "0001", "1.0", ""),
        *("y", "y", "n", "n", "n"),
        *("2099-12-31", "the head of laboratory", "order 7"),
        *("admin", "CAM_ADMIN", "443", "y", "/onvif/device_service"),
        *("322", "/live/main", "1280x720", "h264", ""),
        *("y", "22", "lab", "lab-key"),
        "",
    ]
    path = tmp_path / "camera.toml"
    done = camproof("device", "new", path, input="\n".join(answers) + "\n")
    assert done.returncode == 0, done.stderr
    assert "an IP address such as" in done.stdout
    device = device_file.load(path)
    assert device.authorisation.allow == ["settings", "lockout"]
    assert [stream.url for stream in device.declared.streams] == [
        "rtsps://192.0.2.10:322/live/main"
    ]
    again = camproof("device", "new", path, input="")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    short = camproof("device", "new", tmp_path / "short.toml", input="192.0.2.10\n")
    assert short.returncode == 2
    assert "the questions ended" in short.stderr
    assert not (tmp_path / "short.toml").exists()


def test_device_check_names_every_fault(tmp_path: Path) -> None:
    path = laboratory.device_file(tmp_path)
    assert camproof("device", "check", path).returncode == 0
    path.write_text(path.read_text().replace('model = "C1"', 'model = "C1"\ncolour = "red"'))
    done = camproof("device", "check", path)
    assert done.returncode == 2
    assert f"{path}:5: device.colour: is not a key" in done.stdout


@pytest.mark.parametrize("what", ["tests", "clauses", "profiles", "faults", "coverage"])
def test_every_listing_is_json_with_ids(what: str) -> None:
    rows = json.loads(camproof("catalogue", what, "--format", "json").stdout)
    assert rows
    assert len({row["id"] for row in rows}) == len(rows)


def test_a_changed_byte_in_a_dossier_is_found_and_the_report_can_be_made_again(
    tmp_path: Path,
) -> None:
    device = laboratory.device_file(tmp_path)
    own = laboratory.test_cases(tmp_path, "evidence.record('seen', b'\\x01 only here')")
    out = tmp_path / "run"
    camproof("run", device, "--tests", own, "--select", "LAB-*", "--output", out, "--no-allure")
    dossier = out / "dossier.zip"
    assert camproof("verify", dossier).returncode == 0
    data = bytearray(dossier.read_bytes())
    data[data.index(b"\x01 only here")] ^= 1
    dossier.write_bytes(data)
    done = camproof("verify", dossier)
    assert done.returncode == 1
    assert "evidence/LAB-001/seen.bin" in done.stdout
    (out / "report" / "index.html").unlink()
    camproof("report", out, "--no-allure")
    assert (out / "report" / "index.html").exists()
    assert camproof("verify", dossier).returncode == 0


def test_what_could_not_be_made_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, run = tmp_path / "key.pem", tmp_path / "run"
    monkeypatch.setenv("CAMPROOF_SEAL_KEY", str(key))
    build_run(run)
    command = ["report", str(run), "--no-allure"]
    assert main(command) == Exit.REJECTED
    assert f"{run / 'dossier.zip'}" in capsys.readouterr().out
    sealed = (run / "dossier.zip").read_bytes()
    (run / "evidence" / "STREAM-003" / "transcript.txt").write_text("another")
    (run / "allure-report").mkdir()
    (run / "allure-report" / "index.html").write_text("of an earlier run")
    for _ in range(2):
        assert main(command) == Exit.SUITE
        said = capsys.readouterr().out
        assert "no dossier was sealed" in said
        assert f"{run / 'dossier.zip'}" not in said
        assert f"{run / 'allure-report'}" not in said
        assert not (run / "dossier.zip").exists()
        assert (run / "dossier-earlier.zip").read_bytes() == sealed
    build_run(run)
    assert main(command) == Exit.REJECTED
    assert not (run / "dossier-earlier.zip").exists()
    key.chmod(0o644)
    assert main(command) == Exit.SUITE
    assert not (run / "dossier.zip").exists()
    key.chmod(0o600)
    shutil.rmtree(run / "report")
    (run / "report").write_text("in the way")
    assert main(command) == Exit.SUITE


def cameras(tmp_path: Path, *serials: str) -> list[Path]:
    """A device file for each serial number."""
    files = []
    for number, serial in enumerate(serials):
        (tmp_path / str(number)).mkdir()
        path = laboratory.device_file(tmp_path / str(number))
        path.write_text(path.read_text().replace('"0001"', f'"{serial}"'))
        files.append(path)
    return files


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "campaign.json").read_text())["cameras"]
    return found


def test_several_cameras_have_a_folder_each(tmp_path: Path) -> None:
    files = cameras(tmp_path, "0001", "0001")
    own = laboratory.test_cases(tmp_path, PASSES)
    out = tmp_path / "run"
    done = camproof(
        "run", *files, "--tests", own, "--select", "LAB-*", "--output", out, "--no-allure"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert [row["folder"] for row in rows(out)] == ["C1-0001", "C1-0001-2"]
    for row in rows(out):
        assert (out / row["folder"] / "assessment.json").exists()


def test_a_camera_whose_run_fails_takes_nothing_from_the_others(tmp_path: Path) -> None:
    files = cameras(tmp_path, "0001", "0002", "0003")
    own = laboratory.test_cases(tmp_path, PASSES)
    (own / "conftest.py").write_text(
        "import os, sys\nif any('C1-0002' in word for word in sys.argv):\n    os._exit(9)\n"
    )
    out = tmp_path / "run"
    done = camproof(
        "run", *files, "--tests", own, "--select", "LAB-*", "--output", out, "--no-allure"
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert [row["decision"] for row in rows(out)] == ["INCOMPLETE", None, "INCOMPLETE"]
    assert "failed before it had any result" in rows(out)[1]["error"]
    assert "failed before it had any result" in done.stdout
    assert (out / "C1-0001" / "dossier.zip").exists()
    assert (out / "C1-0003" / "dossier.zip").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_several_cameras_are_interrupted_and_resumed(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = cameras(tmp_path, "0001", "0002")
    blocks = f"os.environ.get('GO') or threading.Event().wait(120); {PASSES}"
    own = laboratory.test_cases(tmp_path, PASSES, blocks)
    out = tmp_path / "run"
    command = [*("run", *files, "--tests", own), *("--select", "LAB-*", "--output", out)]
    command.append("--no-allure")
    words = [sys.executable, "-u", "-m", "camproof", *map(str, command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        waiting, said = {"C1-0001", "C1-0002"}, ""
        for line in process.stdout:
            said += line
            if waiting and "LAB-001" in line:
                assert [row["decision"] for row in rows(out)] == [None, None]
                waiting.discard(line.partition(":")[0])
                if not waiting:
                    process.send_signal(number)
        assert process.wait(timeout=60) == 3, said
    assert [row["decision"] for row in rows(out)] == ["INCOMPLETE", "INCOMPLETE"]
    for row in rows(out):
        assert verdicts(out / row["folder"]) == ["PASS", "INCONCLUSIVE"]
        assert (out / row["folder"] / "dossier.zip").exists()

    third = cameras(tmp_path / "own", "0009")
    other = camproof("run", *third, *command[1:], "--resume")
    assert other.returncode == 2
    assert "name the same cameras" in other.stderr
    monkeypatch.setenv("GO", "1")
    again = camproof(*command, "--resume")
    assert again.returncode == 3, again.stdout + again.stderr
    for row in rows(out):
        assert verdicts(out / row["folder"]) == ["PASS", "PASS"]


def verdicts(folder: Path) -> list[str]:
    return [result.verdict.value for result in assessment.read(folder).results]


def test_selftest_says_what_was_caught(tmp_path: Path) -> None:
    out = tmp_path / "selftest"
    done = camproof("selftest", "--faults", "origin-relabelled", "--output", out, "--no-clean")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "detection 100 %" in done.stdout
    document = json.loads((out / "selftest.json").read_text())
    assert [twin["caught"] for twin in document["twins"]] == [["ORIGIN-005"]]
