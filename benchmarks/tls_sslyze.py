"""The TLS link beside sslyze, on servers that nobody here wrote.

Run: python -m benchmarks.tls_sslyze [--only NAME ...] [--sslyze PROGRAM]

sslyze (AGPL) is never imported: it is installed into an environment of its own in a temporary
folder, run as a program, and read by its JSON. Facts that both measure are compared one by one;
a difference is explained, or the benchmark fails. Connections are counted by a relay in front of
the server, times are taken without it: of sslyze those of the scan alone, as it states them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.peer import install
from benchmarks.relay import CountingRelay
from benchmarks.sslyze_facts import Facts, differences, facts_of_link, facts_of_sslyze
from devices.links.tls.endpoints import TlsEndpoint
from devices.links.tls.handshake import Prober
from devices.links.tls.link import measure
from devices.links.tls.observation import TlsServer
from devices.links.tls.suite_packets import BATCH, candidates
from devices.protocols.tls.registry import TlsVersion

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the servers of the tests
from tls_servers import ADDRESS, SERVERS, TlsServerProgram, missing

_COMMANDS = (
    "--quiet", "--mozilla_config", "disable", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1",
    "--tlsv1_2", "--tlsv1_3", "--elliptic_curves", "--early_data", "--fallback", "--reneg",
    "--compression", "--ems", "--resum", "--certinfo",
)  # fmt: skip
_RUNS = 5  # of the link, whose runs are short


@dataclass(frozen=True)
class Comparison:
    """One server: seconds and connections of both, and what they do not agree on.

    ``verdict_seconds`` is what the suite's own test cases wait for, ``seconds`` a full listing.
    """

    name: str
    verdict_seconds: float
    seconds: float
    connections: int
    verdict_connections: int
    sslyze_seconds: float
    sslyze_connections: int
    agreed: int
    explained: tuple[str, ...]
    unexplained: tuple[str, ...]


def main() -> int:
    """Compare on every server; the exit code tells whether all differences are explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(SERVERS), help="which servers")
    parser.add_argument("--sslyze", help="an installed sslyze; else one is installed")
    arguments = parser.parse_args()
    if absent := missing():
        print(f"not installed: {', '.join(absent)}; their servers are left out")
    wanted = [s for s in SERVERS.values() if s.program not in absent]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        program = arguments.sslyze or install("sslyze>=6.3", Path(scratch))
        for server in wanted:
            if arguments.only and server.name not in arguments.only:
                continue
            rows.append(compare(server, program))
            print("\n".join(lines(rows[-1])), flush=True)
    print(summary(rows))
    return 1 if any(row.unexplained for row in rows) else 0


def compare(server: TlsServerProgram, program: str) -> Comparison:
    """Measure one server with both."""
    with tempfile.TemporaryDirectory() as folder, server.running(Path(folder)) as port:
        listed = [by_link(port, every=True) for _ in range(_RUNS)]
        judged = [by_link(port, every=False) for _ in range(_RUNS)]
        seconds, document = by_sslyze(program, port, Path(folder))
        with CountingRelay(ADDRESS, port) as relay:
            by_sslyze(program, relay.port, Path(folder))
        ours, theirs = facts_of_link(listed[0]), facts_of_sslyze(document)
        explained, unexplained = differences(ours, theirs, silent=server.silent)
        if unexplained:
            # Its parallel connections time out on servers that serve one client at a time.
            _, document = by_sslyze(program, port, Path(folder), "--slow_connection")
            theirs = facts_of_sslyze(document)
            _, left = differences(ours, theirs, silent=server.silent)
            explained += [f"{d}; gone with --slow_connection" for d in unexplained if not left]
            unexplained = left
    return Comparison(
        name=server.name,
        verdict_seconds=statistics.median(found.seconds for found in judged),
        seconds=statistics.median(found.seconds for found in listed),
        connections=listed[0].connections,
        verdict_connections=judged[0].connections,
        sslyze_seconds=seconds,
        sslyze_connections=relay.connections,
        agreed=_common(ours, theirs) - len(explained) - len(unexplained),
        explained=tuple(explained),
        unexplained=tuple(unexplained),
    )


def by_link(port: int, *, every: bool) -> TlsServer:
    """One measurement by the link."""
    endpoint = TlsEndpoint("server", "https", ADDRESS, port)
    # s_server -www sleeps for a second after a renegotiation that it refused: of the last run.
    Prober(ADDRESS, port).offer(TlsVersion.TLS_1_2, candidates(TlsVersion.TLS_1_2)[:BATCH])
    return measure(Prober(ADDRESS, port), endpoint, every=every)


def by_sslyze(program: str, port: int, folder: Path, *options: str) -> tuple[float, dict[str, Any]]:
    """Seconds of one scan by sslyze, and its JSON."""
    path = folder / "sslyze.json"
    path.unlink(missing_ok=True)
    command = [program, *_COMMANDS, *options, "--json_out", str(path), f"{ADDRESS}:{port}"]
    subprocess.run(command, check=False, capture_output=True, timeout=300)
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    begun, ended = (
        datetime.fromisoformat(document[f"date_scans_{what}"]) for what in ("started", "completed")
    )
    return (ended - begun).total_seconds(), document["server_scan_results"][0]


def lines(row: Comparison) -> list[str]:
    """What came out for one server."""
    ratio = row.verdict_seconds / row.sslyze_seconds
    first = (
        f"{row.name}: verdict {row.verdict_seconds:.2f} s, {row.verdict_connections} connections; "
        f"full listing {row.seconds:.2f} s, {row.connections}; sslyze {row.sslyze_seconds:.2f} s, "
        f"{row.sslyze_connections}; ratio {ratio:.3f}; {row.agreed} facts agree"
    )
    text = [first]
    text += [f"    explained: {difference}" for difference in row.explained]
    text += [f"    NOT EXPLAINED: {difference}" for difference in row.unexplained]
    return text


def summary(rows: Sequence[Comparison]) -> str:
    """One line over all servers."""
    if not rows:
        return "no server was measured"
    ratio = statistics.median(row.verdict_seconds / row.sslyze_seconds for row in rows)
    return (
        f"{len(rows)} servers at {time.strftime('%Y-%m-%d')}: "
        f"{sum(row.agreed for row in rows)} facts agree, "
        f"{sum(len(row.explained) for row in rows)} differences explained, "
        f"{sum(len(row.unexplained) for row in rows)} not; a verdict takes "
        f"{max(row.verdict_seconds for row in rows):.2f} s and "
        f"{max(row.verdict_connections for row in rows)} connections at most "
        f"(targets 0.7 s, under 60), and {ratio:.3f} of sslyze's time (median)"
    )


def _common(ours: Facts, theirs: Facts) -> int:
    return len(set(ours.values) & set(theirs.values))


if __name__ == "__main__":
    sys.exit(main())
