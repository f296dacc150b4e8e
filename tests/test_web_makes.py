"""The web test cases on cameras of many makes: each verdict is the true one for that camera."""

from __future__ import annotations

import http.server
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web_makes import DECLARED, DESCRIBED, INFO, InAddress, Memory, make
from web_stand import (
    DEVICE,
    PASSWORD,
    Kept,
    Laboratory,
    foreign_server,
    judge_web_roles,
    laboratory,
)

from conformance import policy
from conformance.credentials import (
    test_factory_state,
    test_leaks,
    test_operations,
    test_password_rules,
    test_published_accounts,
    test_sessions,
    test_transport,
    web_accounts,
)
from conformance.credentials.role_survey import surveyed
from conformance.credentials.session_events import Bench, Events
from conformance.credentials.test_session_ends import _endings as judge_endings
from conformance.credentials.test_session_ends import _tokens as judge_tokens
from conformance.verdict import Inconclusive
from devices.errors import BenchError, LoginRefused, NotOffered, Unreachable
from devices.links.http.discovery import FoundOperations
from devices.links.http.identifiers import identifier_facts
from devices.links.http.leaks import LeakSearch
from devices.links.http.sessions import survey_sessions
from devices.links.http.survey import survey_clear
from devices.links.http.token_sample import sample_tokens
from devices.links.users import TrialViewer

REFUSAL = '"code": *-1'


@contextmanager
def served(
    folder: Path, http: dict[str, Any] | None = None, **manners: Any
) -> Iterator[tuple[Laboratory, Memory]]:
    camera, memory = make(**manners)
    with foreign_server(camera) as url:
        lab = described(url, folder, {**DESCRIBED, **(http or {})})
        yield lab, memory
        lab.http.close()


def described(
    url: str,
    folder: Path,
    http: dict[str, Any],
    authorisation: dict[str, Any] | None = None,
    **declared: Any,
) -> Laboratory:
    account = {"password": {"file": str(folder / "password")}}
    accounts = {
        "admin": {"username": "admin", **account},
        "viewer": {"username": "viewer", "role": "viewer", **account},
        "probe": {"username": "probe", "role": "viewer", "purpose": "lockout", **account},
    }
    return laboratory(
        url,
        folder,
        http=http,
        accounts=accounts,
        authorisation=authorisation or DEVICE["authorisation"],
        declared={**DECLARED, **declared},
    )


def arguments(lab: Laboratory) -> dict[str, Any]:
    return {"http": lab.http, "secrets": lab.secrets, "evidence": Kept()}


def roles(lab: Laboratory) -> None:
    judge_web_roles(lab, Kept())


def sessions(lab: Laboratory) -> Any:
    facts = survey_sessions(lab.http, "viewer", "viewer", PASSWORD)
    cookies = tuple(replace(cookie, secure=True) for cookie in facts.cookies)  # without TLS
    facts = replace(facts, cookies=cookies)
    test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
    return facts


# Refusals with 200


def test_without_a_word_on_its_refusals_a_camera_of_envelopes_is_inconclusive(
    tmp_path: Path,
) -> None:
    with served(tmp_path, refuses="envelope") as (lab, _):
        roles(lab)  # compared with what the allowed get, and with a made-up path
        assert not lab.http.log_in("admin", "wrong")[0].accepted


def test_a_described_refusal_counts_as_one(tmp_path: Path) -> None:
    with served(tmp_path, {"refusal": REFUSAL}, refuses="envelope") as (lab, _):
        gate = lab.http.gate()
        assert (gate.anonymous.status, gate.anonymous.denied) == (200, True)
        assert not lab.http.log_in("admin", "wrong")[0].accepted
        assert lab.http.log_in("admin", PASSWORD)[0].accepted
        roles(lab)
        sessions(lab)


def test_a_viewer_who_gets_the_data_in_an_envelope_fails(tmp_path: Path) -> None:
    camera, _ = make(refuses="envelope")

    class Open(camera):  # type: ignore[misc, valid-type]
        def refuse(self) -> None:
            if self.path == "/users":
                self.say({"code": 0, "data": [{"user": "admin"}, {"user": "viewer"}]})
            else:
                super().refuse()

    with foreign_server(Open) as url:
        lab = described(url, tmp_path, DESCRIBED)
        with pytest.raises(AssertionError, match="anonymous gets 200 from GET /users"):
            roles(lab)
        lab.http.close()


