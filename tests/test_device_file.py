"""Device files: what is wrong is said with file, line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import device_file
from devices.device_file import InvalidDeviceFile, key_lines

VALID = """\
schema_version = 1

[device]
manufacturer = "Acme"
model = "C1"
hardware = "A"
serial = "0001"
firmware = { version = "1.0", image = "images/c1.swu" }

[authorisation]
granted_by = "the owner"
reference = "order 7"
expires = 2099-12-31
addresses = ["192.0.2.7"]

[links.ssh]
host = "192.0.2.7"
account = "lab"

[accounts.lab]
username = "lab"
password = { env = "LAB" }

[[declared.services]]
name = "https"
port = 443
protocol = "https"
purpose = "web"
encrypted = true

[[declared.services]]
name = "ssh"
port = 22
protocol = "ssh"
purpose = "lab"
encrypted = true
"""


STREAM = """
[[declared.streams]]
name = "main"
url = "{url}"
codec = "{codec}"
width = 640
height = 360
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "camera.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[device_file.Fault]:
    with pytest.raises(InvalidDeviceFile) as caught:
        device_file.load(written(folder, text))
    assert str(folder / "camera.toml") in str(caught.value)
    return caught.value.faults


def test_a_valid_file_loads_with_paths_beside_it(tmp_path: Path) -> None:
    device = device_file.load(written(tmp_path, VALID))
    assert device.device.firmware.image == tmp_path / "images" / "c1.swu"
    assert device.host == "192.0.2.7"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ('serial = "0001"\n', "", 3, "device.serial", "is missing"),
        ("port = 443", "port = 70000", 26, "declared.services[0].port", "65535"),
        ("port = 22", 'port = "ssh"', 33, "declared.services[1].port", "'ssh'"),
        ('purpose = "lab"', 'purpos = "lab"', 35, "declared.services[1].purpos", "not a key"),
        ('granted_by = "the owner"', "granted_by = 7", 11, "authorisation.granted_by", "string"),
        ('{ env = "LAB" }', "{ }", 22, "accounts.lab.password", "env or file"),
        ("schema_version = 1", "schema_version = 2", 1, "schema_version", "1"),
        ('addresses = ["192.0.2.7"]', "addresses = []", 14, "authorisation.addresses", "1"),
    ],
)
def test_faults_name_line_key_and_expectation(
    tmp_path: Path, old: str, new: str, line: int, key: str, says: str
) -> None:
    assert VALID.count(old) == 1
    found = faults(tmp_path, VALID.replace(old, new))
    assert [(f.line, f.key) for f in found if f.key == key] == [(line, key)]
    assert any(says in f.message for f in found)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    text = VALID.replace("port = 443", "port = 0").replace('model = "C1"', "model = 1")
    assert {f.key for f in faults(tmp_path, text)} == {"device.model", "declared.services[0].port"}


def test_an_account_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = faults(tmp_path, VALID.replace('account = "lab"', 'account = "bal"'))
    assert "bal" in found[0].message
    assert "lab" in found[0].message


def test_toml_faults_have_their_line(tmp_path: Path) -> None:
    found = faults(tmp_path, VALID.replace('model = "C1"', "model = C1"))
    assert found[0].line == 5


def test_a_missing_or_binary_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeviceFile, match="cannot be read: No such file"):
        device_file.load(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidDeviceFile, match="not UTF-8"):
        device_file.load(path)


def test_the_schema_is_json_schema_and_knows_the_tables() -> None:
    schema = json.loads(device_file.json_schema())
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"device", "authorisation", "links", "declared"} <= set(schema["properties"])


@given(st.text(max_size=400))
def test_any_text_gives_a_device_file_error_or_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(InvalidDeviceFile):
        device_file.load(path)


def test_lines_of_nested_arrays() -> None:
    text = "[[a]]\nx = 1\n[[a.b]]\ny = 1\n[[a.b]]\ny = 2\n[[a]]\n[[a.b]]\n'y' = 3\n"
    lines = key_lines(text)
    assert lines[("a", 0, "b", 1, "y")] == 6
    assert lines[("a", 1, "b", 0, "y")] == 9


@pytest.mark.parametrize(
    ("url", "codec", "over_rtsp"),
    [
        ("rtsps://192.0.2.7/live", "h265", True),
        ("rtsp://192.0.2.7/live", "mjpeg", True),
        ("https://192.0.2.7/video.mjpg", "mjpeg", False),
        ("http://192.0.2.7/video.mjpg", "mjpeg", False),
    ],
)
def test_streams_over_rtsp_and_mjpeg_over_http_can_be_declared(
    tmp_path: Path, url: str, codec: str, *, over_rtsp: bool
) -> None:
    text = VALID + STREAM.format(url=url, codec=codec)
    (stream,) = device_file.load(written(tmp_path, text)).declared.streams
    assert stream.over_rtsp is over_rtsp


@pytest.mark.parametrize(
    ("url", "codec", "given", "container"),
    [
        ("https://192.0.2.7/live.m3u8", "h264", "hls", "hls"),
        ("https://192.0.2.7/live.mpd", "h265", "dash", "dash"),
        ("https://192.0.2.7/sd", "h264", "clip", "clip"),
        ("wss://192.0.2.7/live", "h264", "", "websocket"),
        ("https://192.0.2.7/video.mjpg", "mjpeg", "", "mjpeg"),
        ("rtsps://192.0.2.7/live", "h264", "", None),
    ],
)
def test_video_of_the_web_server_can_be_declared(
    tmp_path: Path, url: str, codec: str, given: str, container: str | None
) -> None:
    text = VALID + STREAM.format(url=url, codec=codec)
    text += f'\ncontainer = "{given}"\n' if given else ""
    (stream,) = device_file.load(written(tmp_path, text)).declared.streams
    assert stream.web_container == container


@pytest.mark.parametrize(
    ("url", "codec", "given", "says"),
    [
        ("rtsps://192.0.2.7/live", "h264", "hls", "leave it out over rtsp"),
        ("wss://192.0.2.7/live", "h264", "hls", "'hls' cannot be asked for over wss"),
        ("https://192.0.2.7/live", "h264", "websocket", "cannot be asked for over https"),
    ],
)
def test_a_container_that_its_url_cannot_give_is_refused(
    tmp_path: Path, url: str, codec: str, given: str, says: str
) -> None:
    text = VALID + STREAM.format(url=url, codec=codec) + f'\ncontainer = "{given}"\n'
    with pytest.raises(InvalidDeviceFile, match=says):
        device_file.load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("url", "codec", "says"),
    [
        ("http://192.0.2.7/live.m3u8", "h264", "declare its port under declared.services"),
        ("rtmp://192.0.2.7/live", "h264", "begins with rtmp"),
        ("192.0.2.7", "h264", "begins with no scheme"),
    ],
)
def test_other_streams_are_refused_with_what_to_do(
    tmp_path: Path, url: str, codec: str, says: str
) -> None:
    text = VALID + STREAM.format(url=url, codec=codec)
    with pytest.raises(InvalidDeviceFile, match=says):
        device_file.load(written(tmp_path, text))
