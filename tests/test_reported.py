"""What cameras say of themselves, read from the forms in which they say it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.identity.reported import normal_mac, parse_reported
from devices.links.reports import neighbour_address

ISAPI = b"""<?xml version="1.0" encoding="UTF-8"?>
<DeviceInfo version="2.0" xmlns="http://www.example.com/ver20/XMLSchema">
<deviceName>Cam</deviceName><model>X-1</model><serialNumber>S1</serialNumber>
<macAddress>00:00:5e:00:53:01</macAddress><firmwareVersion>V5.7.3</firmwareVersion></DeviceInfo>"""
NESTED = (
    b'{"data":{"device_info":{"Manufacturer":"M","modelName":"X-1","SN":"S1","fwVersion":"1.2"}}}'
)
FLAT = b'{"manufacturer":"M","model":"X-1","serial":"S1","mac":"00:00:5E:00:53:01","brand":"Other"}'


@pytest.mark.parametrize("answer", [ISAPI, NESTED, FLAT], ids=["XML", "nested", "flat"])
def test_model_and_serial_number_are_found_under_any_name(answer: bytes) -> None:
    reported = parse_reported(answer, "web")
    assert (reported.model, reported.serial, reported.source) == ("X-1", "S1", "web")


def test_the_first_value_counts_and_the_rest_is_left() -> None:
    assert parse_reported(FLAT, "web").manufacturer == "M"
    assert parse_reported(NESTED, "web").firmware == "1.2"
    assert normal_mac(parse_reported(ISAPI, "web").mac) == "00005E005301"


def test_the_clearest_name_counts_wherever_it_stands() -> None:
    answer = b"""{"version": "1.0", "deviceType": "IPCamera", "model": "C1",
        "firmware_version": "2.4.1"}"""
    reported = parse_reported(answer, "web")
    assert (reported.model, reported.firmware) == ("C1", "2.4.1")
    alone = parse_reported(b'{"deviceType": "C1", "version": "2.4.1"}', "web")
    assert (alone.model, alone.firmware) == ("C1", "2.4.1")


ENTITIES = b'<!DOCTYPE a [<!ENTITY b "boom">]><a><model>&b;</model></a>'


@pytest.mark.parametrize("answer", [b"", b"hello", b"{}", b"<a/>", b"{", b"<a>", ENTITIES])
def test_an_answer_that_tells_nothing_is_garbled(answer: bytes) -> None:
    with pytest.raises(Garbled):
        parse_reported(answer, "web")


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda b: b"<a>" + b + b"</a>"))
def test_hostile_answers_are_garbled(data: bytes) -> None:
    for start in (b"", b"{", b"<"):
        with contextlib.suppress(Garbled):
            parse_reported(start + data, "web")


def test_the_table_of_neighbours(tmp_path: Path) -> None:
    table = tmp_path / "arp"
    table.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.7        0x1         0x2         00:00:5e:00:53:07     *        eth0\n"
        "192.0.2.8        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    )
    assert neighbour_address("192.0.2.7", table) == "00005E005307"
    assert neighbour_address("192.0.2.8", table) == ""
    assert neighbour_address("192.0.2.9", table) == ""
    assert neighbour_address("192.0.2.7", tmp_path / "none") == ""
