"""The configuration that the web interface exports, opened and searched for what it keeps."""

from __future__ import annotations

from collections.abc import Mapping

from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, StoredCredentials
from devices.links.http.link import HttpLink
from devices.protocols.archives import unpacked

OPERATION = "configuration"


def web_backup(
    link: HttpLink, account: str, search: SecretSearch, published: Mapping[str, str]
) -> StoredCredentials:
    """Export the configuration as ``account``. Raises NotOffered and LinkError."""
    link.operation(OPERATION)
    client = link.account(account)
    try:
        answer = link.perform(client, OPERATION)
    finally:
        link.leave(client)
    collector = Collector("configuration export", search, published)
    shortfall = ""
    if not link.done(OPERATION, answer) or not answer.content:
        shortfall = f"{answer.request} answered {answer.status} with {len(answer.content)} bytes"
    else:
        for name, data in unpacked(answer.content):
            collector.take(name, data)
    return collector.observation((), shortfall=shortfall)
