"""What should end a session of the web interface, brought about with a user made for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.credentials.web_accounts import MODEST_FIRST
from devices.errors import BenchError, LinkError, NotOffered, OutsideAuthorisation
from devices.links.administration import Administration
from devices.links.http.endings import SessionEnding, WatchedSession, logged_in
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.users import TrialViewer
from devices.secrets import Secrets


@dataclass
class Bench:
    """What the events are brought about with."""

    http: HttpLink
    secrets: Secrets
    administrations: Sequence[Administration]
    pass_time: Any
    restart: Callable[[], None]
    idle_seconds: float
    longest_wait: float


@dataclass
class Events:
    """Brings the events about, one after the other, with one trial user."""

    bench: Bench
    user: TrialViewer
    found: list[SessionEnding] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def run(self) -> None:
        """All of them; what cannot be done goes to ``missing`` with what to add."""
        steps = (
            ("logout", self._logout),
            ("own password change", self._own_change),
            ("password change by an administrator", self._others_change),
            ("role change", self._role),
            ("idle time", self._idle),
            ("reboot", self._reboot),
            ("user removal", self._removal),
        )
        for event, step in steps:
            try:
                step()
            except (NotOffered, BenchError, OutsideAuthorisation) as error:
                self.missing.append(f"{event}: {error}")
            except LinkError as error:
                self.missing.append(f"{event}: not measured: {error}")

    def _session(self, target: str = "") -> WatchedSession:
        session = WatchedSession(self.bench.http, self.user.username, self.user.password, target)
        if not session.accepted:
            raise NotOffered(f"the trial user {self.user.username} cannot log in")
        return session

    def _fresh(self) -> bool:
        return logged_in(self.bench.http, self.user.username, self.user.password)

    def _new_password(self) -> str:
        return self.bench.secrets.trial_password()

    def _watch(self, event: str, change: Callable[[], object], by: str, **more: Any) -> None:
        session = self._session(more.pop("target", ""))
        try:
            ending = session.after(event, change, by=by, **more)
        finally:
            session.leave()  # a camera has room for so many, and some of them live on
        self.found.append(ending)
        if not ending.began:
            self.missing.append(f"{event}: the session was not alive before it")

    def _logout(self) -> None:
        http = self.bench.http
        http.operation("logout")
        session = self._session()
        said: list[Exchange] = []
        try:
            ending = session.after(
                "logout",
                lambda: said.append(http.perform(session.client, "logout")),
                by="the web interface",
                control=self._fresh,
            )
        finally:
            session.leave()
        if ending.alive and said and not http.done("logout", said[0]):
            raise NotOffered(
                f"{why_undone('logout', said[0])}; it is no logout, as the device file describes "
                "it under links.http.operations"
            )
        self.found.append(ending)

    def _own_change(self) -> None:
        http, new = self.bench.http, self._new_password()
        http.operation("change_password")
        watched, other = self._session(), self._session()
        if not watched.alive()[0]:  # one session for each user: nothing of hers is left to end
            other.leave()
            watched.leave()
            return
        values = {"username": self.user.username, "password": self.user.password}

        def change() -> None:
            answer = http.perform(other.client, "change_password", **values, new_password=new)
            if not http.done("change_password", answer):
                raise NotOffered(why_undone("change_password", answer))
            self.user.password = new

        try:
            self.found.append(
                watched.after(
                    "own password change", change, by="the web interface", control=self._fresh
                )
            )
        finally:
            other.leave()
            watched.leave()

    def _others_change(self) -> None:
        if not self.bench.administrations:
            raise NotOffered(
                "the device file gives neither [links.onvif] nor the operation set_password"
            )
        refusals: list[str] = []
        for administration in self.bench.administrations:
            new = self._new_password()

            def change(way: Administration = administration, new: str = new) -> None:
                way.password(self.user.username, new)
                self.user.password = new

            event = "password change by an administrator"
            try:
                self._watch(event, change, administration.name, control=self._fresh)
            except NotOffered as error:  # users of its own, which this one is none of
                refusals.append(f"{administration.name}: {error}")
        if len(refusals) == len(self.bench.administrations):
            raise NotOffered("; ".join(refusals))

    def _role(self) -> None:
        way = next((way for way in self.bench.administrations if way.role is not None), None)
        target = self._administrators_resource()
        if way is None or way.role is None or not target:
            raise NotOffered(
                "no way to change a role: give [links.onvif], and declare under declared.api a "
                "resource with GET that administrators alone may read"
            )
        set_role, user = way.role, self.user

        def lowered() -> bool:
            viewer = self._session(target)
            try:
                return not viewer.alive()[0]
            finally:
                viewer.leave()

        set_role(user.username, user.password, "admin")
        try:
            self._watch(
                "role change",
                lambda: set_role(user.username, user.password, "viewer"),
                way.name,
                target=target,
                control=lowered,
            )
        finally:
            set_role(user.username, user.password, "viewer")

    def _administrators_resource(self) -> str:
        http = self.bench.http
        return next(iter(http.targets_for(("admin",))), "")

    def _idle(self) -> None:
        bench = self.bench
        seconds = bench.idle_seconds
        if bench.pass_time.by == "waiting" and seconds > bench.longest_wait:
            raise NotOffered(
                f"nobody waits {seconds:.0f} s for it: give [bench.clock] with counts = true, or "
                "declare a shorter declared.session_idle_seconds"
            )
        session = self._session()
        try:
            began, answer = session.alive()
            with bench.pass_time.passed(seconds + 5):
                alive, answer = session.alive()
                control = self._fresh()
        finally:
            session.leave()
        ending = SessionEnding(
            event="idle time",
            by=bench.pass_time.by,
            began=began,
            alive=began and alive,
            after=answer,
            control=control,
            seconds=seconds,
        )
        self.found.append(ending)
        if alive and not bench.pass_time.sure:
            self.missing.append(
                "idle time: the session was alive after the bench had moved the camera's clock, "
                "which the camera need not count idle time by: say [bench.clock] counts = true "
                "if it does"
            )

    def _reboot(self) -> None:
        self._watch("reboot", self.bench.restart, "the bench", control=self._fresh)

    def _removal(self) -> None:
        user = self.user
        self._watch("user removal", user.remove, user.way.name, control=self._others_are_let_in)

    def _others_are_let_in(self) -> bool:
        http, secrets = self.bench.http, self.bench.secrets
        for role in MODEST_FIRST:
            if found := secrets.account(role=role, service="http"):
                return logged_in(http, found[1].username, secrets.password(found[0]))
        return False
