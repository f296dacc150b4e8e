"""Roles that a login carries itself: changed where anybody could, and believed or not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from role_makes import ROLES, Camera
from web_makes import DESCRIBED
from web_stand import PASSWORD, foreign_server, laboratory

from conformance.credentials.test_tricks import test_no_verb_and_no_header_opens_anything as judge
from devices.links.http.link import HttpLink
from devices.links.http.raised import NO_SIGNATURE, OLD_SIGNATURE, raised
from devices.links.http.raised_logins import Administrator
from devices.links.http.tricks import TrickSurvey, survey_tricks

KEY = secrets.token_bytes(16)
API = [
    {"path": "/api/info", "roles": ["admin", "viewer"]},
    {"path": "/api/network", "roles": ["admin"]},
]


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unpart(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def signed(claims: dict[str, Any]) -> str:
    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{text}.{signature(text)}"


def signature(text: str) -> str:
    digest = hmac.digest(KEY, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class RoleCookie(Camera):
    """A session, and beside it a cookie with the role; ``believed`` or not."""

    believed: ClassVar[bool] = True

    def role(self) -> str:
        found = super().role()
        cookies = dict(
            pair.strip().partition("=")[::2] for pair in self.headers.get("Cookie", "").split(";")
        )
        return cookies.get("level", found) if found and self.believed else found

    def log_in(self, given: dict[str, str]) -> None:
        if given["user"] not in ROLES or given["pass"] != PASSWORD:
            return self.page(b"no", 401)
        sid = secrets.token_hex(16)
        self.sessions[sid] = given["user"]
        cookies = {"Set_Cookie": f"sid={sid}", "Set-Cookie": f"level={ROLES[given['user']]}"}
        return self.say({}, 200, **cookies)


class DeafRoleCookie(RoleCookie):
    believed = False


class Token(Camera):
    """A JSON Web Token for a session; ``takes`` are the signatures that it does not look at."""

    takes: ClassVar[str] = ""

    def user(self) -> str:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given.count(".") != 2:
            return ""
        text, _, sign = given.rpartition(".")
        head, claims = (unpart(each) for each in text.split("."))
        right = sign == signature(text)
        known = right or (self.takes == "none" and head["alg"] == "none") or self.takes == "any"
        return claims["sub"] if known and claims["role"] in ROLES else ""

    def role(self) -> str:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return unpart(given.split(".")[1])["role"] if self.user() else ""

    def log_in(self, given: dict[str, str]) -> None:
        if given["user"] not in ROLES or given["pass"] != PASSWORD:
            return self.page(b"no", 401)
        user, number = given["user"], secrets.randbelow(1 << 30)
        claims = {"sub": user, "role": ROLES[user], "jti": secrets.token_hex(8), "iat": number}
        return self.say({"token": signed(claims)})


class AnySignature(Token):
    takes = "any"


class NoSignature(Token):
    takes = "none"


class CountedSessions(Camera):
    """Identifiers of sessions that look like words; they are no words of a role."""

    def log_in(self, given: dict[str, str]) -> None:
        if given["user"] not in ROLES or given["pass"] != PASSWORD:
            return self.page(b"no", 401)
        sid = "".join(secrets.choice("abcdefghijkl") for _ in range(12))
        self.sessions[sid] = given["user"]
        return self.say({}, Set_Cookie=f"sid={sid}")


def survey(camera: type[Camera], folder: Path, **http: Any) -> TrickSurvey:
    secret = folder / "words"
    secret.write_text(PASSWORD)
    accounts = {
        role: {"username": role, "role": role, "password": {"file": str(secret)}} for role in ROLES
    }
    made = type("Made", (camera,), {})
    with foreign_server(made) as url:
        described, declared = {**DESCRIBED, **http}, {"api": API}
        lab = laboratory(url, folder, http=described, accounts=accounts, declared=declared)
        found = tried(lab.http)
        lab.http.close()
        return found


def tried(link: HttpLink) -> TrickSurvey:
    viewer, admin = link.account("viewer"), link.account("admin")
    found = survey_tricks(
        link,
        [],
        callers={"nobody": link.anonymous(), "a viewer": viewer},
        targets={"nobody": ["/api/info"], "a viewer": ["/api/network"]},
        admin=Administrator(admin, lambda: link.account("admin"), [PASSWORD]),
        changing=[],
    )
    for client in (viewer, admin):
        link.leave(client)
    return found


TOKEN = {"token": {"json_field": "token"}}


@pytest.mark.parametrize(
    ("camera", "http", "said"),
    [
        (RoleCookie, {}, "another role, in clear, in the cookie level gives /api/network"),
        (AnySignature, TOKEN, f"{OLD_SIGNATURE}, in the token gives /api/network to a viewer"),
        (
            NoSignature,
            TOKEN,
            rf"{NO_SIGNATURE}, in the token gives".replace("(", r"\(").replace(")", r"\)"),
        ),
    ],
)
def test_a_role_that_the_client_may_change_fails(
    camera: type[Camera], http: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=said):
        judge(survey(camera, tmp_path, **http))


@pytest.mark.parametrize(
    ("camera", "http"), [(DeafRoleCookie, {}), (Token, TOKEN), (CountedSessions, {})]
)
def test_a_role_that_is_not_believed_passes(
    camera: type[Camera], http: dict[str, Any], tmp_path: Path
) -> None:
    found = survey(camera, tmp_path, **http)
    assert found.shortfall == ""
    if camera is CountedSessions:
        assert found.tried == 0
        return
    assert found.tried
    judge(found)


@pytest.mark.parametrize(
    ("own", "higher", "changed"),
    [
        ("viewer", "admin", "admin"),
        ("1", "255", "255"),
        ("true", "false", "false"),
        ('{"role":"viewer","id":"8f3a1b"}', '{"role":"admin","id":"77aa01"}', '"role":"admin"'),
        ("%7B%22level%22%3A%201%7D", "%7B%22level%22%3A%200%7D", "%22level%22%3A0"),
        ("user=ana&level=1", "user=bob&level=0", "user=bob&level=0"),
        (part({"r": "viewer"}), part({"r": "admin"}), base64.b64encode(b'{"r":"admin"}').decode()),
    ],
)
def test_words_of_a_role_are_changed(own: str, higher: str, changed: str) -> None:
    ((_, value),) = raised(own, higher)
    assert changed in value
    assert "77aa01" not in value


@pytest.mark.parametrize(
    ("own", "higher"),
    [
        ("viewer", "viewer"),
        ("8f3a1b90ccd2", "77aa0190ccd2"),
        ("viewer", "Quiet-Harbour-7"),
        ("harbour", "lantern"),
        ('{"sid":"aa","exp":5}', '{"sid":"bb","exp":6}'),
        ("aB3dE5gH", "zY8xW6vU"),
    ],
)
def test_what_nobody_could_guess_is_left(own: str, higher: str) -> None:
    assert list(raised(own, higher, ["lantern"])) == []


def test_a_token_is_forged_without_what_belongs_to_the_session() -> None:
    own = signed({"role": "viewer", "admin": False, "jti": "aa", "groups": ["a"]})
    higher = signed({"role": "admin", "admin": True, "jti": "bb", "groups": ["a", "b"]})
    forged = dict(raised(own, higher))
    assert set(forged) == {OLD_SIGNATURE, NO_SIGNATURE}
    claims = {"role": "admin", "admin": True, "jti": "aa", "groups": ["a", "b"]}
    for value in forged.values():
        assert unpart(value.split(".")[1]) == claims
    assert forged[OLD_SIGNATURE].split(".")[2] == own.split(".")[2]
    assert forged[NO_SIGNATURE].endswith(".")
    assert unpart(forged[NO_SIGNATURE].split(".")[0])["alg"] == "none"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
TEXTS = st.one_of(
    st.text(max_size=60),
    JSON.map(json.dumps),
    JSON.map(part),
    st.dictionaries(st.text(max_size=5), JSON).map(signed),
)


@given(TEXTS, TEXTS, st.lists(st.text(max_size=9), max_size=3))
def test_any_two_values_give_other_ones_or_none(own: str, higher: str, secret: list[str]) -> None:
    for what, value in raised(own, higher, secret):
        assert what
        assert value != own
        assert value not in secret
