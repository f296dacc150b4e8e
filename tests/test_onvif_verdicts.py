"""What the ONVIF cases say of cameras whose answers could deceive: no PASS and no FAIL by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from onvif_stand import PASSWORDS, ROLES, served
from test_onvif_link import ADDRESS, camera, linked

from conformance import policy
from conformance.credentials import test_digest as digest_cases
from conformance.credentials import test_onvif as cases
from conformance.credentials import test_operations as operation_cases
from conformance.credentials.test_rtsp import test_rtsp_guessing_is_stopped as judge_rtsp_guessing
from conformance.verdict import Inconclusive
from devices.errors import Garbled, LoginRefused
from devices.links.http.digests import offer_of
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import OnvifReplay, Outcome
from devices.links.onvif.session import _offset_of, _utc
from devices.links.onvif.tokens import OnvifTokens, TokenTry
from devices.links.rtsp.observations import GuessingAnswer, LoginAttempt
from devices.protocols import soap
from devices.protocols.digest import DigestServer, parse_challenges
from devices.protocols.soap import element
from devices.protocols.wsse import username_token
from devices.secrets import Secrets

EVIDENCE: Any = SimpleNamespace(observe=lambda seen, *_: seen, record=lambda *_, **__: None)
MEDIA = {"media": "/onvif/media"}
NAMES = {
    "media": "http://www.onvif.org/ver10/media/wsdl",
    "media2": "http://www.onvif.org/ver20/media/wsdl",
}


class Maker:
    """A camera of another make, by UsernameToken: roles, users and a clock of its own.

    ``ahead``: its clock against the world's; ``told``: what it announces of that. ``lets`` takes
    the caller's role ("" for nobody) and the operation, and answers with an element's content, a
    fault (bytes), a status (int) or None for its own way.
    """

    def __init__(
        self,
        lets: Callable[[str, str], Any] = lambda _role, _operation: None,
        *,
        ahead: timedelta = timedelta(0),
        told: timedelta | None = None,
        services: Mapping[str, str] = MEDIA,
        refusal: bytes = b"",
    ) -> None:
        self.lets, self.ahead = lets, ahead
        self.told = ahead if told is None else told
        self.services = services
        self.users = dict(ROLES)
        self.refusal = refusal or soap.fault("Sender", ["NotAuthorized"], "Sender not authorized")
        self.wrong = 0

    async def handle(self, request: web.Request) -> web.Response:
        message = soap.parse(await request.read())
        assert message.body is not None
        name, role = soap.local(message.body), self._role(message)
        said = self.lets(role, name)
        said = self._content(role, name, message.body) if said is None else said
        if isinstance(said, int):
            return web.Response(status=said, text="<html>no</html>")
        if isinstance(said, bytes):
            return web.Response(body=said, status=400)
        return web.Response(body=soap.envelope(element(f"tds:{name}Response", *said)))

    def _role(self, message: soap.Envelope) -> str:
        token = username_token(message)
        if token is None or not token.digested:
            return ""
        made, now = token.created_at(), datetime.now(UTC) + self.ahead
        password = PASSWORDS.get(token.username, "")
        if made is None or abs(made - now) > timedelta(minutes=5) or not token.proves(password):
            self.wrong += 1
            return "wrong"
        return self.users[token.username]

    def _content(self, role: str, name: str, body: Any) -> Any:
        if name == "GetSystemDateAndTime":
            return [_clock(datetime.now(UTC) + self.told)]
        if name == "GetServices":
            return [_service(n, path) for n, path in self.services.items()]
        if name.startswith("GetCap"):
            return [element("tds:Capabilities")]
        if role in {"", "wrong"}:
            return self.refusal
        return self._to_an_account(role, name, body)

    def _to_an_account(self, role: str, name: str, body: Any) -> Any:
        if name == "GetUsers":
            named = (element("tds:User", element("tt:Username", n)) for n in self.users)
            return [*named] if role == "admin" else self.refusal
        if name == "CreateUsers":
            if role != "admin":
                return self.refusal
            self.users[soap.text(body, "User", "Username")] = "viewer"
            return []
        if name == "DeleteUsers":
            allowed = role == "admin" and self.users.pop(soap.text(body, "Username"), "")
            return [] if allowed else self.refusal
        if name == "GetSystemLog" and role != "admin":
            return self.refusal
        if name.startswith(("Set", "Delete", "Remove")):
            unknown = soap.fault("Sender", ["InvalidArgVal", "NoProfile"], "")
            return self.refusal if role == "viewer" else unknown
        if name == "GetProfiles":
            return [element("trt:Profiles", token="p1")]
        return [element("tds:Manufacturer", "Other")]


def _clock(now: datetime) -> Any:
    date = [element(f"tt:{n.title()}", str(getattr(now, n))) for n in ("year", "month", "day")]
    time = [element(f"tt:{n.title()}", str(getattr(now, n))) for n in ("hour", "minute", "second")]
    moment = element("tt:UTCDateTime", element("tt:Date", *date), element("tt:Time", *time))
    return element("tds:SystemDateAndTime", moment)


def _service(name: str, address: str) -> Any:
    parts = element("tds:Namespace", NAMES[name]), element("tds:XAddr", address)
    return element("tds:Service", *parts)


def judged(maker: Maker, folder: Path, judge: Callable[[OnvifLink], None]) -> None:
    with served(camera(maker.handle), ADDRESS, None) as port:
        judge(linked(f"http://{ADDRESS}:{port}/onvif/device_service", folder))


def roles(link: OnvifLink) -> None:
    secrets = link._secrets
    cases.test_onvif_roles(
        onvif=link,
        onvif_anonymous_access=link.access(),
        onvif_admin_access=link.access("admin"),
        secrets=secrets,
        evidence=EVIDENCE,
        policy=policy.load,
    )


def classes(link: OnvifLink) -> None:
    secrets: Secrets = link._secrets
    operation_cases.test_every_onvif_class_by_every_subject(link, secrets, EVIDENCE, policy.load)


def without_login(link: OnvifLink) -> None:
    cases.test_onvif_without_login(link.access(), link.access("admin"), policy.load)


class OldMedia(Maker):
    """Announces Media2 and guards it; has Media too, unannounced. ``open_to``: who gets that."""

    open_to = frozenset[str]()

    def _content(self, role: str, name: str, body: Any) -> Any:
        if soap.namespace(body) == NAMES["media"] and role in self.open_to:
            return [element("trt:Profiles", token="p1")]
        return super()._content(role, name, body)


@pytest.mark.parametrize("open_to", [{""}, {"", "wrong"}])
def test_a_service_that_is_not_announced_is_asked_too(open_to: set[str], tmp_path: Path) -> None:
    maker = OldMedia(services={"media2": "/onvif/media2"})
    maker.open_to = frozenset(open_to)
    with pytest.raises(AssertionError, match=r"media\.GetSnapshotUri \(READ_MEDIA\).* anonymous"):
        judged(maker, tmp_path, classes)
    assert set(maker.users) == set(ROLES)


@pytest.mark.parametrize(
    ("operation", "access"),
    [
        ("GetUsers", "READ_SYSTEM_SECRET"),
        ("GetSnapshotUri", "READ_MEDIA"),
        ("GetDNS", "READ_SYSTEM"),
    ],
)
def test_an_operation_that_is_open_before_the_login_fails(
    operation: str, access: str, tmp_path: Path
) -> None:
    asked: list[str] = []

    def lets(role: str, name: str) -> Any:
        asked.append(name)
        return [element("tt:Name", "x")] if (role, name) == ("", operation) else None

    with pytest.raises(AssertionError, match=rf"{operation} \({access}\).* answers anonymous"):
        judged(Maker(lets), tmp_path, classes)
    obeyed = {"SystemReboot", "SetSystemFactoryDefault", "SetUser", "StartFirmwareUpgrade"}
    assert not obeyed & set(asked)


def test_a_camera_of_another_make_passes(tmp_path: Path) -> None:
    maker = Maker()
    for judge in (roles, without_login):
        judged(maker, tmp_path, judge)
    assert set(maker.users) == set(ROLES)


def answers(account: str, answer: Any, *operations: str) -> Callable[[str, str], Any]:
    """``account``'s role gets ``answer`` to these operations, or to all."""

    def lets(role: str, operation: str) -> Any:
        hit = role == account and (operation in operations or not operations)
        return answer if hit else None

    return lets


