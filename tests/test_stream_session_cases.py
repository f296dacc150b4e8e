"""What STREAM-019 to -024 and -046 make of observations: FAIL, PASS, and when they cannot judge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import policy
from conformance.streams import test_backchannel as backchannel_cases
from conformance.streams import test_endings as ending_cases
from conformance.streams import test_nonces as nonce_cases
from conformance.streams import test_refusals as refusal_cases
from conformance.streams import test_revocation as revocation_cases
from conformance.verdict import Inconclusive
from devices.errors import LinkError, NotOffered, OutsideAuthorisation
from devices.links.rtsp.backchannels import Backchannel, Backchannels
from devices.links.rtsp.endings import StreamEnding, StreamEndings
from devices.links.rtsp.nonces import NonceAge, NonceUse
from devices.links.rtsp.refusals import RefusedLogin, RefusedLogins
from devices.links.rtsp.revocation import RevokedUser, RunningSession
from devices.links.rtsp.voice import VoiceReception, VoiceReceptions
from devices.links.rtsp.voice_reports import ReportTrial

URL = "rtsps://192.0.2.7/main"
EVIDENCE: Any = SimpleNamespace(observe=lambda observation, *_: observation)
SECRETS: Any = SimpleNamespace(remember=lambda *_: None, trial_password=lambda: "Trial-password-1")

TOLD = StreamEnding("main", URL, "srtp-udp", "teardown", 200, 60, 30, 2, 0.1, 1.2)
LEFT = replace(TOLD, way="connection", status=0)


SILENT = replace(LEFT, way="silence", after=700, last=61.0, listened=62.1)


def judge_endings(*found: StreamEnding, shortfall: str = "") -> None:
    told = tuple(each for each in found if each.way != "silence")
    silent = tuple(each for each in found if each.way == "silence")
    ending_cases.test_streams_end_when_told_to(
        StreamEndings(endings=told, longest_wait=65, shortfall=shortfall),
        StreamEndings(endings=silent, longest_wait=65),
        policy.load,
    )


def test_streams_that_end_pass() -> None:
    judge_endings(TOLD, LEFT, replace(LEFT, after=900, last=63.0, listened=72.0), SILENT)
    judge_endings(TOLD, SILENT, replace(SILENT, asked=3))
    judge_endings(TOLD)  # no datagrams: nothing outlives its connection


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (replace(TOLD, after=90, last=6.0, listened=6.0), "after TEARDOWN .answered 200"),
        (replace(TOLD, status=0, last=2.5, listened=4.0), "not answered"),
        (replace(LEFT, timeout=1, last=13, listened=13), "declared time-out of 1 s"),
        (replace(SILENT, last=71.9, listened=72), "a connection that is still open"),
    ],
)
def test_streams_that_go_on_fail(ending: StreamEnding, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        judge_endings(TOLD, ending)


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (replace(TOLD, before=0, after=0, last=0), "gave no media"),
        (replace(LEFT, timeout=600, after=99, last=12, listened=12), "was not waited for"),
        (replace(TOLD, last=0.9, listened=1.1), "not listened to for long enough"),
        (replace(SILENT, timeout=600, after=0, last=0, listened=0), "longest_wait is 65 s"),
        (replace(SILENT, last=71.9, listened=72, asked=2), "asked for a sign of life"),
    ],
)
def test_endings_that_were_not_seen_are_open(ending: StreamEnding, words: str) -> None:
    with pytest.raises(Inconclusive, match=words):
        judge_endings(TOLD, LEFT, SILENT, ending)


def test_a_stream_that_was_not_left_in_silence_is_open() -> None:
    with pytest.raises(Inconclusive, match="was not left in silence"):
        judge_endings(TOLD, LEFT)


def test_no_ending_at_all_is_open() -> None:
    with pytest.raises(Inconclusive, match="main: no media"):
        judge_endings(shortfall="main: no media")


REFUSED = RefusedLogin("main", URL, "srtp-udp", "wrong password", "PLAY", 401, 200)


def judge_refusals(*answers: RefusedLogin, unguarded: tuple[str, ...] = ()) -> None:
    refusal_cases.test_streams_are_refused_to_wrong_logins(
        RefusedLogins(account="guard", wrong=3, unguarded=unguarded, answers=answers)
    )


def test_refusals_pass() -> None:
    low = replace(REFUSED, kind="low role", method="DESCRIBE", status=403, control=0)
    judge_refusals(REFUSED, replace(REFUSED, status=454), replace(REFUSED, control=0), low)


@pytest.mark.parametrize("kind", ["wrong password", "another connection", "low role"])
def test_a_given_stream_fails(kind: str) -> None:
    with pytest.raises(AssertionError, match=f"with {kind} is answered 200"):
        judge_refusals(REFUSED, replace(REFUSED, kind=kind, status=200, control=404))


@pytest.mark.parametrize(
    "answer",
    [
        replace(REFUSED, control=401),  # locked, so that every login is refused
        replace(REFUSED, status=503),
        replace(REFUSED, status=454, control=454),
        replace(REFUSED, status=454, control=0),
        replace(REFUSED, kind="low role", status=404, control=0),
    ],
)
def test_answers_that_refuse_no_login_are_open(answer: RefusedLogin) -> None:
    with pytest.raises(Inconclusive, match="does not show"):
        judge_refusals(REFUSED, answer)


def test_open_streams_and_no_session_are_open() -> None:
    with pytest.raises(Inconclusive, match="without any login"):
        judge_refusals(REFUSED, unguarded=(URL,))
    with pytest.raises(Inconclusive, match="no session"):
        judge_refusals(replace(REFUSED, method="DESCRIBE"))


USE = NonceUse(
    url=URL,
    scheme="digest",
    qop=("auth",),
    first=200,
    second=200,
    repeated=401,
    lower=401,
    elsewhere=401,
)
AGE = NonceAge(seconds=300, by="clock", status=401, control=200)


def never(_seconds: float) -> NonceAge:
    raise AssertionError("no age is asked for")


def judge_nonces(use: NonceUse, age: Callable[[float], NonceAge] = never) -> None:
    nonce_cases.test_nonces_age_and_count(use, age, EVIDENCE, policy.load)


def test_nonces_of_one_connection_pass() -> None:
    judge_nonces(USE)
    judge_nonces(replace(USE, qop=(), repeated=200, lower=0))  # as gst-rtsp-server has them


def test_nonces_that_age_pass() -> None:
    judge_nonces(replace(USE, elsewhere=200), lambda _: AGE)
    judge_nonces(replace(USE, elsewhere=200, age=replace(AGE, by="waiting")))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (replace(USE, repeated=200), "accepted again"),
        (replace(USE, lower=200), "used before is accepted"),
        (replace(USE, elsewhere=200, age=replace(AGE, status=200)), "still good .* 300 s"),
    ],
)
def test_nonces_used_again_fail(use: NonceUse, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        judge_nonces(use)


def test_a_missing_clock_does_not_hide_what_is_counted_twice() -> None:
    def no_clock(_seconds: float) -> NonceAge:
        raise Inconclusive("the device file gives no [bench.clock]", "no-link")

    def not_allowed(_seconds: float) -> NonceAge:
        raise OutsideAuthorisation("authorisation.allow does not name 'settings'")

    with pytest.raises(AssertionError, match="accepted again"):
        judge_nonces(replace(USE, repeated=200, elsewhere=200), no_clock)
    with pytest.raises(Inconclusive, match=r"\[bench.clock\]"):
        judge_nonces(replace(USE, elsewhere=200), no_clock)
    with pytest.raises(Inconclusive, match="settings"):
        judge_nonces(replace(USE, elsewhere=200), not_allowed)


@pytest.mark.parametrize(
    "use",
    [
        replace(USE, scheme="basic", qop=(), first=200),
        replace(USE, first=404),
        replace(USE, repeated=500),
        replace(USE, elsewhere=0),
        replace(USE, elsewhere=503),
        replace(USE, elsewhere=200, age=replace(AGE, control=401)),
        replace(USE, elsewhere=200, age=replace(AGE, status=0)),
    ],
)
def test_nonces_that_show_nothing_are_open(use: NonceUse) -> None:
    with pytest.raises(Inconclusive):
        judge_nonces(use)


RUNNING = RunningSession("srtp-udp", 40, 3, 0.1, 1.1, closed=True)
GONE = RevokedUser(
    url=URL,
    change="removed",
    by="ONVIF",
    sessions=(RUNNING,),
    old_login=401,
    new_login=0,
    other_login=200,
)


class Way:
    """Users of a camera that keeps its word, but for what a test wants."""

    def __init__(self, name: str = "ONVIF", refused: Mapping[str, LinkError] | None = None) -> None:
        self.name, self._refused = name, refused or {}
        self.users: dict[str, str] = {}

    def create(self, username: str, password: str) -> None:
        self.users[username] = password
        self._act("create")

    def change_password(self, username: str, old: str, new: str) -> None:
        assert self.users[username] == old
        self.users[username] = new
        self._act("change")

    def delete(self, username: str) -> None:
        self._act("delete")
        del self.users[username]

    def _act(self, what: str) -> None:
        if what in self._refused:
            raise self._refused[what]


class Link:
    """An RTSP link that observes what a test says; ``plays`` false: new users cannot."""

    def __init__(self, found: RevokedUser, *, plays: bool = True) -> None:
        self._found, self._plays = found, plays
        self._lock = threading.Lock()

    def revoked(
        self, user: tuple[str, str], change: Callable[[], str], *, name: str, by: str
    ) -> RevokedUser:
        if not self._plays:
            raise NotOffered(f"{user[0]} cannot play")
        with self._lock:
            new = change()
        found = replace(self._found, change=name, by=by)
        return replace(found, new_login=found.new_login or 200) if new else found


def judge_revocation(found: RevokedUser, *ways: Way, plays: bool = True) -> None:
    link: Any = Link(found, plays=plays)
    revocation_cases.test_revoked_users_lose_their_streams(
        link, ways, SECRETS, EVIDENCE, policy.load
    )


def test_revoked_users_who_lose_all_pass_and_are_removed() -> None:
    way = Way()
    judge_revocation(GONE, way)
    assert not way.users


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(GONE, old_login=200), "new login with the old credentials"),
        (replace(GONE, sessions=(RUNNING, replace(RUNNING, last=8.0))), "went on for 8.0 s"),
    ],
)
def test_revoked_users_who_keep_something_fail(found: RevokedUser, words: str) -> None:
    way = Way()
    with pytest.raises(AssertionError, match=words):
        judge_revocation(found, way)
    assert not way.users


@pytest.mark.parametrize(
    "found",
    [
        replace(GONE, old_login=0),
        replace(GONE, other_login=401),
        replace(GONE, new_login=401),
        replace(GONE, sessions=()),
        replace(GONE, sessions=(replace(RUNNING, before=0),)),
    ],
)
def test_revocations_that_show_nothing_are_open(found: RevokedUser) -> None:
    with pytest.raises(Inconclusive):
        judge_revocation(found, Way())


def test_no_user_is_left_whatever_goes_wrong() -> None:
    for refused in ("create", "change"):
        first = Way("ONVIF", {refused: NotOffered("not today")})
        second = Way("the web interface")
        judge_revocation(GONE, first, second)
        assert not first.users
        assert not second.users
    with pytest.raises(Inconclusive, match=r"ONVIF: .* cannot play"):
        judge_revocation(GONE, way := Way(), plays=False)
    assert not way.users
    with pytest.raises(Inconclusive, match="neither"):
        judge_revocation(GONE)


def test_a_user_that_is_left_is_named() -> None:
    way = Way("ONVIF", {"delete": NotOffered("never")})
    with pytest.raises(Inconclusive, match=r"never.*Tr1al\w+ could not be removed"):
        judge_revocation(GONE, way)


OFFERED = Backchannel("main", URL, "pcmu", 200, ("pcmu",), False, 401, 461)  # noqa: FBT003
NONE = Backchannel("sub", URL, "", 551)


def judge_backchannels(*streams: Backchannel) -> None:
    backchannel_cases.test_back_channels_are_declared_closed_and_encrypted(
        Backchannels(streams=streams)
    )


def test_declared_closed_back_channels_pass() -> None:
    judge_backchannels(OFFERED, NONE, replace(NONE, asked=200))


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (replace(OFFERED, declared=""), "undeclared"),
        (replace(OFFERED, declared="aac"), "declared is aac"),
        (replace(OFFERED, described_to_anyone=True), "without a login"),
        (replace(OFFERED, anonymous=200), "sets its back channel up without a login"),
        (replace(OFFERED, plain=200), "without encryption"),
        (replace(OFFERED, plain_inside=200), "without TLS"),
    ],
)
def test_other_back_channels_fail(stream: Backchannel, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        judge_backchannels(NONE, stream)


@pytest.mark.parametrize(
    "stream",
    [
        replace(NONE, declared="pcmu"),
        replace(NONE, asked=404),
        replace(OFFERED, anonymous=461),
        replace(OFFERED, plain=500),
    ],
)
def test_back_channels_that_were_not_seen_are_open(stream: Backchannel) -> None:
    with pytest.raises(Inconclusive):
        judge_backchannels(OFFERED, stream)
    with pytest.raises(Inconclusive, match="no stream"):
        judge_backchannels()


HEARD = VoiceReception(
    name="main",
    url=URL,
    transport="srtp-udp",
    suite="AES_CM_128_HMAC_SHA1_80",
    genuine=26,
    altered=4,
    shortened=4,
    repeated=3,
    control=True,
    beyond=0,
    surplus=0,
)


def judge_reception(*receptions: VoiceReception) -> None:
    backchannel_cases.test_altered_and_repeated_packets_are_rejected(
        VoiceReceptions(receptions=receptions)
    )


def test_deaf_ears_pass() -> None:
    judge_reception(HEARD)


def test_accepted_packets_fail() -> None:
    with pytest.raises(AssertionError, match="altered"):
        judge_reception(HEARD, replace(HEARD, beyond=20, surplus=8))
    with pytest.raises(AssertionError, match="repeated"):
        judge_reception(replace(HEARD, surplus=3))


@pytest.mark.parametrize(
    "reception",
    [
        replace(HEARD, control=False, beyond=5),
        replace(HEARD, surplus=-1),
        replace(HEARD, beyond=-10, surplus=-10),
        replace(HEARD, genuine=0),
    ],
)
def test_reports_that_do_not_add_up_are_open(reception: VoiceReception) -> None:
    with pytest.raises(Inconclusive):
        judge_reception(HEARD, reception)
    with pytest.raises(Inconclusive):
        judge_reception()


REJECTED = replace(HEARD, reports=ReportTrial(control=True, sent=("altered",), alive=True))


def judge_reports(*receptions: VoiceReception) -> None:
    backchannel_cases.test_forged_and_repeated_control_packets_are_rejected(
        VoiceReceptions(receptions=receptions, shortfall="" if receptions else "no report came")
    )


def changed_reports(**found: Any) -> VoiceReception:
    assert REJECTED.reports is not None
    return replace(REJECTED, reports=replace(REJECTED.reports, **found))


def test_rejected_control_packets_pass() -> None:
    judge_reports(REJECTED)


def test_accepted_control_packets_fail() -> None:
    with pytest.raises(AssertionError, match=r"must be rejected \(altered, unknown\)"):
        judge_reports(REJECTED, changed_reports(accepted=("altered", "unknown"), alive=False))


@pytest.mark.parametrize(
    ("reception", "words"),
    [
        (HEARD, "could not be tried"),
        (replace(HEARD, reports_problem="closed"), "could not be tried: closed"),
        (replace(HEARD, reports=ReportTrial()), "does not name the time"),
        (changed_reports(alive=False), "not known"),
        (changed_reports(silent=True), "not known"),
    ],
)
def test_control_packets_without_an_effect_are_open(reception: VoiceReception, words: str) -> None:
    with pytest.raises(Inconclusive, match=words):
        judge_reports(REJECTED, reception)
    with pytest.raises(Inconclusive, match="no report came"):
        judge_reports()
