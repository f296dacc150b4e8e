"""What a factory reset leaves, on stands of other makes: recordings, TLS keys, planted users."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from test_web_makes import described
from web_makes import DESCRIBED, Make, Memory, make
from web_stand import DEVICE, Laboratory, foreign_server, web_camera

from conformance.credentials.factory_remains import look_for_remains, plant
from conformance.credentials.factory_visit import Surfaces
from conformance.credentials.recordings_kept import (
    Recordings,
    read_recordings,
    recordings_left,
)
from conformance.credentials.tls_keys_kept import KeysKept, ShownKeys, keys_kept, read_keys
from conformance.verdict import Inconclusive
from devices.emulated.posture import Posture
from devices.errors import NotOffered
from devices.links import expendable_account
from devices.links.password_trials import Candidate
from devices.permit import Permit
from fixtures import factory

OLD, NEW = os.urandom(4096), os.urandom(4096)
PAGE = b"<html>" + b"log in " * 400 + b"</html>"


def surfaces(lab: Laboratory, *ways: Any) -> Surfaces:
    return Surfaces(http=lab.http, onvif=None, rtsp=None, ssh=None, ways=ways, secrets=lab.secrets)


def recorder(files: dict[str, bytes], **manners: Any) -> type[Any]:
    """A camera with a list of recordings, for those who are logged in."""
    camera, _ = make(**manners)

    class Recorder(camera):  # type: ignore[misc, valid-type]
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            listed = manners.get("listed", list(files))
            if not self.session() or not self.path.startswith("/rec"):
                super().do_GET()
            elif self.path == "/rec":
                self.say({"files": [{"url": name} for name in listed]})
            elif self.path in files:
                self.answer(200, files[self.path], Content_Type="video/mp4")
            elif manners.get("everything"):
                self.answer(200, PAGE, Content_Type="text/html")
            else:
                self.answer(404, b"none")

    return Recorder


def read(folder: Path, files: dict[str, bytes], known: Recordings, **manners: Any) -> Recordings:
    with foreign_server(recorder(files, **manners)) as url:
        stream = {
            "name": "clips",
            "container": "clip",
            "url": f"{url}/rec",
            "codec": "h264",
            "width": 640,
            "height": 360,
        }
        lab = described(url, folder, DESCRIBED, streams=[stream])
        found = read_recordings(surfaces(lab), lab.device, tuple(known.seen))
        lab.http.close()
    assert not found.problem
    return found


@pytest.mark.parametrize(
    ("files", "manners", "left"),
    [
        ({}, {}, []),
        ({"/rec/1.mp4": OLD}, {}, ["/rec/1.mp4"]),
        ({"/rec/1.mp4": NEW}, {}, []),  # counted from one again
        ({"/rec/7.mp4": OLD, "/rec/1.mp4": NEW}, {}, ["/rec/7.mp4"]),  # renamed
        ({"/rec/1.mp4": OLD}, {"listed": []}, ["/rec/1.mp4"]),  # no more listed, and still given
        ({}, {"everything": True}, []),
        ({}, {"listed": ["/rec/1.mp4"]}, []),  # still listed, and gone
        ({}, {"refuses": "envelope"}, []),
    ],
)
def test_recordings_of_before(
    files: dict[str, bytes], manners: dict[str, Any], left: list[str], tmp_path: Path
) -> None:
    before = read(tmp_path, {"/rec/1.mp4": OLD}, Recordings())
    assert list(before.seen) == ["/rec/1.mp4"]
    after = read(tmp_path, files, before, **manners)
    said = recordings_left(before, after)
    assert [one.split()[6] for one in said] == left


def test_a_page_for_everything_is_no_recording(tmp_path: Path) -> None:
    same = {"/rec/1.mp4": PAGE, "/rec/2.mp4": b"short"}
    assert not read(tmp_path, same, Recordings(), everything=True).seen


def test_recordings_that_cannot_be_looked_at_are_told(tmp_path: Path) -> None:
    with foreign_server(recorder({})) as url:
        lab = described(url, tmp_path, DESCRIBED)
        assert read_recordings(surfaces(lab), lab.device) == Recordings()
        lab = described(url, tmp_path, DESCRIBED, storage=[{"kind": "sd-card"}])
        assert "container 'clip'" in read_recordings(surfaces(lab), lab.device).problem
        lab.http.close()


# TLS keys


def keys_of(folder: Path, **posture: Any) -> ShownKeys:
    with web_camera(folder, Posture(**posture)) as (_, lab):
        granted = lab.device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        found = read_keys(lab.device, permit)
    shown = {f"camera:{n}": chain for n, chain in enumerate(found.chains.values())}
    return ShownKeys(shown)


def test_keys_of_a_camera_that_makes_its_own(tmp_path: Path) -> None:
    first = keys_of(tmp_path / "first", tls_own_key=True)
    again = ShownKeys(first.chains)
    other = keys_of(tmp_path / "other", tls_own_key=True)
    assert first.chains
    assert next(iter(first.chains.values())).self_signed
    renewed = keys_kept(first, other, None)
    assert renewed.looked
    assert not renewed.left
    assert not renewed.problems
    assert "signed itself" in keys_kept(first, again, "maker").left[0]
    assert "owner's" in keys_kept(first, again, "own").left[0]
    undeclared = keys_kept(first, again, None)
    assert not undeclared.left
    assert not undeclared.looked
    assert "factory.tls_key" in undeclared.problems[0]
    gone = keys_kept(first, ShownKeys(), "own")
    assert "was not shown" in gone.problems[0]
    assert not gone.left


def test_the_identity_of_the_maker_may_stay(tmp_path: Path) -> None:
    first = keys_of(tmp_path)
    kept = keys_kept(first, first, "maker")
    assert kept.looked
    assert not kept.left
    assert not kept.problems
    unknown = {where: replace(chain, path=None) for where, chain in first.chains.items()}
    assert keys_kept(ShownKeys(unknown), ShownKeys(unknown), "maker").looked
    strange = {
        where: replace(chain, path=replace(chain.path, trusted=False))
        for where, chain in first.chains.items()
        if chain.path is not None
    }
    found = keys_kept(ShownKeys(strange), ShownKeys(strange), "maker")
    assert "does not lead to the declared trust" in found.problems[0]
    assert not found.left


# What is put on the camera


class Lying:
    """Says that it made the user; ``removed`` are those that it was asked to remove."""

    name = "lying"

    def __init__(self) -> None:
        self.removed: list[str] = []

    def create(self, username: str, password: str) -> None:
        """Nothing."""

    def change_password(self, username: str, old: str, new: str) -> None:
        """Nothing."""

    def delete(self, username: str) -> None:
        self.removed.append(username)


def test_a_user_who_was_never_there_proves_nothing(tmp_path: Path) -> None:
    camera, _ = make()
    with foreign_server(camera) as url:
        lab = described(url, tmp_path, DESCRIBED)
        at = surfaces(lab, Lying())
        made = plant(at)
        assert made.user_made
        assert not made.user_seen
        found = look_for_remains(at, made, KeysKept(), Recordings())
        lab.http.close()
    assert not found.looked
    assert not found.planted
    assert "nothing could be put on the camera" in found.shortfall


@pytest.mark.parametrize("failure", [NotOffered("no such thing"), Inconclusive("no")])
def test_a_reset_that_is_refused_leaves_no_user(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(factory, "reset", refuse)
    camera, _ = make()
    way = Lying()
    with foreign_server(camera) as url:
        lab = described(url, tmp_path, DESCRIBED)
        granted = DEVICE["authorisation"]
        permit = Permit(granted["addresses"], granted["allow"], granted["expires"])
        bench: Any = SimpleNamespace(device=lab.device, permit=permit)
        visit = factory._Visit(bench, surfaces(lab, way), SimpleNamespace())  # type: ignore[arg-type]
        with pytest.raises(type(failure)):
            visit.take([])
        lab.http.close()
    assert len(way.removed) == 1


# Set-up


SETUP = {
    "method": "POST",
    "path": "/setup",
    "json": {"user": "{username}", "pass": "{password}"},
}


class Fresh(Make):
    """A camera in its factory state; ``manner``: ``encrypted`` wants the password in cipher."""

    manner: ClassVar[str]

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/reset":
            self.memory.passwords.clear()
            self.say({"code": 0})
            return
        if self.path != "/setup":
            super().do_POST()
            return
        given = json.loads(self.body())
        long = len(given["pass"]) >= 8 or self.manner == "takes all"
        if self.manner == "encrypted" or not long or self.memory.passwords:
            self.answer(400, b"no")
            return
        self.memory.passwords["admin"] = given["pass"]
        self.say({"code": 0})


@pytest.mark.parametrize(
    ("manner", "taken", "said"),
    [("", False, ""), ("takes all", True, ""), ("encrypted", None, "no strong random password")],
)
def test_refusals_at_set_up_count_only_where_a_strong_password_is_taken(
    manner: str,
    taken: bool | None,  # noqa: FBT001 - pytest gives it by name
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expendable_account, "SLOW_SECONDS", 0.0)
    memory = Memory()
    memory.passwords.clear()
    camera = type("Made", (Fresh,), {"manners": {}, "memory": memory, "manner": manner})
    reset = {"method": "POST", "path": "/reset"}
    operations = {**DESCRIBED["operations"], "setup": SETUP, "factory_reset": reset}
    with foreign_server(camera) as url:
        lab = described(url, tmp_path, {**DESCRIBED, "operations": operations})
        bench: Any = SimpleNamespace(
            device=lab.device,
            wait_gone=lambda *_: True,
            listening=frozenset,
            wait_ready=lambda *_: 0.0,
            named=frozenset,
        )
        visit = factory._Visit(bench, surfaces(lab), SimpleNamespace())  # type: ignore[arg-type]
        found = visit._try_set_up([Candidate("length", "7 characters", lambda _: "short-1")])
        lab.http.close()
    assert [trial.taken for trial in found.trials] == ([] if taken is None else [taken])
    assert said in found.shortfall
    assert bool(said) == bool(found.shortfall)
    assert not memory.passwords
