"""The web test cases against cameras of other makes: digest alone, single-page, careless."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web_stand import (
    ONE_SESSION,
    PASSWORD,
    SINGLE_PAGE,
    Handler,
    Kept,
    Laboratory,
    OneSession,
    SinglePage,
    digest_camera,
    foreign_server,
    https,
    judge_web_roles,
    laboratory,
    web_camera,
)

from conformance import knowledge, policy
from conformance.applicability import absence
from conformance.backdoors import test_web as backdoors
from conformance.credentials import (
    test_factory_state,
    test_guessing,
    test_password_rules,
    test_published_accounts,
    test_sessions,
    test_transport,
)
from conformance.streams.test_snapshot import (
    test_no_picture_without_login_or_in_clear as judge_snapshot,
)
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile, OnvifLink
from devices.emulated.posture import Posture
from devices.errors import NotOffered, Unreachable
from devices.links.http.bypass import Bypass, survey_bypasses
from devices.links.http.observations import KnownPath, SnapshotSurvey
from devices.links.http.pictures import PictureLink, with_announced
from devices.links.http.sessions import survey_sessions
from devices.links.http.survey import survey_clear, survey_pages, survey_snapshots
from devices.permit import Permit
from devices.secrets import Secrets

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
BYPASSES = [Bypass(**row) for row in knowledge.load("web_bypasses")]
DEBUG = [
    KnownPath(row["path"], row["source"], row.get("marker", ""))
    for row in knowledge.load("web_paths")
    if row["kind"] == "debug"
]


class Careless(Handler):
    """Open behind ``/./`` and with any cookie; a picture and a debug page for everybody."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = self.path.partition("?")[0]
        known = "Authorization" in self.headers or "uid=admin" in self.headers.get("Cookie", "")
        if path == "/cgi-bin/info.cgi" and not known:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        if path in {"/cgi-bin/info.cgi", "/./cgi-bin/info.cgi"}:
            return self.answer(200, b"model=C1\n", Content_Type="text/plain")
        if path == "/snapshot.jpg":
            return self.answer(200, JPEG, Content_Type="image/jpeg")
        if path == "/shell":
            return self.answer(200, b"#", Content_Type="text/plain")
        return self.answer(404)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls


@pytest.fixture
def digest(tmp_path: Path) -> Iterator[Laboratory]:
    with foreign_server(digest_camera()) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED)
        yield lab
        lab.http.close()


DECLARED: dict[str, Any] = {
    "api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin", "viewer"]}],
    "lockout": {"attempts": 5},
}


def case_arguments(lab: Laboratory) -> dict[str, Any]:
    return {"http": lab.http, "secrets": lab.secrets, "evidence": Kept()}


def guess(lab: Laboratory) -> None:
    arguments = case_arguments(lab)
    test_guessing.test_web_guessing_is_stopped(**arguments, device=lab.device, policy=policy.load)


def test_a_lock_over_digest_passes(digest: Laboratory) -> None:
    guess(digest)


def test_a_camera_that_locks_one_later_than_declared_passes(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=6)) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED)
        guess(lab)
        lab.http.close()


def test_endless_guessing_over_digest_fails(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=None)) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(AssertionError, match="after 11 wrong passwords"):
            guess(lab)
        lab.http.close()


def test_an_account_that_cannot_log_in_is_inconclusive(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=0)) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(Inconclusive, match="still locked"):
            guess(lab)
        lab.http.close()


def test_digest_login_tells_nothing(digest: Laboratory) -> None:
    test_guessing.test_login_does_not_tell_which_users_exist(**case_arguments(digest))


def test_a_login_that_tells_fails(tmp_path: Path) -> None:
    with foreign_server(digest_camera(tells=True)) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(AssertionError, match="403 'no such user'"):
            test_guessing.test_login_does_not_tell_which_users_exist(**case_arguments(lab))
        lab.http.close()


TELLING = {
    "a code": ('{"code": 4002}', '{"code": 4001}'),
    "a long word": ('{"error": "USER_DOES_NOT_EXIST"}', '{"error": "INCORRECT_PASSWORD"}'),
    "behind a long head": ("<meta>" * 100 + "Unknown user", "<meta>" * 100 + "Wrong password"),
    "a redirection": ("/login.html?err=user", "/login.html?err=password"),
}


@pytest.mark.parametrize("how", TELLING)
def test_a_login_that_tells_in_any_way_fails(how: str, tmp_path: Path) -> None:
    class Telling(OneSession):
        user_error, password_error = TELLING[how]

    with foreign_server(Telling) as url:
        lab = laboratory(url, tmp_path, http=ONE_SESSION)
        with pytest.raises(AssertionError, match="expected one answer"):
            test_guessing.test_login_does_not_tell_which_users_exist(**case_arguments(lab))
        lab.http.close()


