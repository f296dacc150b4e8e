"""Operations of the web interface that change the camera, written down before they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from devices.description import Operation
from devices.journal import Journal
from devices.links.http.exchange import Exchange

WEB = "http"

Note = Callable[[Exchange], None]


@contextmanager
def noted(
    journal: Journal, name: str, operation: Operation, values: Mapping[str, str]
) -> Iterator[Note]:
    """Enter the change that the named operation makes; what is yielded takes its answer.

    A clear refusal (4xx) is no change. Any other answer, or none, leaves the change open: it may
    have been made all the same.
    """
    username, new = values.get("username", ""), True
    if name == "create_user":
        identifier = journal.begin("user", username, WEB)
    elif name == "change_password" and username:
        both = [values[key] for key in ("password", "new_password") if key in values]
        new = not any((c.kind, c.subject) == ("password", username) for c in journal.open())
        identifier = journal.begin("password", username, WEB, secrets=both)
    elif name == "factory_reset":
        identifier = journal.begin("factory", via=WEB)
    else:
        identifier = ""

    def note(answer: Exchange) -> None:
        done = answer.status in operation.success and not answer.denied
        if name == "delete_user" and done:
            journal.ended("user", username, "deleted")
            journal.ended("password", username, "the user was deleted")
            journal.ended("lock", username, "the user was deleted")
        elif name == "change_password" and done:
            _own_again(journal, identifier, values.get("new_password", ""))
        elif identifier and new and not done and (answer.denied or 400 <= answer.status < 500):
            journal.end(identifier, f"refused with {answer.status}")

    yield note


def _own_again(journal: Journal, identifier: str, new: str) -> None:
    """A password that is the original again is no change."""
    for change in journal.open():
        if change.id == identifier and journal.originals(change)[:1] == [new]:
            journal.end(identifier, "its own password again")
