"""CRED-036 on surfaces that keep what they should forget, and on such that tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from web_stand import DEVICE, Kept

from conformance import policy
from conformance.credentials.test_every_surface import (
    test_changes_of_a_user_count_everywhere as judge,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import NotOffered, Unreachable
from devices.links.administration import Administration
from devices.links.surfaces import Surface
from devices.secrets import Secrets


@dataclass
class Model:
    """A camera's list of users, and which surface looks at which."""

    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    name: str = "ONVIF"
    refuses: bool = False
    keeps: bool = False

    def create(self, username: str, password: str) -> None:
        if self.refuses:
            raise NotOffered("no")
        self.users[username] = (password, "viewer")
        self.first[username] = (password, "viewer")

    def change_password(self, username: str, old: str, new: str) -> None:
        del old
        self.users[username] = (new, self.users[username][1])

    def delete(self, username: str) -> None:
        if self.keeps:
            raise NotOffered("the last one")
        if self.users.pop(username, None) is None:
            raise NotOffered("unknown")

    def role(self, username: str, password: str, role: str) -> None:
        self.users[username] = (password, role)
        if role == "admin":
            self.first[username] = (self.first[username][0], role)

    def surface(self, name: str, *, copied: bool = False) -> Surface:
        def known() -> dict[str, tuple[str, str]]:
            return self.first if copied else self.users

        def takes(username: str, password: str) -> tuple[Any, str]:
            right = known().get(username, ("", ""))[0] == password
            return ("accepted", "200") if right else ("refused", "401")

        def administers(username: str, password: str) -> bool:
            return known().get(username, ("", ""))[1] == "admin"

        return Surface(name, takes, administers)


def run(model: Model, *surfaces: Surface, services: Sequence[dict[str, Any]] = ()) -> None:
    device = DeviceFile.model_validate(DEVICE | {"declared": {"services": services}})
    grace = {"surfaces": {"grace_seconds": 0, "tried": ["https"]}}
    judge(
        user_ways=[model],
        administrations=[Administration("ONVIF", lambda *_: None, model.role)],
        surfaces=surfaces,
        device=device,
        secrets=Secrets(device),
        evidence=Kept(),
        policy=lambda name: policy.load(name) | grace,
    )


def test_one_list_of_users_passes() -> None:
    model = Model()
    run(model, model.surface("web"), model.surface("RTSP"))
    assert not model.users


def test_a_surface_with_a_list_of_its_own_fails_for_each_change() -> None:
    model = Model()
    with pytest.raises(AssertionError) as caught:
        run(model, model.surface("web"), model.surface("RTSP", copied=True))
    said = str(caught.value)
    assert "RTSP still takes the old one" in said
    assert "RTSP refuses the new one" in said
    assert "does over RTSP what administrators alone may" in said
    assert "web" not in said


@pytest.mark.parametrize(
    ("more", "told"),
    [({}, True), ({"login": True}, True), ({"login": False}, False), ({"on": False}, False)],
)
def test_a_login_of_the_makers_own_that_nobody_tried_leaves_it_open(
    *, more: dict[str, Any], told: bool
) -> None:
    vendor = {"name": "media", "port": 34567, "protocol": "dvrip", "purpose": "app"}
    web = {"name": "web", "port": 443, "protocol": "https", "purpose": "page", "encrypted": True}
    model, services = Model(), [web, {**vendor, "encrypted": False, **more}]
    if not told:
        run(model, model.surface("web"), services=services)
        return
    with pytest.raises(Inconclusive, match=r"media \(34567/tcp, dvrip\).* nothing was tried"):
        run(model, model.surface("web"), services=services)
    assert not model.users


def test_a_surface_that_takes_anything_tells_nothing() -> None:
    model = Model()
    anything = Surface("RTSP", lambda *_: ("accepted", "200"), lambda *_: None)
    with pytest.raises(Inconclusive, match="RTSP takes any password"):
        run(model, model.surface("web"), anything)


def test_a_surface_without_these_users_is_left_out() -> None:
    model = Model()
    other = Surface("SSH", lambda *_: ("refused", "publickey alone"), lambda *_: None)
    run(model, model.surface("web"), other)


def test_a_surface_that_stops_answering_is_inconclusive() -> None:
    model = Model()
    count = iter(range(100))

    def takes(username: str, password: str) -> tuple[Any, str]:
        if next(count) > 4:
            raise Unreachable("gone")
        return model.surface("x").takes(username, password)

    with pytest.raises(Inconclusive, match="gone"):
        run(model, Surface("web", takes, lambda *_: None))
    assert not model.users


def test_no_user_and_a_user_left_behind_are_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="no user for the test"):
        run(Model(refuses=True), Model().surface("web"))
    model = Model(keeps=True)
    with pytest.raises(Inconclusive, match="the last one"):
        run(model, model.surface("web"))