@pytest.mark.parametrize("said", ['{"code": 1, "nonce": "%s"}', "admin or probe: try again"])
def test_what_varies_and_names_that_are_words_do_not_tell(said: str, tmp_path: Path) -> None:
    class Discreet(OneSession):
        user_error = password_error = said

    with foreign_server(Discreet) as url:
        lab = laboratory(url, tmp_path, http=ONE_SESSION)
        test_guessing.test_login_does_not_tell_which_users_exist(**case_arguments(lab))
        lab.http.close()


def forbidding_camera(*, locks: bool = True, password: str = PASSWORD) -> type[Handler]:
    """Basic: 401 without credentials, 403 for wrong ones and for a closed account."""
    failures: dict[str, int] = {}

    class Forbidding(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            given = self.headers.get("Authorization", "")
            if not given:
                return self.answer(401, b"", WWW_Authenticate='Basic realm="x"')
            user, _, word = base64.b64decode(given[6:]).decode().partition(":")
            if word != password or (locks and failures.get(user, 0) >= 5):
                failures[user] = failures.get(user, 0) + 1
                return self.answer(403, b"Forbidden")
            failures[user] = 0
            return self.answer(200, b"model=C1\n", Content_Type="text/plain")

    return Forbidding


def test_403_after_401_is_a_refusal(tmp_path: Path) -> None:
    with foreign_server(forbidding_camera()) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED, http={"authentication": "basic"})
        guess(lab)
        lab.http.close()
    with foreign_server(forbidding_camera()) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED, http={"authentication": "basic"})
        published(lab, [row("root", "x")])
        lab.http.close()
    with foreign_server(forbidding_camera(locks=False)) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED, http={"authentication": "basic"})
        with pytest.raises(AssertionError, match="wrong passwords"):
            guess(lab)
        lab.http.close()


def published(lab: Laboratory, rows: list[dict[str, str]]) -> Kept:
    arguments = case_arguments(lab)
    test_published_accounts.test_no_published_account_opens_the_web_interface(
        **arguments,
        request=None,  # type: ignore[arg-type]
        device=lab.device,
        knowledge=lambda _: rows,
        policy=policy.load,
    )
    kept: Kept = arguments["evidence"]
    return kept


def row(username: str, password: str) -> dict[str, str]:
    return {"service": "http", "username": username, "password": password, "vendor": "V"}


def test_published_passwords_of_a_declared_account_are_all_tried_without_locking_it(
    digest: Laboratory,
) -> None:
    rows = [row("admin", f"guess{n}") for n in range(12)] + [row("root", f"x{n}") for n in range(9)]
    found: Any = published(digest, rows).observations[0]
    assert len([pair for pair in found.tried if pair.username == "admin"]) == 12
    assert len([pair for pair in found.tried if pair.username == "root"]) == 4
    assert len(found.left_out) == 5
    assert "5 published pairs of 'root' were not tried" in found.shortfall
    assert digest.http.log_in("admin", PASSWORD)[0].accepted


@pytest.mark.parametrize(
    ("listed", "shortfall"),
    [
        (b'["admin", "probe"]', ""),
        (b'["admin", "Root"]', "5 published pairs of 'root', which the camera lists"),
        (b'{"error": "denied"}', "no list of the camera's users"),
    ],
)
def test_left_out_pairs_count_where_the_camera_lists_their_user(
    tmp_path: Path, listed: bytes, shortfall: str
) -> None:
    class Listing(digest_camera()):  # type: ignore[misc]
        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            there = status == 404 and self.path == "/users"
            super().answer(200 if there else status, listed if there else body, **headers)

    users = {"operations": {"users": {"method": "GET", "path": "/users"}}}
    with foreign_server(Listing) as url:
        lab = laboratory(url, tmp_path, declared=DECLARED, http=users)
        found: Any = published(lab, [row("root", f"x{n}") for n in range(9)]).observations[0]
        lab.http.close()
    assert len(found.left_out) == 5
    assert found.shortfall.startswith(shortfall) or shortfall in found.shortfall
    assert bool(found.shortfall) == bool(shortfall)


def test_a_published_pair_that_works_fails(digest: Laboratory) -> None:
    with pytest.raises(AssertionError, match="'admin' with"):
        published(digest, [row("root", "x"), row("admin", PASSWORD)])


