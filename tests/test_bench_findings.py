"""What ``doctor`` says of the bench's own equipment: every table is named, and tried."""

from __future__ import annotations

import socket
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rtsp_stand import device_file

from camproof.bench_findings import bench_findings
from camproof.finding import ABSENT, FAULT, NOT_GIVEN, READY
from devices.description import Bench, DeviceFile
from devices.permit import Permit
from devices.secrets import Secrets

TABLES = {
    "clock control": "clock",
    "power control": "power",
    "bench gateway": "gateway",
    "bench storage": "storage",
    "scene": "scene",
    "bench provision": "provision",
    "bench restore": "restore",
    "capture": "capture",
    "further addresses": "sources",
}


def found(
    folder: Path, bench: dict[str, Any], *allow: str, missed: dict[str, str] | None = None
) -> dict[str, tuple[str, str]]:
    plain = device_file("rtsps://127.0.0.1", folder).model_dump(mode="json", by_alias=True)
    plain["bench"] |= bench
    device = DeviceFile.model_validate(plain)
    permit = Permit(["127.0.0.0/8"], allow, date.today() + timedelta(days=1))
    findings = bench_findings(device, permit, Secrets(device), missed or {})
    return {finding.what: (finding.state, finding.detail) for finding in findings}


def test_every_table_of_the_bench_is_spoken_of(tmp_path: Path) -> None:
    """A table that is added to the device file has to be added here."""
    said = found(tmp_path, {})
    assert set(said) == set(TABLES)
    settings = {"boot_seconds", "longest_wait", "parallel", "host_tcp_ports", "host_udp_ports"}
    assert set(Bench.model_fields) - settings == set(TABLES.values())
    states = {what: state for what, (state, _) in said.items()}
    assert states.pop("capture") == READY
    assert set(states.values()) == {ABSENT}
    missed = {"bench.clock": "not given: 1 test case"}
    assert found(tmp_path, {}, missed=missed)["clock control"] == (
        NOT_GIVEN,
        "not given: 1 test case",
    )


def test_a_clock_is_put_right(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = {"clock": {"command": ["sh", "-c", f"echo {{seconds}} > {kept}"]}}
    assert found(tmp_path, command)["clock control"][0] == NOT_GIVEN
    assert not kept.exists()
    state, detail = found(tmp_path, command, "settings")["clock control"]
    assert (state, kept.read_text()) == (READY, "0\n")
    assert "puts the clock right" in detail


@pytest.mark.parametrize(
    ("bench", "what", "says"),
    [
        ({"clock": {"command": ["false"]}}, "clock control", "ended with 1"),
        ({"clock": {"url": "http://127.0.0.1:9/"}}, "clock control", "http://127.0.0.1:9/"),
        ({"power": {"url": "http://127.0.0.1:9/"}}, "power control", "http://127.0.0.1:9/"),
        ({"storage": {"image": "/nowhere/card.img"}}, "bench storage", "/nowhere/card.img"),
        ({"scene": {"url": "http://127.0.0.1:9/"}}, "scene", "127.0.0.1:9"),
        ({"provision": {"command": ["/nowhere/go"]}}, "bench provision", "/nowhere/go"),
        ({"restore": {"command": ["no-such-program-here"]}}, "bench restore", "no-such-program"),
    ],
)
def test_equipment_that_does_not_work_is_a_fault(
    tmp_path: Path, bench: dict[str, Any], what: str, says: str
) -> None:
    state, detail = found(tmp_path, bench, "settings")[what]
    assert state == FAULT
    assert says in detail


def test_a_gateway_whose_port_is_taken_is_a_fault(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert found(tmp_path, {"gateway": {"listen": listen}})["bench gateway"][0] == FAULT
    assert found(tmp_path, {"gateway": {"listen": listen}})["bench gateway"][0] == READY


def test_equipment_that_works_is_ready(tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    card.write_bytes(bytes(4096))
    bench = {
        "storage": {"image": str(card)},
        "scene": {"file": str(tmp_path / "scene.txt")},
        "provision": {"command": ["sh", "-c", "exit 1"]},  # never run
        "power": {"off": ["false"], "on": ["false"]},
    }
    said = found(tmp_path, bench)
    for what in ("bench storage", "scene", "bench provision", "power control"):
        assert said[what][0] == READY, said[what]


def test_further_addresses_are_of_this_machine(tmp_path: Path) -> None:
    assert found(tmp_path, {"sources": ["127.0.0.77"]})["further addresses"][0] == READY
    state, why = found(tmp_path, {"sources": ["127.0.0.77", "192.0.2.9"]})["further addresses"]
    assert state == FAULT
    assert why.startswith("192.0.2.9 is not of this machine")
