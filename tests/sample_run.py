"""Makes a run folder as a run would leave it, for tests of the reports: 69 cases, with evidence."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from conformance import assessment as record
from conformance.assessment import (
    Assessment,
    ClauseResult,
    Decision,
    DecisionVerdict,
    DeviceIdentity,
    Evidence,
    FirmwareIdentity,
    ProfileDecision,
    Result,
    Suite,
)
from conformance.verdict import Verdict, combine

AREA_IDS = {
    "streams": "STREAM",
    "credentials": "CRED",
    "backdoors": "BACKDOOR",
    "updates": "UPDATE",
    "origin": "ORIGIN",
}
FINDINGS = {
    "STREAM-002": (
        Verdict.FAIL,
        (
            "127.8.0.1:8554 answers RTSP without TLS: OPTIONS gave 200 OK, "
            "where the connection should be refused or redirected to rtsps."
        ),
        "",
    ),
    "BACKDOOR-001": (
        Verdict.FAIL,
        (
            "1 TCP port is open that the device file does not declare: 8554 (RTSP, by its answer). "
            "Declared: 2222, 8080, 8322, 8443."
        ),
        "",
    ),
    "UPDATE-008": (
        Verdict.INCONCLUSIVE,
        "The power relay did not answer within 10 s, so the power was not cut.",
        "timeout",
    ),
    "ORIGIN-009": (
        Verdict.NOT_APPLICABLE,
        "The device file declares that the MAC address is assigned by the customer's installer.",
        "",
    ),
}


METHOD = (
    "Reach every endpoint that the device file declares, with and without login, and record each "
    "answer byte for byte; repeat on every address that answered."
)


@dataclass
class SampleRun:
    """What the made run should hold; the defaults make a rejected demonstration."""

    findings: dict[str, tuple[Verdict, str, str]] = field(default_factory=lambda: dict(FINDINGS))
    profiles: tuple[str, ...] = ("core", "en-303-645-v2.1.1")
    emulated: bool = True
    manufacturer: str = "Lumivista"
    text: str = ""
    """Put into every string that a camera could supply."""
    catalogue: bool = True
    device_file: bool = True
    finished: bool = True


def build_run(folder: Path, sample: SampleRun | None = None) -> Assessment:
    """Write assessment.json, catalogue.json, device.json and evidence/ into ``folder``."""
    sample = sample or SampleRun()
    folder.mkdir(parents=True, exist_ok=True)
    rules = tomllib.loads(Path(__file__).with_name("sample_catalogue.toml").read_text("utf-8"))
    results = [_result(folder, sample, area, row) for area, row in _cases(rules)]
    clauses = _clauses(rules, {result.id: result for result in results})
    made = Assessment(
        demonstration=sample.emulated,
        suite=Suite(version="0.1.0", catalogue_sha256=hashlib.sha256(b"catalogue").hexdigest()),
        device=DeviceIdentity(
            manufacturer=sample.manufacturer + sample.text,
            model="LV-2100",
            hardware="B2",
            serial="LV21-000417",
            firmware=FirmwareIdentity(
                version="2.4.1", sha256=hashlib.sha256(b"firmware").hexdigest()
            ),
            emulated=sample.emulated,
        ),
        profiles=list(sample.profiles),
        started=datetime(2026, 11, 22, 9, 30, 12, tzinfo=UTC),
        finished=datetime(2026, 11, 22, 9, 31, 3, tzinfo=UTC) if sample.finished else None,
        results=results,
        clauses=clauses,
        decision=_decision(sample.profiles, results, clauses),
    )
    record.write(made, folder)
    if sample.catalogue:
        (folder / "catalogue.json").write_text(json.dumps(_catalogue(rules)), "utf-8")
    if sample.device_file:
        (folder / "device.json").write_text(json.dumps(_device(sample)), "utf-8")
    return made


def _cases(rules: dict[str, Any]) -> list[tuple[str, Sequence[str]]]:
    return [(area, row) for area, rows in rules["cases"].items() for row in rows]


def _result(folder: Path, sample: SampleRun, area: str, row: Sequence[str]) -> Result:
    number, severity, title = row
    case_id = f"{AREA_IDS[area]}-{number}"
    verdict, reason, cause = sample.findings.get(
        case_id, (Verdict.PASS, "Everything that was found meets the criterion.", "")
    )
    evidence = [] if verdict is Verdict.NOT_APPLICABLE else _evidence(folder, sample, case_id)
    seconds = round(0.04 + (int(number) * 7919 % 400) / 100, 2)
    return Result(
        id=case_id,
        title=title,
        area=area,
        severity=severity,
        verdict=verdict,
        reason=reason + sample.text,
        cause=cause,
        seconds=seconds,
        evidence=evidence,
        clauses=[],
    )


def _evidence(folder: Path, sample: SampleRun, case_id: str) -> list[Evidence]:
    place = folder / "evidence" / case_id
    place.mkdir(parents=True, exist_ok=True)
    observation = {
        "endpoint": "127.8.0.1:8322",
        "offered": ["TLSv1.2", "TLSv1.3"],
        "server": "LV-2100/2.4.1" + sample.text,
        "shortfall": "",
    }
    transcript = (
        "> OPTIONS rtsps://127.8.0.1:8322/live/main RTSP/1.0\r\n> CSeq: 1\r\n>\r\n"
        f"< RTSP/1.0 200 OK\r\n< CSeq: 1\r\n< Server: LV-2100/2.4.1{sample.text}\r\n<\r\n"
    )
    files = {
        "observation.json": ("application/json", json.dumps(observation, indent=1).encode()),
        "transcript.txt": ("text/plain", transcript.encode()),
    }
    if case_id == "STREAM-001":
        files["main.png"] = ("image/png", frame())
    if case_id == "STREAM-003":
        files["main.pcapng"] = ("application/x-pcapng", hashlib.sha512(b"p").digest() * 99)
    made = []
    for name, (media_type, data) in files.items():
        (place / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        path = f"evidence/{case_id}/{name}"
        made.append(
            Evidence(name=name + sample.text, path=path, sha256=digest, media_type=media_type)
        )
    return made


@cache
def frame(width: int = 1280, height: int = 720) -> bytes:
    """A PNG picture like the emulated lens makes: a dusk street with a clock."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    sky = np.stack([150 - 70 * down, 92 + 40 * down + 8 * across, 52 + 118 * down], axis=-1)
    picture = np.ascontiguousarray(sky.clip(0, 255).astype(np.uint8))
    for left, top, right in ((0, 300, 250), (270, 220, 420), (440, 340, 700), (930, 260, 1280)):
        cv2.rectangle(picture, (left, top), (right, height), (46, 38, 33), -1)
        for x in range(left + 18, right - 24, 42):
            for y in range(top + 22, 520, 48):
                lit = (x * 31 + y * 17) % 5 < 2
                cv2.rectangle(
                    picture, (x, y), (x + 20, y + 26), (120, 205, 245) if lit else (66, 56, 50), -1
                )
    road = np.array([[0, height], [560, 470], [820, 470], [width, height]])
    cv2.fillPoly(picture, [road], (60, 58, 56))
    cv2.line(picture, (690, 480), (660, height), (200, 220, 225), 5)
    cv2.circle(picture, (1010, 130), 42, (190, 225, 245), -1)
    clock = "2026-11-22 09:30:14.280 UTC   main"
    cv2.putText(picture, clock, (28, 54), cv2.FONT_HERSHEY_DUPLEX, 1.1, (245, 245, 245), 2)
    encoded, data = cv2.imencode(".png", picture)
    assert encoded
    return bytes(data)