def test_a_page_for_expired_sessions_is_no_login(tmp_path: Path) -> None:
    with served(tmp_path, expired=True) as (lab, _):
        assert lab.http.log_in("admin", PASSWORD)[0].accepted
        assert not lab.http.log_in("admin", "wrong")[0].accepted
    with served(tmp_path, expired=True) as (lab, _):  # also where a wrong one comes first
        assert not lab.http.log_in("admin", "wrong")[0].accepted
        assert lab.http.log_in("admin", PASSWORD)[0].accepted


def test_a_camera_that_checks_no_session_is_still_caught(tmp_path: Path) -> None:
    camera, memory = make()
    memory.sessions["any"] = "admin"

    class Trusting(camera):  # type: ignore[misc, valid-type]
        def session(self) -> str:
            held = self.headers.get("Cookie", "")
            return super().session() or ("any" if held else "")

    with foreign_server(Trusting) as url:
        lab = described(url, tmp_path, DESCRIBED)
        with pytest.raises(AssertionError, match="wrong gets 200 from GET /info"):
            operations(lab)
        lab.http.close()


def operations(lab: Laboratory) -> Kept:
    given = arguments(lab)
    test_operations.test_every_web_operation_by_every_subject(
        **given, device=lab.device, user_ways=[], policy=policy.load
    )
    kept: Kept = given["evidence"]
    return kept


# Callers whose session ends


def test_one_session_for_all_users_is_no_refusal_of_a_role(tmp_path: Path) -> None:
    with served(tmp_path, one=True) as (lab, memory):
        roles(lab)
        assert memory.logins > 2


def test_a_session_that_ends_all_the_time_is_inconclusive(tmp_path: Path) -> None:
    camera, memory = make()

    class Brief(camera):  # type: ignore[misc, valid-type]
        def refuse(self) -> None:
            memory.sessions.clear()
            super().refuse()

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            super().do_GET()
            if self.path == "/users":
                memory.sessions.clear()

    with foreign_server(Brief) as url:
        lab = described(url, tmp_path, DESCRIBED)
        matrix = surveyed(lab.http, lab.device, lab.secrets, [])
        assert "the session of viewer ended again and again" in matrix.shortfall
        assert not [a for a in matrix.answers if a.role == "viewer"]
        lab.http.close()


def test_operations_that_could_not_be_read_are_a_shortfall(tmp_path: Path) -> None:
    with served(tmp_path) as (lab, _):  # / is 404
        kept = operations(lab)
        (found,) = (o for o in kept.observations if isinstance(o, FoundOperations))
        assert "no page could be read" in found.shortfall
    page = b"<script>get('/cgi-bin/secret.cgi')</script>"
    on = b"<script>location.href='/main.html'</script>"
    later = b'<meta http-equiv="refresh" content="0; url=main.html">'
    pages = {"/main.html": page, "/a.html": on, "/m.html": later}
    for leads in pages:
        with served(tmp_path, leads=leads, pages=pages) as (lab, _):
            kept = operations(lab)
            (found,) = (o for o in kept.observations if isinstance(o, FoundOperations))
            assert (found.named, found.shortfall) == (1, "")


# Sessions


@pytest.mark.parametrize(
    "manners",
    [
        {},
        {"slots": 3},
        {"named": True},
        {"rolling": True},
        {"name": lambda: f"sid_{secrets.token_hex(3)}"},
        {"drops": True},
        {"csrf": True},
    ],
    ids=["plain", "slots", "named", "rolling", "renamed", "drops", "csrf"],
)
def test_good_sessions_of_many_manners_pass_and_leave_none_behind(
    tmp_path: Path, manners: dict[str, Any]
) -> None:
    http: dict[str, Any] = {}
    if "csrf" in manners:
        http = {"csrf": {"field": "csrf", "call": {"path": "/csrf"}, "header": "X-CSRF"}}
    with served(tmp_path, http, **manners) as (lab, memory):
        facts = sessions(lab)
        assert facts.identifiers.distinct == 7
        assert not facts.live_after_logout
        assert not memory.sessions
        assert memory.worst <= manners.get("slots", 1000)


