"""SOAP envelopes, faults and UsernameTokens, good and bad."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.protocols import soap, wsse

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_the_digest_is_that_of_the_onvif_programmers_guide() -> None:
    # ONVIF Application Programmer's Guide, 6.1.1.3
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    digest = wsse.password_digest(nonce, "2010-09-16T07:50:45Z", "userpassword")
    assert digest == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


@given(username=TEXT, password=TEXT)
def test_a_token_proves_its_password_and_no_other(username: str, password: str) -> None:
    token = wsse.digest_token(username, password, NOON)
    message = soap.envelope(soap.element("tds:GetUsers"), [wsse.security_header(token)])
    read = wsse.username_token(soap.parse(message))
    assert read is not None
    assert read.username == username.strip()
    assert read.proves(password)
    assert not read.proves(password + "x")
    assert read.created_at() == NOON


def test_a_token_in_clear_is_told_from_a_digest() -> None:
    token = wsse.text_token("anna", "Quiet-Harbour-7")
    message = soap.envelope(soap.element("tds:GetUsers"), [wsse.security_header(token)])
    read = wsse.username_token(soap.parse(message))
    assert read is not None
    assert (read.digested, read.proves("Quiet-Harbour-7"), read.nonce) == (False, True, b"")


@pytest.mark.parametrize(
    "created", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_token_without_a_time_has_none(created: str) -> None:
    token = wsse.UsernameToken("a", "b", digested=True, nonce=b"n", created=created)
    assert token.created_at() is None


def test_a_nonce_that_is_no_base64_is_garbled() -> None:
    token = wsse.digest_token("a", "b", NOON)
    message = soap.envelope(soap.element("tds:GetUsers"), [wsse.security_header(token)])
    with pytest.raises(Garbled, match="Base64"):
        wsse.username_token(soap.parse(message.replace(b"==</wsse:Nonce>", b"=!</wsse:Nonce>")))


@given(st.lists(st.sampled_from(["NotAuthorized", "InvalidArgVal", "NoProfile"]), max_size=3), TEXT)
def test_a_fault_keeps_its_codes(subcodes: list[str], reason: str) -> None:
    fault = soap.fault_of(soap.parse(soap.fault("Sender", subcodes, reason)))
    assert fault is not None
    assert fault.codes == ("Sender", *subcodes)
    assert fault.reason == reason.strip()
    assert not ("NotAuthorized" in subcodes and not fault.not_authorised)


def soap11_fault(code: str, reason: str) -> bytes:
    return (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{soap.SOAP11}"><SOAP-ENV:Body><SOAP-ENV:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>{reason}</faultstring>"
        "</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


@pytest.mark.parametrize(
    ("code", "reason", "refused"),
    [
        ("SOAP-ENV:Client", "Sender not Authorized", True),
        ("SOAP-ENV:Client", "Unauthorized", True),
        ("wsse:FailedAuthentication", "The security token could not be authenticated", True),
        ("SOAP-ENV:Client.NotAuthorized", "", True),
        ("SOAP-ENV:Server", "out of memory", False),
    ],
)
def test_soap_1_1_faults_are_understood(code: str, reason: str, refused: bool) -> None:  # noqa: FBT001
    fault = soap.fault_of(soap.parse(soap11_fault(code, reason)))
    assert fault is not None
    assert fault.not_authorised is refused


def test_a_message_is_matched_by_local_names() -> None:
    odd = (
        b'<?xml version="1.0"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope">'
        b'<env:Body><x:GetUsersResponse xmlns:x="urn:odd"><User xmlns=""><Username> a </Username>'
        b"</User></x:GetUsersResponse></env:Body></env:Envelope>"
    )
    body = soap.parse(odd).body
    assert body is not None
    assert soap.text(body, "User", "Username") == "a"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"not xml",
        b"<a/>",
        b'<e:Envelope xmlns:e="urn:x"/>',
        b'<!DOCTYPE e [<!ENTITY x "y">]><e:Envelope xmlns:e="urn:x"><e:Body/></e:Envelope>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b" " * (soap.MAX_BYTES + 1),
    ],
)
def test_what_is_no_message_is_garbled(message: bytes) -> None:
    with pytest.raises(Garbled):
        soap.parse(message)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Garbled):
        soap.fault_of(soap.parse(data))


@given(st.data())
def test_a_damaged_login_is_read_or_refused(data: st.DataObject) -> None:
    token = wsse.digest_token("anna", "Quiet-Harbour-7", NOON)
    message = bytearray(soap.envelope(soap.element("tds:GetUsers"), [wsse.security_header(token)]))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Garbled):
        read = wsse.username_token(soap.parse(bytes(message)))
        if read is not None:
            read.created_at()
            read.proves("Quiet-Harbour-7")
