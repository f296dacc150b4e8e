"""Digest authentication: the RFC's examples, client against server, and hostile headers."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled, NotOffered
from devices.protocols.digest import (
    DigestClient,
    DigestServer,
    basic,
    best_digest,
    digest_response,
    parse_basic,
    parse_challenges,
)

RFC_7616: dict[str, Any] = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "password": "Circle of Life",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "method": "GET",
    "uri": "/dir/index.html",
    "qop": "auth",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
}


def as_read(header: str) -> str:
    """UTF-8 on the wire (RFC 7616, charset), which HTTP implementations read as Latin-1."""
    return header.encode().decode("latin-1")


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters=":"))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    assert digest_response(algorithm=algorithm, **RFC_7616) == expected


def test_example_of_rfc_2069_has_no_qop() -> None:
    response = digest_response(  # RFC 2069, 2.4, as corrected by its errata
        algorithm="MD5",
        username="Mufasa",
        realm="testrealm@host.com",
        password="CircleOfLife",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        method="GET",
        uri="/dir/index.html",
    )
    assert response == "1949323746fe6a43ef61f9606e7febea"


def test_unknown_algorithm_is_not_offered() -> None:
    with pytest.raises(NotOffered):
        digest_response(algorithm="MD4", **RFC_7616)


@given(
    username=TEXT,
    password=TEXT,
    realm=TEXT,
    uri=st.sampled_from(["rtsp://h/live/main", "/live/main", "rtsps://h:322/live/main"]),
    algorithm=st.sampled_from(["SHA-256", "SHA-512-256", "MD5", "SHA-256-SESS", "MD5-SESS"]),
)
def test_server_accepts_its_client_once(
    username: str, password: str, realm: str, uri: str, algorithm: str
) -> None:
    server = DigestServer(realm, (algorithm,))
    client = DigestClient(username, password)
    assert client.challenged(parse_challenges(map(as_read, server.challenges())))
    value = as_read(client.authorization("DESCRIBE", uri) or "")

    def password_of(name: str) -> str | None:
        return password if name == username else None

    assert server.check(value, "DESCRIBE", uri, password_of).accepted
    again = server.check(value, "DESCRIBE", uri, password_of)
    assert again.stale
    assert not again.accepted
    following = as_read(client.authorization("DESCRIBE", uri) or "")
    assert server.check(following, "DESCRIBE", uri, password_of).accepted


@pytest.mark.parametrize(
    ("method", "uri", "password"),
    [
        ("SETUP", "/live/main", "right"),
        ("DESCRIBE", "/live/other", "right"),
        ("DESCRIBE", "/live/main", "wrong"),
    ],
)
def test_server_refuses_what_was_not_proved(method: str, uri: str, password: str) -> None:
    server, client = DigestServer("r"), DigestClient("viewer", "right")
    client.challenged(parse_challenges(server.challenges()))
    value = client.authorization("DESCRIBE", "/live/main") or ""
    checked = server.check(value, method, uri, lambda _: password)
    assert (checked.accepted, checked.stale) == (False, False)


def test_unknown_user_is_refused() -> None:
    server, client = DigestServer("r"), DigestClient("nobody", "x")
    client.challenged(parse_challenges(server.challenges()))
    value = client.authorization("GET", "/") or ""
    assert not server.check(value, "GET", "/", lambda _: None).accepted


def test_nonce_of_another_connection_is_stale() -> None:
    here, elsewhere = DigestServer("r"), DigestServer("r")
    client = DigestClient("viewer", "right")
    client.challenged(parse_challenges(here.challenges()))
    value = client.authorization("GET", "/") or ""
    assert elsewhere.check(value, "GET", "/", lambda _: "right").stale


def test_fixed_nonce_is_accepted_again_everywhere() -> None:
    here, elsewhere = (DigestServer("r", fixed_nonce="always") for _ in range(2))
    client = DigestClient("viewer", "right")
    client.challenged(parse_challenges(here.challenges()))
    value = client.authorization("GET", "/") or ""
    assert elsewhere.check(value, "GET", "/", lambda _: "right").accepted


def test_strongest_of_several_challenges_is_answered() -> None:
    header = 'Basic realm="a, b", Digest realm="c", nonce="1", algorithm=MD5'
    challenges = parse_challenges([header, 'Digest realm="c", nonce="2", algorithm=SHA-256'])
    assert [c.scheme for c in challenges] == ["basic", "digest", "digest"]
    assert challenges[0].realm == "a, b"
    best = best_digest(challenges)
    assert best is not None
    assert best.nonce == "2"


def test_basic_is_used_only_when_allowed_and_alone() -> None:
    client = DigestClient("viewer", "right")
    only_basic = parse_challenges(['Basic realm="x"'])
    assert not client.challenged(only_basic)
    assert client.challenged(only_basic, allow_basic=True)
    assert client.authorization("GET", "/") == basic("viewer", "right")
    with_digest = parse_challenges(['Basic realm="x"', 'Digest realm="x", nonce="1"'])
    assert client.challenged(with_digest, allow_basic=True)
    assert (client.authorization("GET", "/") or "").startswith("Digest ")


@given(TEXT, st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF)))
def test_basic_round_trip(username: str, password: str) -> None:
    assert parse_basic(basic(username, password)) == (username, password)


@given(st.text(max_size=300))
def test_hostile_headers_raise_nothing_else(text: str) -> None:
    for parse in (parse_basic, lambda t: parse_challenges([t])):
        try:
            parse(text)
        except Garbled:
            continue
    with contextlib.suppress(Garbled):
        DigestServer("r").check(text, "GET", "/", lambda _: "p")


def test_long_header_is_cut_not_followed() -> None:
    assert parse_challenges(["Digest " + "a=b, " * 100_000])[0].scheme == "digest"