@pytest.mark.parametrize(
    ("manners", "raises", "said"),
    [
        ({"kept": True}, AssertionError, "still opens closed resources after its logout"),
        ({"kept": True, "rolling": True}, AssertionError, "after its logout"),
        ({"token": lambda n: f"{'0123456789abcdef' * 2}-{n + 5}"}, AssertionError, "at most"),
        ({"token": lambda n: f"{'0123456789abcdef' * 2}-{n + 5}"}, AssertionError, "count up"),
        ({"logout": 404}, NotOffered, "is answered 404; it is no logout, as the device file"),
        ({"csrf": True}, NotOffered, "is answered 403; it is no logout"),
        ({"slots": 2, "logout": 404}, LoginRefused, "after 2 logins no further one"),
    ],
)
def test_bad_and_misdescribed_sessions_are_told_apart(
    tmp_path: Path, manners: dict[str, Any], raises: type[Exception], said: str
) -> None:
    with served(tmp_path, **manners) as (lab, _), pytest.raises(raises, match=said):
        sessions(lab)


def test_a_cookie_that_opens_alone_is_judged_though_there_is_a_token(tmp_path: Path) -> None:
    camera, _ = make()

    class Both(camera):  # type: ignore[misc, valid-type]
        def say(self, content: Any, status: int = 200, **headers: str) -> None:
            if "Set_Cookie" in headers:
                headers["Set_Cookie"] = headers["Set_Cookie"].partition(";")[0]
                content = {"token": "0123456789abcdef"}
            super().say(content, status, **headers)

    with foreign_server(Both) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "token": {"json_field": "token"}})
        with pytest.raises(AssertionError, match="The session cookie sid lacks HttpOnly"):
            sessions(lab)
        lab.http.close()


def test_a_logout_that_no_foreign_page_can_send_is_no_cross_site_request(tmp_path: Path) -> None:
    camera, _ = make()

    class Json(camera):  # type: ignore[misc, valid-type]
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path == "/logout" and self.headers.get("Content-Type") != "application/json":
                self.answer(415)
            else:
                super().do_POST()

    logout = {"method": "POST", "path": "/logout", "json": {"now": True}}
    operations = {**DESCRIBED["operations"], "logout": logout}
    with foreign_server(Json) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        facts = survey_sessions(lab.http, "viewer", "viewer", PASSWORD)
        assert facts.ended_from_elsewhere is False
        lab.http.close()
    with served(tmp_path, {"operations": operations}) as (lab, _):  # takes it as text as well
        facts = survey_sessions(lab.http, "viewer", "viewer", PASSWORD)
        assert facts.ended_from_elsewhere is True


@pytest.mark.parametrize(
    ("granted", "same_site", "ended"),
    [(False, "; SameSite=Strict", None), (False, "", None), (True, "", True)],
)
def test_a_logout_by_delete_is_ridden_only_where_other_sites_may_send_it(
    *, granted: bool, same_site: str, ended: bool | None, tmp_path: Path
) -> None:
    camera, memory = make()

    class Deletes(camera):  # type: ignore[misc, valid-type]
        def begin(self, user: str) -> str:
            return f"{super().begin(user).partition(';')[0]}; HttpOnly{same_site}"

        def do_DELETE(self) -> None:  # noqa: N802 - the name that http.server calls
            memory.sessions.pop(self.session(), None)
            self.answer(204)

        def do_OPTIONS(self) -> None:  # noqa: N802 - the name that http.server calls
            allowed = {
                "Access_Control_Allow_Origin": self.headers.get("Origin", "") if granted else "*",
                "Access_Control_Allow_Credentials": "true",
                "Access_Control_Allow_Methods": "GET, DELETE",
            }
            self.answer(204, b"", **allowed)

    logout = {"method": "DELETE", "path": "/session"}
    operations = {**DESCRIBED["operations"], "logout": logout}
    with foreign_server(Deletes) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        facts = survey_sessions(lab.http, "viewer", "viewer", PASSWORD)
        secure = tuple(replace(cookie, secure=True) for cookie in facts.cookies)
        facts = replace(facts, cookies=secure)  # which over plain HTTP no client would send
        assert facts.ended_from_elsewhere is ended
        assert bool(facts.unsendable) == (not granted)
        if granted:
            with pytest.raises(AssertionError, match="pages of other sites can act"):
                test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
        elif not same_site:
            with pytest.raises(Inconclusive, match="DELETE /session is sent by no form"):
                test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
        else:
            test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
        lab.http.close()
    assert not memory.sessions


