"""The test cases of guessing and of oracles, against cameras good and bad of any make."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from onvif_stand import onvif_stand
from rtsp_stand import rtsp_stand
from web_stand import (
    ONE_SESSION,
    PASSWORD,
    Handler,
    Kept,
    OneSession,
    digest_camera,
    foreign_server,
    laboratory,
    raw_server,
    web_camera,
)

from conformance import policy
from conformance.credentials import telling, test_guess_limits, test_lock_lasts, test_oracles
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.emulated.addresses import reserved_address
from devices.emulated.posture import Posture
from devices.errors import LoginRefused, NotOffered
from devices.journal import Journal
from devices.links.guessing.oracle import OracleSamples, Sample
from devices.links.guessing.refusers import Refusal
from devices.links.users import OnvifUserWay, UserWay, WebUserWay
from devices.permit import Permit
from devices.protocols.digest import basic
from devices.secrets import Secrets
from fixtures.camera import Camera
from fixtures.guessing.guesses import Guessing

LOCK = {"attempts": 5, "seconds": 300, "scope": "account"}
API = [{"path": "/cgi-bin/info.cgi", "roles": ["admin"]}]


@contextmanager
def guessing_of(device: DeviceFile) -> Iterator[Guessing]:
    """Guesses on a camera, with its users made as the device file allows."""
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires, Journal())
    secrets = Secrets(device)
    camera = Camera(device, permit, secrets)
    ways: list[UserWay] = []
    if device.links.onvif is not None:
        ways.append(OnvifUserWay(camera.link("onvif")))
    if device.links.http is not None:
        ways.append(WebUserWay(camera.link("http"), secrets))
    found = Guessing(camera, secrets, ways)
    try:
        yield found
    finally:
        found.close()
        camera.close()


def judge(device: DeviceFile, number: int) -> list[Any]:
    """Have a test case judge a camera; returns what it observed."""
    kept = Kept()
    with guessing_of(device) as guessing:
        common = {"evidence": kept}
        if number == 30:
            test_guess_limits.test_a_guesser_shuts_nobody_else_out(guessing, device, **common)
        elif number == 29:
            test_lock_lasts.test_a_lock_ends_when_it_should(guessing, **common, policy=policy.load)
        else:
            case = {
                27: test_guess_limits.test_guessing_is_stopped_on_every_way_in,
                31: test_oracles.test_the_web_login_takes_the_same_time,
                32: test_oracles.test_onvif_does_not_tell_which_users_exist,
                33: test_oracles.test_rtsp_does_not_tell_which_users_exist,
            }[number]
            case(guessing, **common, policy=policy.load)
    return [*kept.observations]


def foreign(url: str, folder: Path, **declared: Any) -> DeviceFile:
    bench = {"boot_seconds": 0.3}
    return laboratory(url, folder, declared={"api": API, **declared}, bench=bench).device


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of the bench as a whole are not waited for; short ones are."""
    wait = Guessing.pass_time
    monkeypatch.setattr(Guessing, "pass_time", lambda self, s: wait(self, min(s, 3.0)))


# CRED-027


def test_every_way_of_a_good_camera_is_closed_and_all_together(tmp_path: Path) -> None:
    with web_camera(tmp_path) as (camera, lab):
        kept = judge(lab.device, 27)
        assert not [u for u in camera.accounts.users() if u.name.startswith("Tr1al")]
    each, together = kept[:-1], kept[-1]
    assert [found.surface for found in each] == ["the web login", "HTTP digest"]
    assert all(found.closed_after == 5 for found in each)
    assert len(together.guesses) == 10
    assert not together.still_open


@pytest.mark.parametrize(
    ("posture", "says"),
    [
        (Posture(lockout_http=False), "the web login: after 6 wrong passwords"),
        (Posture(lockout_http_digest=False), "HTTP digest: after 6 wrong passwords"),
    ],
)
def test_a_way_without_a_limit_fails(posture: Posture, says: str, tmp_path: Path) -> None:
    with web_camera(tmp_path, posture) as (_, lab), pytest.raises(AssertionError, match=says):
        judge(lab.device, 27)


