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
    username, act = values.get("username", ""), _act(name)
    identifier, new = "", True
    if act == "create_user" and not (name == "setup" and journal.is_open("factory")):
        new = not journal.is_open("user", username)
        identifier = journal.begin("user", username, WEB)
    elif act == "set_password" and username:
        both = [values[key] for key in ("password", "new_password") if key in values]
        new = not journal.is_open("password", username)
        identifier = journal.begin("password", username, WEB, secrets=both)
    elif act == "factory_reset":
        new = not journal.is_open("factory")
        identifier = journal.begin("factory", via=WEB)
    elif act == "wifi":
        network = f"the wireless network {values.get('ssid')}"
        new = not journal.is_open("setting", network)
        identifier = journal.begin("setting", network, WEB)

    def note(answer: Exchange) -> None:
        done = answer.status in operation.success and not answer.denied
        if act == "delete_user" and done:
            journal.ended("user", username, "deleted")
            journal.ended("password", username, "the user was deleted")
            journal.ended("lock", username, "the user was deleted")
        elif act == "set_password" and done and "password" in values:
            _own_again(journal, identifier, values.get("new_password", ""))
        elif identifier and new and not done and (answer.denied or 400 <= answer.status < 500):
            journal.end(identifier, f"refused with {answer.status}")

    yield note


def _act(name: str) -> str:
    """What an operation of the device file does to the camera; further ones have longer names.

    The first set-up makes the administrator; called again, it may make a user.
    """
    if name == "setup" or name.startswith("create_user"):
        return "create_user"
    if name.startswith(("change_password", "set_password")):
        return "set_password"
    return name


def _own_again(journal: Journal, identifier: str, new: str) -> None:
    """A password that is the original again is no change."""
    for change in journal.open():
        if change.id == identifier and journal.originals(change)[:1] == [new]:
            journal.end(identifier, "its own password again")
