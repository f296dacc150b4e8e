"""RTCP receiver reports, SRTCP, and the counting behind them: round trips, properties, fuzz."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.protocols.reports import (
    Reception,
    ReportBlock,
    receiver_report,
    report_blocks,
    sender_times,
)
from devices.protocols.rtp import goodbye, is_rtcp, sender_report
from devices.protocols.srtp import Receiver, protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys, SrtpSuite
from devices.protocols.srtp_transform import CounterMode

words = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock,
    ssrc=words,
    fraction_lost=st.integers(0, 255),
    lost=st.integers(-0x800000, 0x7FFFFF),
    highest=words,
    jitter=words,
    last_report=words,
    delay=words,
)


@given(words, st.lists(blocks, max_size=31), st.text(max_size=40))
def test_reports_come_back_as_they_went(ssrc: int, told: list[ReportBlock], name: str) -> None:
    packet = receiver_report(ssrc, told, name)
    assert is_rtcp(packet)
    assert len(packet) % 4 == 0
    assert report_blocks(packet) == told
    assert report_blocks(packet + goodbye(ssrc)) == told


@given(st.binary(max_size=300))
def test_any_bytes_give_blocks_or_garbled(data: bytes) -> None:
    try:
        found = report_blocks(data)
    except Garbled:
        return
    assert len(found) * 24 <= len(data)


@given(st.integers(0, 60), st.binary(max_size=80))
def test_reports_cut_short_or_followed_by_anything(cut: int, tail: bytes) -> None:
    packet = receiver_report(1, [ReportBlock(2, 0, 0, 7)], "camera")
    try:
        report_blocks(packet[:cut] + tail)
    except Garbled:
        return


@given(st.binary(max_size=300))
def test_any_bytes_give_times_or_garbled(data: bytes) -> None:
    try:
        found = sender_times(data)
    except Garbled:
        return
    assert len(found) * 28 <= len(data)


def test_a_receiver_names_the_time_of_the_last_sender_report() -> None:
    packet = sender_report(5, unix_time=1.5, timestamp=9, packets=3, octets=300, name="c")
    (middle,) = sender_times(goodbye(6) + packet).values()
    assert middle & 0xFFFF == 0x8000  # half a second
    reception = Reception(5, 1)
    assert (reception.block(9.0).last_report, reception.block(9.0).delay) == (0, 0)
    reception.sender_reported(middle, 9.0)
    assert (reception.block(9.5).last_report, reception.block(9.5).delay) == (middle, 32768)
    with pytest.raises(Garbled):
        sender_times(packet[:3] + bytes([1]) + packet[4:8])


def test_sender_reports_are_read_over() -> None:
    packet = sender_report(5, unix_time=1.5, timestamp=9, packets=3, octets=300, name="c")
    assert report_blocks(packet) == []
    own = receiver_report(5, [ReportBlock(2, 1, -3, 0x10007)], "c")
    assert report_blocks(packet + own) == [ReportBlock(2, 1, -3, 0x10007)]


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.integers(1, 400), min_size=1, max_size=200),
    st.data(),
)
def test_what_is_counted_adds_up(first: int, steps: list[int], data: st.DataObject) -> None:
    """Expected less received is what is lost, across the wrap; repetitions make it less."""
    reception = Reception(7, first)
    reception.count(first)
    number = first
    for step in steps:
        number += step
        reception.count(number & 0xFFFF)
    again = data.draw(st.integers(0, 5))
    for _ in range(again):
        reception.count(number & 0xFFFF)
    block = reception.block()
    assert block.highest == number
    assert block.lost == number - first - len(steps) - again
    assert 0 <= block.fraction_lost <= 255
    assert reception.block().fraction_lost == 0  # nothing was expected since


def test_packets_out_of_order_are_counted_and_do_not_lead() -> None:
    reception = Reception(7, 100)
    for number in (100, 103, 101, 102):
        reception.count(number)
    assert (reception.block().highest, reception.block().lost) == (103, 0)


SUITES = [*SDES_SUITES.values(), SrtpSuite("NULL", 16, 14, "HMAC-SHA1", 10)]


@pytest.mark.parametrize(
    "suite", [s for s in SUITES if s.cipher != "AES-F8"], ids=lambda suite: suite.name
)
def test_srtcp_opens_with_its_keys_alone(suite: SrtpSuite) -> None:
    keys, others = (
        SrtpKeys(suite, secrets.token_bytes(suite.key_bytes), secrets.token_bytes(suite.salt_bytes))
        for _ in range(2)
    )
    packet = receiver_report(9, [ReportBlock(2, 0, 1, 70)], "camera")
    protected = protector(keys).protect_rtcp(packet)
    assert Receiver(keys).unprotect_rtcp(protected) == packet
    with pytest.raises(Garbled):
        Receiver(others).unprotect_rtcp(protected)
    changed = protected[:-1] + bytes((protected[-1] ^ 1,))
    for bad in (protected[:-1], protected[:20], b"", changed):
        with pytest.raises(Garbled):
            Receiver(keys).unprotect_rtcp(bad)


def test_both_implementations_of_srtcp_agree() -> None:
    suite = SDES_SUITES["AES_CM_128_HMAC_SHA1_32"]  # SRTCP keeps its tag of 80 bits
    keys = SrtpKeys(suite, bytes(range(16)), bytes(range(14)))
    packet = receiver_report(9, [], "camera")
    assert CounterMode(keys).unprotect_rtcp(protector(keys).protect_rtcp(packet)) == packet
    assert Receiver(keys).unprotect_rtcp(CounterMode(keys).protect_rtcp(packet)) == packet


@given(st.binary(max_size=120))
def test_any_bytes_as_srtcp_are_garbled(data: bytes) -> None:
    keys = SrtpKeys(SDES_SUITES["AES_CM_128_HMAC_SHA1_80"], bytes(16), bytes(14))
    for opener in (Receiver(keys), CounterMode(keys)):
        with pytest.raises(Garbled):
            opener.unprotect_rtcp(data)
