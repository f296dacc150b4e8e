"""Verdicts on OpenSSH and Dropbear, as they were written down beforehand (tests/ssh_servers.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from ssh_servers import ADDRESS, PASS, SERVERS, SshServer

from conformance import knowledge, policy
from conformance.credentials import test_ssh_offer as cases
from devices.links.ssh import guesses
from devices.links.ssh.observations import SshOffer
from devices.links.ssh.offer import offer_of
from devices.links.ssh.session import Session

pytestmark = pytest.mark.interop
_SECONDS = 10.0
_NOBODY = "nobody-of-this-name"


def judge(case_id: str, offer: SshOffer) -> None:
    if case_id == "CRED-019":
        cases.test_logins_over_ssh_rest_on_strong_algorithms(offer, policy.load)
    elif case_id == "CRED-020":
        cases.test_ssh_host_keys_are_strong_and_nobody_else_s(offer, policy.load, knowledge.load)
    else:
        cases.test_ssh_is_closed_to_terrapin(offer, policy.load)


@pytest.mark.parametrize("server", SERVERS.values(), ids=list(SERVERS))
def test_each_server_gets_the_verdicts_written_down(server: SshServer, tmp_path: Path) -> None:
    with server.running(tmp_path) as port:
        offer = offer_of(ADDRESS, port, _SECONDS)
        assert offer.complete, offer.shortfall
        assert len(offer.host_keys) == len(server.keys)
        for case_id, verdict in server.verdicts.items():
            if verdict == PASS:
                judge(case_id, offer)
                continue
            with pytest.raises(AssertionError) as caught:
                judge(case_id, offer)
            for word in server.told.get(case_id, ()):
                assert word in str(caught.value)


@pytest.mark.parametrize("name", [s.name for s in SERVERS.values() if s.guesses])
def test_connections_end_after_so_many_wrong_passwords(name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    most = policy.load("ssh")["guessing"]["tries_per_connection"]
    with server.running(tmp_path) as port:
        found = guesses.on_one_connection(
            lambda: Session(ADDRESS, port, _SECONDS), "there", _NOBODY, most=most + 1
        )
    assert server.guesses is not None
    assert not found.accepted
    assert (found.ended, found.answered <= most) == (server.guesses <= most,) * 2
    assert 3 <= found.answered <= server.guesses