def test_identifiers_of_several_lengths_are_counted_where_they_differ() -> None:
    prefix = "Zq8-" * 10
    facts = identifier_facts([f"{prefix}{n}" for n in range(95, 110)])
    assert facts.counting
    assert facts.varying <= 3
    fixed = identifier_facts([f"s{n}.tail" for n in ("8a", "1234", "99")])
    assert fixed.varying <= 4


class OneUser:
    """A trial user who is there already, and whose removal ends what the camera says it ends."""

    name = "the stand"

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def create(self, username: str, password: str) -> None:
        raise NotImplementedError

    def change_password(self, username: str, old: str, new: str) -> None:
        raise NotImplementedError

    def delete(self, username: str) -> None:
        self.memory.sessions = {
            key: user for key, user in self.memory.sessions.items() if user != username
        }
        del self.memory.passwords[username]


class Waiting:
    by, sure = "waiting", True


def ends(lab: Laboratory, memory: Memory) -> Events:
    def restart() -> None:
        raise BenchError("no power switch")

    user = TrialViewer(OneUser(memory), "probe", PASSWORD)
    bench = Bench(lab.http, lab.secrets, [], Waiting(), restart, 1800, 1)
    events = Events(bench, user)
    events.run()
    return events


@pytest.mark.parametrize("rolling", [False, True])
def test_a_session_that_outlives_its_logout_fails_though_its_cookie_changes(
    tmp_path: Path, *, rolling: bool
) -> None:
    with served(tmp_path, kept=True, rolling=rolling) as (lab, memory):
        events = ends(lab, memory)
        (said,) = judge_endings(lab.http, events.found, sure=True)
        assert "still opens closed resources after logout" in said
    with served(tmp_path, rolling=rolling) as (lab, memory):
        events = ends(lab, memory)
        assert not list(judge_endings(lab.http, events.found, sure=True))
        assert {e.event: e.control for e in events.found} == {"logout": True, "user removal": True}


def test_a_logout_that_is_not_carried_out_is_not_measured(tmp_path: Path) -> None:
    with served(tmp_path, logout=403) as (lab, memory):
        events = ends(lab, memory)
        assert "logout" not in {e.event for e in events.found}
        assert any("logout: POST" in missing for missing in events.missing)


def test_tokens_of_a_camera_that_takes_no_login_over_a_living_session(tmp_path: Path) -> None:
    with served(tmp_path, slots=1) as (lab, _):
        sample = sample_tokens(lab.http, "viewer", PASSWORD, 8)
        assert (sample.renewed, sample.facts.count) == (None, 8)
        assert not list(judge_tokens(sample, policy.load("passwords")["sessions"]))
    with served(tmp_path, name=lambda: f"sid_{secrets.token_hex(3)}") as (lab, _):
        sample = sample_tokens(lab.http, "viewer", PASSWORD, 8)
        assert (sample.renewed, sample.facts.count, sample.facts.distinct) == (True, 8, 8)


# Tokens and logins in addresses


IN_ADDRESS: dict[str, dict[str, Any]] = {
    "token": {
        "authentication": "session",
        "token": {"json_field": "0.value.Token.name", "query": "token"},
        "operations": {
            "login": {
                "method": "POST",
                "path": "/api?cmd=Login",
                "json": [{"param": {"user": "{username}", "password": "{password}"}}],
            }
        },
    },
    "query": {"authentication": "query", "query": {"usr": "{username}", "pwd": "{password}"}},
}


@pytest.mark.parametrize("kind", IN_ADDRESS)
def test_logins_in_addresses_are_described_and_found(tmp_path: Path, kind: str) -> None:
    with foreign_server(InAddress) as url:
        info: dict[str, Any] = {
            "api": [{"path": "/info", "roles": ["admin", "viewer"]}],
            "lockout": None,
        }
        lab = described(url, tmp_path, {**IN_ADDRESS[kind], "refusal": '"code": *1'}, **info)
        assert not lab.http.log_in("admin", "wrong")[0].accepted
        attempt, client = lab.http.log_in("admin", PASSWORD)
        assert attempt.accepted
        assert attempt.opened is not None
        assert attempt.opened.target == "/info"
        assert PASSWORD not in str(attempt)
        assert InAddress.token not in str(attempt)
        client.close()
        roles(lab)
        said = "every request" if kind == "query" else "its token"
        with pytest.raises(AssertionError, match=said):
            leaks(lab)
        lab.http.close()


