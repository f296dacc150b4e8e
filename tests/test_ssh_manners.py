"""SSH servers with other manners: nothing that they leave unsaid is taken for an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ssh_manners import RIGHT, USER, Manners, serving

from devices import device_file
from devices.errors import Garbled, LoginRefused, TimedOut
from devices.links.ssh import commands, forwarding, guesses
from devices.links.ssh.authentication import ask_users
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.link import SshLink
from devices.links.ssh.proofless import try_without_proof
from devices.links.ssh.session import MoreAsked, Session
from devices.links.ssh.trials import PasswordPair, PasswordTrials, Trials
from devices.permit import Permit
from devices.secrets import Secrets

SECONDS = 1.2
WRONG = PasswordPair(USER, "published")
PASSWORD = [("Password: ", False)]


DEVICE = """\
schema_version = 1
[device]
manufacturer = "none"
model = "none"
hardware = "A"
serial = "0001"
firmware = {{ version = "1.0" }}
[authorisation]
granted_by = "the test"
reference = "tests"
expires = 2099-12-31
addresses = ["127.0.0.1"]
[links.ssh]
host = "127.0.0.1"
port = {port}
account = "lab"
[accounts.lab]
username = "lab"
password = {{ file = "password" }}
services = ["ssh"]
"""


def link_to(port: int, folder: Path) -> SshLink:
    (folder / "password").write_text(RIGHT + "\n")
    (folder / "device.toml").write_text(DEVICE.format(port=port))
    device = device_file.load(folder / "device.toml")
    granted = device.authorisation
    return SshLink(device, Permit(granted.addresses, [], granted.expires), Secrets(device))


def to(port: int) -> Callable[[], Session]:
    return lambda: Session("127.0.0.1", port, SECONDS)


def tried(manners: Manners, *pairs: PasswordPair) -> PasswordTrials:
    with serving(manners) as port:
        return Trials(to(port), each_user=5, seconds=30).run("there", pairs)


def log_in(manners: Manners, password: str = RIGHT) -> None:
    with serving(manners) as port, to(port)() as session:
        session.log_in_by_password(USER, password)
        assert session.alive


def test_a_login_left_unanswered_is_not_refused() -> None:
    manners = Manners(silent=frozenset({"password"}))
    with pytest.raises(TimedOut):
        log_in(manners)
    found = tried(manners, WRONG)
    assert (found.accepted, found.complete) == ((), False)
    with serving(manners) as port:
        with pytest.raises(TimedOut):
            try_without_proof(to(port), "there", {USER: 1})
        with pytest.raises(TimedOut):
            guesses.on_one_connection(to(port), "there", USER, most=2)


def test_a_second_factor_is_no_login_and_no_refusal() -> None:
    manners = Manners(factors=2)
    with pytest.raises(MoreAsked, match="takes the password and asks for more"):
        log_in(manners)
    with pytest.raises(LoginRefused):
        log_in(manners, "wrong")
    found = tried(manners, PasswordPair(USER, RIGHT))
    assert (found.accepted, found.tried) == ((), 1)
    assert "asks for more" in found.shortfall
    with serving(manners) as port, pytest.raises(MoreAsked):
        guesses.of_one_account(to(port), "there", USER, RIGHT, wrong=1)


def test_a_demand_for_a_new_password_is_no_refusal() -> None:
    with pytest.raises(MoreAsked, match="new password"):
        log_in(Manners(change_password=True))
    assert "new password" in tried(Manners(change_password=True), WRONG).shortfall


@pytest.mark.parametrize(
    "rounds",
    [
        [PASSWORD],
        [[("用户名 ", True), ("密码 ", False)]],
        [[("Tên đăng nhập: ", True)], PASSWORD],
        [PASSWORD, []],
    ],
    ids=["password", "name and password", "in two rounds", "nothing in the second"],
)
def test_one_password_is_given_where_it_is_asked_for(rounds: list[list[tuple[str, bool]]]) -> None:
    manners = Manners(methods="keyboard-interactive", rounds=rounds)
    with serving(manners) as port, to(port)() as session:
        if len(rounds) == 1:
            session.log_in_by_password(USER, RIGHT)
        else:  # the stand takes the password in the first round alone
            with pytest.raises(LoginRefused):
                session.log_in_by_password(USER, RIGHT)
    assert [word for words in manners.heard for word in words].count(RIGHT) == 1


def test_a_new_password_is_never_set_by_answering() -> None:
    rounds = [PASSWORD, [("New password: ", False)], [("Retype: ", False)]]
    manners = Manners(methods="keyboard-interactive", rounds=rounds)
    with pytest.raises(MoreAsked, match="New password"):
        log_in(manners)
    assert manners.heard == [[RIGHT], [""], [""]]
    again = Manners(methods="keyboard-interactive", rounds=rounds)
    assert "New password" in tried(again, WRONG).shortfall


def test_a_refused_dialogue_is_a_refusal() -> None:
    found = tried(Manners(methods="keyboard-interactive", rounds=[PASSWORD]), WRONG)
    assert (found.accepted, found.tried, found.shortfall) == ((), 1, "")


def test_a_server_that_asks_without_end_is_garbled() -> None:
    with pytest.raises(Garbled):
        log_in(Manners(methods="keyboard-interactive", rounds=[PASSWORD] * 100))


@pytest.mark.parametrize("methods", ["", "none", "none,publickey"])
def test_methods_that_are_none_are_no_login(methods: str) -> None:
    with serving(Manners(methods=methods)) as port:
        (user,) = ask_users(to(port), "there", {USER: True}).users
    assert not user.none_accepted
    assert user.methods == tuple(name for name in methods.split(",") if name)


@pytest.mark.parametrize(
    ("before", "encoding"),
    [("Cảnh báo\r\n" * 300, "utf-8"), ("未经授权禁止访问\n", "gbk")],
    ids=["many lines", "in another encoding"],
)
def test_lines_before_the_identification_hinder_no_login(before: str, encoding: str) -> None:
    log_in(Manners(before=before.encode(encoding)))


@pytest.mark.parametrize("kind", ["remote", "agent", "x11", "session"])
def test_a_request_left_unanswered_is_neither_granted_nor_refused(kind: str) -> None:
    with serving(Manners(silent=frozenset({kind}), forwards=True)) as port:

        def logged_in() -> Session:
            session = to(port)()
            session.log_in_by_password(USER, RIGHT)
            return session

        found, _ = forwarding.answers(logged_in, ("127.0.0.1", port), 0.4)
    silent = {"agent", "x11"} if kind == "session" else {kind}
    assert {k for k, answer in found.items() if answer is Forwarding.UNANSWERED} == silent
    assert {found[k] for k in found if k not in silent} == {Forwarding.PERMITTED}


def test_what_is_refused_is_refused() -> None:
    with serving(Manners()) as port:

        def logged_in() -> Session:
            session = to(port)()
            session.log_in_by_password(USER, RIGHT)
            return session

        found, through = forwarding.answers(logged_in, ("127.0.0.1", port), 5)
    assert (set(found.values()), through) == ({Forwarding.PROHIBITED}, b"")


@pytest.mark.parametrize(
    ("manners", "error"),
    [
        (Manners(answer=None), Garbled),
        (Manners(answer=b"% Unknown command\r\n"), Garbled),
        (Manners(answer=b"a shell\n", status=None), Garbled),
        (Manners(answer=b"", status=0), Garbled),
        (Manners(answer=b"", status=127), Garbled),
        (Manners(silent=frozenset({"exec"}), answer=b""), TimedOut),
        (Manners(silent=frozenset({"session"})), Garbled),
    ],
    ids=[
        "no commands", "a vendor's interface", "no status", "says nothing", "refuses all",
        "exec unanswered", "no channel",
    ],
)  # fmt: skip
def test_what_is_no_shell_shows_nothing_of_the_camera(
    manners: Manners, error: type[Exception]
) -> None:
    with serving(manners) as port, to(port)() as session:
        session.log_in_by_password(USER, RIGHT)
        with pytest.raises(error):
            commands.demand_shell(session, SECONDS)


def test_a_server_that_hears_few_callers_is_called_again(tmp_path: Path) -> None:
    manners = Manners(unheard=2, answer=b"a shell\n", status=7)
    with serving(manners) as port:
        link = link_to(port, tmp_path)
        assert [user.methods for user in link.authentication().users] == [("password",)]
        assert link.run("anything").result.status == 7
        link.close()


def test_files_are_not_read_through_a_vendor_s_interface(tmp_path: Path) -> None:
    """Its answer must not pass for the content of a file, nor for the file's absence."""
    with serving(Manners(answer=b"% Invalid input detected\r\n")) as port:
        link = link_to(port, tmp_path)
        for look in (link.read_file, lambda path: link.digests([path])):
            with pytest.raises(Garbled, match="no shell that runs commands"):
                look("/etc/passwd")
        link.close()
