"""CRED-012 on cameras whose page without TLS is made of frames, of scripts, or leads elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from web_stand import Handler, foreign_server, laboratory

from conformance import policy
from conformance.credentials.test_transport import test_no_credential_over_plain_http as case
from conformance.verdict import Inconclusive
from devices.links.http.survey import survey_clear

FORM = b"<form><INPUT name=p type = 'password'></form>"
FRAMES = b'<frameset><frame src="/login.asp"></frameset>'
INSIDE = b'<p>Welcome</p><iframe src="login.asp"></iframe>'
LINK = b'<p>Camera</p><a href="/login.asp">Sign in</a>'
LATER = b'<meta http-equiv="refresh" content="0; url=/login.asp">'
APPLICATION = b'<div id=app></div><script src="/app.js"></script>'
ELSEWHERE = (
    b'<script src="/jquery.js"></script><script>location.href="https://"+location.host</script>'
)
BY_SCRIPT = b'h("input",{attrs:{type:"password",name:"p"}})'
JQUERY = b"for(t in{radio:!0,checkbox:!0,file:!0,password:!0,image:!0});"


def judge(front: bytes, version: str, folder: Path) -> None:
    pages = {"/": front, "/login.asp": FORM, "/app.js": BY_SCRIPT, "/jquery.js": JQUERY}

    class Camera(Handler):
        protocol_version = version

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path not in pages:
                return self.answer(404)
            script = self.path.endswith(".js")
            kind = "application/javascript" if script else "text/html"
            return self.answer(200, pages[self.path], Content_Type=kind)

    with foreign_server(Camera) as url:
        lab = laboratory(url, folder, http={"authentication": "basic"})
        survey = survey_clear(lab.http, [int(url.rpartition(":")[2])])
        lab.http.close()
    with_tls = laboratory("https://127.0.0.1", folder)
    case(survey, with_tls.device, policy.load)


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize(
    "front", [FORM, FRAMES, INSIDE, LINK, LATER], ids=["form", "frames", "inside", "link", "later"]
)
def test_a_login_page_without_tls_fails(front: bytes, version: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="serves a page that asks for a password"):
        judge(front, version, tmp_path)


def test_an_application_that_makes_a_password_field_is_for_people_to_judge(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match=r"a field for a password \(/app\.js on port"):
        judge(APPLICATION, "HTTP/1.1", tmp_path)


@pytest.mark.parametrize("front", [b"<h1>Camera</h1>", ELSEWHERE])
def test_pages_that_ask_nothing_pass(front: bytes, tmp_path: Path) -> None:
    judge(front, "HTTP/1.0", tmp_path)