# Leaks


def leaks(lab: Laboratory) -> Kept:
    given = arguments(lab)
    test_leaks.test_secrets_of_logins_stand_nowhere_else(
        **given, user_ways=[], camera=None, device=lab.device
    )
    kept: Kept = given["evidence"]
    return kept


PAGE = b"<html><script src=/a.js></script>welcome</html>"


@pytest.mark.parametrize(
    ("manners", "raises", "said"),
    [
        ({"pages": {"/": PAGE, "/log": b"a line"}}, None, ""),
        ({"pages": {"/log": b"a line"}}, None, "no page: GET"),
        ({"pages": {"/": PAGE}}, None, "is answered 404"),
        ({"pages": {"/": PAGE, "/log": bytes(3_000_000)}}, None, "gives more than the 2097152"),
        (
            {"leads": "/in.html", "pages": {"/in.html": PASSWORD.encode(), "/log": b"x"}},
            AssertionError,
            "in.html .page. holds the password of",
        ),
    ],
)
def test_only_what_was_fetched_was_searched(
    tmp_path: Path, manners: dict[str, Any], raises: type[Exception] | None, said: str
) -> None:
    operations = {**DESCRIBED["operations"], "logs": {"path": "/log"}}
    with served(tmp_path, {"operations": operations}, **manners) as (lab, _):
        lab.device.declared.__dict__["exports_configuration"] = False
        if raises is not None:
            with pytest.raises(raises, match=said):
                leaks(lab)
            return
        kept = leaks(lab)
        (found,) = (o for o in kept.observations if isinstance(o, LeakSearch))
        assert said in found.shortfall
        assert bool(said) == bool(found.shortfall)


@pytest.mark.parametrize("where", ["body", "cookie"])
def test_a_password_in_what_the_login_gives_fails(tmp_path: Path, where: str) -> None:
    camera, _ = make(pages={"/": PAGE})

    class Telling(camera):  # type: ignore[misc, valid-type]
        def say(self, content: Any, status: int = 200, **headers: str) -> None:
            if "Set_Cookie" in headers and where == "body":
                content = {"code": 0, "user": {"password": PASSWORD}}
            if "Set_Cookie" in headers and where == "cookie":
                headers["Set-Cookie"] = f"pwd={PASSWORD}"
            super().say(content, status, **headers)

    with foreign_server(Telling) as url:
        lab = described(url, tmp_path, DESCRIBED)
        said = "the cookie pwd" if where == "cookie" else "the answer to POST"
        with pytest.raises(AssertionError, match=f"{said}.* holds the password of"):
            leaks(lab)
        lab.http.close()


# Passwords


def test_a_change_that_changes_nothing_is_no_fault_of_the_camera(tmp_path: Path) -> None:
    change = {"method": "POST", "path": "/password", "json": {"new": "{new_password}"}}
    operations = {**DESCRIBED["operations"], "change_password": change}
    with served(tmp_path, {"operations": operations}) as (lab, memory):
        with pytest.raises(Inconclusive, match="the password is the old one after"):
            test_password_rules.test_a_changed_password_ends_the_old_one(
                **arguments(lab), user_ways=[]
            )
        assert memory.passwords["probe"] == PASSWORD
        assert not memory.sessions


def test_a_trial_user_is_deleted_though_the_administrators_session_has_ended(
    tmp_path: Path,
) -> None:
    camera, memory = make()
    made: set[str] = set()

    class Users(camera):  # type: ignore[misc, valid-type]
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            verb = self.path.rpartition("/")[2]
            known = bool(self.session())
            if verb not in {"add", "del"}:
                super().do_POST()
                return
            if known:
                (made.add if verb == "add" else made.discard)(self.body().decode())
            self.answer(200 if known else 401)

    operations = {
        **DESCRIBED["operations"],
        "create_user": {"method": "POST", "path": "/users/add", "text": "{username}"},
        "delete_user": {"method": "POST", "path": "/users/del", "text": "{username}"},
    }
    with foreign_server(Users) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        with web_accounts.trial_user(lab.http, lab.secrets) as user:
            assert made == {user.username}
            memory.sessions.clear()
        assert not made
        lab.http.close()