def test_a_digest_camera_has_no_sessions(digest: Laboratory) -> None:
    facts = survey_sessions(digest.http, "admin", "admin", PASSWORD)
    with pytest.raises(NotApplicable, match="digest"):
        test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)


def test_token_sessions_of_another_make_pass(tmp_path: Path) -> None:
    with foreign_server(SinglePage) as url:
        lab = laboratory(url, tmp_path, http=SINGLE_PAGE)
        facts = survey_sessions(lab.http, "admin", "admin", PASSWORD)
        assert facts.carrier == "token"
        assert facts.ended_from_elsewhere is None
        test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
        lab.http.close()


def test_sessions_of_a_camera_with_one_for_each_account_are_judged(tmp_path: Path) -> None:
    with foreign_server(OneSession) as url:
        lab = laboratory(url, tmp_path, http=ONE_SESSION)
        facts = survey_sessions(lab.http, "admin", "admin", PASSWORD)
        assert (facts.carrier, facts.live_after_logout) == ("cookie", True)
        with pytest.raises(AssertionError, match="still opens closed resources after its logout"):
            test_sessions.test_sessions_cannot_be_guessed_kept_or_ridden(facts, policy.load)
        lab.http.close()


def roles(lab: Laboratory) -> None:
    judge_web_roles(lab, Kept())


USERS: dict[str, Any] = {"api": [{"path": "/api/users", "roles": ["admin", "viewer"]}]}
INFO: dict[str, Any] = {"api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin", "viewer"]}]}


def test_an_error_with_200_is_not_what_the_allowed_get(tmp_path: Path) -> None:
    with foreign_server(OneSession) as url:
        declared = {"api": [*INFO["api"], *USERS["api"]]}
        lab = laboratory(url, tmp_path, http=ONE_SESSION, declared=declared)
        roles(lab)
        lab.http.close()


def test_the_data_for_everybody_fails(tmp_path: Path) -> None:
    class Open(OneSession):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path == "/api/users":
                users = b'{"users": ["admin"]}'
                return self.answer(200, users, Content_Type="application/json")
            return super().do_GET()

    with foreign_server(Open) as url:
        declared = {"api": [*INFO["api"], *USERS["api"]]}
        lab = laboratory(url, tmp_path, http=ONE_SESSION, declared=declared)
        with pytest.raises(AssertionError, match="anonymous gets 200 from GET /api/users"):
            roles(lab)
        lab.http.close()


def test_what_the_device_file_does_not_describe_is_not_offered(digest: Laboratory) -> None:
    arguments = case_arguments(digest)
    with pytest.raises(NotOffered, match="'change_password'"):
        test_password_rules.test_a_changed_password_ends_the_old_one(**arguments, user_ways=[])
    with pytest.raises(NotOffered, match="'change_password'"):
        test_password_rules.test_weak_passwords_are_refused(
            user_ways=[], **arguments, device=digest.device, policy=policy.load
        )


def test_roles_of_a_digest_camera(digest: Laboratory) -> None:
    judge_web_roles(digest, Kept())


def test_digest_without_tls_fails(digest: Laboratory) -> None:
    survey = survey_clear(digest.http, [digest.http.server.port, 1])
    with pytest.raises(AssertionError, match="asks for digest credentials without TLS"):
        test_transport.test_no_credential_over_plain_http(survey, digest.device, policy.load)


def test_a_single_page_application_is_not_taken_for_a_bypass(tmp_path: Path) -> None:
    with foreign_server(SinglePage) as url:
        lab = laboratory(url, tmp_path, http=SINGLE_PAGE)
        survey = survey_bypasses(lab.http, BYPASSES, lab.http.account("admin"))
        assert survey.complete
        backdoors.test_no_published_bypass_opens_the_web_interface(survey)
        backdoors.test_no_debug_page_answers_without_login(
            survey_pages(lab.http, DEBUG), lab.device
        )
        lab.http.close()


