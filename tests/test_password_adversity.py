"""Password trials on cameras of odd manners: the verdict is true, and nothing is left changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from test_password_trials import MAKER, Users, judge, strict, weak
from test_web_makes import described
from web_makes import DESCRIBED, USERS, Make, Memory, make
from web_stand import PASSWORD, Kept, Laboratory, foreign_server, laboratory

from conformance.credentials.password_interfaces import interfaces_of, without_users
from conformance.credentials.test_password_rules import (
    test_a_changed_password_ends_the_old_one as judge_change,
)
from conformance.verdict import Inconclusive
from devices.errors import LinkError, LoginRefused, NotOffered, Unreachable
from devices.links import expendable_account
from devices.links.expendable_account import ExpendableAccount
from devices.links.password_attempts import try_interface
from devices.links.password_trials import Interface, InterfaceTrials
from devices.links.users import WebUserWay
from devices.trial_password import strong_password

CARELESS: Callable[[str, str], bool] = lambda _name, _password: False  # noqa: E731
OWN = "Own-Pass-word-1"


class Odd(Users):
    """``manner``: how its words and deeds differ; see each."""

    def __init__(self, refuses: Callable[[str, str], bool], manner: str = "") -> None:
        super().__init__(refuses)
        self.manner, self.down, self.late = manner, False, dict[str, str]()

    def create(self, username: str, password: str) -> None:
        self._up()
        if self.manner == "yes":  # 200 with an error in the body
            if not self._refuses(username, password):
                self.users[username] = password
            return
        if self.manner == "no":
            self.users[username] = password
        super().create(username, password)
        self._late(username)

    def change_password(self, username: str, old: str, new: str) -> None:  # noqa: ARG002
        self._up()
        if username not in self.users:
            raise NotOffered("no such user")
        refused = self._refuses(username, new)
        if not refused or self.manner == "no":
            self.users[username] = new
            self._late(username)
        self.down = self.manner == "restarts"
        if refused and self.manner != "yes":
            raise NotOffered("refused")

    def delete(self, username: str) -> None:
        self._up()
        super().delete(username)

    def login(self, username: str, password: str) -> bool:
        self._up()
        if self.manner == "clips":
            return self.users.get(username, "")[:8] == password[:8]
        if self.manner == "folds":
            return self.users.get(username, "").lower() == password.lower()
        if self.manner == "trims":
            return self.users.get(username, "").strip() == password.strip()
        if self.late.pop(username, ""):
            return False  # the change has not gone through
        return super().login(username, password)

    def _up(self) -> None:
        if self.down:
            raise Unreachable("restarting")

    def _late(self, username: str) -> None:
        if self.manner == "late":
            self.late[username] = "yes"

    def await_camera(self) -> None:
        self.down = False


def tried(users: Odd, act: Any) -> InterfaceTrials:
    def listed() -> set[str]:
        return set(users.users)

    one = Interface("memory", act, users, users.login, listed, users.await_camera)
    return try_interface(one, weak(), MAKER)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expendable_account, "SLOW_SECONDS", 0.0)


@pytest.mark.parametrize("act", ["create", "change"])
@pytest.mark.parametrize("manner", ["", "yes", "clips", "folds", "trims", "late"])
def test_a_strict_camera_of_any_manner_passes(manner: str, act: str) -> None:
    users = Odd(strict, manner)
    found = tried(users, act)
    assert not found.problem
    assert not users.users
    judge(found)


@pytest.mark.parametrize("act", ["create", "change"])
@pytest.mark.parametrize("manner", ["", "yes", "clips", "folds", "trims", "late"])
def test_a_careless_camera_of_any_manner_fails(manner: str, act: str) -> None:
    users = Odd(CARELESS, manner)
    found = tried(users, act)
    assert not found.problem
    assert not users.users
    with pytest.raises(AssertionError, match="takes 7 characters"):
        judge(found)


@pytest.mark.parametrize("act", ["create", "change"])
def test_a_password_that_is_refused_and_taken_all_the_same_is_taken(act: str) -> None:
    users = Odd(strict, "no")
    found = tried(users, act)
    assert not users.users
    assert any(trial.taken for trial in found.trials)
    with pytest.raises(AssertionError, match=r"(?i)memory takes"):
        judge(found)


def test_a_camera_that_restarts_at_each_change_keeps_no_user() -> None:
    users = Odd(strict, "restarts")
    found = tried(users, "change")
    assert not users.users
    assert "restarting" in found.problem
    with pytest.raises(Inconclusive):
        judge(found, shortfall=found.problem)


def test_a_user_who_cannot_be_removed_is_told() -> None:
    class Stubborn(Odd):
        def create(self, username: str, password: str) -> None:
            self.users[username] = password

        def login(self, username: str, password: str) -> bool:  # noqa: ARG002
            return len(self.users) == 1

        def delete(self, username: str) -> None:
            if len(self.users) > 1:
                raise NotOffered("no")
            super().delete(username)

    users = Stubborn(strict)
    users.users["other"] = "x"
    found = tried(users, "create")
    assert "still there" in found.problem


# An account that the bench can spare


class Remembers(Odd):
    """Takes none of the passwords that it had last; ``depth`` of them."""

    def __init__(self, refuses: Callable[[str, str], bool], depth: int) -> None:
        super().__init__(refuses)
        self.depth, self.had = depth, [OWN]

    def change_password(self, username: str, old: str, new: str) -> None:
        if new in self.had[len(self.had) - self.depth :] and self.depth:
            raise NotOffered("used lately")
        super().change_password(username, old, new)
        self.had.append(new)


def spared(users: Odd) -> InterfaceTrials:
    users.users["spare"] = OWN
    way = ExpendableAccount(users, users.login, "spare", OWN, strong_password)
    one = Interface(
        "spare", "change", way, users.login, await_camera=users.await_camera, account="spare"
    )
    return try_interface(one, weak(), MAKER)


@pytest.mark.parametrize("manner", ["", "yes", "no", "clips", "late", "restarts"])
@pytest.mark.parametrize("refuses", [strict, CARELESS])
def test_the_account_gets_its_own_password_again(
    manner: str, refuses: Callable[[str, str], bool]
) -> None:
    users = Odd(refuses, manner)
    spared(users)
    users.await_camera()
    assert users.users == {"spare": OWN}


@pytest.mark.parametrize(("refuses", "verdict"), [(strict, ""), (CARELESS, "takes 7 characters")])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_the_account_shows_the_rule_past_a_memory(
    refuses: Callable[[str, str], bool], verdict: str, depth: int
) -> None:
    users = Remembers(refuses, depth)
    found = spared(users)
    assert users.users == {"spare": OWN}
    assert not found.problem
    if not verdict:
        judge(found)
        return
    with pytest.raises(AssertionError, match=verdict):
        judge(found)


def test_an_account_whose_password_is_refused_for_good_is_told() -> None:
    users = Remembers(strict, 1000)
    assert "camproof restore" in spared(users).problem


def test_an_account_that_does_not_log_in_is_left_alone() -> None:
    users = Odd(strict)
    way = ExpendableAccount(users, users.login, "spare", OWN, strong_password)
    users.users["spare"] = "another"
    with pytest.raises(LoginRefused):
        way.create("spare", strong_password())
    with pytest.raises(NotOffered):
        way.create("nobody", strong_password())
    way.delete("spare")
    assert users.users == {"spare": "another"}


CHANGE = {
    "method": "POST",
    "path": "/password",
    "json": {"user": "{username}", "old": "{password}", "new": "{new_password}"},
}


def changing(lab: Laboratory) -> list[Interface]:
    ways = [WebUserWay(lab.http, lab.secrets)]
    return interfaces_of(lab.http, None, lab.secrets, ways)


class Changing(Make):
    """Its users change their own passwords; it makes no user. ``manner``: see the tests."""

    manner: ClassVar[str]
    had: ClassVar[list[str]]
    later: ClassVar[list[tuple[str, str]]]
    down: ClassVar[list[int]]

    def handle_one_request(self) -> None:
        if self.down:
            self.down.pop()
            self.close_connection = True
            return
        super().handle_one_request()

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/password":
            self.change(json.loads(self.body()))
            return
        super().do_POST()
        if self.path == "/login" and self.later:  # it takes a while
            user, new = self.later.pop()
            self.memory.passwords[user] = new

    def change(self, given: dict[str, str]) -> None:
        user = self.memory.sessions.get(self.session(), "")
        if not user or self.memory.passwords[user] != given["old"]:
            self.refuse()
        elif self.manner == "says yes":
            self.say({"code": 0})
        elif self.refuses(user, given["new"]):
            self.answer(400, b"weak")
        else:
            self.take(user, given["new"])

    def refuses(self, user: str, new: str) -> bool:
        if self.manner == "remembers" and new in self.had[-3:]:
            return True
        return self.manner != "takes all" and strict(user, new)

    def take(self, user: str, new: str) -> None:
        self.had.append(new)
        if self.manner == "late":
            self.later.append((user, new))
        else:
            self.memory.passwords[user] = new
        if self.manner != "keeps sessions":
            self.memory.sessions.clear()
        self.say({"code": 0})
        if self.manner == "restarts":
            self.down.extend([1] * 6)


def changing_camera(manner: str) -> tuple[type[Changing], Memory]:
    memory = Memory()
    facts = {"manners": {}, "memory": memory, "manner": manner}
    facts |= {"had": [PASSWORD], "later": [], "down": []}
    return type("Made", (Changing,), facts), memory


@pytest.mark.parametrize(
    "change", ["keeps the rule", "keeps sessions", "takes all", "says yes", "remembers", "late"]
)
def test_a_camera_on_which_no_user_can_be_made(change: str, tmp_path: Path) -> None:
    camera, memory = changing_camera(change)
    operations = {**DESCRIBED["operations"], "change_password": CHANGE}
    with foreign_server(camera) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        assert not without_users(lab.device, lab.http, lab.secrets)
        (one,) = changing(lab)
        assert one.account == "probe"
        found = try_interface(one, weak(), MAKER)
        lab.http.close()
    assert memory.passwords == dict.fromkeys(USERS, PASSWORD)
    if change == "takes all":
        with pytest.raises(AssertionError, match="takes 7 characters"):
            judge(found)
    elif change == "says yes":
        assert "strong random password" in found.problem
        with pytest.raises(Inconclusive):
            judge(found, shortfall=found.problem)
    else:
        assert not found.problem
        judge(found)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("keeps the rule", ""),
        ("remembers", ""),
        ("late", ""),
        ("keeps sessions", "began before the password"),
        ("restarts", "127.0.0.1"),
    ],
)
def test_a_change_is_put_back_on_a_camera_of_any_manner(
    change: str, verdict: str, tmp_path: Path
) -> None:
    camera, memory = changing_camera(change)
    operations = {**DESCRIBED["operations"], "change_password": CHANGE}
    with foreign_server(camera) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        given: dict[str, Any] = {"http": lab.http, "secrets": lab.secrets, "evidence": Kept()}
        said = ""
        try:
            judge_change(**given, user_ways=[])
        except (AssertionError, LinkError) as error:
            said = str(error)
        lab.http.close()
    assert bool(said) == bool(verdict)
    assert verdict in said
    assert memory.passwords == dict.fromkeys(USERS, PASSWORD)


def test_without_such_an_account_the_operation_is_named(tmp_path: Path) -> None:
    operations = {**DESCRIBED["operations"], "change_password": CHANGE}
    camera, _ = make()
    with foreign_server(camera) as url:
        account = {"username": "admin", "password": {"file": str(tmp_path / "password")}}
        lab = laboratory(
            url,
            tmp_path,
            http={**DESCRIBED, "operations": operations},
            accounts={"admin": account},
        )
        assert not changing(lab)
        (said,) = without_users(lab.device, lab.http, lab.secrets)
        lab.http.close()
    assert "purpose 'lockout'" in said
