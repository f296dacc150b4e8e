"""CRED-009, 037 and 039 on cameras of other makes: who is let in, and that nothing is obeyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import role_makes as makes
from web_makes import DESCRIBED
from web_stand import (
    PASSWORD,
    Handler,
    Kept,
    Laboratory,
    foreign_server,
    judge_web_roles,
    laboratory,
)

import fixtures.http  # noqa: F401 - enters what it observes
from conformance import knowledge, policy
from conformance.backdoors.test_web import (
    test_no_published_bypass_opens_the_web_interface as judge_bypasses,
)
from conformance.credentials.test_operations import (
    test_every_web_operation_by_every_subject as judge_matrix,
)
from conformance.credentials.test_tricks import (
    test_no_verb_and_no_header_opens_anything as judge_tricks,
)
from conformance.verdict import Inconclusive
from devices.links.http.bypass import Bypass, survey_bypasses
from fixtures.observed import RECIPES

API = [
    {"path": "/api/info", "roles": ["admin", "viewer"]},
    {"path": "/api/network", "roles": ["admin"]},
    {"path": "/network.html", "roles": ["admin"]},
]
Judge = Callable[[Laboratory, Kept], None]


def by_roles(lab: Laboratory, kept: Kept) -> None:
    judge_web_roles(lab, kept)


def by_matrix(lab: Laboratory, kept: Kept) -> None:
    judge_matrix(
        http=lab.http,
        device=lab.device,
        user_ways=[],
        secrets=lab.secrets,
        evidence=kept,
        policy=policy.load,
    )


def run(
    camera: type[Handler],
    folder: Path,
    judge: Judge,
    *more: dict[str, Any],
    http: dict[str, Any] | None = None,
    api: list[dict[str, Any]] | None = None,
) -> Kept:
    secret = folder / "words"
    secret.write_text(PASSWORD)
    accounts = {
        role: {"username": role, "role": role, "password": {"file": str(secret)}}
        for role in makes.ROLES
    }
    declared = {"api": [*(API if api is None else api), *more]}
    with foreign_server(camera) as url:
        lab = laboratory(url, folder, http=http or DESCRIBED, accounts=accounts, declared=declared)
        kept = Kept()
        try:
            judge(lab, kept)
        finally:
            lab.http.close()
        for observation in kept.observations:
            assert not observation.shortfall
        return kept


@pytest.mark.parametrize("judge", [by_roles, by_matrix])
@pytest.mark.parametrize(
    "camera", [makes.Camera, makes.ShortRedirect, makes.RefusedShell, makes.Shell]
)
def test_sound_cameras_pass(camera: type[makes.Camera], judge: Judge, tmp_path: Path) -> None:
    run(type("Made", (camera,), {}), tmp_path, judge)


@pytest.mark.parametrize(
    ("camera", "judge", "said"),
    [
        (makes.BehindTheRedirect, by_roles, "anonymous gets 302 from GET /network.html; viewer"),
        (makes.Masked, by_roles, "viewer gets 200 from GET /api/network"),
        (makes.AnyCookie, by_matrix, "wrong gets 200 from GET /api/network"),
        (makes.LeakyShell, by_roles, "viewer gets 200 from GET /api/network"),
        (makes.LeakyEnvelopes, by_roles, "viewer gets 200 from GET /api/network"),
    ],
)
def test_careless_cameras_fail(
    camera: type[makes.Camera], judge: Judge, said: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=said):
        run(type("Made", (camera,), {}), tmp_path, judge)


def test_the_frame_of_a_page_without_its_values_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match=r"viewer gets 200 from GET /network\.html$"):
        run(makes.Emptied, tmp_path, by_roles)
    run(makes.Emptied, tmp_path, by_roles, api=API[:2])


def test_errors_in_an_envelope_are_refusals(tmp_path: Path) -> None:
    described = DESCRIBED | {"refusal": '"code": 403'}
    run(makes.Envelopes, tmp_path, by_roles, http=described)


def test_operations_that_the_body_tells_apart_are_inconclusive(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="viewer gets 200 from POST /rpc"):
        run(
            makes.OneCall,
            tmp_path,
            by_roles,
            {"method": "POST", "path": "/rpc", "roles": ["admin"]},
        )


def by_paths(lab: Laboratory, kept: Kept) -> None:
    rows = [row for row in knowledge.load("web_bypasses") if row["kind"] == "trick"]
    admin = lab.http.account("admin")
    found = kept.observe(survey_bypasses(lab.http, [Bypass(**row) for row in rows], admin))
    lab.http.leave(admin)
    judge_bypasses(found)


@pytest.mark.parametrize(
    ("tidies", "said"),
    [
        ("slashes", "T-SLASH doubled slash"),
        ("dots", "T-DOT dot segment"),
        ("code", "T-CODED first letter"),
        ("code twice", "T-CODED-TWICE first letter"),
        ("case", "T-UPPER path in capital"),
    ],
)
def test_a_rule_by_the_beginning_of_the_address_is_got_around(
    tidies: str, said: str, tmp_path: Path
) -> None:
    run(type("Strict", (makes.Prefix,), {}), tmp_path, by_paths, api=API[:2])
    with pytest.raises(AssertionError, match=said):
        run(type("Made", (makes.Prefix,), {"tidies": tidies}), tmp_path, by_paths, api=API[:2])


@pytest.mark.parametrize(
    ("cuts", "said"),
    [(r"\.css$", "T-ENDING ending of a static"), (";.*$", "T-STATIC"), (r"/x\.png$", "T-PNG")],
)
def test_what_looks_like_a_file_is_not_open(cuts: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=said):
        run(type("Made", (makes.Suffix,), {"cuts": cuts}), tmp_path, by_paths, api=API[:2])


@pytest.mark.parametrize("judge", [by_roles, by_matrix])
def test_nothing_that_acts_is_asked_for(judge: Judge, tmp_path: Path) -> None:
    camera = type("Made", (makes.Obedient,), {})
    acting = [
        ("GET", "/cgi-bin/restart.cgi"),
        ("GET", "/api/users/add?name=x"),
        ("POST", "/goform/SetNetwork"),
        ("POST", "/cgi-bin/network.cgi"),
        ("PUT", "/api/factory"),
        ("GET", "/logout.cgi"),
    ]
    more = [
        {"method": method, "path": path, "roles": ["viewer", "admin"]} for method, path in acting
    ]
    kept = Kept()
    try:
        kept = run(camera, tmp_path, judge, *more)
    except Inconclusive as error:
        assert judge is by_matrix
        assert "Not declared, and not asked" in str(error)  # noqa: PT017
    else:
        left: Any = kept.observations[0]
        assert len(left.left_out) == len(acting)
    assert camera.acted == []  # type: ignore[attr-defined]


def by_tricks(lab: Laboratory, kept: Kept) -> None:
    survey: Any = RECIPES["web_tricks"].function(lab.http, lab.device, lab.secrets)
    judge_tricks(kept.observe(survey))


@pytest.mark.parametrize("judge", [by_roles, by_tricks])
def test_no_verb_is_sent_to_a_program_that_would_save(judge: Judge, tmp_path: Path) -> None:
    camera = type("Made", (makes.OneProgram,), {})
    form = {"path": "/network.php", "roles": ["admin"]}
    run(camera, tmp_path, judge, form, {**form, "method": "POST"})
    run(camera, tmp_path, judge, form)
    assert camera.acted == []  # type: ignore[attr-defined]


def test_a_login_in_the_address_is_asked_with_a_made_up_one_too(tmp_path: Path) -> None:
    described = {"authentication": "query", "query": {"usr": "{username}", "pwd": "{password}"}}
    api = [
        {"path": "/get_status.cgi", "roles": ["admin", "viewer"]},
        {"path": "/get_params.cgi", "roles": ["admin"]},
        {"path": "/reboot.cgi", "roles": ["admin"]},
        {"path": "/set_users.cgi?user1=admin&pwd1=", "roles": ["admin"]},
    ]
    run(makes.InTheAddress, tmp_path, by_roles, http=described, api=api)
    with pytest.raises(AssertionError, match=r"wrong gets 200 from GET /get_status\.cgi"):
        run(makes.CarelessInTheAddress, tmp_path, by_matrix, http=described, api=api)
    assert makes.InTheAddress.acted == []