def test_two_counters_of_five_are_within_the_limit_together(tmp_path: Path) -> None:
    with web_camera(tmp_path, Posture(lockout_scope="service")) as (_, lab):
        judge(lab.device, 27)


def test_an_account_set_aside_serves_where_users_cannot_be_made(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        kept = judge(foreign(url, tmp_path, lockout=LOCK), 27)
    assert kept[0].origin == "the account probe"


def test_a_camera_without_any_lock_fails(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=None)) as url:
        device = foreign(url, tmp_path)
        with pytest.raises(AssertionError, match="after 11 wrong passwords"):
            judge(device, 27)


def test_no_user_to_guess_is_inconclusive_and_says_what_to_add(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=0)) as url:
        device = foreign(url, tmp_path, lockout=LOCK)
        with pytest.raises(Inconclusive, match="create_user and delete_user"):
            judge(device, 27)


def test_a_page_that_answers_200_to_everything_is_inconclusive(tmp_path: Path) -> None:
    class Open(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(200, f"page {self.path}".encode())

    with foreign_server(Open) as url, pytest.raises(Inconclusive, match="no user whose"):
        judge(foreign(url, tmp_path), 27)


def test_a_camera_that_goes_away_under_guessing_is_inconclusive(tmp_path: Path) -> None:
    base = digest_camera(attempts=None)

    class Fragile(base):  # type: ignore[valid-type, misc]
        left: ClassVar[int] = 14

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            type(self).left -= 1
            if self.left < 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            super().do_GET()

    with foreign_server(Fragile) as url, pytest.raises(Inconclusive, match="stopped answering"):
        judge(foreign(url, tmp_path), 27)


def test_garbage_is_inconclusive(tmp_path: Path) -> None:
    with (
        raw_server(lambda connection: connection.sendall(b"\x00\xff" * 50)) as url,
        pytest.raises(Inconclusive),
    ):
        judge(foreign(url, tmp_path), 27)


def test_rtsp_is_guessed_with_the_account_for_it(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path) as stand:
        kept = judge(stand.device, 27)
    assert [found.closed_after for found in kept] == [5]
    with (
        rtsp_stand(tmp_path / "open", Posture(lockout_rtsp=False)) as stand,
        pytest.raises(AssertionError, match="RTSP: after 6 wrong passwords of guard"),
    ):
        judge(stand.device, 27)


def test_both_ways_of_onvif_are_guessed(tmp_path: Path) -> None:
    with reserved_address() as address, onvif_stand(tmp_path, address) as stand:
        kept = judge(declaring(stand.device), 27)
    names = [found.surface for found in kept[:2]]
    assert names == ["ONVIF UsernameToken", "ONVIF HTTP digest"]


def declaring(device: DeviceFile) -> DeviceFile:
    content = device.model_dump(mode="json", exclude_none=True)
    content["declared"]["lockout"] = LOCK
    return DeviceFile.model_validate(content)


# CRED-029 and CRED-030


def test_a_lock_longer_than_a_run_waits_is_inconclusive(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        device = foreign(url, tmp_path, lockout=LOCK | {"seconds": 7200})
        with pytest.raises(Inconclusive, match=r"bench\.clock\.timers"):
            judge(device, 29)


def test_without_a_lock_there_is_no_end(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=None)) as url:
        device = foreign(url, tmp_path, lockout=LOCK)
        with pytest.raises(Inconclusive, match="there is no lock to try"):
            judge(device, 29)


def test_a_short_lock_that_ends_as_declared_is_too_short(tmp_path: Path) -> None:
    class Brief(Handler):
        """Basic, and after two failures closed for two seconds."""

        failures: ClassVar[list[float]] = []

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            given = self.headers.get("Authorization", "")
            recent = [at for at in self.failures if time.monotonic() - at < 2]
            right = given == _basic("probe")
            if not given or len(recent) >= 2 or not right:
                if given and not right:
                    self.failures.append(time.monotonic())
                return self.answer(401, b"", WWW_Authenticate='Basic realm="x"')
            return self.answer(200, b"model")

    with foreign_server(Brief) as url:
        lab = laboratory(
            url,
            tmp_path,
            http={"authentication": "basic"},
            declared={"api": API, "lockout": LOCK | {"attempts": 2, "seconds": 2}},
        )
        with pytest.raises(AssertionError, match=r"declared to last 2 s, expected 300 s"):
            judge(lab.device, 29)


def _basic(name: str) -> str:
    return basic(name, PASSWORD)


def sharing(*, everyone: bool) -> type[Handler]:
    """A camera with Basic and two users; a lock of one shuts out the other under ``everyone``."""
    failures: dict[str, int] = {}

    class Sharing(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            given = self.headers.get("Authorization", "")
            names = [n for n in ("probe", "other") if given == _basic(n)]
            locked = max(failures.values(), default=0) >= 5 if everyone else False
            if names and not locked and failures.get(names[0], 0) < 5:
                return self.answer(200, b"model")
            if given and not names:
                failures["probe"] = failures.get("probe", 0) + 1
            return self.answer(401, b"", WWW_Authenticate='Basic realm="x"')

    return Sharing


@pytest.mark.parametrize("sources", [[], ["127.0.0.9"]])
def test_another_user_logs_in_beside_a_lock(sources: list[str], tmp_path: Path) -> None:
    with foreign_server(sharing(everyone=False)) as url:
        judge(two_users(url, tmp_path, sources), 30)


def test_a_lock_for_everybody_fails(tmp_path: Path) -> None:
    with (
        foreign_server(sharing(everyone=True)) as url,
        pytest.raises(AssertionError, match=r"another user from 127\.0\.0\.9"),
    ):
        judge(two_users(url, tmp_path, ["127.0.0.9"]), 30)


def test_without_a_declared_scope_a_second_address_is_asked_for(tmp_path: Path) -> None:
    with (
        foreign_server(sharing(everyone=False)) as url,
        pytest.raises(Inconclusive, match=r"bench\.sources"),
    ):
        judge(two_users(url, tmp_path, [], scope=False), 30)


def two_users(url: str, folder: Path, sources: list[str], *, scope: bool = True) -> DeviceFile:
    lab = laboratory(
        url,
        folder,
        http={"authentication": "basic"},
        declared={"api": API, "lockout": LOCK},
        bench={"sources": sources},
    )
    content = lab.device.model_dump(mode="json", exclude_none=True)
    probe = content["accounts"].pop("probe")  # who looks on comes first
    content["accounts"] |= {"other": {**probe, "username": "other"}, "probe": probe}
    if not scope:
        del content["declared"]["lockout"]
    return DeviceFile.model_validate(content)


# CRED-031, 032 and 033


def test_a_digest_login_takes_the_same_time(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        kept = judge(foreign(url, tmp_path, lockout=LOCK), 31)
    samples, times = kept
    assert samples.right_logins >= 4
    assert len(times.known) == len(times.unknown)


def test_a_hash_for_known_users_alone_fails(tmp_path: Path) -> None:
    with (
        web_camera(tmp_path, Posture(login_slow_for_known=("web",))) as (_, lab),
        pytest.raises(AssertionError, match="ms later than a user who does not exist"),
    ):
        judge(lab.device, 31)


def test_a_camera_that_locks_sooner_than_declared_is_inconclusive(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=2)) as url:
        device = foreign(url, tmp_path, lockout=LOCK)
        with pytest.raises(LoginRefused, match=r"declare lockout\.attempts"):
            judge(device, 31)


def test_a_session_login_is_sampled(tmp_path: Path) -> None:
    with foreign_server(OneSession) as url:
        lab = laboratory(url, tmp_path, http=ONE_SESSION, declared={"api": API})
        judge(lab.device, 31)


def test_onvif_that_tells_nothing_passes_and_a_telling_fault_fails(tmp_path: Path) -> None:
    with reserved_address() as address, onvif_stand(tmp_path, address) as stand:
        judge(declaring(stand.device), 32)
    posture = Posture(onvif_tells_unknown_user=True)
    with (
        reserved_address() as address,
        onvif_stand(tmp_path / "telling", address, posture) as stand,
        pytest.raises(AssertionError, match="unknown user"),
    ):
        judge(declaring(stand.device), 32)


def test_rtsp_that_tells_nothing_passes_and_another_status_fails(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path) as stand:
        judge(stand.device, 33)
    with (
        rtsp_stand(tmp_path / "telling", Posture(rtsp_tells_unknown_user=True)) as stand,
        pytest.raises(AssertionError, match="403"),
    ):
        judge(stand.device, 33)


def test_rtsp_without_a_login_is_inconclusive(tmp_path: Path) -> None:
    with (
        rtsp_stand(tmp_path, Posture(rtsp_authentication="none")) as stand,
        pytest.raises(Inconclusive, match="without login, not 401"),
    ):
        judge(stand.device, 33)


PLAIN = Refusal(401, ("content-length",), "wrong", 5, 0.01)


def samples(known: list[Refusal], unknown: list[Refusal]) -> OracleSamples:
    rows = [Sample(known=True, refusal=one) for one in known] + [
        Sample(known=False, refusal=one) for one in unknown
    ]
    return OracleSamples(
        surface="the web login",
        username="a",
        origin="",
        seed=1,
        right_logins=0,
        samples=tuple(rows),
    )


def texts(*said: str) -> list[Refusal]:
    return [replace(PLAIN, text=text, size=len(text)) for text in said]


def test_what_is_made_up_each_time_tells_nothing() -> None:
    known = texts(*(f"nonce=a{number:05}" for number in range(16)))
    unknown = texts(*(f"nonce=b{number:05}" for number in range(16)))
    assert telling.told_by_words(samples(known, unknown)) == ""


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        (texts("wrong password") * 16, texts("no such user") * 16),
        (texts("left: 3", "left: 2") * 8, texts("left: 4") * 16),
        ([PLAIN] * 16, [replace(PLAIN, status=403)] * 16),
        ([PLAIN] * 16, [replace(PLAIN, fields=("x-user",))] * 16),
        ([PLAIN] * 16, [replace(PLAIN, size=6)] * 16),
    ],
)
def test_what_differs_always_tells(known: list[Refusal], unknown: list[Refusal]) -> None:
    assert "does not exist" in telling.told_by_words(samples(known, unknown))


def test_answers_that_vary_in_kind_are_inconclusive() -> None:
    now_and_then = [PLAIN] * 15 + [replace(PLAIN, status=503)]
    with pytest.raises(Inconclusive, match="same way"):
        telling.told_by_words(samples(now_and_then, [PLAIN] * 16))


def test_noise_is_inconclusive() -> None:
    wild = [replace(PLAIN, seconds=0.01 + (number % 2) * 3 + number / 10) for number in range(66)]
    found = samples(wild, wild[::-1])
    _, times = telling.told_by_time(lambda _: found, policy.load("guessing")["oracle"])
    with pytest.raises(Inconclusive, match="vary too much"):
        telling.demand_same_time(times)


def test_nobody_to_guess_names_what_to_add(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        device = foreign(url, tmp_path)
        del device.accounts["probe"]
        with guessing_of(device) as guessing, pytest.raises(NotOffered, match="purpose 'lockout'"):
            guessing.accounts.user(guessing.surfaces[0]).__enter__()
