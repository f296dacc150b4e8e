"""Secrets are found wherever and however programs write them, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_stand import (
    ONE_SESSION,
    PASSWORD,
    Handler,
    Kept,
    OneSession,
    foreign_server,
    laboratory,
)

from conformance.credentials.test_leaks import test_secrets_of_logins_stand_nowhere_else as judge
from conformance.verdict import Inconclusive
from devices.links.http.leaks import Sought, searched
from devices.links.http.operations import named_in, undeclared

LONG = "Tr0ub4dor&3-Quiet+Harbour"
SECRET = Sought("the password", "password", LONG)
FORMS = {
    "in clear": LONG.encode(),
    "percent-encoded": quote(LONG, safe="").encode(),
    "reversed": LONG[::-1].encode(),
    "in hex": LONG.encode().hex().encode(),
    "its unsalted md5": hashlib.md5(LONG.encode()).hexdigest().encode(),
    "its unsalted sha256, upper case": hashlib.sha256(LONG.encode()).hexdigest().upper().encode(),
}


@given(st.binary(max_size=80), st.binary(max_size=80), st.sampled_from(sorted(FORMS)))
def test_every_form_is_found_anywhere(before: bytes, after: bytes, form: str) -> None:
    found = searched("page", "page", before + FORMS[form] + after, [SECRET]).found
    assert any(form in each for each in found)
    assert not any(LONG in each for each in found)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_is_found_whatever_stands_around(before: bytes, after: bytes) -> None:
    data = base64.b64encode(before + LONG.encode() + after)
    assert searched("page", "page", data, [SECRET]).found


@given(st.binary(max_size=400))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    assert not searched("page", "page", data, [SECRET]).found


@pytest.mark.parametrize(
    ("value", "telling"),
    [
        ("admin", False),
        ("password", False),
        ("123456789", False),
        ("camera-01", True),
        (LONG, True),
    ],
)
def test_what_may_stand_anywhere_by_chance_is_not_sought(value: str, *, telling: bool) -> None:
    assert Sought("x", "password", value).telling is telling


@given(st.binary(max_size=400))
def test_any_page_gives_paths(content: bytes) -> None:
    assert all(isinstance(path, str) for path in named_in(content))


def test_calls_are_read_out_of_scripts() -> None:
    script = b"""fetch("/api/users/" + n); get('/cgi-bin/param.cgi?action=list'); x="/ui/a.css";
      post(`/api/rec/${id}`); y = "text/html"; z = "application/json"; u = "/api/support"; """
    found = named_in(script)
    assert "/cgi-bin/param.cgi?action=list" in found
    assert "/api/support" in found
    assert not {"/ui/a.css", "text/html", "application/json"} & set(found)
    declared = ["/api/rec/{id}", "/api/users/{name}"]
    assert undeclared(["/api/support", "/api/rec/7", "/api/users"], declared) == ["/api/support"]


def run(server: type[Handler], folder: Path, **device: Any) -> None:
    with foreign_server(server) as url:
        declared = {
            "api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin", "viewer"]}],
            **device,
        }
        lab = laboratory(url, folder, http=ONE_SESSION, declared=declared)
        account = lab.device.accounts["probe"].model_copy(update={"purpose": "test"})
        lab.device.accounts["viewer"] = account
        try:
            judge(
                http=lab.http,
                user_ways=[],
                camera=SimpleNamespace(),
                device=lab.device,
                secrets=lab.secrets,
                evidence=Kept(),
            )
        finally:
            lab.http.close()


class Tidy(OneSession):
    """Every user has a session of its own, and says nothing of it."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/cgi-bin/info.cgi":
            return super().do_GET()
        return self.answer(404, self.page(), Content_Type="text/html")

    def page(self) -> bytes:
        return b"<html>not found</html>"


def test_a_tidy_camera_without_export_and_log_is_inconclusive(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="describe the operation logs"):
        run(Tidy, tmp_path, exports_configuration=False)


def test_a_password_in_an_error_page_fails(tmp_path: Path) -> None:
    class Telling(Tidy):
        def page(self) -> bytes:
            return f"<html><!-- {PASSWORD.encode().hex()} --></html>".encode()

    with pytest.raises(AssertionError, match=r"error page\) holds the password .* \(in hex\)"):
        run(Telling, tmp_path)


def test_a_token_in_the_page_fails(tmp_path: Path) -> None:
    class Telling(Tidy):
        def page(self) -> bytes:
            return f'<a href="/video?sid={type(self).alive or secrets.token_hex(4)}">'.encode()

    with pytest.raises(AssertionError, match="holds the token of a session"):
        run(Telling, tmp_path)
