"""The approval page: whole, self-contained, and safe whatever a camera says."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_run import SampleRun, build_run

from conformance import assessment as record
from conformance.areas import in_order
from conformance.assessment import AssessmentError
from conformance.verdict import Verdict
from reports.page import render

HOSTILE = (
    "</script></style></title></svg><script>document.title='owned'</script>"
    '<img src=https://evil.example/x onerror=alert(1)>"\'><a href="javascript:alert(1)">x</a>'
    "{{ 7*7 }}{% raw %}\u202eevil\x00\x1b[31m"
)
VOID = frozenset({"br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


class Reader(HTMLParser):
    """Collects what a page is made of, and checks that its elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.texts: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in {"all", *self.open}:
            self.texts[tag] = self.texts.get(tag, "") + data

    @property
    def text(self) -> str:
        return " ".join(self.texts["all"].split())


def read(folder: Path, sample: SampleRun | None = None) -> Reader:
    build_run(folder, sample)
    return parse(render(folder))


def parse(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def assert_self_contained(page: Reader) -> None:
    """Nothing is loaded, and nothing runs but the one script of our own."""
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert not {"iframe", "object", "embed", "link", "base", "form", "audio"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name, value)
        assert name != "style", "the content security policy forbids it"
        if name in {"src", "srcset", "data", "poster", "action", "background"}:
            assert value.startswith("data:image/jpeg;base64,"), (tag, name, value)
        if name in {"href", "xlink:href"}:
            assert re.match(r"#|\.\./(evidence/|assessment\.json|allure-report/)", value), value
    style = page.texts["style"]
    assert not re.search(r"@import|url\((?!data:font/woff2;base64,)", style.replace("url(#", "("))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return read(tmp_path_factory.mktemp("run"))


def test_the_page_is_whole_and_self_contained(page: Reader) -> None:
    assert_self_contained(page)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_says_what_a_regulator_asks_for(page: Reader) -> None:
    for words in (
        "REJECTED",
        "Lumivista LV-2100, firmware 2.4.1",
        "LV21-000417",
        hashlib.sha256(b"firmware").hexdigest(),
        hashlib.sha256(b"catalogue").hexdigest(),
        "M. Okafor, National Certification Body",
        "NCB-2026-0417",
        "2026-11-22 09:30:12 UTC to 2026-11-22 09:31:03 UTC",
        "Decision rule",
        "camproof verify dossier.zip",
        "10 clauses are not assessed",
        "End of report",
    ):
        assert words in page.text, words


def test_areas_stand_in_the_order_of_the_catalogue_whatever_ran_first() -> None:
    ran = ["credentials", "acme-thermal", "origin", "streams", "credentials", "acme-audio"]
    assert in_order(ran) == ["streams", "credentials", "origin", "acme-audio", "acme-thermal"]


def test_every_verdict_has_reason_method_criterion_and_evidence(tmp_path: Path) -> None:
    page = read(tmp_path)
    assessment = record.read(tmp_path)
    for result in assessment.results:
        assert result.id in page.ids
        assert result.title in page.text
        assert result.reason in page.text
    assert "Reach every endpoint that the device file declares" in page.text
    assert "no answer shows otherwise, and every endpoint was reached" in page.text
    links = {value for _, name, value in page.attributes if name == "href"}
    for result in assessment.results:
        assert {f"../{evidence.path}" for evidence in result.evidence} <= links


def test_every_clause_is_shown_and_none_counts_as_passed_untested(tmp_path: Path) -> None:
    page = read(tmp_path)
    assessment = record.read(tmp_path)
    open_clauses = [c for c in assessment.clauses if c.verdict == "NOT_ASSESSED"]
    pills = [v for t, n, v in page.attributes if n == "class" and v == "pill NOT_ASSESSED"]
    assert len(pills) == len(open_clauses) + 1  # and one in the legend
    for summary in ("Passwords are unique for each device", "hidden access", "time lines"):
        assert summary in page.text


def test_links_inside_the_page_lead_somewhere(page: Reader) -> None:
    inside = {v[1:] for _, n, v in page.attributes if n == "href" and v.startswith("#")}
    assert inside <= set(page.ids)


def test_the_content_security_policy_allows_exactly_our_own_script_and_style(page: Reader) -> None:
    policy = next(v for t, n, v in page.attributes if t == "meta" and v.startswith("default-src"))
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.texts[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_an_emulated_camera_is_a_demonstration_everywhere(page: Reader) -> None:
    assert page.texts["title"].startswith("DEMONSTRATION")
    assert "not a laboratory report" in page.text
    assert "DEMONSTRATION" in page.texts["nav"]
    assert "DEMONSTRATION" in page.texts["style"], "each printed page says so"
    assert "DEMONSTRATION" in page.texts["svg"], "the watermark"
    assert "DEMONSTRATION" in page.texts["footer"]


def test_a_real_camera_is_not(tmp_path: Path) -> None:
    page = read(tmp_path, SampleRun(emulated=False, findings={}, profiles=("core",)))
    assert "DEMONSTRATION" not in page.texts["all"].upper()
    assert "emulated" not in page.text
    assert "APPROVED" in page.text


def test_whatever_a_camera_says_is_shown_as_text(tmp_path: Path) -> None:
    page = read(tmp_path, SampleRun(text=HOSTILE))
    assert_self_contained(page)
    text = page.texts["all"]
    assert "<img src=https://evil.example/x onerror=alert(1)>" in text
    assert "{{ 7*7 }}" in text
    assert not {"\u202e", "\x00", "\x1b"} & set(text)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_leaves_the_page_whole(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    assert_self_contained(read(tmp_path_factory.mktemp("text"), SampleRun(text=text)))


def test_old_and_damaged_folders_are_shown_with_less(tmp_path: Path) -> None:
    build_run(tmp_path, SampleRun(catalogue=False, device_file=False, finished=False))
    (tmp_path / "evidence/STREAM-001/main.png").write_bytes(b"no picture")
    (tmp_path / "evidence/STREAM-002/transcript.txt").unlink()
    page = parse(render(tmp_path))
    assert_self_contained(page)
    assert "img" not in page.tags
    assert "catalogue.json is not in the run's folder" in page.text
    assert "the run was cut short" in page.text
    assert "the file is missing" in page.text
    assert "the file is not the one that was recorded" in page.text
    (tmp_path / "catalogue.json").write_text("[]")
    (tmp_path / "device.json").write_text("{" * 100_000)
    assert "catalogue.json cannot be understood" in parse(render(tmp_path)).text


def test_evidence_outside_the_folder_is_neither_read_nor_linked(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("outside")
    run = tmp_path / "run"
    assessment = build_run(run)
    evidence = assessment.results[0].evidence
    evidence[0] = evidence[0].model_copy(update={"path": "../secret.txt"})
    evidence[1] = evidence[1].model_copy(update={"path": "evidence/link.txt"})
    (run / "evidence" / "link.txt").symlink_to(tmp_path / "secret.txt")
    record.write(assessment, run)
    page = parse(render(run))
    assert_self_contained(page)
    assert "outside" not in page.texts["pre"]
    assert page.text.count("the file is missing") == 2


def test_evidence_that_a_browser_would_run_is_not_linked(tmp_path: Path) -> None:
    assessment = build_run(tmp_path)
    for name in ("page.html", "picture.svg", "answer.xml"):
        source = tmp_path / "evidence/STREAM-002/transcript.txt"
        shutil.copy(source, tmp_path / "evidence" / name)
        evidence = assessment.results[1].evidence[1]
        copied = evidence.model_copy(update={"name": name, "path": f"evidence/{name}"})
        assessment.results[1].evidence.append(copied)
    record.write(assessment, tmp_path)
    page = parse(render(tmp_path))
    linked = {value for _, name, value in page.attributes if name == "href"}
    assert not {f"../evidence/{n}" for n in ("page.html", "picture.svg", "answer.xml")} & linked
    assert "picture.svg" in page.text


def test_large_text_evidence_is_cut(tmp_path: Path) -> None:
    assessment = build_run(tmp_path)
    long = b"x" * 5_000_000
    (tmp_path / "evidence/STREAM-002/transcript.txt").write_bytes(long)
    digest = hashlib.sha256(long).hexdigest()
    evidence = assessment.results[1].evidence
    evidence[1] = evidence[1].model_copy(update={"sha256": digest})
    record.write(assessment, tmp_path)
    path = render(tmp_path)
    assert "the rest is in the file" in parse(path).text
    assert path.stat().st_size < 1_000_000


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    build_run(tmp_path)
    assert render(tmp_path).read_bytes() == render(tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [(Verdict.FAIL, "REJECTED"), (Verdict.INCONCLUSIVE, "INCOMPLETE"), (Verdict.PASS, "APPROVED")],
)
def test_each_decision_is_told_in_words(tmp_path: Path, verdict: Verdict, decision: str) -> None:
    findings = {"STREAM-004": (verdict, "Because of this.", "")}
    page = read(tmp_path, SampleRun(findings=findings, profiles=("core",)))
    assert decision in page.texts["title"]
    assert ("What stands in the way" in page.text) == (decision != "APPROVED")


def test_a_folder_without_an_assessment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssessmentError, match=r"assessment\.json"):
        render(tmp_path)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_a_browser_runs_our_script_and_nothing_of_the_cameras(tmp_path: Path) -> None:
    build_run(tmp_path / "run", SampleRun(text=HOSTILE))
    page = render(tmp_path / "run")
    options = "--headless --no-sandbox --disable-gpu --disable-background-networking --dump-dom"
    done = subprocess.run(
        ["chromium", *options.split(), f"--user-data-dir={tmp_path / 'x'}", page.as_uri()],
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )
    assert "<title>DEMONSTRATION" in done.stdout
    assert '<div class="filters">' in done.stdout, "our own script shows the filters"
