"""Audio back channels of the emulated camera, as the link measures them over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rtsp_stand import Stand, access_to, changed, rtsp_stand

from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.errors import NotOffered
from devices.links.rtsp.backchannels import backchannels
from devices.links.rtsp.voice import voice_receptions
from devices.links.rtsp.voice_reports import ReportTrial


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with rtsp_stand(tmp_path_factory.mktemp("voices")) as running:
        yield running


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Callable[[Posture], Stand]]:
    """Makes one stand with faults."""
    with ExitStack() as stack:
        yield lambda posture: stack.enter_context(rtsp_stand(tmp_path, posture))


def test_the_back_channel_is_found_and_closed(stand: Stand) -> None:
    main, sub = backchannels(stand.access).streams
    assert (main.offered, main.declared, main.asked) == (("pcmu",), "", 200)
    assert (main.described_to_anyone, main.anonymous, main.plain) == (False, 401, 461)
    assert (sub.offered, sub.asked) == ((), 200)


def test_the_open_and_plain_back_channel_is_found(faulty: Callable[[Posture], Stand]) -> None:
    stand = faulty(
        Posture(backchannel_anonymous=True, backchannel_plain=True, backchannel_everywhere=True)
    )
    for stream in backchannels(stand.access).streams:
        assert stream.offered == ("pcmu",)
        assert stream.described_to_anyone
        assert (stream.anonymous, stream.plain) == (200, 200)


@pytest.mark.parametrize("transport", ["srtp-udp", "srtp-interleaved"])
def test_the_back_channel_counts_genuine_packets_alone(stand: Stand, transport: str) -> None:
    found = voice_receptions(changed(stand, backchannel="pcmu", transports=[transport]))
    assert found.complete, found.shortfall
    (reception,) = found.receptions
    assert (reception.control, reception.beyond, reception.surplus) == (True, 0, 0)
    assert found.artefacts[0].name == f"main-{transport}-backchannel.pcapng"
    kinds = ("altered", "shortened", "of another key", "unprotected", "repeated")
    assert reception.reports == ReportTrial(control=True, sent=kinds, alive=True)


@pytest.mark.parametrize(
    ("posture", "seen"),
    [
        ({"srtp_checks_tags": False}, ("beyond", "surplus")),
        ({"srtp_checks_replay": False}, ("surplus",)),
        ({"srtp_authentication": False}, ("beyond", "surplus")),
        ({"srtp_cipher": "null"}, ()),
    ],
)
def test_accepted_packets_show_in_the_reports(
    faulty: Callable[[Posture], Stand], posture: dict[str, Any], seen: tuple[str, ...]
) -> None:
    stand = faulty(Posture(**posture))
    (reception,) = voice_receptions(changed(stand, backchannel="pcmu")).receptions
    assert reception.control
    assert tuple(name for name in ("beyond", "surplus") if getattr(reception, name) > 0) == seen


@pytest.mark.parametrize(
    ("posture", "taken"),
    [
        ({"srtcp_checks_tags": False}, {"unprotected", "repeated", "altered", "unknown"}),
        ({"srtcp_checks_replay": False}, {"repeated"}),
        ({"srtp_authentication": False}, {"repeated", "altered", "unknown"}),
        ({"srtp_checks_tags": False, "srtp_checks_replay": False}, set()),
    ],
)
@pytest.mark.parametrize("transport", ["srtp-udp", "srtp-interleaved"])
def test_accepted_control_packets_show_in_the_reports(
    faulty: Callable[[Posture], Stand], posture: dict[str, Any], taken: set[str], transport: str
) -> None:
    stand = faulty(Posture(**posture))
    access = changed(stand, backchannel="pcmu", transports=[transport])
    (reception,) = voice_receptions(access).receptions
    assert reception.reports is not None
    assert reception.reports.control
    assert bool(reception.reports.accepted) == bool(taken)
    assert set(reception.reports.accepted) <= taken


def test_what_cannot_be_sent_is_said(stand: Stand) -> None:
    with pytest.raises(NotOffered, match="no back channel"):
        voice_receptions(stand.access)
    found = voice_receptions(changed(stand, backchannel="opus"))
    assert "audio in opus is not sent here" in found.shortfall
    content = stand.device.model_dump(mode="json", by_alias=True)
    content["declared"]["streams"][1]["backchannel"] = "pcmu"  # the camera has none there
    found = voice_receptions(access_to(DeviceFile.model_validate(content)))
    assert "described without a back channel" in found.shortfall
