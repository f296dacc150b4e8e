"""The commands as a user types them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import laboratory
import pytest
from rich.console import Console
from sample_run import build_run

from camproof import listings
from camproof.cli import main
from camproof.errors import Exit
from conformance import assessment, catalogue, listing
from devices import device_file
from devices.description import Secret
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


def test_doctor_says_which_test_cases_miss_what_is_not_given(tmp_path: Path) -> None:
    more = """\
[declared.update]
format = "swupdate"
[[declared.services]]
name = "ssh"
port = 22
protocol = "ssh"
purpose = "maintenance"
encrypted = true
"""
    done = camproof("doctor", laboratory.device_file(tmp_path, more=more))
    assert done.returncode == 0, done.stdout + done.stderr
    parts = [line[2:].partition(" not given: ") for line in done.stdout.splitlines()]
    said = {what.strip(): text for what, found, text in parts if found}
    assert said["link serial"] == (
        "6 test cases stay INCONCLUSIVE (BACKDOOR-009, BACKDOOR-010, BACKDOOR-011, CRED-052, "
        "CRED-054, CRED-055)"
    )
    assert "test cases stay INCONCLUSIVE (" in said["link ssh"]
    for case in ("BACKDOOR-004", "BACKDOOR-012", "CRED-014", "ORIGIN-008"):
        assert case in said["link ssh"]
    assert said["power control"] == "1 test case stays INCONCLUSIVE (UPDATE-008)"
    papers = "2 test cases cannot pass (ORIGIN-003, ORIGIN-004)"
    assert said["documents.certificate_of_origin"] == papers
    assert said["documents.quality_certificate"] == papers
    assert "ORIGIN-006, ORIGIN-007, ORIGIN-010" in said["documents.sbom"]
    assert "UPDATE-001" in said["declared.update.bundle"]
    assert "UPDATE-011" in said["declared.update.bundle"]
    assert said["declared.update.older"] == "1 test case cannot pass (UPDATE-006)"
    assert said["declared.update.other_model"] == "1 test case cannot pass (UPDATE-010)"
    assert "link rtsp                       the device file gives no links.rtsp" in done.stdout
    assert f"the bench is ready, but {len(said)} things are not given" in done.stdout


def answers(address: str, *, image: str = "", key: str = "lab-key") -> str:
    return "\n".join(
        [
            *("not an address", address),
            *("Acme", "C1", "A", "0001", "1.0", image),
            *("y", "y", "n", "n", "n"),
            *("2099-12-31", "the head of laboratory", "order 7"),
            *("admin", "CAM_ADMIN", "443", "y", "/onvif/device_service"),
            *("322", "/live/main", "1280x720", "h264", ""),
            *("y", "22", "lab", key),
            "\n",
        ]
    )


def test_device_new_asks_its_way_to_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    done = camproof("device", "new", path, input=answers("192.0.2.10"))
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


def test_device_new_brackets_ipv6_and_keeps_files_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "c1.swu").write_bytes(b"image")
    done = camproof(
        *("device", "new", "../there/camera.toml"),
        input=answers("2001:db8::1", image="c1.swu"),
        cwd=tmp_path / "here",
    )
    assert done.returncode == 0, done.stderr
    device = device_file.load(tmp_path / "there" / "camera.toml")
    assert device.links.http is not None
    assert device.links.http.url == "https://[2001:db8::1]:443/"
    assert device.links.onvif is not None
    assert device.links.onvif.url == "https://[2001:db8::1]:443/onvif/device_service"
    assert device.declared.streams[0].url == "rtsps://[2001:db8::1]:322/live/main"
    assert device.host == "2001:db8::1"
    assert device.device.firmware.image == tmp_path / "here" / "c1.swu"
    assert device.device.firmware.sha256 == hashlib.sha256(b"image").hexdigest()
    assert device.accounts["lab"].key == Secret(file=tmp_path / "here" / "lab-key")
    assert "lab-key is not there yet" in done.stdout


@pytest.mark.parametrize("command", ["device new", "emulate --write-device-file"])
def test_a_file_that_cannot_be_written_is_said_before_anything_starts(
    tmp_path: Path, command: str
) -> None:
    done = camproof(*command.split(), tmp_path / "none" / "x.toml", input="")
    assert done.returncode == 2
    assert "x.toml cannot be written: there is no folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_device_check_names_every_fault(tmp_path: Path) -> None:
    path = laboratory.device_file(tmp_path)
    assert camproof("device", "check", path).returncode == 0
    path.write_text(path.read_text().replace('model = "C1"', 'model = "C1"\ncolour = "red"'))
    done = camproof("device", "check", path)
    assert done.returncode == 2
    assert f"{path}:5: device.colour: is not a key" in done.stdout


def test_device_check_names_everything_that_is_not_there_yet(tmp_path: Path) -> None:
    more = """\
[accounts.admin]
username = "admin"
password = { env = "CAMPROOF_TEST_NOT_SET" }
[accounts.lab]
username = "lab"
key = { file = "lab-key" }
[documents]
sbom = "sbom.json"
manual = "manual.txt"
"""
    path = laboratory.device_file(tmp_path, more=more)
    (tmp_path / "manual.txt").write_text("Read me.")
    done = camproof("device", "check", path)
    assert done.returncode == 2
    *said, end = done.stdout.splitlines()
    lines = path.read_text().splitlines()
    numbers = {line.partition(" ")[0]: number for number, line in enumerate(lines, start=1)}
    environment = "the environment variable CAMPROOF_TEST_NOT_SET is not set"
    assert said[0] == f"{path}:{numbers['password']}: accounts.admin.password: {environment}"
    key = f"{path}:{numbers['key']}: accounts.lab.key: {tmp_path / 'lab-key'} cannot be read"
    assert said[1].startswith(key)
    absent = f"there is no file {tmp_path / 'sbom.json'}"
    assert said[2:] == [f"{path}:{numbers['sbom']}: documents.sbom: {absent}"]
    assert "the file itself is valid" in end
    done = camproof("run", path, "--no-allure", "--output", tmp_path / "run")
    assert done.returncode == 2
    assert environment in done.stderr
    assert "accounts.lab.key" in done.stderr


@pytest.mark.parametrize("what", ["tests", "clauses", "profiles", "faults", "coverage"])
def test_every_listing_is_json_with_ids(what: str) -> None:
    rows = json.loads(camproof("catalogue", what, "--format", "json").stdout)
    assert rows
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("what", ["tests", "clauses", "profiles", "faults", "coverage"])
def test_a_listing_through_a_pipe_has_one_line_for_each_row(what: str) -> None:
    rows, pipe = listing.LISTINGS[what](catalogue.load()), io.StringIO()
    listings.show(Console(file=pipe), what, "table")
    header, *lines, end = pipe.getvalue().splitlines()
    assert header.startswith("id ")
    assert [line.split()[0] for line in lines] == [row["id"] for row in rows]
    assert end == f"{len(rows)} {what}"
    assert not [line for line in lines if "…" in line]
    assert max(map(len, lines)) < 10_000


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
