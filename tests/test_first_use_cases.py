"""First use: the label, the set-up, what a reset leaves; and the verdicts on what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from web_stand import PASSWORD, Kept, Laboratory, WebCamera, https, web_camera

from conformance import password_policy
from conformance.credentials.factory_remains import Remains
from conformance.credentials.factory_visit import (
    FirstUse,
    SetUp,
    SurfaceAnswer,
    Surfaces,
    look_at_first_use,
    set_up_again,
    try_set_up,
)
from conformance.credentials.test_first_use import (
    test_a_factory_reset_leaves_nothing as judge_reset,
)
from conformance.credentials.test_first_use import (
    test_set_up_keeps_the_rule_and_closes as judge_set_up,
)
from conformance.credentials.test_first_use import (
    test_the_initial_password_opens_nothing_but_its_change as judge_first_use,
)
from conformance.verdict import Inconclusive
from devices.emulated.accounts import AccountStore
from devices.emulated.posture import Posture
from devices.errors import DeviceFileError
from devices.links.password_trials import Candidate, Trial
from devices.links.users import WebUserWay
from devices.secrets import Secrets

POLICIES = password_policy.chosen(["VN-X", "EN303645-2.1.1"])
LABEL = "K7MW2QZX9PTR"


def visit(**parts: Any) -> SimpleNamespace:
    return SimpleNamespace(resets=(), **parts)


def answer(*, is_open: bool) -> SurfaceAnswer:
    return SurfaceAnswer("RTSP", "admin with the initial password", "DESCRIBE", open=is_open)


def test_verdicts_on_first_use() -> None:
    judge_first_use(visit(first_use=FirstUse(answers=(answer(is_open=False),))), Kept())
    with pytest.raises(AssertionError, match="RTSP answers DESCRIBE to admin with the initial"):
        judge_first_use(visit(first_use=FirstUse(answers=(answer(is_open=True),))), Kept())
    with pytest.raises(Inconclusive):
        judge_first_use(visit(first_use=FirstUse(answers=())), Kept())


def test_verdicts_on_a_reset() -> None:
    clean = Remains(planted=("a user",), looked=("users over ONVIF",), left=())
    judge_reset(visit(remains=clean), Kept())
    left = Remains(planted=("a user",), looked=("x",), left=("/data/a holds the name",))
    with pytest.raises(AssertionError, match="/data/a holds"):
        judge_reset(visit(remains=left), Kept())
    with pytest.raises(Inconclusive):
        judge_reset(visit(remains=Remains(planted=(), looked=(), left=())), Kept())


def test_verdicts_on_set_up() -> None:
    def judge(set_up: SetUp) -> None:
        judge_set_up(visit(set_up=set_up), POLICIES, Kept())

    refused = Trial("length", "7 characters", 7, (), taken=False)
    judge(SetUp(trials=(refused,), again=(("POST /setup", False),)))
    with pytest.raises(AssertionError, match="POST /setup makes a user"):
        judge(SetUp(trials=(refused,), again=(("POST /setup", True),)))
    with pytest.raises(AssertionError, match="set-up takes 7 characters"):
        judge(SetUp(trials=(Trial("length", "7 characters", 7, (), taken=True),)))
    with pytest.raises(Inconclusive, match="no operation 'setup'"):
        judge(SetUp(shortfall="the device file describes no operation 'setup'"))


@pytest.fixture
def factory(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The web interface of a labelled camera in its factory state, with the posture asked for."""
    posture = Posture(**getattr(request, "param", {}))
    otp = tmp_path / "flash" / "otp"
    with web_camera(tmp_path, posture, factory=True) as (camera, lab):
        otp.mkdir(exist_ok=True)
        (otp / "label.json").write_text(json.dumps({"password": LABEL}))
        path = tmp_path / "flash" / "data" / "accounts.json"
        camera.accounts.__init__(path, posture)  # type: ignore[misc]
        yield camera, lab


def surfaces(lab: Laboratory) -> Surfaces:
    ways = [WebUserWay(lab.http, lab.secrets)]
    return Surfaces(http=lab.http, onvif=None, rtsp=None, ssh=None, ways=ways, secrets=lab.secrets)


