"""Ways to make a user for a while: over ONVIF, or by the web interface's declared operations."""

from __future__ import annotations

import re
from typing import Protocol, Self

from devices.errors import DeviceFileError, LinkError, LoginRefused, NotOffered
from devices.links.http.client import HttpClient
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.onvif import device as onvif_device
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import OnvifCall, Outcome
from devices.secrets import Secrets


class UserWay(Protocol):
    """One way to administer users. Every method raises NotOffered when the camera refuses."""

    name: str

    def create(self, username: str, password: str) -> None:
        """Add a viewer."""

    def change_password(self, username: str, old: str, new: str) -> None:
        """Give the viewer another password."""

    def delete(self, username: str) -> None:
        """Remove the viewer."""


class OnvifUserWay:
    """CreateUsers, SetUser and DeleteUsers, as the account of links.onvif."""

    name = "ONVIF"

    def __init__(self, link: OnvifLink) -> None:
        self._link = link

    def create(self, username: str, password: str) -> None:
        """CreateUsers, level User."""
        account = self._link.default_account()
        _demand(self._link.create_user(account, username, password, "User"))

    def change_password(self, username: str, old: str, new: str) -> None:
        """SetUser."""
        del old
        _demand(self._link.set_user(self._link.default_account(), username, new, "User"))

    def delete(self, username: str) -> None:
        """DeleteUsers."""
        _demand(self._link.delete_user(self._link.default_account(), username))


def _demand(call: OnvifCall) -> None:
    answer = call.answer
    if answer.outcome is not Outcome.DATA:
        raise NotOffered(
            f"ONVIF {answer.operation} is answered with {answer.outcome.value} {answer.detail}"
        )


class WebUserWay:
    """create_user, delete_user and change_password of links.http."""

    name = "the web interface"

    def __init__(self, link: HttpLink, secrets: Secrets) -> None:
        self._link = link
        self._secrets = secrets

    def create(self, username: str, password: str) -> None:
        """As an administrator."""
        self._as_administrator("create_user", username=username, password=password)

    def delete(self, username: str) -> None:
        """As an administrator."""
        self._as_administrator("delete_user", username=username)

    def change_password(self, username: str, old: str, new: str) -> None:
        """As the user."""
        attempt, client = self._link.log_in(username, old)
        if not attempt.accepted:
            client.close()
            raise LoginRefused(f"{username} cannot log in to {self._link.server.url}")
        values = {"username": username, "password": old, "new_password": new}
        self._perform(client, "change_password", values)

    def _as_administrator(self, operation: str, **values: str) -> None:
        self._link.operation(operation)
        found = self._secrets.account(role="admin", service="http")
        if found is None:
            raise DeviceFileError("the device file gives no administrator for http")
        self._perform(self._link.account(found[0]), operation, values)

    def _perform(self, client: HttpClient, operation: str, values: dict[str, str]) -> None:
        try:
            answer = self._link.perform(client, operation, **values)
        finally:
            self._link.leave(client)
        if not self._link.done(operation, answer):
            raise NotOffered(why_undone(operation, answer))


def names_over_onvif(link: OnvifLink) -> set[str] | None:
    """The user names that GetUsers lists; None when it lists none.

    A list without the one who reads it is no list of the camera's users.
    """
    try:
        with link.session(link.default_account()) as session:
            names = {user.name for user in onvif_device.users(session).users}
            reader = session.credentials
    except (LinkError, DeviceFileError):
        return None
    return names if reader is not None and reader.username in names else None


def names_on_the_web(link: HttpLink, secrets: Secrets) -> set[str] | None:
    """Every word of the list that the operation "users" gives; None when it gives none."""
    found = secrets.account(role="admin", service="http")
    if found is None or not link.offers("users"):
        return None
    try:
        client = link.account(found[0])
        answer = link.perform(client, "users")
        link.leave(client)
    except LinkError:
        return None
    words = set(re.findall(r"[\w.@-]+", answer.content.decode("utf-8", "replace")))
    return words if answer.succeeded and found[1].username in words else None


class TrialViewer:
    """A viewer for one test, removed at the end of its ``with`` block, whatever happens.

    ``left_behind`` says after the block why it is still there; empty when it is gone.
    """

    def __init__(self, way: UserWay, username: str, password: str) -> None:
        self.way, self.username, self.password = way, username, password
        self.left_behind = ""
        self._there = False

    def __enter__(self) -> Self:
        self._there = True  # a refusal of the answer need not mean that nothing was created
        try:
            self.way.create(self.username, self.password)
        except BaseException:
            self.__exit__()
            self.left_behind = ""
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._there:
            try:
                self.remove()
            except (LinkError, DeviceFileError) as error:
                self.left_behind = f"the trial user {self.username} could not be removed: {error}"

    def forget(self) -> None:
        """It is gone already: leave it out."""
        self._there = False

    def remove(self) -> None:
        """Remove it now. Raises NotOffered and other link errors."""
        self.way.delete(self.username)
        self._there = False

    def change_password(self, new: str) -> None:
        """Give it another password. Raises NotOffered and other link errors."""
        self.way.change_password(self.username, self.password, new)
        self.password = new
