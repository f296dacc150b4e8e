"""Asks one RTSP server for many addresses with the test's login, and keeps what they describe."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from devices.errors import DeviceError, LinkError, LoginRefused, OutsideAuthorisation
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint, RtspClient
from devices.links.rtsp.describe import described
from devices.protocols import sdp
from devices.protocols.rtsp import Response

PATHS_SECONDS = 40.0  # for all addresses of one endpoint
_FAILURES = 3  # addresses in a row without an answer, or with the login refused


@dataclass(frozen=True)
class AddressAnswer:
    """How DESCRIBE of one address was answered to who is logged in; ``source``: see FoundStream."""

    url: str
    source: str
    status: int


@dataclass(frozen=True)
class Candidate:
    """A video section that an address describes; ``section`` counts them from 0."""

    url: str
    source: str
    section: int
    media: sdp.Media


class AskedAddresses:
    """The descriptions of one endpoint's addresses, over one connection while it lasts.

    ``candidates`` are the video sections in them, ``answers`` how each address was answered,
    ``shortfall`` why some were not.
    """

    def __init__(self, access: RtspAccess, endpoint: Endpoint, urls: dict[str, str]) -> None:
        self.candidates: list[Candidate] = []
        self.answers: list[AddressAnswer] = []
        self.shortfall = ""
        self._access, self._endpoint = access, endpoint
        self._client: RtspClient | None = None
        self._own = next((url for url, source in urls.items() if source == "declared"), "")
        failures, problem = 0, ""
        deadline = time.monotonic() + PATHS_SECONDS
        # Declared ones first: they show that the login is good.
        for url in sorted(urls, key=lambda u: urls[u] != "declared"):
            if failures >= _FAILURES or time.monotonic() > deadline:
                break
            try:
                self._describe(url, urls[url])
                failures = 0
            except LoginRefused as error:  # some answer so to any path that they do not have
                self._close()
                self.answers.append(AddressAnswer(url, urls[url], 401))
                failures = 0 if self._still_let_in() else failures + 1
                problem = str(error)
            except DeviceError as error:
                failures, problem = failures + 1, str(error)
                self._close()
                if isinstance(error, OutsideAuthorisation):
                    break
        self._close()
        if any(a.source == "declared" and a.status == 401 for a in self.answers):
            self.shortfall = f"the login was refused: {problem}"
        elif missing := len(urls) - len(self.answers):
            self.shortfall = f"{missing} of {len(urls)} addresses gave no answer: {problem}"

    def _still_let_in(self) -> bool:
        """Whether a declared stream is described: refusals then do not add up to a lockout."""
        try:
            return bool(self._own) and self._asked(self._own).ok
        except DeviceError:
            self._close()
            return False

    def _asked(self, url: str) -> Response:
        if self._client is None:
            self._client = self._access.connect(
                self._endpoint,
                login=self._access.login(),
                allow_basic=self._endpoint.encrypted,
            )
        return self._client.request("DESCRIBE", url, {"Accept": "application/sdp"})

    def _describe(self, url: str, source: str) -> None:
        answer = self._asked(url)
        self.answers.append(AddressAnswer(url, source, answer.status))
        if not answer.ok:
            return
        try:
            video = described(answer, url).description.video()
        except LinkError:
            return  # no description of a stream
        for number, media in enumerate(video):
            self.candidates.append(Candidate(url, source, number, media))

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Leave out what needs no look: a declared stream's first section, and other profiles of it.

    A server that offers SAVP and SAVPF has a section for each, of one and the same stream.
    """
    kept: dict[tuple[str, str, tuple[bytes, ...]], Candidate] = {}
    for candidate in candidates:
        sets = tuple(candidate.media.parameter_sets())
        control = "" if sets else str(candidate.section)
        kept.setdefault((candidate.url, control, sets), candidate)
    return [c for c in kept.values() if c.source != "declared" or c.section]