def test_set_up_asks_for_the_label(factory: tuple[WebCamera, Laboratory]) -> None:
    camera, lab = factory
    client = lab.http.anonymous()
    for wrong in ("", "K7MW2QZX9PTS"):
        given = {"username": "admin", "password": PASSWORD, "initial_password": wrong}
        assert lab.http.perform(client, "setup", **given).status in {400, 403, 422}
    assert not camera.accounts.exists()
    given = {"username": "admin", "password": PASSWORD, "initial_password": LABEL}
    assert lab.http.perform(client, "setup", **given).status == 201
    assert camera.accounts.role("admin") == "admin"
    assert https(camera)


def test_guesses_at_the_label_are_stopped(factory: tuple[WebCamera, Laboratory]) -> None:
    _, lab = factory
    client = lab.http.anonymous()
    wrong = {"username": "admin", "password": PASSWORD, "initial_password": "wrong"}
    for _ in range(5):
        assert lab.http.perform(client, "setup", **wrong).status == 403
    right = wrong | {"initial_password": LABEL}
    assert lab.http.perform(client, "setup", **right).status == 429


@pytest.mark.parametrize(
    ("factory", "is_open"), [({}, False), ({"label_logs_in": True}, True)], indirect=["factory"]
)
def test_the_label_as_a_password(
    factory: tuple[WebCamera, Laboratory],
    is_open: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    _, lab = factory
    found = look_at_first_use(surfaces(lab), ["admin"], LABEL, 4)
    assert [one.open for one in found.answers] == [is_open]


def test_a_strict_lock_leaves_surfaces_out(factory: tuple[WebCamera, Laboratory]) -> None:
    _, lab = factory
    found = look_at_first_use(surfaces(lab), ["admin", "root"], LABEL, 1)
    assert len(found.answers) == 1
    assert "for the lock forbids more" in found.shortfall


@pytest.mark.parametrize(
    ("factory", "taken"),
    [({}, ""), ({"password_rule_skipped": ("setup",)}, "short-1")],
    indirect=["factory"],
)
def test_weak_passwords_at_set_up(factory: tuple[WebCamera, Laboratory], taken: str) -> None:
    camera, lab = factory
    weak = [Candidate("length", "7 characters", lambda _: "short-1")]
    trials, password = try_set_up(surfaces(lab), "admin", LABEL, weak)
    assert password == taken
    assert [one.taken for one in trials] == [bool(taken)]
    assert camera.accounts.exists() == bool(taken)


@pytest.mark.parametrize(("posture", "made"), [({}, False), ({"setup_stays_open": True}, True)])
def test_set_up_called_again(
    posture: dict[str, Any],
    made: bool,  # noqa: FBT001 - pytest gives it by name
    tmp_path: Path,
) -> None:
    with web_camera(tmp_path, Posture(**posture)) as (camera, lab):
        before = camera.accounts.users()
        ((_, found),) = set_up_again(surfaces(lab), LABEL)
        assert found == made
        assert camera.accounts.users() == before


def test_the_initial_password_is_fetched_and_redacted(
    factory: tuple[WebCamera, Laboratory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lab = factory
    content = lab.device.model_dump(by_alias=True)
    content["factory"] = {"password": {"env": "THE_LABEL"}}
    secrets = Secrets(type(lab.device).model_validate(content))
    with pytest.raises(DeviceFileError, match="THE_LABEL is not set"):
        secrets.initial()
    assert (("factory", "password"), "the environment variable THE_LABEL is not set") in (
        secrets.missing()
    )
    monkeypatch.setenv("THE_LABEL", LABEL)
    assert secrets.initial() == LABEL
    assert LABEL.encode() not in secrets.redact(f"label {LABEL}".encode())
    with pytest.raises(DeviceFileError, match="is not given"):
        lab.secrets.initial()


def test_accounts_keep_a_list_of_common_passwords(tmp_path: Path) -> None:
    accounts = AccountStore(tmp_path / "data" / "accounts.json", Posture())
    assert "common" in accounts.problem_with("ana", "p@SSw0rd".swapcase())
    assert not accounts.problem_with("ana", "P@ssw0rd-and-more")
