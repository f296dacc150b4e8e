"""Selection expressions: what they choose, and how a wrong one is explained."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.selection import Selection, SelectionError

ITEMS = {
    "STREAM-001": {"STREAM-001", "streams", "critical", "rtsp"},
    "STREAM-007": {"STREAM-007", "streams", "high", "tls"},
    "CRED-004": {"CRED-004", "credentials", "high", "http"},
    "BACKDOOR-010": {"BACKDOOR-010", "backdoors", "critical", "serial"},
}


def chosen(expression: str) -> list[str]:
    return Selection.parse(expression).choose(ITEMS, ITEMS.__getitem__)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("STREAM-001", ["STREAM-001"]),
        ("stream-*", ["STREAM-001", "STREAM-007"]),
        ("Streams AND Critical", ["STREAM-001"]),
        ("rtsp, serial", ["STREAM-001", "BACKDOOR-010"]),
        ("not streams", ["CRED-004", "BACKDOOR-010"]),
        ("not not streams", ["STREAM-001", "STREAM-007"]),
        ("http or tls and streams", ["STREAM-007", "CRED-004"]),
        ("(http or tls) and streams", ["STREAM-007"]),
        ("*-00*, not *", ["STREAM-001", "STREAM-007", "CRED-004"]),
        ("not (rtsp or tls)and high", ["CRED-004"]),
        ("  critical\n", ["STREAM-001", "BACKDOOR-010"]),
    ],
)
def test_chooses(expression: str, expected: list[str]) -> None:
    assert chosen(expression) == expected


@pytest.mark.parametrize(
    ("expression", "position", "what"),
    [
        ("", 0, "ends where a word is expected"),
        ("   ", 0, "ends where a word is expected"),
        ("streams and", 11, "ends where a word is expected"),
        ("and streams", 0, "a word is expected, not 'and'"),
        ("streams,,http", 8, "a word is expected, not ','"),
        ("(streams", 8, "a closing parenthesis is missing"),
        ("streams)", 7, "never opened"),
        ("streams http", 8, "missing before 'http'"),
        ("streams (http)", 8, "missing before '('"),
        ("streams & http", 8, "'&' has no meaning"),
        ("()", 1, "a word is expected, not ')'"),
        ("(" * 51 + "streams" + ")" * 51, 51, "more than 50 parentheses"),
        ("a" * 4001, 4000, "longer than 4000"),
    ],
)
def test_explains_what_is_wrong_and_where(expression: str, position: int, what: str) -> None:
    with pytest.raises(SelectionError) as caught:
        Selection.parse(expression)
    assert caught.value.position == position
    assert what in str(caught.value)
    assert f"character {position + 1}" in str(caught.value)


def test_marks_the_place() -> None:
    with pytest.raises(SelectionError) as caught:
        Selection.parse("streams http")
    _, shown, mark = str(caught.value).splitlines()
    assert shown[mark.index("^")] == "h"


def test_a_word_that_names_nothing_is_a_misspelling() -> None:
    with pytest.raises(SelectionError, match="'steams' names nothing") as caught:
        chosen("http, steams")
    assert caught.value.position == 6


def test_selecting_nothing_is_an_error() -> None:
    with pytest.raises(SelectionError, match="selects nothing"):
        chosen("http and tls")


@given(st.text(alphabet="()*,-abAB&\n \t'.1é", max_size=40) | st.text(max_size=60))
def test_any_text_parses_or_is_explained(expression: str) -> None:
    with contextlib.suppress(SelectionError):
        assert Selection.parse(expression).matches(["a"]) in (True, False)


words = st.sampled_from(["a", "b", "c"])
expressions = st.recursive(
    words,
    lambda inner: st.one_of(
        inner.map(lambda e: f"not ({e})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) and ({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) or ({p[1]})"),
    ),
    max_leaves=8,
)


@given(expressions, st.sets(words))
def test_agrees_with_boolean_algebra(expression: str, labels: set[str]) -> None:
    truth = {name: name in labels for name in "abc"}
    expected = eval(expression, {"__builtins__": {}}, truth)  # our own generated expression
    assert Selection.parse(expression).matches(labels) is expected