def broken_login(role: str, operation: str) -> Any:
    """One thing is open to all, and may be; viewer and operator are never let in."""
    if operation == "GetHostname":
        return [element("tds:HostnameInformation", "x")]
    return soap.fault("Sender", ["NotAuthorized"], "") if role in {"viewer", "operator"} else None


def test_who_is_refused_everything_has_no_role(tmp_path: Path) -> None:
    """What is open to everybody is no sign that a login was taken."""
    with pytest.raises(Inconclusive, match="viewer account viewer gets nothing"):
        judged(Maker(broken_login), tmp_path, roles)
    with pytest.raises(Inconclusive, match="viewer gets nothing that is refused without login"):
        judged(Maker(broken_login), tmp_path, classes)


FULL = soap.fault("Receiver", ["Action", "TooManyUsers"], "the list is full")


@pytest.mark.parametrize(
    ("lets", "why"),
    [
        (lambda _, name: FULL if name == "CreateUsers" else None, "is there room for a user"),
        (lambda _, name: 503 if name == "CreateUsers" else None, "is there room for a user"),
    ],
)
def test_a_fault_for_everybody_is_no_refusal_of_a_role(tmp_path: Path, lets: Any, why: str) -> None:
    with pytest.raises(Inconclusive, match=why):
        judged(Maker(lets), tmp_path, roles)


