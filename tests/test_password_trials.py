"""Weak passwords on interfaces: honest, careless and lying ones; what the cases say of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onvif_stand import onvif_stand
from web_stand import (
    PASSWORD,
    Handler,
    Kept,
    Laboratory,
    foreign_server,
    laboratory,
    web_camera,
)

from conformance import knowledge, password_policy
from conformance.credentials.password_interfaces import interfaces_of, undescribed
from conformance.credentials.test_password_interfaces import (
    test_common_passwords_and_user_names_are_refused as judge_guessable,
)
from conformance.credentials.test_password_interfaces import (
    test_every_interface_keeps_one_password_rule as judge_rule,
)
from conformance.credentials.weak_passwords import candidates, user_name
from conformance.verdict import Inconclusive
from devices.emulated.addresses import reserved_address
from devices.emulated.posture import Posture
from devices.errors import NotOffered
from devices.links.password_attempts import try_interface
from devices.links.password_trials import (
    Candidate,
    Interface,
    InterfaceTrials,
    Maker,
    PasswordTrials,
    kinds_of,
)
from devices.links.users import OnvifUserWay, WebUserWay
from devices.secrets import Secrets
from devices.trial_password import strong_password

POLICIES = password_policy.chosen(["VN-X", "EN303645-2.1.1"])
MAKER = Maker(user_name, strong_password, lambda _rule, _password: None)
COMMON = knowledge.load("common_passwords")


class Users:
    """A camera's users in memory, and a way to administer them."""

    name = "memory"

    def __init__(self, refuses: Callable[[str, str], bool], *, lies: str = "") -> None:
        self.users: dict[str, str] = {}
        self._refuses, self._lies = refuses, lies

    def create(self, username: str, password: str) -> None:
        if self._lies == "says yes":
            return
        refused = self._refuses(username, password)
        if not refused or self._lies == "says no":
            self.users[username] = password
        if refused:
            raise NotOffered("refused")

    def change_password(self, username: str, old: str, new: str) -> None:
        if self.users.get(username) != old or self._refuses(username, new):
            raise NotOffered("refused")
        self.users[username] = new

    def delete(self, username: str) -> None:
        if self.users.pop(username, None) is None:
            raise NotOffered("no such user")

    def login(self, username: str, password: str) -> bool:
        return self.users.get(username) == password


def strict(username: str, password: str) -> bool:
    common = password in {row["password"] for row in COMMON}
    holds = username.lower() in password.lower()
    return len(password) < 8 or len(kinds_of(password)) < 4 or common or holds


def tried(users: Users, act: Any = "create") -> InterfaceTrials:
    listed = Interface("memory", act, users, users.login, lambda: set(users.users))
    return try_interface(listed, weak(), MAKER)


def weak() -> list[Candidate]:
    from laboratory import device  # noqa: PLC0415 - its names are many

    return candidates(POLICIES, device(), COMMON)


def judge(*trials: InterfaceTrials, shortfall: str = "") -> None:
    observed = PasswordTrials(interfaces=trials, shortfall=shortfall)
    judge_rule(observed, POLICIES, Kept())
    judge_guessable(observed, POLICIES, Kept())


@pytest.mark.parametrize("act", ["create", "change"])
def test_a_strict_interface_passes_and_keeps_no_user(act: str) -> None:
    users = Users(strict)
    found = tried(users, act)
    assert not found.problem
    assert not any(trial.taken for trial in found.trials)
    assert not users.users
    judge(found)


@pytest.mark.parametrize("act", ["create", "change"])
def test_a_careless_interface_fails_and_keeps_no_user(act: str) -> None:
    users = Users(lambda _name, _password: False)
    found = tried(users, act)
    assert not found.problem
    assert all(trial.taken for trial in found.trials)
    assert not users.users
    with pytest.raises(AssertionError, match=r"7 characters.*Decision 724"):
        judge(found)


def test_one_careless_interface_beside_a_strict_one_fails_without_any_policy() -> None:
    both = tried(Users(strict)), tried(Users(lambda name, _: not name))
    with pytest.raises(AssertionError, match=r"takes 7 characters.*refused"):
        judge_rule(PasswordTrials(interfaces=both), [], Kept())


def test_common_words_alone_fail_only_where_a_policy_has_them_refused() -> None:
    taken = tried(Users(lambda n, p: strict(n, p) and p not in {r["password"] for r in COMMON}))
    observed = PasswordTrials(interfaces=(taken,))
    with pytest.raises(AssertionError, match=r"common 'P@ssw0rd'.*EN 303 645"):
        judge_guessable(observed, POLICIES, Kept())
    with pytest.raises(Inconclusive, match="no policy"):
        judge_guessable(observed, password_policy.chosen(["VN-X"]), Kept())


@pytest.mark.parametrize("act", ["create", "change"])
def test_a_camera_that_takes_nothing_shows_nothing(act: str) -> None:
    found = tried(Users(lambda _name, _password: True), act)
    assert found.problem
    assert not found.trials
    with pytest.raises(Inconclusive, match="no interface"):
        judge(found, shortfall=found.problem)


