"""Take away one observation, or half of it, or all that it holds: nothing that used it passes."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from camproof.campaign import Campaign, Job
from conformance import catalogue
from conformance.assessment import Result
from devices.emulated.bench.launch import EmulatedCamera
from fixtures import plugin
from fixtures.observed import RECIPES

WITHOUT_A_LIST = {
    "onvif_replay": "single facts",
    "replayed_login": "single facts",
    "nonce_use": "single facts",
    "software_bill": "one document",
    "ssh_forwarding": "single facts",
    "certificate_of_origin": "one document; the list of its signers' names is shown, not judged",
    "played_profiles": "empty where the device file declares every address, as played_streams has",
    "quality_certificate": "one document; as above",
    "recovery_papers": "empty where no paper tells of a way; the ways are tried on the camera",
}
"""Observations that cannot be empty, with the reason."""

ASKED_FOR_LATER = {
    "BACKDOOR-015": ("ssh_forwarding",),
    "CRED-049": ("device_stores", "image_stores"),
    "CRED-050": ("device_stores",),
    "CRED-056": ("device_stores", "image_stores"),
}
"""What a test case takes beside its parameters, as a finding elsewhere counts without it."""

NOT_OF_A_GOOD_CAMERA = {"ssh_root_settings": "CRED-023 asks where root is offered a password"}
"""Observations that no test case takes on the clean camera, with the reason."""


@cache
def users(*, directly: bool) -> dict[str, frozenset[str]]:
    """Observation -> the test cases that rest on it, or also through another one."""
    for name in plugin.pytest_plugins:
        importlib.import_module(name)
    found: dict[str, set[str]] = {name: set() for name in RECIPES}
    for case in catalogue.load().cases():
        function = getattr(importlib.import_module(case.module), case.function)
        waiting = list(inspect.signature(function).parameters)
        waiting += ASKED_FOR_LATER.get(case.id, ())
        while waiting:
            name = waiting.pop()
            if name in RECIPES:
                found[name].add(case.id)
                waiting += () if directly else RECIPES[name].arguments
    return {name: frozenset(cases) for name, cases in found.items()}


def groups(names: Sequence[str], *, directly: bool) -> list[list[str]]:
    """The observations in groups within which no test case uses two."""
    of, grouped = users(directly=directly), list[list[str]]()
    for name in sorted(names, key=lambda n: -len(of[n])):
        for group in grouped:
            if not any(of[name] & of[other] for other in group):
                group.append(name)
                break
        else:
            grouped.append([name])
    return grouped


@dataclass(frozen=True)
class Bench:
    """A camera, and a folder where its observations are kept from run to run."""

    device_file: Path
    kept: Path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with EmulatedCamera() as ready:
        bench = Bench(ready.device_file, tmp_path_factory.mktemp("kept"))
        every = frozenset[str]().union(*users(directly=True).values())
        results = verdicts(bench, tmp_path_factory.mktemp("clean"), every, [], "")
        assert not [f"{r.id} {r.verdict}: {r.reason}" for r in results if r.verdict != "PASS"]
        yield bench


def verdicts(
    bench: Bench, folder: Path, cases: frozenset[str], spoiled: Sequence[str], how: str
) -> list[Result]:
    environment = {
        "PYTEST_ADDOPTS": "-p removed_observations",
        "PYTHONPATH": str(Path(__file__).parent),
        "CAMPROOF_SPOILED": ",".join(spoiled),
        "CAMPROOF_SPOIL": how,
        "CAMPROOF_KEPT": str(bench.kept),
    }
    job = Job(bench.device_file, folder, select=" or ".join(cases), environment=environment)
    results = Campaign(job, lambda _event: None).run().results
    assert {result.id for result in results} == cases
    return results


def test_every_observation_has_a_user() -> None:
    unused = {name for name, cases in users(directly=False).items() if not cases}
    assert unused == set(NOT_OF_A_GOOD_CAMERA)


@pytest.mark.parametrize("how", ["missing", "partial", "empty"])
def test_without_an_observation_nothing_that_uses_it_passes(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    empty = how == "empty"
    of = users(directly=empty)
    names = [name for name in of if of[name] and not (empty and name in WITHOUT_A_LIST)]
    grouped = groups(names, directly=empty)
    with ThreadPoolExecutor(2) as pool:  # what is empty may be a finding; what is missing is none
        runs = [
            pool.submit(
                verdicts,
                bench,
                tmp_path_factory.mktemp(how),
                frozenset[str]().union(*(of[name] for name in group)),
                group,
                how,
            )
            for group in grouped
        ]
    allowed = {"INCONCLUSIVE", "FAIL"} if empty else {"INCONCLUSIVE"}
    left = [
        f"{r.id} {r.verdict}, spoiled {', '.join(n for n in group if r.id in of[n])}: {r.reason}"
        for group, run in zip(grouped, runs, strict=True)
        for r in run.result()
        if r.verdict not in allowed
    ]
    assert not left