def test_a_fault_that_the_administrator_does_not_get_is_a_refusal(tmp_path: Path) -> None:
    fault = soap.fault("Sender", ["OperationProhibited"], "not for you")
    maker = Maker(lambda role, name: fault if (name, role) == ("CreateUsers", "viewer") else None)
    judged(maker, tmp_path, roles)
    assert set(maker.users) == set(ROLES), "what the administrator made is gone"


def test_an_empty_answer_is_no_data(tmp_path: Path) -> None:
    """Cameras that leave out what a role may not see."""
    judged(Maker(answers("viewer", [], "GetUsers")), tmp_path, roles)
    judged(Maker(answers("", [], "GetUsers")), tmp_path, without_login)
    shown = [element("tds:User", element("tt:Username", "admin"))]
    with pytest.raises(AssertionError, match=r"viewer may call device\.GetUsers"):
        judged(Maker(answers("viewer", shown, "GetUsers")), tmp_path, roles)
    with pytest.raises(AssertionError, match=r"answers device\.GetUsers"):
        judged(Maker(answers("", shown, "GetUsers")), tmp_path, without_login)


def test_an_error_of_the_server_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="with HTTP 503 alone"):
        judged(Maker(answers("viewer", 503, "GetUsers")), tmp_path, classes)


def test_a_service_that_is_not_where_it_is_called_was_not_judged(tmp_path: Path) -> None:
    def lets(_role: str, name: str) -> Any:
        return 404 if name.startswith(("GetProfiles", "GetVideo", "GetStream", "GetSnap")) else None

    with served(
        camera(Maker(lets, services={"media": "http://192.0.2.9:8000/m"}).handle), ADDRESS, None
    ) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        assert "give links.onvif.url" in link.access("admin").shortfall
        assert not linked(link._link.url, tmp_path).access().answers[0].detail.startswith("HTTP")


