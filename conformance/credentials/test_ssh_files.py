"""CRED-061: what SFTP gives a login."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.ssh.files import Access, ReachedFile
from devices.links.ssh.link import SshLink


@case(
    "CRED-061",
    severity="high",
    needs=("ssh",),
    catches=("cred-ssh-sftp-root",),
    applies_to=("ssh",),
)
def test_sftp_opens_no_more_than_the_shell_of_the_same_login(
    ssh: SshLink, policy: Any, evidence: Any
) -> None:
    """SFTP opens no more than the shell of the same login.

    Method: as the laboratory's user, open over SFTP each file that a system keeps for root (the
    policy, conformance/policies/ssh.toml, lists them), read nothing of it and close it; and read
    it by the shell.
    Pass: there is no SFTP; or it opens no file that the shell may not read, or that a login
    without a shell asks for, and there was one to try.
    """
    found = evidence.observe(ssh.files(policy("ssh")["sftp"]["root_only"]))
    if not found.offered:
        return
    by_name = found.user == "root"
    more = [file.path for file in found.files if _gives_more(file) and not by_name]
    assert not more, (
        f"{found.endpoint}: SFTP opens {', '.join(more)} for {found.user!r}, whose shell may not "
        "read it, expected a refusal."
    )
    tried = [file for file in found.files if file.over_shell in (Access.REFUSED, Access.NO_SHELL)]
    if by_name or not tried:
        raise Inconclusive(
            f"{found.endpoint}: {found.user!r} may read every such file that is there: what SFTP "
            "keeps from others is not known"
        )


def _gives_more(file: ReachedFile) -> bool:
    return file.over_sftp is Access.OPENED and file.over_shell in (Access.REFUSED, Access.NO_SHELL)
