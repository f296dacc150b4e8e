"""STREAM-016: groups that a camera gives its streams to."""

from __future__ import annotations

from pathlib import Path

import pytest
from openings_stand import STREAM, Scripted
from rtsp_stand import (
    Handler,
    access_to,
    device_file,
    header,
    rtsp_stand,
    scripted_server,
)

from conformance.streams.test_multicast import test_multicast_is_off_unless_declared as judge_groups
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.links.rtsp import client as rtsp_client
from devices.links.rtsp.groups import GroupOffers, group_offers


def groups(camera: Handler, folder: Path, *transports: str) -> tuple[GroupOffers, DeviceFile]:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM], transports=list(transports))
        return group_offers(access_to(device), []), device


def test_a_camera_that_gives_multicast_unasked_for_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="RTP/AVP/UDP;multicast, and multicast is not declar"):
        judge_groups(*groups(Scripted(), tmp_path, "interleaved"))


def test_declared_multicast_must_be_srtp(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="expected SRTP"):
        judge_groups(*groups(Scripted(), tmp_path, "srtp-multicast"))
    with rtsp_stand(tmp_path / "srtp", Posture(rtp_multicast="srtp")) as stand:
        streams = [
            s.model_copy(update={"transports": ["srtp-multicast"]})
            for s in stand.device.declared.streams
        ]
        declared = stand.device.declared.model_copy(update={"streams": streams})
        device = stand.device.model_copy(update={"declared": declared})
        found = group_offers(access_to(device), [])
    assert [offer.given for offer in found.offers] == [False, True] * 2
    judge_groups(found, device)


class _Describing(Scripted):
    def body(self, url: str) -> str:
        return super().body(url).replace("m=video", "c=IN IP4 239.1.2.3/127\r\nm=video")


def test_a_group_in_the_description_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"group address 239\.1\.2\.3"):
        judge_groups(*groups(_Describing(SETUP=461), tmp_path, "interleaved"))


def test_no_multicast_passes_and_no_answer_does_not(tmp_path: Path) -> None:
    judge_groups(*groups(Scripted(SETUP=461), tmp_path, "interleaved"))
    found, device = groups(Scripted(DESCRIBE=404), tmp_path, "interleaved")
    assert "404" in found.shortfall
    with pytest.raises(Inconclusive):
        judge_groups(found, device)


class _Busy(Scripted):
    """Says that it is busy to the first SETUPs of a profile, and then 461."""

    def __init__(self, status: int, *, times: int, profile: str = "RTP/AVP") -> None:
        super().__init__()
        self._busy, self._left, self._profile = status, times, profile + ";"

    def status(self, method: str, url: str, request: str) -> int:
        del url
        if method != "SETUP":
            return 200
        if self._left and header(request, "Transport").startswith(self._profile):
            self._left -= 1
            return self._busy
        return 461


@pytest.mark.parametrize("status", [453, 503])
@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_a_busy_camera_has_not_refused_multicast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, profile: str
) -> None:
    monkeypatch.setattr(rtsp_client, "BUSY_SECONDS", (0, 0))
    found, device = groups(_Busy(status, times=99, profile=profile), tmp_path, "interleaved")
    assert [o for o in found.offers if o.profile == profile.partition("/")[2]] == []
    assert f"is answered {status} X 3 times" in found.shortfall
    assert not found.complete  # which is INCONCLUSIVE, whatever the other profile says
    if not found.offers:
        with pytest.raises(Inconclusive):
            judge_groups(found, device)


@pytest.mark.parametrize("status", [453, 503])
def test_a_camera_that_was_busy_for_a_moment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(rtsp_client, "BUSY_SECONDS", (0, 0))
    found, device = groups(_Busy(status, times=2), tmp_path, "interleaved")
    assert found.complete, found.shortfall
    assert {offer.status for offer in found.offers} == {461}
    judge_groups(found, device)
