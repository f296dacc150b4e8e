"""What is entered in the journal before it is done: web operations, restarts, SSH, the console."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import laboratory
import pytest

from devices.description import Operation
from devices.journal import Journal
from devices.links.http.changes import noted
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.serial.link import SerialLink
from devices.links.ssh import guesses
from devices.links.ssh.link import SshLink
from devices.permit import Permit
from devices.secrets import Secrets

OPERATION = Operation(path="/")


def call(journal: Journal, name: str, status: int | None, **values: str) -> None:
    """One operation, answered with a status; None: the camera does not answer."""
    with noted(journal, name, OPERATION, values) as note:
        answer: Any = SimpleNamespace(status=status, denied=False)
        if status is not None:
            note(answer)


def entered(journal: Journal) -> list[tuple[str, str, str]]:
    return [(change.kind, change.subject, change.via) for change in journal.open()]


@pytest.mark.parametrize(
    ("name", "values", "kind", "subject"),
    [
        ("create_user", {"username": "ana"}, "user", "ana"),
        ("create_user_cgi", {"username": "ana"}, "user", "ana"),
        ("setup", {"username": "ana", "password": "One-1"}, "user", "ana"),
        ("change_password", {"username": "ana", "new_password": "Two-2"}, "password", "ana"),
        ("change_password_cgi", {"username": "ana", "new_password": "Two-2"}, "password", "ana"),
        ("set_password", {"username": "ana", "new_password": "Two-2"}, "password", "ana"),
        ("set_password_cgi", {"username": "ana", "new_password": "Two-2"}, "password", "ana"),
        ("factory_reset", {}, "factory", ""),
        ("wifi", {"ssid": "Trial"}, "setting", "the wireless network Trial"),
    ],
)
def test_what_a_web_operation_changes(
    name: str, values: dict[str, str], kind: str, subject: str
) -> None:
    for status in (None, 200, 500):
        journal = Journal()
        call(journal, name, status, **values)
        assert entered(journal) == [(kind, subject, "http")]
    journal = Journal()
    call(journal, name, 403, **values)
    assert entered(journal) == []
    call(journal, name, 200, **values)
    call(journal, name, 403, **values)  # a refusal later undoes nothing
    assert entered(journal) == [(kind, subject, "http")]


@pytest.mark.parametrize("name", ["login", "logout", "users", "snapshot", "configuration"])
def test_what_only_reads_is_not_entered(name: str) -> None:
    journal = Journal()
    call(journal, name, 200, username="ana", password="One-1")
    assert entered(journal) == []


def test_the_first_set_up_makes_no_user_to_delete() -> None:
    journal = Journal()
    call(journal, "factory_reset", 200)
    call(journal, "setup", 200, username="admin", password="One-1")
    assert entered(journal) == [("factory", "", "http")]


def test_a_password_given_by_an_administrator_is_not_taken_for_the_original() -> None:
    journal = Journal()
    call(journal, "set_password", 200, username="ana", new_password="Two-2")
    call(journal, "set_password", 200, username="ana", new_password="Two-2")
    assert entered(journal) == [("password", "ana", "http")]


class Ssh(SshLink):
    def _connect(self) -> Any:
        raise AssertionError("no connection is needed")

    @property
    def endpoint(self) -> str:
        return "192.0.2.1:22"


def ssh(journal: Journal) -> Ssh:
    table = {"username": "ana", "password": {"env": "HOME"}, "services": ["ssh"]}
    device = laboratory.device(accounts={"ana": table})
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires, journal)
    return Ssh(device, permit, Secrets(device))


@pytest.mark.parametrize(("user", "left"), [("ana", True), ("root", True), ("nobody-such", False)])
def test_guesses_on_one_ssh_connection(
    *, user: str, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was made up locks nobody."""
    journal = Journal()
    seen: list[list[tuple[str, str, str]]] = []
    monkeypatch.setattr(
        guesses, "on_one_connection", lambda *_, **__: seen.append(entered(journal))
    )
    ssh(journal).guess_on_one_connection(user, 3)
    assert seen == [[("lock", user, "ssh")] if left else []]
    assert bool(entered(journal)) == left


@pytest.mark.parametrize("accepted", [True, False])
def test_guesses_at_an_ssh_account(*, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    found = SimpleNamespace(right_accepted=accepted)
    monkeypatch.setattr(guesses, "of_one_account", lambda *_, **__: found)
    ssh(journal).guess_at_account("ana", "One-1", 3)
    assert entered(journal) == ([] if accepted else [("lock", "ana", "ssh")])


@pytest.mark.parametrize(
    ("outcome", "left"),
    [(Outcome.DATA, True), (Outcome.NOT_AUTHORISED, False), (Outcome.NOT_SUPPORTED, False)],
)
def test_a_restart_by_onvif(
    *, outcome: Outcome, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    link = OnvifLink.__new__(OnvifLink)
    link._permit = Permit([], [], laboratory.device().authorisation.expires, journal)
    answer = SimpleNamespace(answer=SimpleNamespace(outcome=outcome, detail=""))
    monkeypatch.setattr(OnvifLink, "_change", lambda *_: answer)
    link.reboot("admin")
    assert entered(journal) == ([("start", "", "onvif")] if left else [])


def test_a_login_on_the_console_that_is_cut_short_stays_entered() -> None:
    journal = Journal()
    link = SerialLink.__new__(SerialLink)
    link._permit = Permit([], [], laboratory.device().authorisation.expires, journal)
    with link.logging_in():
        assert entered(journal) == [("console", "", "serial")]
    assert entered(journal) == []
    with pytest.raises(KeyboardInterrupt), link.logging_in():
        raise KeyboardInterrupt
    assert entered(journal) == [("console", "", "serial")]
