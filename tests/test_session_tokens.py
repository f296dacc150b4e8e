"""What a sample of session tokens gives away."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.http.tokens import Issued, TokenFacts, token_facts

NOW = 1_780_000_000.0


def facts(tokens: list[str], step: float = 0.01, **more: float) -> TokenFacts:
    sample = [
        Issued(token, NOW + n * step, NOW + n * step + 0.005, "admin")
        for n, token in enumerate(tokens)
    ]
    return token_facts(sample, **more)


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_urlsafe(32),
        lambda: secrets.token_hex(16),
        lambda: secrets.token_hex(10),
        lambda: str(uuid.uuid4()),
        lambda: "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(26)),
        lambda: f"{int(NOW)}-{secrets.token_hex(16)}",
    ],
)
def test_random_tokens_pass_in_many_alphabets(make: Callable[[], str]) -> None:
    for _ in range(2):
        found = facts([make() for _ in range(24)])
        assert found.upper_bits >= 64, found
        assert found.estimated_bits >= 32, found
        assert not found.counting
        assert not found.made_of


def test_digits_that_begin_with_zeros_are_no_time() -> None:
    assert not facts([f"{secrets.token_hex(8)}g0723800526046" for _ in range(8)]).dated


def test_a_time_in_clear_is_said_and_random_bits_beside_it_count() -> None:
    found = facts([f"{int(NOW)}-{secrets.token_hex(16)}" for _ in range(8)])
    assert found.dated
    assert found.upper_bits > 64


def test_short_tokens_hold_few_bits() -> None:
    assert facts([secrets.token_hex(3) for _ in range(24)]).upper_bits <= 24


def test_counters_are_seen() -> None:
    assert facts([f"{n:08d}" for n in range(100, 124)]).counting
    assert facts([f"{n:x}" for n in range(0xA000, 0xA018)]).counting


def test_a_uuid_of_the_clock_holds_few_bits() -> None:
    assert (
        facts([str(uuid.uuid1(node=0x0A0B0C0D0E0F, clock_seq=7)) for _ in range(24)]).upper_bits
        < 64
    )


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("the time in seconds", lambda _: f"{int(NOW) - 40}"),
        ("the time in ms", lambda n: f"{int((NOW + n * 0.01) * 1000)}"),
        ("the time in seconds and the user name", lambda _: f"admin{int(NOW)}"),
        ("a counter", lambda n: f"{n + 17}"),
    ],
)
def test_hashes_of_what_can_be_guessed_are_found(
    name: str, what: str, text: Callable[[int], str]
) -> None:
    tokens = [hashlib.new(name, text(n).encode()).hexdigest() for n in range(8)]
    assert facts(tokens).made_of == f"{name} of {what}"
    assert facts([token.upper()[:24] for token in tokens]).made_of == f"{name} of {what}"


def test_a_hash_by_the_cameras_own_clock_is_found() -> None:
    ahead = 86_400.0 * 300
    tokens = [hashlib.md5(str(int(NOW + ahead)).encode()).hexdigest() for _ in range(3)]
    assert not facts(tokens).made_of
    assert facts(tokens, camera_ahead=ahead).made_of == "md5 of the time in seconds"


def test_a_skewed_token_is_long_and_not_random() -> None:
    tokens = ["0" * n + "1" + "0" * (39 - n) for n in range(24)]
    found = facts(tokens)
    assert found.upper_bits < 64 or found.estimated_bits < 32


def test_no_token_is_in_the_facts() -> None:
    tokens = [secrets.token_hex(16) for _ in range(8)]
    written = repr(facts(tokens))
    assert not any(token in written for token in tokens)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_texts_give_facts(tokens: list[str]) -> None:
    found = facts(tokens)
    assert found.count == len(tokens)
    assert found.estimated_bits >= 0
