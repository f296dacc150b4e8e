"""The configuration that the web interface exports, opened and searched for what it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.identity.published_ciphers import PublishedKey, deciphered
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, StoredCredentials
from devices.links.http.link import HttpLink
from devices.protocols.archives import unpacked, unsearchable

OPERATION = "configuration"


def web_backup(
    link: HttpLink,
    account: str,
    search: SecretSearch,
    published: Mapping[str, str],
    keys: Sequence[PublishedKey] = (),
) -> StoredCredentials:
    """Export the configuration as ``account``; ``keys``: what enciphered files are opened with.

    Raises NotOffered and LinkError.
    """
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
        take_export(collector, "export", answer.content, keys)
        if answer.truncated:
            shortfall = f"{answer.request} answered more than was read"
        shortfall = shortfall or unsearchable(answer.content)
    return collector.observation((), shortfall=shortfall)


def take_export(
    collector: Collector, name: str, content: bytes, keys: Sequence[PublishedKey]
) -> None:
    """Search a file as it is, unpacked, and under every published key."""
    for inner, data in unpacked(content, name):
        collector.take(inner, data)
    for cipher, opened in deciphered(content, keys):
        collector.take(f"{name}: under a published key ({cipher})", opened)
