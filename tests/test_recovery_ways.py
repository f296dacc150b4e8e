"""Ways of the maker back in: codes of the day, links in pages, sentences in papers."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_stand import Handler, Kept, digest_camera, foreign_server, laboratory, web_camera

from conformance import knowledge, policy
from conformance.credentials.recovery import RecoveryPapers, codes, search_pages, search_papers
from conformance.credentials.test_recovery import test_no_recovery_of_the_maker as judge
from conformance.verdict import Inconclusive
from devices.emulated.posture import Posture

ROWS = knowledge.load("recovery_codes")
UNIT = {"serial": "LV00431207", "mac": "00:00:5E:00:53:7B"}
NO_PAPERS = RecoveryPapers(read=(), told={})


def test_codes_are_those_of_the_day_and_the_unit() -> None:
    found = {pair.password for pair in codes(ROWS, "admin", datetime(2024, 2, 3, tzinfo=UTC), UNIT)}
    assert found == {
        str(8888 * 3 * 2 * 2024)[-6:],
        "20240203",
        "03022024",
        "240203",
        "00431207",
        "431207",
        "00537b",
    }


@given(
    st.dictionaries(st.sampled_from(["serial", "mac"]), st.text(max_size=30)),
    st.datetimes(timezones=st.just(UTC)),
)
def test_codes_of_any_unit(unit: dict[str, str], now: datetime) -> None:
    found = [pair.password for pair in codes(ROWS, "admin", now, unit)]
    assert all(len(code) >= 4 for code in found)
    assert len(set(found)) == len(found)


class Forgetful(Handler):
    """A login page whose script leads to a recovery; ``page`` and ``script`` are what it shows."""

    page = b"<html><script src='/app.js'></script><a href='/help'>help</a></html>"
    script = b"f('/api/resetPassword', {}); load('/forgot.html'); go('//x.example/recover')"
    recovery = 405

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        pages = {"/": self.page, "/app.js": self.script, "/forgot.html": b"ask the maker"}
        if self.path == "/api/resetPassword":
            return self.answer(self.recovery, b"POST only")
        if self.path in pages:
            return self.answer(200, pages[self.path], Content_Type="text/html")
        return self.answer(404)


class Guarded(Forgetful):
    """The same behind a login."""

    recovery = 401

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/forgot.html":
            return self.answer(401)
        return super().do_GET()


class OnePage(Handler):
    """One page for every address, as single-page applications answer."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        page = b"<html><script>a('/recover.html')</script>%s</html>" % secrets.token_hex(8).encode()
        return self.answer(200, page, Content_Type="text/html")


@pytest.mark.parametrize(
    ("server", "there"),
    [
        (Forgetful, {"/api/resetPassword", "/forgot.html"}),
        (Guarded, set()),
        (OnePage, set()),
    ],
)
def test_links_of_a_recovery_are_found_and_asked(
    server: type[Handler], there: set[str], tmp_path: Path
) -> None:
    with foreign_server(server) as url:
        lab = laboratory(url, tmp_path)
        found = search_pages(lab.http, ROWS)
        lab.http.close()
    assert {link.path for link in found.links if link.there} == there
    assert found.links


def test_a_program_that_might_reset_at_once_is_named_and_not_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    class Resets(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            asked.append(self.path)
            page = b"<html><a href='/cgi-bin/resetPassword.cgi'>forgotten?</a></html>"
            self.answer(200, page, Content_Type="text/html")

    with foreign_server(Resets) as url:
        lab = laboratory(url, tmp_path)
        found = search_pages(lab.http, ROWS)
        lab.http.close()
    assert asked == ["/"]
    assert found.shortfall.startswith("/cgi-bin/resetPassword.cgi, named in /, was not asked")


@pytest.mark.parametrize("size", [0, 200_000])
def test_pages_of_any_bytes_are_read(size: int, tmp_path: Path) -> None:
    class Noise(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            body = b"<script src=" + b"'recover('" + secrets.token_bytes(99) + b"\xff(" * size
            self.answer(200, body)

    with foreign_server(Noise) as url:
        lab = laboratory(url, tmp_path)
        search_pages(lab.http, ROWS)
        lab.http.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Keep the password safe. If it is lost, our hotline gives you a master password.", True),
        ("The recovery code is made from the serial number.", True),
        (
            "If the password is lost, reset the camera with its button. Then set a new password.",
            False,
        ),
        ("\x00\x01", False),
    ],
)
def test_papers_that_tell_of_a_way_in(
    text: str,
    told: bool,  # noqa: FBT001 - pytest gives it by name
    tmp_path: Path,
) -> None:
    paper = tmp_path / "manual"
    paper.write_text(text)
    pdf = tmp_path / "pdf"
    pdf.write_bytes(b"%PDF-1.7\xff\xfe master password")
    found = search_papers({"manual": paper, "pdf": pdf}, ROWS)
    assert bool(found.told) == told
    assert found.unread == ("pdf",)


def verdict_on(lab: Any, papers: RecoveryPapers = NO_PAPERS) -> None:
    judge(
        request=None,  # type: ignore[arg-type]
        http=lab.http,
        recovery_papers=papers,
        device=lab.device,
        secrets=lab.secrets,
        evidence=Kept(),
        knowledge=knowledge.load,
        policy=policy.load,
    )


@pytest.mark.parametrize(
    ("recovery", "reason"),
    [("", ""), ("date", "published way"), ("page", "/api/recover-password, named in /ui/app.js")],
)
def test_the_emulated_camera(recovery: str, reason: str, tmp_path: Path) -> None:
    with web_camera(tmp_path, Posture(recovery_code=recovery)) as (camera, lab):
        if not reason:
            verdict_on(lab)
            assert not camera.lockout.locked("http", "admin")
            return
        with pytest.raises(AssertionError, match=reason):
            verdict_on(lab)


def test_a_paper_is_a_finding_of_its_own(tmp_path: Path) -> None:
    told = RecoveryPapers(read=("manual",), told={"documents.manual": "Ask for the master code."})
    with web_camera(tmp_path) as (_, lab), pytest.raises(AssertionError, match="manual tells"):
        verdict_on(lab, told)


def test_a_camera_that_locks_early_is_not_locked_by_the_codes(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=3)) as url:
        lab = laboratory(
            url,
            tmp_path,
            declared={
                "api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin"]}],
                "lockout": {"attempts": 3},
            },
        )
        verdict_on(lab)
        lab.http.close()


def test_without_an_administrator_nothing_is_judged(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=0)) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(Inconclusive, match="cannot log in"):
            verdict_on(lab)
        lab.http.close()