class OneErrorOnePage(Handler):
    """Small pages that are not alike, and one error in JSON for a whole folder."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = self.path.partition("?")[0]
        if path.startswith("/cgi-bin/") and "Authorization" not in self.headers:
            error = b'{"status": "error", "code": -1, "message": "please log in"}'
            return self.answer(200, error, Content_Type="application/json")
        if path == "/info" and "Authorization" not in self.headers:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        if path == "/shell":
            return self.answer(200, b"<html><pre>wifi psk</pre></html>", Content_Type="text/html")
        page = b"<html><script src=/app.js></script></html>"
        return self.answer(200, page, Content_Type="text/html")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls


def test_a_small_debug_page_is_not_taken_for_the_page_that_all_get(tmp_path: Path) -> None:
    with foreign_server(OneErrorOnePage) as url:
        declared = {"api": [{"path": "/info", "roles": ["admin"]}]}
        lab = laboratory(url, tmp_path, http={"authentication": "basic"}, declared=declared)
        with pytest.raises(AssertionError, match="/shell"):
            backdoors.test_no_debug_page_answers_without_login(
                survey_pages(lab.http, DEBUG), lab.device
            )
        survey = survey_bypasses(lab.http, BYPASSES, lab.http.account("admin"))
        assert not [result for result in survey.results if result.opened]
        lab.http.close()


def test_a_careless_camera_is_caught(tmp_path: Path) -> None:
    with foreign_server(Careless) as url:
        lab = laboratory(url, tmp_path, http={"authentication": "basic"})
        survey = survey_bypasses(lab.http, BYPASSES, lab.http.account("admin"))
        opened = {result.bypass for result in survey.results if result.opened}
        assert opened == {"T-DOT", "T-COOKIE-UID"}
        with pytest.raises(AssertionError, match="T-DOT"):
            backdoors.test_no_published_bypass_opens_the_web_interface(survey)
        with pytest.raises(AssertionError, match="/shell"):
            backdoors.test_no_debug_page_answers_without_login(
                survey_pages(lab.http, DEBUG), lab.device
            )
        pictures = survey_snapshots(lab.http, ["/snapshot.jpg", "/image.jpg"], [], None)
        with pytest.raises(AssertionError, match="without login"):
            judge_snapshot(pictures)
        lab.http.close()


def test_an_undeclared_snapshot_is_inconclusive(digest: Laboratory) -> None:
    pictures = survey_snapshots(digest.http, ["/snapshot.jpg"], [], None)
    with pytest.raises(Inconclusive, match="describes no operation 'snapshot'"):
        judge_snapshot(pictures)


def picture_behind_login(scheme: str) -> type[Handler]:
    """A camera with one picture, for who logs in by this scheme."""

    class Guarded(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if not self.headers.get("Authorization", "").startswith(scheme):
                challenge = f'{scheme} realm="x", nonce="{secrets.token_hex(8)}"'
                return self.answer(401, WWW_Authenticate=challenge)
            if self.path == "/snap":
                return self.answer(200, JPEG, Content_Type="image/jpeg")
            return self.answer(404)

    return Guarded


def pictures_of(lab: Laboratory, ports: list[int]) -> SnapshotSurvey:
    viewer = lab.http.account("probe")
    return survey_snapshots(lab.http, ["/image.jpg"], ports, viewer, "probe")


SNAPSHOT: dict[str, Any] = {"operations": {"snapshot": {"path": "/snap"}}}


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_a_picture_fetched_in_clear_fails_whoever_fetched_it(tmp_path: Path, scheme: str) -> None:
    with foreign_server(picture_behind_login(scheme)) as url:
        http = {"authentication": scheme.lower(), **SNAPSHOT}
        lab = laboratory(url, tmp_path, http=http, declared={})
        pictures = pictures_of(lab, [lab.http.server.port])
        with pytest.raises(AssertionError, match=r"/snap gives a picture of 104 bytes without TLS"):
            judge_snapshot(pictures)
        lab.http.close()


@pytest.mark.parametrize(
    ("scheme", "raises", "says"),
    [
        ("Basic", Inconclusive, "a login is asked for without TLS"),
        ("Digest", AssertionError, "/snap gives a picture of 104 bytes without TLS"),
    ],
)
def test_a_plain_port_with_a_login_is_not_a_protected_one(
    tmp_path: Path, scheme: str, raises: type[Exception], says: str
) -> None:
    """As of a camera whose own address is https and whose old port is still there."""
    with foreign_server(picture_behind_login(scheme)) as url:
        http = {"authentication": scheme.lower(), **SNAPSHOT}
        lab = laboratory(url, tmp_path, http=http, declared={})
        pictures = pictures_of(lab, [lab.http.server.port])
        assert pictures.genuine is not None
        inside = replace(pictures.genuine, protection="authenticated TLS", body=JPEG)
        with pytest.raises(raises, match=says):
            judge_snapshot(replace(pictures, genuine=inside))
        lab.http.close()


def test_a_plain_port_that_turns_pictures_away_passes(tmp_path: Path) -> None:
    class Redirects(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(301, Location="https://127.0.0.1/")

    with foreign_server(picture_behind_login("Digest")) as url, foreign_server(Redirects) as old:
        lab = laboratory(url, tmp_path, http=SNAPSHOT, declared={})
        pictures = pictures_of(lab, [int(old.rpartition(":")[2])])
        assert pictures.genuine is not None
        inside = replace(pictures.genuine, protection="authenticated TLS", body=JPEG)
        judge_snapshot(replace(pictures, genuine=inside))
        lab.http.close()


class Motion(Handler):
    """MJPEG for who logs in by Basic, and for everybody on /open; a page on /page."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/page":
            return self.answer(200, b"<html>", Content_Type="text/html")
        if self.path != "/open?ch=1" and "Authorization" not in self.headers:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        part = b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG + b"\r\n"
        return self.answer(200, 3 * part, Content_Type="multipart/x-mixed-replace;boundary=x")