def _clauses(rules: dict[str, Any], results: dict[str, Result]) -> list[ClauseResult]:
    made = []
    for regulation in rules["regulations"]:
        for clause_id, obligation, _summary, _how, names in regulation["clauses"]:
            cases = names.split()
            for case_id in cases:
                results[case_id].clauses.append(f"{regulation['id']}:{clause_id}")
            verdict = combine(results[case_id].verdict for case_id in cases)
            made.append(
                ClauseResult(
                    regulation=regulation["id"],
                    id=clause_id,
                    obligation=obligation,
                    verdict=verdict or "NOT_ASSESSED",
                    cases=cases,
                )
            )
    return made


def _decision(
    profiles: Sequence[str], results: list[Result], clauses: list[ClauseResult]
) -> Decision:
    """Decide as ``conformance.decision`` does: the first profile judges only what was assessed."""
    failed = [result.id for result in results if result.verdict is Verdict.FAIL]
    unsure = [result.id for result in results if result.verdict is Verdict.INCONCLUSIVE]
    not_assessed = sum(clause.verdict == "NOT_ASSESSED" for clause in clauses)
    by_profile = {}
    for name in profiles:
        left_open = 0 if name == profiles[0] else not_assessed
        reasons = [f"{', '.join(failed)} failed"] if failed else []
        reasons += [f"{', '.join(unsure)} inconclusive"] if unsure else []
        reasons += [f"{left_open} clauses are not assessed"] if left_open else []
        verdict: DecisionVerdict = "APPROVED"
        if failed:
            verdict = "REJECTED"
        elif unsure or left_open:
            verdict = "INCOMPLETE"
        by_profile[name] = ProfileDecision(verdict=verdict, reasons=reasons)
    order: tuple[DecisionVerdict, ...] = ("REJECTED", "INCOMPLETE", "APPROVED")
    worst = min((made.verdict for made in by_profile.values()), key=order.index)
    reasons = next(made.reasons for made in by_profile.values() if made.verdict == worst)
    return Decision(verdict=worst, by_profile=by_profile, reasons=reasons)


def _catalogue(rules: dict[str, Any]) -> dict[str, Any]:
    cases = []
    clauses = []
    for area, (number, severity, title) in _cases(rules):
        cases.append(
            {
                "id": f"{AREA_IDS[area]}-{number}",
                "title": title,
                "method": METHOD,
                "criterion": f"{title}: no answer shows otherwise, and every endpoint was reached.",
                "severity": severity,
                "area": area,
                "needs": ["http", "rtsp"],
                "revision": 1,
            }
        )
    regulations = []
    for regulation in rules["regulations"]:
        regulations.append({k: v for k, v in regulation.items() if k != "clauses"})
        for clause_id, obligation, summary, how, names in regulation["clauses"]:
            clauses.append(
                {
                    "regulation": regulation["id"],
                    "id": clause_id,
                    "obligation": obligation,
                    "summary": summary,
                    "how": how,
                    "condition": "passwords are used" if obligation.startswith("MC") else "",
                    "leaves_open": "whether it stays so." if how == "document" and names else "",
                    "cases": names.split(),
                }
            )
    return {"cases": cases, "clauses": clauses, "regulations": regulations}


def _device(sample: SampleRun) -> dict[str, Any]:
    return {
        "device": {"manufacturer": sample.manufacturer + sample.text, "mac": "02:4c:56:00:04:17"},
        "authorisation": {
            "granted_by": "M. Okafor, National Certification Body" + sample.text,
            "reference": "NCB-2026-0417",
            "expires": "2026-12-31",
            "addresses": ["127.8.0.1"],
            "allow": ["settings", "lockout", "power", "firmware", "factory"],
        },
        "links": {"serial": {"url": "socket://127.8.0.1:7000"}, "http": {}, "rtsp": {}, "ssh": {}},
    }
