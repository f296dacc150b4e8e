"""Published user names and passwords, tried over SSH without closing anything for good."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any

from devices.description import Lockout
from devices.links.ssh.link import SshLink
from devices.links.ssh.trials import PasswordPair, PasswordTrials

SECONDS = 150.0
_UNLIMITED = 1000

Pair = tuple[str, str]
Round = tuple[list[Pair], PasswordTrials]


def try_published(
    ssh: SshLink, pairs: Sequence[Pair], known: Collection[str], lock: Lockout | None, evidence: Any
) -> list[Round]:
    """Try every pair once, as far as the declared lock allows; each round is kept as evidence.

    A user of the device file (``known``) gets one wrong password less than closes an account, so
    that nothing is closed. Another one gets as many as do: the last of them is looked at too, and
    nobody is shut out who is known. Where a lock is of the address, all of them count together.
    """
    if lock is None:
        chosen = [(list(pairs), _UNLIMITED)]
    elif lock.scope != "address":
        own = [pair for pair in pairs if pair[0] in known]
        others = [pair for pair in pairs if pair[0] not in known]
        chosen = [(own, max(1, lock.attempts - 1)), (others, lock.attempts)]
    else:
        return list(_together(ssh, pairs, lock.attempts - 1, evidence))
    return [_tried(ssh, some, most, evidence) for some, most in chosen if some]


def _together(ssh: SshLink, pairs: Sequence[Pair], most: int, evidence: Any) -> Iterator[Round]:
    """User by user until so many were refused; of the rest it is asked alone who has a password."""
    ordered = sorted(pairs, key=lambda pair: [user for user, _ in pairs].index(pair[0]))
    groups = [list(group) for _, group in groupby(ordered, key=lambda pair: pair[0])]
    while groups and most > 0:
        found = _tried(ssh, groups.pop(0), most, evidence)
        yield found
        most -= found[1].tried - len(found[1].accepted)
        if found[1].shortfall and not found[1].tried:  # it does not answer
            break
    if rest := [pair for group in groups for pair in group]:
        yield _tried(ssh, rest, 0, evidence)


def _tried(ssh: SshLink, pairs: list[Pair], most: int, evidence: Any) -> Round:
    asked = [PasswordPair(user, password) for user, password in pairs]
    trials = ssh.try_pairs(asked, each_user=most, seconds=SECONDS)
    return pairs, evidence.observe(trials, f"published passwords of {pairs[0][0]} and others")
