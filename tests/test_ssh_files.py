"""What SFTP opens beside the shell: the link on servers of several manners, and CRED-061."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ssh_manners import RIGHT, USER, Manners, serving

from conformance import policy
from conformance.credentials.test_ssh_files import (
    test_sftp_opens_no_more_than_the_shell_of_the_same_login as judge,
)
from conformance.verdict import Inconclusive
from devices.errors import Garbled, LinkError, TimedOut
from devices.links.ssh.commands import CommandResult
from devices.links.ssh.files import Access, ReachedFile, SshFiles, over_sftp, over_shell
from devices.links.ssh.session import Session

SECONDS = 1.0
PATHS = ("/etc/shadow", "/absent")


def opened(sftp: str) -> dict[str, Access] | None:
    with serving(Manners(sftp=sftp)) as port, Session("127.0.0.1", port, 5) as session:
        session.log_in_by_password(USER, RIGHT)
        return over_sftp(session, PATHS, SECONDS)


@pytest.mark.parametrize("sftp", ["refuse", "close"])
def test_a_server_without_sftp_offers_none(sftp: str) -> None:
    assert opened(sftp) is None


@pytest.mark.parametrize(("sftp", "access"), [("deny", Access.REFUSED), ("open", Access.OPENED)])
def test_files_are_opened_or_not(sftp: str, access: Access) -> None:
    assert opened(sftp) == {"/etc/shadow": access, "/absent": Access.ABSENT}


@pytest.mark.parametrize(("sftp", "error"), [("garbage", LinkError), ("silent", TimedOut)])
def test_what_is_no_sftp_is_a_typed_error(sftp: str, error: type[LinkError]) -> None:
    with pytest.raises(error):
        opened(sftp)


@pytest.mark.parametrize(
    ("status", "errors", "access"),
    [
        (0, b"", Access.OPENED),
        (1, b"cat: can't open '/x': Permission denied", Access.REFUSED),
        (1, b"cat: can't open '/x': No such file or directory", Access.ABSENT),
        (None, b"", Access.UNTOLD),
    ],
)
def test_what_the_shell_may_read(status: int | None, errors: bytes, access: Access) -> None:
    def run(command: str) -> CommandResult:
        return CommandResult(command, status, b"", errors)

    assert over_shell(run, ["/x"]) == {"/x": access}


def test_a_shell_that_breaks_off_is_not_taken_for_a_refusal() -> None:
    def run(_command: str) -> CommandResult:
        raise Garbled("half an answer")

    with pytest.raises(Garbled):
        over_shell(run, PATHS)


class Link:
    """An SSH link that found this."""

    def __init__(self, user: str, offered: bool, files: Sequence[ReachedFile]) -> None:  # noqa: FBT001
        self._found = SshFiles(endpoint="there", user=user, offered=offered, files=tuple(files))

    def files(self, _paths: Sequence[str]) -> SshFiles:
        return self._found


class Evidence:
    """Takes what is recorded."""

    @staticmethod
    def observe(observation: Any) -> Any:
        return observation


def verdict(*ways: tuple[Access, Access], user: str = "lab", offered: bool = True) -> None:
    files = [ReachedFile("/etc/shadow", *way) for way in ways]
    link: Any = Link(user, offered, files)
    judge(link, policy.load, Evidence())


def test_verdicts() -> None:
    yes, no, none, absent = Access.OPENED, Access.REFUSED, Access.NO_SHELL, Access.ABSENT
    verdict(offered=False)
    verdict((no, no), (yes, yes))
    verdict((absent, no))
    verdict((no, none), (absent, none))
    for way in ((yes, no), (yes, none)):
        with pytest.raises(AssertionError, match="SFTP opens /etc/shadow"):
            verdict((no, no), way)
    for ways in ([], [(yes, yes)], [(absent, absent)]):
        with pytest.raises(Inconclusive):
            verdict(*ways)
    with pytest.raises(Inconclusive):
        verdict((yes, none), user="root")
