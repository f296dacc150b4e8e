"""Accounts, lock, audit log, settings and sessions of the emulated camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.emulated.accounts import AccountError, AccountStore
from devices.emulated.audit import AuditLog
from devices.emulated.lockout import MAX_TRACKED, Lockout
from devices.emulated.posture import Posture
from devices.emulated.sessions import IDLE_SECONDS, MAX_SESSIONS, SessionStore
from devices.emulated.settings import Settings, SettingsError

GOOD = "Quiet-Harbour-7"
OTHER = "Narrow-Bridge-8"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def store(folder: Path, **posture: Any) -> AccountStore:
    return AccountStore(folder / "data" / "accounts.json", Posture(**posture))


def test_accounts_outlive_a_restart_and_are_sealed_on_flash(tmp_path: Path) -> None:
    accounts = store(tmp_path)
    assert not accounts.exists()
    accounts.create("ana", GOOD, "admin")
    again = store(tmp_path)
    assert again.exists()
    assert again.check("ana", GOOD)
    assert again.password("ana") == GOOD
    assert GOOD not in (tmp_path / "data" / "accounts.json").read_text()


def test_plain_storage_really_is_plain(tmp_path: Path) -> None:
    store(tmp_path, password_storage="plain").create("ana", GOOD, "admin")
    assert GOOD in (tmp_path / "data" / "accounts.json").read_text()


def test_a_seal_moved_to_another_user_opens_nothing(tmp_path: Path) -> None:
    accounts = store(tmp_path)
    accounts.create("ana", GOOD, "admin")
    accounts.create("ben", OTHER, "viewer")
    path = tmp_path / "data" / "accounts.json"
    rows = json.loads(path.read_text())
    rows["users"]["ana"]["password"] = rows["users"]["ben"]["password"]
    path.write_text(json.dumps(rows))
    again = store(tmp_path)
    assert again.exists()
    assert again.check("ana", OTHER) is None
    assert again.check("ben", OTHER)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("Ab1-xyz", "at least 8"),
        ("quiet-harbour-7", "capital letter"),
        ("QuietHarbour7", "another character"),
        ("x1-Anastasia", "user name"),
        ("Ab1-" + "x" * 200, "at most"),
        ("Ab1-xyz\nfoo", "printable"),
    ],
)
def test_weak_passwords_are_refused(tmp_path: Path, password: str, problem: str) -> None:
    with pytest.raises(AccountError, match=problem):
        store(tmp_path).create("anastasia", password, "admin")


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 33, "ä"])
def test_strange_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AccountError):
        store(tmp_path).create(name, GOOD, "admin")


def test_an_administrator_always_remains(tmp_path: Path) -> None:
    accounts = store(tmp_path)
    accounts.create("ana", GOOD, "admin")
    with pytest.raises(AccountError, match="last administrator"):
        accounts.delete("ana")
    with pytest.raises(AccountError, match="last administrator"):
        accounts.set_role("ana", "viewer")
    accounts.create("ben", GOOD, "admin")
    accounts.delete("ana")
    assert [user.name for user in accounts.users()] == ["ben"]


def test_a_change_of_password_ends_the_old_one(tmp_path: Path) -> None:
    accounts = store(tmp_path)
    accounts.create("ana", GOOD, "admin")
    accounts.set_password("ana", OTHER)
    assert accounts.check("ana", GOOD) is None
    assert accounts.check("ana", OTHER)
    flawed = store(tmp_path / "flawed", old_password_survives=True)
    flawed.create("ana", GOOD, "admin")
    flawed.set_password("ana", OTHER)
    assert flawed.check("ana", GOOD)


def test_the_factory_account_ends_with_the_set_up(tmp_path: Path) -> None:
    accounts = store(tmp_path, factory_account="admin:admin")
    assert accounts.check("admin", "admin")
    assert not accounts.exists()
    accounts.create("ana", GOOD, "admin")
    assert accounts.check("admin", "admin") is None


@given(st.text(), st.text())
def test_any_name_and_password_can_be_asked_for(
    tmp_path_factory: pytest.TempPathFactory, name: str, password: str
) -> None:
    accounts = store(tmp_path_factory.getbasetemp() / "asked")
    assert accounts.check(name, password) is None
    assert isinstance(accounts.problem_with(name, password), str)


def test_the_lock_closes_an_account_on_every_service_and_opens_again() -> None:
    clock = Clock()
    lockout = Lockout(clock=clock, attempts=3, seconds=300)
    for service in ("http", "rtsp", "onvif"):
        assert not lockout.locked(service, "ana")
        lockout.failed(service, "ana")
    assert lockout.locked("http", "ana")
    assert not lockout.locked("http", "ben")
    clock.now += 299
    assert lockout.locked("rtsp", "ana")
    clock.now += 2
    assert not lockout.locked("http", "ana")


def test_a_right_password_starts_the_count_again() -> None:
    lockout = Lockout(attempts=2)
    lockout.failed("http", "ana")
    lockout.succeeded("http", "ana")
    lockout.failed("http", "ana")
    assert not lockout.locked("http", "ana")


def test_the_lock_outlives_a_power_cut(tmp_path: Path) -> None:
    path, clock = tmp_path / "lockout.json", Clock()
    first = Lockout(path, clock=clock, attempts=2)
    first.failed("http", "ana")
    first.failed("http", "ana")
    clock.now = 0.0  # the clock of a camera starts anew
    assert Lockout(path, clock=clock, attempts=2).locked("http", "ana")


def test_an_unprotected_service_neither_counts_nor_locks() -> None:
    lockout = Lockout(posture=Posture(lockout_http=False), attempts=2)
    for _ in range(5):
        lockout.failed("http", "ana")
    assert not lockout.locked("rtsp", "ana")
    lockout.failed("rtsp", "ana")
    lockout.failed("rtsp", "ana")
    assert lockout.locked("rtsp", "ana")
    assert not lockout.locked("http", "ana")


def test_made_up_names_do_not_push_a_locked_one_out() -> None:
    lockout = Lockout(attempts=2)
    for _ in range(2):
        lockout.failed("http", "ana")
    for number in range(MAX_TRACKED * 2):
        lockout.failed("http", f"nobody-{number}")
    assert lockout.locked("http", "ana")


def test_the_audit_log_leaves_out_a_line_cut_short(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write("login", user="ana", source="192.0.2.1")
    with (tmp_path / "audit.jsonl").open("a") as stream:
        stream.write('{"time": "2026')
    assert [entry["event"] for entry in log.entries()] == ["login"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.sampled_from(["hostname", "ssh", "streams", "other"]), JSON)
def test_settings_take_or_refuse_anything(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: Any
) -> None:
    settings = Settings(tmp_path_factory.getbasetemp() / "settings.json")
    before = settings.as_dict()
    try:
        settings.update({key: value})
    except SettingsError:
        assert settings.as_dict() == before


def test_settings_are_kept_and_watched(tmp_path: Path) -> None:
    key = "ssh-ed25519 " + "A" * 68 + " lab"
    settings, calls = Settings(tmp_path / "settings.json"), []
    settings.watch(lambda: calls.append(settings.ssh.enabled))
    settings.update({"ssh": {"enabled": True, "authorized_keys": [key]}})
    assert calls == [True]
    assert Settings(tmp_path / "settings.json").ssh.authorized_keys == (key,)
    with pytest.raises(SettingsError):
        settings.update({"ssh": {"enabled": True, "authorized_keys": [key + "\nssh-rsa X"]}})


def test_sessions_end_by_idleness_logout_and_change_of_password() -> None:
    clock = Clock()
    sessions = SessionStore(Posture(), clock)
    idle, left, changed = (sessions.begin(name) for name in ("ana", "ben", "cleo"))
    sessions.log_out(left)
    sessions.password_changed("cleo")
    assert sessions.find(left.id) is None
    assert sessions.find(changed.id) is None
    clock.now += IDLE_SECONDS
    assert sessions.find(idle.id)
    clock.now += IDLE_SECONDS + 1
    assert sessions.find(idle.id) is None


def test_sessions_are_bounded() -> None:
    sessions = SessionStore(Posture())
    made = [sessions.begin("ana") for _ in range(MAX_SESSIONS + 1)]
    assert sessions.find(made[0].id) is None
    assert sessions.find(made[-1].id)
