"""CRED-037 and 038: matrices of cameras of other makes, and what they are no proof of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onvif_stand import Stand, onvif_stand
from web_stand import (
    PASSWORD,
    SINGLE_PAGE,
    Handler,
    Kept,
    SinglePage,
    foreign_server,
    laboratory,
)

from conformance import policy
from conformance.credentials.matrix_picture import Cell, Row, picture
from conformance.credentials.test_operations import (
    test_every_onvif_class_by_every_subject as judge_onvif,
)
from conformance.credentials.test_operations import (
    test_every_web_operation_by_every_subject as judge_web,
)
from conformance.verdict import Inconclusive
from devices.emulated.posture import Posture
from devices.links.onvif.observations import OperationAnswer, Outcome
from devices.secrets import Secrets

ADDRESS = "127.83.9.6"
UNASKED = (
    "Not declared, and not asked: /api/system/reboot: it might be obeyed: declare whose they are."
)
USERS = b'{"users": ["Tr1alabc"], "serial": "SN-0042-77"}'


class Application(SinglePage):
    """One page for every path; its script names a call that the device file does not."""

    support = (401, b"")

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/app.js":
            script = b'fetch("/api/support/list"); fetch("/api/system/reboot");'
            return self.answer(200, script, Content_Type="text/javascript")
        if self.path == "/api/support/list":
            status, body = self.support
            if status is None:
                return super().do_GET()
            return self.answer(status, body, Content_Type="application/json")
        if self.path == "/":
            page = b'<html><script src="/app.js"></script></html>'
            return self.answer(200, page, Content_Type="text/html")
        if "reboot" in self.path:
            raise AssertionError("what might be obeyed was asked")
        return super().do_GET()


def run(server: type[Handler], folder: Path) -> Kept:
    with foreign_server(server) as url:
        lab = laboratory(url, folder, http=SINGLE_PAGE)
        content = lab.device.model_dump(by_alias=True, mode="json")
        content["device"]["serial"] = "SN-0042-77"
        device = type(lab.device).model_validate(content)
        kept = Kept()
        try:
            judge_web(
                http=lab.http,
                device=device,
                user_ways=[],
                secrets=lab.secrets,
                evidence=kept,
                policy=policy.load,
            )
        except Inconclusive as error:
            kept.records["doubts"] = str(error)
        finally:
            lab.http.close()
        return kept


def test_a_page_for_every_path_is_no_operation(tmp_path: Path) -> None:
    class Everything(Application):
        support = (None, b"")  # type: ignore[assignment]

    found: Any = run(Everything, tmp_path).observations[-1]
    assert found.named == 2
    assert found.left_out == ("/api/system/reboot: it might be obeyed",)
    assert not any(each.served("anonymous") for each in found.operations)


@pytest.mark.parametrize("status", [400, 405, 500])
def test_a_call_of_another_verb_is_to_be_declared(status: int, tmp_path: Path) -> None:
    class Posted(Application):
        support = (status, b"no")

    said = run(Posted, tmp_path).records["doubts"]
    assert f"GET /api/support/list answers nobody with {status}" in said


def test_what_is_shown_behind_a_redirection_fails(tmp_path: Path) -> None:
    class Leading(Application):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path != "/api/support/list":
                return super().do_GET()
            known = self.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
            body, kind = USERS * 9, "application/json"
            return self.answer(200 if known else 302, body, Content_Type=kind, Location="/")

    with pytest.raises(AssertionError, match="gives the serial number to anonymous and wrong"):
        run(Leading, tmp_path)


def test_more_operations_than_are_asked_leave_it_open(tmp_path: Path) -> None:
    class Many(Application):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path == "/app.js":
                script = "".join(f'f("/api/part{number}");' for number in range(50))
                return self.answer(200, script.encode(), Content_Type="text/javascript")
            return super().do_GET()

    found: Any = run(Many, tmp_path).observations[-1]
    assert found.shortfall == "50 operations are not declared, of which 40 were asked"


def test_an_undeclared_operation_that_shows_the_unit_fails(tmp_path: Path) -> None:
    class Open(Application):
        support = (200, USERS)

    with pytest.raises(AssertionError, match="gives the serial number to anonymous and wrong"):
        run(Open, tmp_path)


def test_an_undeclared_operation_that_shows_nothing_of_note_is_to_be_declared(
    tmp_path: Path,
) -> None:
    class Words(Application):
        support = (200, json.dumps({"admin": "Administrator", "viewer": "Zuschauer"}).encode())

    said = run(Words, tmp_path).records["doubts"]
    assert "say under declared.api whose it is" in said


def test_a_closed_undeclared_operation_is_no_finding(tmp_path: Path) -> None:
    kept = run(Application, tmp_path)
    assert kept.records["doubts"] == UNASKED
    assert "/api/support/list" in kept.records["matrix"]
    assert PASSWORD not in kept.records["matrix"]


def test_a_picture_escapes_what_a_camera_says() -> None:
    row = Row("<script>alert(1)</script>", "a&b", {"viewer": Cell('"><b>', "too much")})
    page = picture("<t>", ["viewer", "admin"], [row])
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def onvif(stand: Stand) -> Kept:
    kept = Kept()
    judge_onvif(stand.link, Secrets(stand.device), kept, policy.load)
    return kept


def test_onvifs_classes_hold_on_the_compliant_camera(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        kept = onvif(stand)
        assert kept.records["matrix"].count("<tr>") > 30
        assert "SystemReboot" in str(kept.records["left out"])
        assert not stand.camera.requests
        assert len(stand.camera.accounts.users()) == 4


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"onvif_open_operations": ["GetSystemLog"]}, r"GetSystemLog \(READ_SYSTEM_SECRET\)"),
        ({"onvif_open_operations": ["DeleteUsers"]}, "the viewer may delete users"),
        ({"onvif_roles_enforced": False}, "the operator may delete users"),
        ({"onvif_anonymous": True}, "answers anonymous with data"),
    ],
)
def test_an_operation_of_the_wrong_class_fails(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with onvif_stand(tmp_path, ADDRESS, Posture.of(changed)) as stand:
        with pytest.raises(AssertionError, match=said):
            onvif(stand)
        assert len(stand.camera.accounts.users()) == 4


def test_a_camera_that_looks_at_the_arguments_first_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        genuine = stand.link.matrix

        def first_arguments(accounts: Any) -> Any:
            columns = genuine(accounts)
            for column in columns:
                changed = tuple(map(_argument_fault, column.answers))
                object.__setattr__(column, "answers", changed)
            return columns

        monkeypatch.setattr(stand.link, "matrix", first_arguments)
        with pytest.raises(Inconclusive, match="DeleteProfile answers viewer with fault"):
            onvif(stand)


def _argument_fault(answer: OperationAnswer) -> OperationAnswer:
    if answer.operation != "DeleteProfile":
        return answer
    fault = {"outcome": Outcome.FAULT, "detail": "Sender/InvalidArgVal/NoProfile"}
    return type(answer)(**{**answer.__dict__, **fault})
