"""Expressions that choose test cases or faults: ``STREAM-* and not (rtsp or critical)``.

    expression  = conjunction { ("or" | ",") conjunction }
    conjunction = factor { "and" factor }
    factor      = { "not" } ( word | "(" expression ")" )

A word is an id, an area, a severity, a link, or any of them with ``*`` for any characters. Case
does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from conformance.case import Case
from conformance.fault import Fault

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z0-9_.*\-]+)|(?P<sign>[(),]))")
_OPERATORS = ("and", "or", "not")
_LONGEST = 4000
_DEEPEST = 50
_T = TypeVar("_T")


class SelectionError(ValueError):
    """The expression is wrong; the message shows it with a mark at ``position`` (0-based)."""

    def __init__(self, expression: str, position: int, what: str) -> None:
        shown = expression[:120].replace("\n", " ").replace("\t", " ")
        mark = f"\n  {shown}\n  {' ' * position}^" if position <= len(shown) else ""
        super().__init__(f"selection, character {position + 1}: {what}{mark}")
        self.position = position


class _Node(Protocol):
    def matches(self, labels: Collection[str]) -> bool: ...


@dataclass(frozen=True)
class _Word:
    pattern: str

    def matches(self, labels: Collection[str]) -> bool:
        return any(fnmatchcase(label, self.pattern) for label in labels)


@dataclass(frozen=True)
class _Not:
    inner: _Node

    def matches(self, labels: Collection[str]) -> bool:
        return not self.inner.matches(labels)


@dataclass(frozen=True)
class _All:
    parts: tuple[_Node, ...]

    def matches(self, labels: Collection[str]) -> bool:
        return all(part.matches(labels) for part in self.parts)


@dataclass(frozen=True)
class _Any:
    parts: tuple[_Node, ...]

    def matches(self, labels: Collection[str]) -> bool:
        return any(part.matches(labels) for part in self.parts)


@dataclass(frozen=True)
class _Token:
    text: str
    position: int


class Selection:
    """A parsed expression; make it with :meth:`parse`."""

    def __init__(self, expression: str, root: _Node, words: Sequence[_Token]) -> None:
        self.expression = expression
        self._root = root
        self._words = tuple(words)

    @classmethod
    def parse(cls, expression: str) -> Selection:
        """Parse an expression; raises SelectionError."""
        parser = _Parser(expression)
        return cls(expression, parser.whole(), parser.words)

    def matches(self, labels: Iterable[str]) -> bool:
        """Whether something with these labels is chosen (see :func:`case_labels`)."""
        return self._root.matches({label.lower() for label in labels})

    def choose(self, items: Iterable[_T], labels: Callable[[_T], Collection[str]]) -> list[_T]:
        """The chosen items, in their order.

        Raises SelectionError for a word that names none of the items, which is a misspelling,
        and when nothing is left.
        """
        labelled = [(item, {label.lower() for label in labels(item)}) for item in items]
        for word in self._words:
            node = _Word(word.text)
            if not any(node.matches(known) for _, known in labelled):
                raise SelectionError(self.expression, word.position, f"{word.text!r} names nothing")
        chosen = [item for item, known in labelled if self._root.matches(known)]
        if not chosen:
            raise SelectionError(self.expression, 0, "the expression selects nothing")
        return chosen


def case_labels(case: Case) -> frozenset[str]:
    """What a test case can be chosen by: its id, area, severity, links, and what it changes."""
    return frozenset({case.id, case.area, case.severity, *case.needs, f"changes-{case.changes}"})


def fault_labels(fault: Fault) -> frozenset[str]:
    """What a fault can be chosen by: its id, area and CWE."""
    return frozenset({fault.id, fault.area, fault.cwe})


class _Parser:
    """Recursive descent; as deep as the expression has parentheses, and no deeper than allowed."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _tokens(expression)
        self._next = 0
        self._depth = 0
        self.words: list[_Token] = []

    def whole(self) -> _Node:
        node = self._alternatives()
        token = self._tokens[self._next]
        if token.text == ")":
            raise self._error("this parenthesis was never opened")
        if token.text:
            raise self._error(f"'and', 'or' or a comma is missing before {token.text!r}")
        return node

    def _alternatives(self) -> _Node:
        parts = [self._conjunction()]
        while self._taken("or", ","):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _conjunction(self) -> _Node:
        parts = [self._factor()]
        while self._taken("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _factor(self) -> _Node:
        negated = False
        while self._taken("not"):
            negated = not negated
        node = self._group() if self._taken("(") else self._word()
        return _Not(node) if negated else node

    def _group(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} parentheses inside each other")
        node = self._alternatives()
        if not self._taken(")"):
            raise self._error("a closing parenthesis is missing")
        self._depth -= 1
        return node

    def _word(self) -> _Node:
        token = self._tokens[self._next]
        if not token.text:
            raise self._error("the expression ends where a word is expected")
        if token.text in (*_OPERATORS, "(", ")", ","):
            raise self._error(f"a word is expected, not {token.text!r}")
        self._next += 1
        self.words.append(token)
        return _Word(token.text)

    def _taken(self, *texts: str) -> bool:
        if self._tokens[self._next].text in texts:
            self._next += 1
            return True
        return False

    def _error(self, what: str) -> SelectionError:
        return SelectionError(self._expression, self._tokens[self._next].position, what)


def _tokens(expression: str) -> list[_Token]:
    """Lower-case tokens, ended by an empty one."""
    if len(expression) > _LONGEST:
        raise SelectionError(expression, _LONGEST, f"longer than {_LONGEST} characters")
    tokens: list[_Token] = []
    position = 0
    end = len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None:
            bad = len(expression) - len(expression[position:].lstrip())
            raise SelectionError(expression, bad, f"{expression[bad]!r} has no meaning here")
        kind = match.lastgroup or "word"
        tokens.append(_Token(match[kind].lower(), match.start(kind)))
        position = match.end()
    return [*tokens, _Token("", end)]
