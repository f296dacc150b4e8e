"""What a camera says, whatever it says: a value, or an error of this project's own."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from devices.description import DeviceFile
from devices.errors import DeviceError, Garbled
from devices.links.gateway.recognise import host_of
from devices.links.http.pictures import PictureAddress, PictureLink, bare
from devices.links.onvif.places import Whereabouts
from devices.links.rtsp.analysis import interleaved, statistics, tls_payload
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.streams import same_address
from devices.links.storage.blocks import count, transport_stream
from devices.links.storage.signatures import RULES, find
from devices.links.storage.structure import clip_names, headers
from devices.links.tls.chains import is_address
from devices.links.web_media.addresses import joined, shown, token_bits, with_other_token
from devices.links.web_media.asking import target_of, web_server
from devices.permit import Permit
from devices.protocols import dash, hls, jpeg, sdp
from devices.protocols.containers import claims_video, recognise
from devices.protocols.mikey import parse_key_management
from devices.protocols.rtp import header_length, is_rtcp, is_rtp
from devices.protocols.tls.client_offer import begins_tls
from devices.protocols.tls.flight import parse_server_hello, speaks_ssl2
from devices.protocols.tls.records import parse_alert
from devices.protocols.websocket import accept_of, masked
from devices.secrets import Secrets

URL_PIECES = st.sampled_from(
    ["http://", "https://", "rtsp://", "rtsps:", "//", "[", "]", "::1", "@", ":", "99999", "/", "?",
     "#", "a", "..", "%zz", "\x00", " ", "é", "127.0.0.1", "user:pw@", "$Number%09d$"]
)  # fmt: skip
URLS = st.lists(URL_PIECES, max_size=9).map("".join) | st.text(max_size=60)
BYTES = st.binary(max_size=600)
PERMIT = Permit(["192.0.2.7"], [], date.today() + timedelta(days=1))


def tolerated() -> contextlib.suppress:
    return contextlib.suppress(DeviceError)


@given(URLS, URLS)
@example("https://192.0.2.7/a", "http://[")
@example("https://192.0.2.7/a", "//[x]:99999/")
def test_addresses_of_answers(base: str, address: str) -> None:
    with tolerated():
        assert isinstance(joined("https://192.0.2.7/x", address), str)
    with tolerated():
        web_server(address, PERMIT)
        assert " " not in target_of(address)
    with tolerated():
        endpoint_of(address)
    with tolerated():
        assert "@" not in without_userinfo(f"rtsp://user:pw@{address}").partition("/")[2][:1]
    with tolerated():
        bare(address)
    with tolerated():
        sdp.base_url("rtsp://192.0.2.7/s", address, base)
    with tolerated():
        assert sdp.control_url("rtsp://192.0.2.7/s", address).startswith("rtsp://192.0.2.7")
    same_address(address)
    shown(address)
    token_bits(address)
    with_other_token(address)
    is_address(address)
    claims_video(address)
    Whereabouts("192.0.2.7", "192.0.2.7").announced("stream", "x", "y", address)


@given(URLS)
@example("http://[")
@example("ftp://192.0.2.7/a.jpg")
@example("http://192.0.2.7:99999/a.jpg")
def test_a_snapshot_address_that_is_none_is_a_shortfall(address: str) -> None:
    device = DeviceFile.model_validate(
        {
            "device": dict.fromkeys(("manufacturer", "model", "hardware", "serial"), "x")
            | {"firmware": {"version": "1"}},
            "authorisation": {
                "granted_by": "x",
                "reference": "x",
                "expires": date.today() + timedelta(days=1),
                "addresses": ["192.0.2.7"],
            },
        }
    )
    nobody = Permit([], [], date.today() + timedelta(days=1))
    link = PictureLink(device, nobody, Secrets(device))
    answers, shortfalls = link.survey([PictureAddress(address, declared=False)], "")
    link.close()
    assert not answers
    assert len(shortfalls) == 1


@given(URLS, URLS)
@example("http://[", "x")
def test_playlists_and_manifests_with_any_address(base: str, media: str) -> None:
    text = "".join(c for c in f"{base} {media}" if c.isprintable() and c not in "<>&\"'")
    for place in (
        f"<BaseURL>{text}</BaseURL>",
        f'<SegmentTemplate media="{text}" initialization="{text}" duration="1"/>',
        f'<SegmentList><Initialization sourceURL="{text}"/></SegmentList><BaseURL>//[</BaseURL>',
    ):
        manifest = (
            f'<MPD type="dynamic"><BaseURL>{text}</BaseURL><Period><AdaptationSet>'
            f"<Representation>{place}</Representation></AdaptationSet></Period></MPD>"
        )
        with contextlib.suppress(Garbled):
            dash.parse_manifest(manifest.encode(), 1e9)
    with contextlib.suppress(Garbled):
        hls.parse_playlist(f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{text}"\n{text}'.encode())


@given(BYTES)
@example(b"\x16\x03\x03\xff\xff" + bytes(20))
@example(b"$\x00\xff\xff" + bytes(8))
def test_any_bytes_from_the_network(data: bytes) -> None:
    host_of(data)
    statistics(data)
    interleaved(data)
    tls_payload(data)
    recognise(data, "video/mp2t")
    is_rtp(data)
    is_rtcp(data)
    begins_tls(data)
    jpeg.scan_of(data, min(3, len(data)))
    assert masked(masked(data, b"abcd"), b"abcd") == data
    with tolerated():
        assert header_length(data) <= len(data)
    with tolerated():
        parse_server_hello(data)
    with tolerated():
        parse_alert(data)
    with tolerated():
        speaks_ssl2(data)


@given(st.text(max_size=200))
def test_any_text_from_the_network(text: str) -> None:
    with tolerated():
        parse_key_management(text)
    assert len(accept_of(text)) == 28


SIGNATURES = st.sampled_from(
    [rule.literal for rule in RULES] + [b"LUKS\xba\xbe", b"FAT32", b".mp4"]
)


@given(st.lists(SIGNATURES | st.binary(max_size=40), max_size=12).map(b"".join), st.integers(0, 64))
def test_any_bytes_on_a_medium(data: bytes, begin: int) -> None:
    begin = min(begin, len(data))
    for rule in RULES:
        assert all(-8 <= at <= len(data) for at, _ in find(data, rule, begin, len(data)))
    list(headers(data, begin, len(data), 0))
    assert all(isinstance(name, str) for _, name in clip_names(data, begin, len(data), 0))
    place = transport_stream(data)
    assert place is None or 0 <= place < len(data)
    written, clear = count(data)
    assert 0 <= clear <= written <= len(data)