@pytest.mark.parametrize("ahead", [timedelta(days=-9000), timedelta(days=300000), timedelta(0)])
@pytest.mark.parametrize("wrong", [timedelta(hours=8), timedelta(0)])
def test_a_clock_that_is_off_or_lies_is_no_refusal(
    tmp_path: Path, ahead: timedelta, wrong: timedelta
) -> None:
    """Years off, told rightly; or right, and told as local time."""
    if ahead and wrong:
        return
    with served(camera(Maker(ahead=ahead, told=ahead + wrong).handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        found = link.replay("viewer")
        assert (found.scheme, found.fresh) == ("UsernameToken", Outcome.DATA)


def test_a_wrong_password_is_tried_once_more_by_another_clock_and_not_again(tmp_path: Path) -> None:
    maker = Maker(told=timedelta(hours=8))
    with served(camera(maker.handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session_with("admin", "Wr0ng-pass") as session, pytest.raises(LoginRefused):
            session.gate()
        assert maker.wrong == 2, "by the camera's time, and by the bench's"


def test_a_hidden_clock_is_read_from_http(tmp_path: Path) -> None:
    fault = soap.fault("Sender", ["ActionNotSupported"], "")

    def lets(_role: str, name: str) -> Any:
        return fault if name == "GetSystemDateAndTime" else None

    maker = Maker(lets, ahead=timedelta(days=400))

    async def dated(request: web.Request) -> web.Response:
        answer = await maker.handle(request)
        moment = datetime.now(UTC) + maker.ahead
        answer.headers["Date"] = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return answer

    with served(camera(dated), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        assert link.replay("viewer").fresh is Outcome.DATA


@pytest.mark.parametrize("written", ["", "yesterday", "Mon, 01 Jan 3500 00:00:00 GMT", "\x00"])
def test_a_date_that_is_none_moves_no_clock(written: str) -> None:
    exchange: Any = SimpleNamespace(all_headers=lambda _: [written] if written else [])
    assert _offset_of(exchange) == timedelta(0)
    assert _offset_of(None) == timedelta(0)


@pytest.mark.parametrize("year", [-1, 0, 1, 1899, 9999, 10**9])
def test_a_year_at_the_end_of_the_calendar_is_no_time(year: int) -> None:
    told: Any = SimpleNamespace(year=year, month=12, day=31, hour=23, minute=59, second=60)
    with pytest.raises(Garbled):
        _utc(element("tds:GetSystemDateAndTimeResponse", _clock(told)))


def replayed(**outcomes: Outcome) -> None:
    known: dict[str, Any] = {"fresh": Outcome.DATA, "repeated": Outcome.NOT_AUTHORISED}
    cases.test_onvif_replay(OnvifReplay(scheme="UsernameToken", **known | outcomes))


@pytest.mark.parametrize("what", ["repeated", "outdated", "password_text"])
def test_what_is_answered_without_the_service_is_no_refusal(what: str) -> None:
    for outcome in (Outcome.OTHER, Outcome.NOT_SUPPORTED):
        with pytest.raises(Inconclusive, match="no refusal"):
            replayed(**{what: outcome})
    for outcome in (Outcome.FAULT, Outcome.NOT_AUTHORISED):
        replayed(**{what: outcome})
    with pytest.raises(AssertionError):
        replayed(**{what: Outcome.DATA})


def test_a_token_that_the_service_never_saw_is_a_doubt() -> None:
    tries = (TokenTry("used a second time", Outcome.NOT_SUPPORTED),)
    found = OnvifTokens(
        scheme="UsernameToken", tries=tries, between=(), window_seconds=1, offset_seconds=0
    )
    assert list(digest_cases._token_doubts(found))


class InClear(Maker):
    """Takes the password in clear, from a token with a nonce and a date alone."""

    def _role(self, message: soap.Envelope) -> str:
        token = username_token(message)
        if token is not None and not token.digested and token.nonce and token.created:
            return self.users[token.username]
        return super()._role(message)


def test_a_password_in_clear_is_sent_with_all_that_a_camera_may_ask_for(tmp_path: Path) -> None:
    with served(camera(InClear().handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        assert link.replay("viewer").password_text is Outcome.DATA
        taken = {each.what for each in link.tokens("viewer", 900).tries if each.outcome == "data"}
        assert "with the password in clear (PasswordText), a nonce and a date" in taken


@pytest.mark.parametrize(
    ("codes", "reason", "refused"),
    [
        (["NotAuthorized"], "", True),
        (["NotAuthorised"], "", True),
        (["SenderNotAuthorized"], "", True),
        (["InvalidArgs", "AuthenticationFailed"], "", True),
        ([], "Authentication failed", True),
        ([], "Invalid username or password", True),
        ([], "The requested action requires authorization and the sender is Not Authorized", True),
        ([], "Permission denied", True),
        (["TooManyUsers"], "not authorized by the list", False),
        (["ActionNotSupported"], "Optional Action Not Implemented", False),
        ([], "the wrong profile", False),
    ],
)
def test_refusals_in_the_words_of_many_makers(
    codes: list[str], reason: str, *, refused: bool
) -> None:
    found = soap.fault_of(soap.parse(soap.fault("Sender", codes, reason)))
    assert found is not None
    assert found.not_authorised is refused


def test_what_cannot_be_answered_is_not_offered() -> None:
    text = 'Digest realm="a", algorithm=SHA-256, Digest realm="a", nonce="n", algorithm=MD5'
    assert offer_of("web", "/", (text,)).algorithms == ("MD5",)
    none = offer_of("web", "/", ('Digest realm="a", algorithm=SHA-256',))
    assert (none.schemes, none.algorithms) == ((), ())


class Utf8(Maker):
    """HTTP digest alone, with a realm in UTF-8; the names are those of the device file."""

    digest = DigestServer("摄像机, é", ("SHA-256",))

    async def handle(self, request: web.Request) -> web.Response:
        header = request.headers.get("Authorization", "")
        message = soap.parse(await request.read())
        assert message.body is not None
        name = soap.local(message.body)
        if name in {"GetSystemDateAndTime", "GetServices"}:
            return await super().handle(request)
        known = header.encode(errors="surrogateescape").decode() if header else ""
        if (
            not known
            or not self.digest.check(
                known, "POST", request.path_qs, {"管理员": "Quiet-Harbour-7"}.get
            ).accepted
        ):
            headers = {"WWW-Authenticate": self.digest.challenges()[0]}
            return web.Response(status=401, text="no", headers=headers)
        return web.Response(body=soap.envelope(element(f"tds:{name}Response", "x")))


def test_names_and_realms_in_utf_8(tmp_path: Path) -> None:
    with served(camera(Utf8().handle), ADDRESS, None) as port:
        link = linked(f"http://{ADDRESS}:{port}/onvif/device_service", tmp_path)
        with link.session_with("管理员", "Quiet-Harbour-7") as session:
            assert session.gate().operation == "GetDeviceInformation"
            assert session.client.scheme == "HTTP digest"
    assert parse_challenges(['Basic realm="\u00e9"'])[0].realm == "\u00e9"


@pytest.mark.parametrize(("status", "judged_as"), [(404, Inconclusive), (503, Inconclusive)])
def test_an_answer_that_is_no_login_shows_no_lock(status: int, judged_as: type[Exception]) -> None:
    found = GuessingAnswer(
        url="rtsps://192.0.2.7/s",
        username="guard",
        before=200,
        wrong=(LoginAttempt("wrong", "guard", 401, 0.1),),
        after=status,
        seconds=0.1,
    )
    device: Any = SimpleNamespace(declared=SimpleNamespace(lockout=None))
    secrets: Any = SimpleNamespace(account=lambda **_: ("guard", None))
    rtsp: Any = SimpleNamespace(guess=lambda *_: found)
    with pytest.raises(judged_as):
        judge_rtsp_guessing(rtsp, device, secrets, EVIDENCE, policy.load)
    locked = SimpleNamespace(guess=lambda *_: replace(found, after=401))
    judge_rtsp_guessing(locked, device, secrets, EVIDENCE, policy.load)  # type: ignore[arg-type]