def test_pairs_that_were_turned_away_for_their_number_were_not_tried(tmp_path: Path) -> None:
    camera, _ = make()
    asked: list[int] = []

    class Limited(camera):  # type: ignore[misc, valid-type]
        def login(self, given: dict[str, str]) -> None:
            if given["user"] in {"admin", "viewer", "probe"}:
                super().login(given)
                return
            asked.append(1)
            self.answer(429 if len(asked) > 1 else 403)

    rows = [{"service": "http", "username": name, "password": "x", "vendor": "V"} for name in "abc"]
    with foreign_server(Limited) as url:
        lab = described(url, tmp_path, DESCRIBED)
        given = arguments(lab)
        test_published_accounts.test_no_published_account_opens_the_web_interface(
            **given,
            request=None,  # type: ignore[arg-type]
            device=lab.device,
            knowledge=lambda _: rows,
            policy=policy.load,
        )
        (found,) = given["evidence"].observations
        assert (len(found.tried), len(found.left_out)) == (1, 2)
        assert "the camera's limit of logins" in found.shortfall
        lab.http.close()


# Plain HTTP


def test_a_login_page_behind_a_redirection_is_one(tmp_path: Path) -> None:
    form = {"/in.html": b'<input type="password">'}
    with (
        foreign_server(make(leads="/in.html", pages=form)[0]) as plain,
        served(tmp_path, {"operations": {}}) as (lab, _),
    ):
        survey = survey_clear(lab.http, [int(plain.rpartition(":")[2])])
        assert survey.ports[0].password_form


def test_an_interface_whose_refusals_say_nothing_is_inconclusive(tmp_path: Path) -> None:
    class Mute(make(refuses="envelope")[0]):  # type: ignore[misc]
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            self.body()
            self.refuse()

    with foreign_server(Mute) as plain, foreign_server(Mute) as url:
        lab = described(url, tmp_path, DESCRIBED)
        survey = survey_clear(lab.http, [int(plain.rpartition(":")[2])])
        secure = lab.device.model_copy(
            update={"links": lab.device.links.model_copy(update={"http": None})}
        )
        with pytest.raises(Inconclusive, match="answers without TLS on port"):
            test_transport.test_no_credential_over_plain_http(survey, secure, policy.load)
        lab.http.close()


# The factory state, and the wire


@pytest.mark.parametrize("open_", [False, True])
def test_an_error_with_200_is_not_open_in_the_factory_state(tmp_path: Path, *, open_: bool) -> None:
    camera, memory = make()

    class Fresh(camera):  # type: ignore[misc, valid-type]
        def refuse(self) -> None:
            if memory.passwords:
                super().refuse()
            else:
                self.say(INFO if open_ else {"code": 7, "data": None})

    with foreign_server(Fresh) as url:
        lab = described(url, tmp_path, DESCRIBED)
        genuine = test_factory_state._as_administrator(lab.http, lab.secrets, lab.device)
        assert genuine["/info"].succeeded
        memory.passwords.clear()
        found = list(test_factory_state._open_resources(lab.http, genuine, Kept()))
        assert [said.split()[1] for said in found[:1]] == ([f"{url}/info"] if open_ else [])
        lab.http.close()


def test_a_camera_at_an_ipv6_address_is_asked(tmp_path: Path) -> None:
    class Six(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    server = Six(("::1", 0), make()[0])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        granted = {**DEVICE["authorisation"], "addresses": ["::1/128"]}
        url = f"http://[::1]:{server.server_port}"
        lab = described(url, tmp_path, DESCRIBED, authorisation=granted)
        roles(lab)
        sessions(lab)
        lab.http.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_post_is_never_sent_twice(tmp_path: Path) -> None:
    posts: list[str] = []
    camera, _ = make()

    class Hangs(camera):  # type: ignore[misc, valid-type]
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            posts.append(self.path)
            self.close_connection = True

    with foreign_server(Hangs) as url:
        lab = described(url, tmp_path, DESCRIBED)
        client = lab.http.anonymous()
        client.request("GET", "/")
        with pytest.raises(Unreachable):
            client.request("POST", "/login", body=b"{}")
        assert posts == ["/login"]
        lab.http.close()