def test_a_camera_that_says_yes_to_everything_has_taken_nothing() -> None:
    found = tried(Users(strict, lies="says yes"))
    assert found.problem
    assert not found.trials


def test_users_made_against_the_cameras_word_are_swept() -> None:
    users = Users(strict, lies="says no")
    tried(users)
    assert not users.users


def on_the_web(lab: Laboratory) -> list[InterfaceTrials]:
    ways = [WebUserWay(lab.http, lab.secrets)]
    found = interfaces_of(lab.http, None, lab.secrets, ways)
    return [try_interface(one, weak(), MAKER) for one in found]


@pytest.mark.parametrize(
    ("posture", "verdict"),
    [
        ({}, ""),
        ({"password_rule_skipped": ("change",)}, "change_password .* takes 7 characters"),
        ({"password_rule_skipped": ("create", "change")}, "create_user .* takes 7 characters"),
    ],
)
def test_the_web_interface_without_its_page(
    posture: dict[str, Any], verdict: str, tmp_path: Path
) -> None:
    with web_camera(tmp_path, Posture(**posture)) as (camera, lab):
        found = on_the_web(lab)
        assert [one.act for one in found] == ["change", "create"]
        names = {user.name for user in camera.accounts.users()}
    assert not [one.problem for one in found if one.problem]
    assert not [name for name in names if name.startswith("Tr")]
    if not verdict:
        judge(*found)
        return
    with pytest.raises(AssertionError, match=verdict):
        judge(*found)


@pytest.mark.parametrize(
    ("posture", "verdict"),
    [
        ({}, ""),
        ({"password_rule_skipped": ("onvif-create",)}, "ONVIF CreateUsers takes 7 characters"),
        ({"password_rule_skipped": ("onvif-set",)}, "ONVIF SetUser takes 7 characters"),
    ],
)
def test_onvif_as_a_way_around_the_rule(
    posture: dict[str, Any], verdict: str, tmp_path: Path
) -> None:
    with reserved_address() as address, onvif_stand(tmp_path, address, Posture(**posture)) as stand:
        ways = [OnvifUserWay(stand.link)]
        secrets = Secrets(stand.device)
        found = [
            try_interface(one, weak(), MAKER)
            for one in interfaces_of(None, stand.link, secrets, ways)
        ]
        names = {user.name for user in stand.camera.accounts.users()}
    assert not [name for name in names if name.startswith("Tr")]
    if not verdict:
        judge(*found)
        return
    with pytest.raises(AssertionError, match=verdict):
        judge(*found)


class Isapi(Handler):
    """Users are administered behind a login at a published path; ONVIF answers beside it."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/ISAPI/Security/users":
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        return self.answer(404)

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        self.body()
        return self.answer(200, b"<GetSystemDateAndTimeResponse/>")


class Everything(Handler):
    """One page for whatever is asked."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        return self.answer(200, b"<html>log in</html>", Content_Type="text/html")

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        self.body()
        return self.answer(200, b"<html>log in</html>", Content_Type="text/html")


class ClosedToAll(Handler):
    """Asks for a login wherever one looks."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        return self.answer(401, WWW_Authenticate='Basic realm="x"')

    do_POST = do_GET  # noqa: N815 - the name that http.server calls


@pytest.mark.parametrize(
    ("server", "found"), [(Isapi, 2), (Everything, 0), (ClosedToAll, 0)], ids=str
)
def test_interfaces_that_nobody_described(
    server: type[Handler], found: int, tmp_path: Path
) -> None:
    paths = [row["path"] for row in knowledge.load("web_paths") if row["kind"] == "users"]
    with foreign_server(server) as url:
        lab = laboratory(url, tmp_path)
        assert len(undescribed(lab.device, lab.http, paths)) == found
        lab.http.close()


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"method": "POST", "path": "/api/users", "roles": ["admin"]}, 1),
        ({"method": "PUT", "path": "/api/users/{name}", "roles": ["admin"]}, 1),
        ({"method": "GET", "path": "/api/users", "roles": ["admin"]}, 0),
        ({"method": "POST", "path": "/api/session", "roles": ["anonymous"]}, 0),
        ({"method": "PUT", "path": "/api/me/password", "roles": ["viewer"]}, 0),
    ],
)
def test_declared_resources_that_no_operation_describes(
    row: dict[str, Any], found: int, tmp_path: Path
) -> None:
    operations = {"change_password": {"method": "PUT", "path": "/api/me/password", "json": {}}}
    with foreign_server(Everything) as url:
        lab = laboratory(url, tmp_path, http={"operations": operations}, declared={"api": [row]})
        assert len(undescribed(lab.device, lab.http, [])) == found
        lab.http.close()


def test_candidates_are_weak_in_one_way_each() -> None:
    for candidate in weak():
        password = candidate.make("Trabc")
        broken = {
            "length": len(password) < 8,
            "kinds": len(kinds_of(password)) == 3,
            "username": "trabc" in password.lower(),
            "common": password in {row["password"] for row in COMMON},
        }
        assert broken[candidate.rule], candidate.what
    assert PASSWORD not in {candidate.make("x") for candidate in weak()}
