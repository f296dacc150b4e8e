"""CRED-040 and 041: digest on servers of other makes, and on the emulated camera's faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dial import Dial
from onvif_stand import Stand, onvif_stand
from web_stand import PASSWORD, Handler, Kept, digest_camera, foreign_server, laboratory

from conformance import policy
from conformance.credentials.test_digest import test_digest_is_not_by_md5_alone as algorithms
from conformance.credentials.test_digest import test_no_login_is_good_twice as twice
from conformance.verdict import Inconclusive, NotApplicable
from devices.emulated.posture import Posture
from devices.errors import LoginRefused
from devices.links.http.digests import nonce_use, web_door
from devices.links.onvif.matrix import calls, left_out
from devices.secrets import Secrets

ADDRESS = "127.83.9.4"


def arguments(stand: Stand) -> dict[str, Any]:
    return {
        "camera": SimpleNamespace(link=lambda _: stand.link),
        "device": stand.device,
        "evidence": Kept(),
        "policy": policy.load,
    }


def judge(stand: Stand, **more: Any) -> None:
    twice(
        **arguments(stand),
        secrets=Secrets(stand.device),
        pass_time=Dial(stand.camera.flash, **more),
    )


def test_the_compliant_camera_passes(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        algorithms(**arguments(stand))
        judge(stand)
        with pytest.raises(Inconclusive, match="nobody waits"):
            judge(stand, by="waiting")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"digest_nonces": "uncounted"}, "accepted again, byte for byte"),
        ({"digest_nonces": "endless"}, "still good 300 s"),
        ({"onvif_token_flaws": ["future"]}, "dated 16 minutes ahead"),
        ({"onvif_token_flaws": ["no-nonce"]}, "without a nonce"),
        ({"onvif_token_flaws": ["no-created"]}, "without a creation time"),
        ({"onvif_replay_window": False}, "used a second time"),
        ({"onvif_password_text": True}, "PasswordText"),
    ],
)
def test_each_flaw_fails(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with onvif_stand(tmp_path, ADDRESS, Posture.of(changed)) as stand:
        with pytest.raises(AssertionError, match=said):
            judge(stand)
        algorithms(**arguments(stand))


def test_an_old_nonce_after_a_clock_that_need_not_count_is_no_fault(tmp_path: Path) -> None:
    endless = Posture(digest_nonces="endless")
    with (
        onvif_stand(tmp_path, ADDRESS, endless) as stand,
        pytest.raises(Inconclusive, match="counts = true"),
    ):
        judge(stand, sure=False)


def web(server: type[Handler], folder: Path) -> Iterator[dict[str, Any]]:
    with foreign_server(server) as url:
        lab = laboratory(
            url, folder, declared={"api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin"]}]}
        )
        yield {
            "camera": SimpleNamespace(link=lambda _: lab.http),
            "device": lab.device,
            "secrets": lab.secrets,
            "lab": lab,
        }
        lab.http.close()


def test_digest_as_rfc_2617_has_it_is_md5_alone_and_uncounted(tmp_path: Path) -> None:
    for found in web(digest_camera(), tmp_path):
        with pytest.raises(AssertionError, match="digest by MD5 alone, expected SHA-256"):
            algorithms(found["camera"], found["device"], Kept(), policy.load)
        door = web_door(found["lab"].http, "/cgi-bin/info.cgi", "admin", PASSWORD)
        use, _ = nonce_use(door)
        assert (use.repeated, use.lower, use.made_up, use.control) == (True, True, True, True)


def test_a_nonce_for_one_request_is_no_fault(tmp_path: Path) -> None:
    for found in web(digest_camera(once=True), tmp_path):
        door = web_door(found["lab"].http, "/cgi-bin/info.cgi", "admin", PASSWORD)
        use, _ = nonce_use(door)
        assert (use.repeated, use.lower, use.made_up, use.control) == (False, False, False, True)


def test_a_wrong_password_tells_nothing(tmp_path: Path) -> None:
    for found in web(digest_camera(), tmp_path):
        door = web_door(found["lab"].http, "/cgi-bin/info.cgi", "admin", "wrong")
        with pytest.raises(LoginRefused):
            nonce_use(door)


def test_no_digest_anywhere_is_inconclusive(tmp_path: Path) -> None:
    class Basic(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(401, b"", WWW_Authenticate='Basic realm="x"')

    for found in web(Basic, tmp_path):
        with pytest.raises(Inconclusive, match="no place was found"):
            algorithms(found["camera"], found["device"], Kept(), policy.load)
        found["device"].links.http.__dict__["authentication"] = "basic"
        with pytest.raises(NotApplicable):
            algorithms(found["camera"], found["device"], Kept(), policy.load)


def test_nothing_irrevocable_is_called() -> None:
    called = calls("p")
    assert {call.access.value for call in called} >= {"PRE_AUTH", "READ_SYSTEM", "WRITE_SYSTEM"}
    assert not [call for call in called if call.access.value == "UNRECOVERABLE"]
    assert all(call.reads == call.operation.startswith("Get") for call in called)
    assert any("SetSystemFactoryDefault" in name for name in left_out())
