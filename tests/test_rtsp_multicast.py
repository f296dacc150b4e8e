"""Media to a group: joined, played, and told from media to one receiver."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_stand import (
    ScriptedCamera,
    play,
    stand_with,
)
from rtsp_stand import (
    access_to,
    rtsp_stand,
)

from devices.emulated.posture import Posture
from devices.errors import Garbled
from devices.links.rtsp import multicast
from devices.links.rtsp.streams import play_streams
from devices.protocols import sdp
from devices.protocols.transport import Transport


@pytest.mark.parametrize(
    ("form", "transport", "verified"), [("plain", "multicast", None), ("srtp", "srtp-multicast", 0)]
)
def test_a_group_on_the_loopback_is_joined_and_played(
    form: str, transport: str, verified: int | None, tmp_path: Path
) -> None:
    with rtsp_stand(tmp_path, Posture(rtp_multicast=form)) as stand:
        observation = play_streams(access_to(stand_with(stand, transport)), seconds=0.6)
    stream = next(s for s in observation.streams if s.transport == transport)
    assert (stream.outcome, stream.reason) == ("played", "")
    assert re.fullmatch(r"RTP/S?AVP/UDP;multicast", stream.agreed)
    assert stream.wire is not None
    assert stream.wire.carrier == "udp"
    assert stream.beside is not None
    assert stream.beside.rtcp == 1
    if verified is None:
        assert stream.wire.nal_units > 2
        assert stream.beside.rtcp_readable == 1
    else:
        assert stream.wire.nal_units == 0
        assert stream.srtp is not None
        assert (stream.srtp.failed, stream.beside.rtcp_verified) == (0, 1)
    assert stream.pictures is not None
    assert stream.pictures.frames > 2


def test_a_camera_that_gives_unicast_for_a_group_is_said_to(tmp_path: Path) -> None:
    camera = ScriptedCamera()
    camera.agreed = "RTP/AVP;unicast;client_port=4000-4001"
    stream = play(camera, tmp_path, "multicast")
    assert (stream.outcome, "is answered with" in stream.reason) == ("refused", True)


@pytest.mark.parametrize(
    "agreed",
    [
        "RTP/AVP;multicast",
        "RTP/AVP;multicast;destination=127.0.0.1;port=5000-5001",
        "RTP/AVP;multicast;destination=239.1.1.1;port=0-1",
        "RTP/AVP;multicast;destination=239.1.1.1;port=70000-70001",
        "RTP/AVP;multicast;destination=nonsense;port=5000-5001",
    ],
)
def test_a_group_that_is_none_is_no_group(agreed: str, tmp_path: Path) -> None:
    camera = ScriptedCamera()
    camera.agreed = agreed
    stream = play(camera, tmp_path, "multicast")
    assert (stream.outcome, stream.cause) == ("failed", "garbled")


def test_the_description_says_the_group_when_the_answer_does_not() -> None:
    text = b"v=0\r\nc=IN IP4 239.1.2.3/15\r\nm=video 5004 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    description = sdp.parse(text)
    (media,) = description.video()
    found = multicast.group_of(Transport("AVP", "UDP", {}), media, description)
    assert found == ("239.1.2.3", (5004, 5005))
    assert multicast.groups_of(description) == ["239.1.2.3"]


@given(st.text(max_size=60))
def test_any_connection_line_is_read(line: str) -> None:
    description = sdp.SessionDescription(connections=(line,))
    multicast.groups_of(description)
    with contextlib.suppress(Garbled):
        multicast.group_address(line)
