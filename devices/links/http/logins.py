"""What belongs to a login beside its call: a made-up one, a value against foreign requests."""

from __future__ import annotations

import secrets

from devices.description import HttpCsrf, HttpToken, Operation
from devices.errors import Garbled
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.places import field_of


def carried_out(operation: Operation, answer: Exchange) -> bool:
    """Whether this answer says that an operation was carried out."""
    return answer.status in operation.success and not answer.denied


def may_be_login(operation: Operation, answer: Exchange) -> bool:
    """Whether this answer may have begun a session; the gate alone shows whether it did.

    Login pages lead on to another page, after a right login and after a wrong one: where the device
    file does not say which statuses are a success, a redirection may be one.
    """
    if "success" in operation.model_fields_set:
        return carried_out(operation, answer)
    return answer.status < 400 and not answer.denied


def made_up_fields(known: HttpClient, token: HttpToken | None) -> dict[str, str]:
    """The header fields of a session like that of ``known``, with identifiers that are made up."""
    fields = {"Cookie": "; ".join(f"{name}={secrets.token_hex(16)}" for name in known.cookies)}
    if token is not None and token.query is None:
        fields[token.header] = token.prefix + secrets.token_hex(16)
    return {name: text for name, text in fields.items() if text}


def take_csrf(client: HttpClient, csrf: HttpCsrf, answer: Exchange) -> None:
    """Take the value against foreign requests after a login; one that was not taken gives none."""
    if csrf.call is not None:
        answer = client.perform(csrf.call)
    try:
        value = field_of(answer, csrf.field, client.cookies)
    except Garbled:
        return
    if value and value.isprintable():
        client.values["csrf"] = value
        if csrf.header:
            client.use_headers({csrf.header: value})
