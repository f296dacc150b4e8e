"""CRED-034, 003 and 013 on the emulated web interface and ONVIF, without a bench around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dial import Dial
from web_stand import (
    Handler,
    Kept,
    Laboratory,
    digest_camera,
    foreign_server,
    https,
    laboratory,
    web_camera,
)

from conformance import policy
from conformance.credentials import test_password_rules
from conformance.credentials.test_session_ends import (
    test_sessions_end_and_cannot_be_guessed as judge,
)
from conformance.verdict import Inconclusive, NotApplicable
from devices.emulated.posture import Posture
from devices.errors import BenchError
from devices.links.administration import over_onvif
from devices.links.onvif.link import OnvifLink
from devices.links.users import OnvifUserWay
from devices.permit import Permit


class Stand:
    """The emulated web interface with ONVIF beside it, and what its device file describes."""

    def __init__(self, camera: Any, lab: Laboratory, without: tuple[str, ...] = ()) -> None:
        link = lab.device.links.http
        assert link is not None
        kept = {n: o for n, o in link.operations.items() if n not in without}
        onvif = {"url": f"{https(camera)}/onvif/device_service", "trust": str(link.trust)}
        content = lab.device.model_dump(by_alias=True, mode="json")
        content["links"]["onvif"] = onvif
        content["links"]["http"]["operations"] = {
            n: o.model_dump(by_alias=True, mode="json") for n, o in kept.items()
        }
        content["accounts"] |= {"admin": content["accounts"]["admin"]}
        self.lab = Laboratory(type(lab.device).model_validate(content))
        granted = self.lab.device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        self.onvif = OnvifLink(self.lab.device, permit, self.lab.secrets)
        self.camera = camera
        self.kept = Kept()

    def judge(self, **changes: Any) -> None:
        def restart() -> None:
            raise BenchError("this stand has no power switch")

        arguments: dict[str, Any] = {
            "http": self.lab.http,
            "user_ways": [OnvifUserWay(self.onvif)],
            "administrations": [over_onvif(self.onvif)],
            "pass_time": Dial(self.camera.flash),
            "restart": restart,
            "device": self.lab.device,
            "secrets": self.lab.secrets,
            "evidence": self.kept,
            "policy": policy.load,
        }
        judge(**arguments | changes)


@contextmanager
def stand(
    folder: Path, posture: Posture | None = None, without: tuple[str, ...] = ()
) -> Iterator[Stand]:
    with web_camera(folder, posture) as (camera, lab):
        made = Stand(camera, lab, without)
        yield made
        made.lab.http.close()
        assert not [u for u in camera.accounts.users() if u.name.startswith(("Tr1al", "Us3r"))]


def test_what_a_bench_cannot_do_is_said_and_the_rest_is_judged(tmp_path: Path) -> None:
    with stand(tmp_path) as each:
        with pytest.raises(Inconclusive) as caught:
            each.judge()
        assert str(caught.value) == "reboot: this stand has no power switch"
        events = [getattr(o, "event", "") for o in each.kept.observations]
        assert [e for e in events if e] == [
            "logout",
            "own password change",
            "password change by an administrator",
            "role change",
            "idle time",
            "user removal",
        ]
        with pytest.raises(Inconclusive, match=r"nobody waits 1800 s for it: give \[bench.clock\]"):
            each.judge(pass_time=Dial(each.camera.flash, by="waiting"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"session_survives": ("admin-password",)}, "password change by an administrator"),
        ({"session_survives": ("role",)}, "does what only the higher role may after role change"),
        ({"session_survives": ("removal",)}, "after user removal"),
        ({"session_survives": ("idle",)}, "after 1800 s of idle time"),
        ({"session_survives_logout": True}, "after logout"),
        ({"session_ids": "short"}, "at most 24"),
    ],
)
def test_what_a_session_outlives_fails(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with stand(tmp_path, Posture.of(changed)) as each, pytest.raises(AssertionError, match=said):
        each.judge()


def test_a_restart_that_ends_no_session_fails(tmp_path: Path) -> None:
    with stand(tmp_path) as each, pytest.raises(AssertionError, match="after reboot"):
        each.judge(restart=lambda: None)


def test_a_clock_that_need_not_count_gives_no_fault(tmp_path: Path) -> None:
    with stand(tmp_path, Posture(session_survives=("idle",))) as each:
        unsure = Dial(each.camera.flash, sure=False)
        with pytest.raises(Inconclusive, match="counts = true"):
            each.judge(pass_time=unsure)


def test_users_are_made_over_onvif_where_the_page_is_not_described(tmp_path: Path) -> None:
    without = ("create_user", "delete_user", "change_password")
    for posture, fails in ((Posture(), False), (Posture(password_min_length=4), True)):
        folder = tmp_path / str(fails)
        folder.mkdir()
        with stand(folder, posture, without) as each:
            arguments: dict[str, Any] = {
                "http": each.lab.http,
                "user_ways": [OnvifUserWay(each.onvif)],
                "secrets": each.lab.secrets,
                "evidence": each.kept,
            }
            rules: dict[str, Any] = {"device": each.lab.device, "policy": policy.load}
            if fails:
                with pytest.raises(AssertionError, match="7 characters of four kinds"):
                    test_password_rules.test_weak_passwords_are_refused(**arguments, **rules)
            else:
                test_password_rules.test_weak_passwords_are_refused(**arguments, **rules)
                test_password_rules.test_a_changed_password_ends_the_old_one(**arguments)


def test_a_camera_without_sessions_is_not_applicable_and_one_without_users_inconclusive(
    tmp_path: Path,
) -> None:
    class Silent(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(401)

    session = {"authentication": "session"}
    for server, described, raised in (
        (digest_camera(), {}, NotApplicable),
        (Silent, session, Inconclusive),
    ):
        with foreign_server(server) as url:
            lab = laboratory(url, tmp_path, http=described)
            with pytest.raises(raised):
                judge(
                    http=lab.http,
                    user_ways=[],
                    administrations=[],
                    pass_time=Dial(tmp_path),
                    restart=lambda: None,
                    device=lab.device,
                    secrets=lab.secrets,
                    evidence=Kept(),
                    policy=policy.load,
                )
            lab.http.close()