def camera_with_mjpeg(url: str, folder: Path) -> Laboratory:
    stream = {"name": "web", "url": url, "codec": "mjpeg", "width": 64, "height": 64}
    return laboratory(url, folder, declared={"streams": [stream]})


def pictures_at(device: DeviceFile, secrets_: Secrets) -> SnapshotSurvey:
    """What is found at the addresses that the device file and ONVIF give."""
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    link = PictureLink(device, permit, secrets_)
    addresses, shortfall = link.addresses()
    assert not shortfall
    answers, shortfalls = link.survey(addresses, "admin")
    link.close()
    assert not shortfalls
    return with_announced(SnapshotSurvey(genuine=None, anonymous=(), clear=()), answers)


@pytest.mark.parametrize(
    ("path", "raises", "says"),
    [
        ("/open?ch=1", AssertionError, r"/open\?ch=1 gives a picture of \d+ bytes without TLS"),
        ("/guarded", AssertionError, r"/guarded gives a picture of \d+ bytes without TLS"),
        ("/page", Inconclusive, "/page is declared or announced and answers 200"),
    ],
)
def test_mjpeg_over_plain_http_fails(
    tmp_path: Path, path: str, raises: type[Exception], says: str
) -> None:
    with foreign_server(Motion) as url:
        lab = camera_with_mjpeg(url + path, tmp_path)
        assert not absence(lab.device, "STREAM-012", ("pictures",))
        found = pictures_at(lab.device, lab.secrets)
    with pytest.raises(raises, match=says):
        judge_snapshot(found)


def test_an_mjpeg_stream_that_cannot_be_asked_is_a_shortfall(tmp_path: Path) -> None:
    lab = camera_with_mjpeg("https://127.0.0.1:1/", tmp_path)
    granted = lab.device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    link = PictureLink(lab.device, permit, lab.secrets)
    answers, shortfalls = link.survey(link.addresses()[0], "probe")
    assert not answers
    assert "https://127.0.0.1:1/" in shortfalls[0]


@pytest.mark.parametrize("open_to_all", [False, True])
def test_the_snapshots_that_onvif_announces_are_asked(tmp_path: Path, *, open_to_all: bool) -> None:
    """Of a camera without any web interface in its device file."""
    with web_camera(tmp_path, Posture(snapshot_anonymous=open_to_all)) as (camera, lab):
        onvif = OnvifLink(url=f"{https(camera)}/onvif/device_service", account="admin")
        links = lab.device.links.model_copy(update={"onvif": onvif, "http": None})
        device = lab.device.model_copy(update={"links": links})
        found = pictures_at(device, lab.secrets)
    assert found.announced
    if open_to_all:
        with pytest.raises(AssertionError, match="without login"):
            judge_snapshot(found)
    else:
        judge_snapshot(found)


def test_nothing_open_to_compare_with_is_a_shortfall(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        lab = laboratory(url, tmp_path, declared={}, http={"authentication": "session"})
        survey = survey_bypasses(lab.http, BYPASSES, None)
        assert "no declared resource" in survey.shortfall
        lab.http.close()


def test_a_camera_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    lab = laboratory("http://127.0.0.1:1", tmp_path)
    with pytest.raises(Unreachable):
        survey_bypasses(lab.http, BYPASSES, None)
    with pytest.raises(Unreachable):
        survey_pages(lab.http, DEBUG)
    with pytest.raises(Unreachable):
        survey_clear(lab.http, [1])
    lab.http.close()


def test_a_camera_that_nobody_could_set_up_again_is_not_reset(digest: Laboratory) -> None:
    with pytest.raises(Inconclusive, match="nobody could set"):
        test_factory_state.test_the_factory_state_opens_nothing(
            **case_arguments(digest),
            request=None,  # type: ignore[arg-type]
            camera=None,
            device=digest.device,
            knowledge=knowledge.load,
        )
