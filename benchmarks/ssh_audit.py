"""The SSH verdict beside ssh-audit, on servers that nobody here wrote.

Run: python -m benchmarks.ssh_audit [--only NAME ...] [--ssh-audit PROGRAM]

ssh-audit (MIT) is installed into an environment of its own in a temporary folder, run as a program
and read by its JSON. Facts that both measure are compared one by one: software, algorithms of
each kind, host keys. A difference is explained, or the benchmark fails. Ours is timed in this
process, of ssh-audit the whole program, whose start is measured apart and taken off.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peer import install
from conformance import knowledge, policy
from conformance.credentials import ssh_algorithms as judged
from devices.links.ssh.observations import SshOffer
from devices.links.ssh.offer import offer_of

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the servers of the tests
from ssh_servers import ADDRESS, SERVERS, SshServer

_RUNS = 5
_TARGET = 0.25  # s for a verdict, by the plan
_OF_NOTHING = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"  # of no bytes at all
Facts = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One server: seconds of both (medians), facts that agree, and those that do not."""

    name: str
    seconds: float
    peer_seconds: float
    findings: int
    agreed: int
    explained: tuple[str, ...]
    unexplained: tuple[str, ...]

    def lines(self) -> list[str]:
        """What came out, for people."""
        ratio = self.seconds / self.peer_seconds
        text = (
            f"{self.name}: verdict {self.seconds:.3f} s ({self.findings} nonconformities), "
            f"ssh-audit {self.peer_seconds:.3f} s, ratio {ratio:.2f}; {self.agreed} facts agree"
        )
        told = [f"    explained: {line}" for line in self.explained]
        return [text, *told, *(f"    NOT EXPLAINED: {line}" for line in self.unexplained)]


def main() -> int:
    """Compare on every server; the exit code tells whether all differences are explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(SERVERS), help="which servers")
    parser.add_argument("--ssh-audit", help="an installed ssh-audit; else one is installed")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        program = arguments.ssh_audit or install("ssh-audit>=3.3", Path(scratch))
        start = statistics.median(_timed([program, "--version"])[0] for _ in range(_RUNS))
        print(f"ssh-audit starts in {start:.3f} s, taken off its times below")
        for server in SERVERS.values():
            if not arguments.only or server.name in arguments.only:
                rows.append(compare(server, program, start))
                print("\n".join(rows[-1].lines()), flush=True)
    worst = max(row.seconds for row in rows)
    ratio = statistics.median(row.seconds / row.peer_seconds for row in rows)
    print(
        f"{len(rows)} servers at {time.strftime('%Y-%m-%d')}: {sum(r.agreed for r in rows)} facts "
        f"agree, {sum(len(r.explained) for r in rows)} differences explained, "
        f"{sum(len(r.unexplained) for r in rows)} not; a verdict takes {worst:.3f} s at most "
        f"(target {_TARGET} s) and {ratio:.2f} of ssh-audit's time (median)"
    )
    return 1 if any(row.unexplained for row in rows) else 0


def compare(server: SshServer, program: str, start: float) -> Comparison:
    """Measure one server with both."""
    with tempfile.TemporaryDirectory() as folder, server.running(Path(folder)) as port:
        ours, theirs = [], []
        for _ in range(_RUNS):
            began = time.perf_counter()
            offer = offer_of(ADDRESS, port, 10.0)
            found = verdict(offer)
            ours.append(time.perf_counter() - began)
            command = [program, "--json", "--skip-rate-test", f"{ADDRESS}:{port}"]
            seconds, said = _timed(command)
            theirs.append(seconds - start)
    explained, unexplained, agreed = differences(facts_of_offer(offer), facts_of_audit(said))
    return Comparison(
        name=server.name,
        seconds=statistics.median(ours),
        peer_seconds=statistics.median(theirs),
        findings=len(found),
        agreed=agreed,
        explained=tuple(explained),
        unexplained=tuple(unexplained),
    )


def verdict(offer: SshOffer) -> list[str]:
    """What the test cases CRED-019, CRED-020 and CRED-021 find."""
    rules = policy.load("ssh")
    return [
        *judged.protocol(offer),
        *judged.weak_algorithms(offer.kexinit, rules),
        *judged.small_groups(offer, rules),
        *judged.weak_keys(offer, rules),
        *judged.published_keys(offer, knowledge.load("ssh_keys")),
        *judged.terrapin(offer.kexinit, rules),
    ]


def facts_of_offer(offer: SshOffer) -> Facts:
    """What the prober read."""
    facts: Facts = {
        "software": offer.identification.software,
        "key exchange": frozenset(offer.kexinit.kex),
        "host key algorithms": frozenset(offer.kexinit.host_keys),
        "ciphers": frozenset(offer.kexinit.ciphers),
        "MACs": frozenset(offer.kexinit.macs),
        "fingerprints": frozenset(key.fingerprint for key in offer.host_keys),
        "smallest group": {group.exchange: group.bits for group in offer.groups},
        "RSA bits": {k.bits for k in offer.host_keys if k.algorithm == "ssh-rsa"},
    }
    return facts


def facts_of_audit(document: dict[str, Any]) -> Facts:
    """What ssh-audit read, in the same form."""
    return {
        "software": document["banner"]["software"],
        "key exchange": frozenset(row["algorithm"] for row in document["kex"]),
        "host key algorithms": frozenset(row["algorithm"] for row in document["key"]),
        "ciphers": frozenset(row["algorithm"] for row in document["enc"]),
        "MACs": frozenset(row["algorithm"] for row in document["mac"]),
        "fingerprints": frozenset(
            f"SHA256:{row['hash']}"
            for row in document["fingerprints"]
            if row["hash_alg"] == "SHA256"
        ),
        "smallest group": {
            row["algorithm"]: row["keysize"]
            for row in document["kex"]
            if "group-exchange" in row["algorithm"] and row.get("keysize")
        },
        "RSA bits": {
            row["keysize"]
            for row in document["key"]
            if row["algorithm"] in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
            and row.get("keysize")
        },
    }


def differences(ours: Facts, theirs: Facts) -> tuple[list[str], list[str], int]:
    """Facts that differ, explained and not, and how many agree."""
    explained: list[str] = []
    unexplained: list[str] = []
    for name, left in ours.items():
        right = theirs[name]
        if left == right:
            continue
        line = f"{name}: ours {_shown(left)}, ssh-audit {_shown(right)}"
        reason = _reason(name, left, right)
        (explained if reason else unexplained).append(f"{line}{f': {reason}' if reason else ''}")
    return explained, unexplained, len(ours) - len(explained) - len(unexplained)


def _reason(name: str, left: Any, right: Any) -> str:
    if name == "fingerprints" and not right:
        return "ssh-audit fetches no host key where it knows none of the key exchanges"
    if name == "fingerprints" and right - left == {_OF_NOTHING}:
        return "ssh-audit prints the digest of nothing for a key that the server has not got"
    if name == "smallest group" and (set(left.values()), set(right.values())) == ({2048}, {3072}):
        return (
            "asked for 1024 to 8192 bits OpenSSH gives 2048; ssh-audit asks OpenSSH once more for "
            "larger ones only, and reports that"
        )
    return ""


def _shown(value: Any) -> str:
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _timed(command: list[str]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    seconds = time.perf_counter() - began
    text = done.stdout.strip()
    return seconds, json.loads(text) if text.startswith("{") else {}


if __name__ == "__main__":
    sys.exit(main())
