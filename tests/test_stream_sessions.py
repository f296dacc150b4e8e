"""Sessions, logins, nonces and back channels of the emulated camera, as the link measures them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rtsp_stand import PASSWORDS, Stand, access_to, changed, rtsp_stand

from devices.description import DeviceFile
from devices.emulated.clock import dial_of
from devices.emulated.posture import Posture
from devices.emulated.rtsp import connection as rtsp_connection
from devices.emulated.rtsp.session import TIMEOUT
from devices.errors import DeviceFileError, NotOffered
from devices.links.rtsp import endings as rtsp_endings
from devices.links.rtsp.endings import endings, silences
from devices.links.rtsp.nonces import nonce_age, nonce_use
from devices.links.rtsp.refusals import RefusedLogins, refusals
from devices.links.rtsp.revocation import RevokedUser, revoked

USER = ("Tr1al", "Amber-Window-5")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with rtsp_stand(tmp_path_factory.mktemp("sessions")) as running:
        yield running


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Callable[[Posture], Stand]]:
    """Makes one stand with faults."""
    with ExitStack() as stack:
        yield lambda posture: stack.enter_context(rtsp_stand(tmp_path, posture))


def test_streams_end_by_teardown_and_with_their_connection(stand: Stand) -> None:
    found = endings(stand.access)
    assert found.complete, found.shortfall
    ways = {(e.name, e.transport, e.way) for e in found.endings}
    assert len(ways) == 8
    assert ("sub", "srtp-udp", "connection") in ways
    for ending in found.endings:
        assert ending.before > 0
        assert ending.last < 1
        assert ending.timeout == TIMEOUT


def test_media_that_goes_on_after_teardown_is_heard(
    faulty: Callable[[Posture], Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_endings, "TOLD_SECONDS", 1.5)
    stand = faulty(Posture(rtsp_teardown_ends=False))
    found = endings(changed(stand, transports=["srtp-udp"]))
    (told,) = [e for e in found.endings if e.way == "teardown"]
    assert told.status == 200
    assert told.after > 5
    assert told.listened - told.last < 1


@pytest.mark.parametrize("ends", [True, False])
def test_a_session_whose_viewer_falls_silent_times_out(
    faulty: Callable[[Posture], Stand], monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    monkeypatch.setattr(rtsp_connection, "TIMEOUT", 1)
    monkeypatch.setattr(rtsp_endings, "_AFTER_TIMEOUT", 7.0)
    stand = faulty(Posture(rtsp_sessions_time_out=ends))
    found = silences(changed(stand, transports=["srtp-interleaved", "srtp-udp"]))
    (silent,) = found.endings
    assert found.complete, found.shortfall
    assert (silent.transport, silent.way, silent.timeout) == ("srtp-udp", "silence", 1)
    assert (silent.last < 5) is ends


def _answers(found: RefusedLogins) -> dict[tuple[str, str], set[int]]:
    answers: dict[tuple[str, str], set[int]] = {}
    for answer in found.answers:
        answers.setdefault((answer.kind, answer.method), set()).add(answer.status)
    return answers


def test_wrong_logins_are_refused_everywhere_and_lock_nobody(stand: Stand) -> None:
    found = refusals(stand.access)
    assert found.complete, found.shortfall
    assert (found.account, found.wrong) == ("guard", 18)
    assert set(_answers(found)) == {
        ("wrong password", "DESCRIBE"),
        ("empty password", "DESCRIBE"),
        ("name in another case", "DESCRIBE"),
        ("wrong password", "SETUP"),
        ("another connection", "PLAY"),
        ("no login", "PLAY"),
        ("wrong password", "PLAY"),
    }
    assert {status for statuses in _answers(found).values() for status in statuses} == {401}
    assert {answer.control for answer in found.answers} == {200}
    assert not stand.camera.lockout.locked("rtsp", "guard")


def test_an_account_that_may_not_be_locked_is_given_few_wrong_passwords(stand: Stand) -> None:
    content = stand.device.model_dump(mode="json", by_alias=True)
    del content["accounts"]["guard"]
    found = refusals(access_to(DeviceFile.model_validate(content)))
    assert (found.account, found.wrong) == ("viewer", 3)
    assert "not tried, so as not to lock the account viewer" in found.shortfall
    content["declared"]["lockout"] = None
    assert refusals(access_to(DeviceFile.model_validate(content))).wrong == 2
    content["accounts"] = {}
    content["links"]["rtsp"]["account"] = None
    with pytest.raises(DeviceFileError):
        refusals(access_to(DeviceFile.model_validate(content)))


def test_a_lock_of_the_address_spares_the_account_for_it_too(stand: Stand) -> None:
    content = stand.device.model_dump(mode="json", by_alias=True)
    content["declared"]["lockout"]["scope"] = "address"
    found = refusals(access_to(DeviceFile.model_validate(content)))
    assert (found.account, found.wrong) == ("guard", 3)


def test_a_role_that_may_not_watch_is_asked_for(stand: Stand) -> None:
    found = refusals(changed(stand, roles=["admin"], transports=["interleaved"]))
    low = [answer for answer in found.answers if answer.kind == "low role"]
    assert [answer.status for answer in low] == [200, 200]  # this camera knows no such rule


def test_a_hijacked_session_plays(faulty: Callable[[Posture], Stand]) -> None:
    stand = faulty(Posture(rtsp_session_hijack=True))
    answers = _answers(refusals(changed(stand)))
    assert answers["another connection", "GET_PARAMETER"] == {200}
    assert answers["wrong password", "SETUP"] == {401}


def test_a_login_at_describe_alone_lets_wrong_ones_set_up(
    faulty: Callable[[Posture], Stand],
) -> None:
    stand = faulty(Posture(rtsp_login_scope="describe"))
    answers = _answers(refusals(changed(stand)))
    assert answers["wrong password", "DESCRIBE"] == {401}
    assert answers["wrong password", "SETUP"] == {200}


def test_open_streams_show_nothing_of_logins(faulty: Callable[[Posture], Stand]) -> None:
    stand = faulty(Posture(rtsp_authentication="none"))
    found = refusals(stand.access)
    assert (len(found.unguarded), found.answers) == (2, ())
    with pytest.raises(NotOffered):
        nonce_use(stand.access)
    with pytest.raises(NotOffered, match="nobody can lose it"):
        revoked(stand.access, USER, lambda: "", name="removed", by="a test")


def test_nonces_belong_to_their_connection_and_count(stand: Stand) -> None:
    use = nonce_use(stand.access, wait=3600)
    assert (use.scheme, use.qop) == ("digest", ("auth",))
    assert (use.first, use.second) == (200, 200)
    assert (use.repeated, use.lower, use.elsewhere) == (401, 401, 401)
    assert use.age is None


@contextmanager
def _dialled(stand: Stand, seconds: float) -> Iterator[None]:
    dial = dial_of(stand.camera.flash)
    dial.parent.mkdir(exist_ok=True)
    dial.write_text(str(seconds))
    yield
    dial.write_text("0")


@pytest.mark.parametrize(("life", "status"), [("endless", 200), ("shared", 401)])
def test_a_nonce_that_is_good_elsewhere_is_tried_when_it_is_old(
    faulty: Callable[[Posture], Stand], life: str, status: int
) -> None:
    stand = faulty(Posture(rtsp_nonce_life=life))
    assert nonce_use(stand.access).elsewhere == 200
    age = nonce_age(stand.access, 300, lambda s: _dialled(stand, s), by="clock")
    assert (age.status, age.control, age.by) == (status, 200, "clock")


def test_a_nonce_that_is_good_elsewhere_is_waited_for(
    faulty: Callable[[Posture], Stand],
) -> None:
    stand = faulty(Posture(rtsp_nonce_life="endless", rtsp_nonce_counted=False))
    use = nonce_use(stand.access, wait=0.01)
    assert (use.repeated, use.lower) == (200, 200)
    assert use.age is not None
    assert (use.age.by, use.age.status) == ("waiting", 200)


def test_basic_has_no_nonce(faulty: Callable[[Posture], Stand]) -> None:
    stand = faulty(Posture(rtsp_authentication="basic"))
    assert nonce_use(stand.access).scheme == "basic"
    assert {s for found in _answers(refusals(changed(stand))).values() for s in found} == {401}


def _revoke(stand: Stand, *, remove: bool) -> RevokedUser:
    accounts = stand.camera.accounts
    stand.call(lambda: accounts.create(*USER, "viewer"))

    def change() -> str:
        if remove:
            stand.call(lambda: accounts.delete(USER[0]))
            return ""
        stand.call(lambda: accounts.set_password(USER[0], PASSWORDS["admin"]))
        return PASSWORDS["admin"]

    try:
        return revoked(stand.access, USER, change, name="x", by="a test")
    finally:
        if not remove:
            stand.call(lambda: accounts.delete(USER[0]))


def test_sessions_of_a_removed_user_end(stand: Stand) -> None:
    found = _revoke(stand, remove=True)

    assert [(s.transport, s.before > 0, s.last < 1, s.closed) for s in found.sessions] == [
        ("interleaved", True, True, True),
        ("srtp-udp", True, True, True),
    ]
    assert (found.old_login, found.new_login, found.other_login) == (401, 0, 200)


def test_sessions_of_a_user_with_a_new_password_end(stand: Stand) -> None:
    found = _revoke(stand, remove=False)
    assert all(s.before and s.last < 1 for s in found.sessions)
    assert (found.old_login, found.new_login, found.other_login) == (401, 200, 200)


def test_what_survives_a_removal_is_seen(
    faulty: Callable[[Posture], Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.revocation.LISTEN_SECONDS", 1.5)
    stand = faulty(Posture(rtsp_revocation_ends=False, rtsp_login_cached=True))
    found = _revoke(stand, remove=True)
    assert all(s.last > 1 and s.after > 5 for s in found.sessions)
    assert found.old_login == 200
