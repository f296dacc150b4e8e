"""The web media link: a reference client for the video of a camera's web server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

from devices.description import DeviceFile, Stream
from devices.errors import NotOffered
from devices.links.capture.method import Captures
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.rtsp.observations import PlayedStreams
from devices.links.web_media.access import MediaSurvey, PublishedMedium
from devices.links.web_media.asking import Asker, Wish
from devices.links.web_media.clear import ClearSurvey
from devices.links.web_media.mjpeg import play_mjpeg
from devices.links.web_media.observations import ClearMedia, WebMedia
from devices.links.web_media.senders import Account, Sender, account_of
from devices.links.web_media.wire import DiscreetCapture
from devices.observation import Artefact
from devices.permit import Permit
from devices.protocols.digest import DigestClient
from devices.secrets import Secrets

PLAY_SECONDS = 2.2
"""Media recorded of each MJPEG stream."""


class WebMediaLink:
    """Reaches the declared video of the web server, and published addresses of such video.

    Works without ``links.http`` too: then logins are by Digest or, inside TLS, Basic.
    """

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._web = HttpLink(device, permit, secrets) if device.links.http is not None else None

    def close(self) -> None:
        """Close every connection."""
        if self._web is not None:
            self._web.close()

    def streams(self) -> list[Stream]:
        """The declared media of the web server."""
        return [s for s in self._device.declared.streams if not s.over_rtsp]

    def media(self, published: Sequence[PublishedMedium]) -> WebMedia:
        """Play the declared media, and ask for each part as strangers and as the account.

        Raises NotOffered when nothing is declared and there is no web interface to ask.
        """
        streams = self.streams()
        base = self._web.server.url if self._web is not None else ""
        if not streams and not base:
            raise NotOffered("the device file declares no video of a web server, no [links.http]")
        account = self._account()
        try:
            survey = MediaSurvey(self._asker(), account, ask_unknown=self._may_ask_unknown())
            found = survey.take(streams, published, base)
        finally:
            if account is not None:
                account.close()
        if account is None:
            why = "no account of the device file can log in to the web server"
            found = replace(found, shortfall="; ".join(filter(None, [found.shortfall, why])))
        return found

    def mjpeg(self, seconds: float = PLAY_SECONDS) -> PlayedStreams:
        """Play the declared MJPEG streams over HTTP(S), recording their bytes on the network.

        Raises BenchError when the bench cannot record as the device file asks.
        """
        streams = [s for s in self.streams() if s.web_container == "mjpeg"]
        if not streams:
            return PlayedStreams(streams=())
        account = self._account()
        artefacts: list[Artefact] = []
        played = []
        with ExitStack() as stack:
            if account is not None:
                stack.callback(account.close)
            captures = self._captures(streams[0], stack)
            for stream in streams:
                sender = account.sender() if account is not None else Sender()
                capture = captures.new(DiscreetCapture)
                facts, kept = play_mjpeg(self._asker(), stream, sender, seconds, capture)
                played.append(facts)
                artefacts += kept
        missing = [f"{s.name} over {s.transport}: {s.reason}" for s in played if s.cause]
        return PlayedStreams(
            streams=tuple(played),
            recorded=str(captures.method),
            artefacts=tuple(artefacts),
            shortfall="; ".join(missing),
        )

    def clear(
        self, ports: Sequence[int], media: WebMedia, published: Sequence[PublishedMedium]
    ) -> ClearMedia:
        """Ask ``ports`` for the declared media and the published addresses without TLS."""
        asker, streams = self._asker(), self.streams()
        survey = ClearSurvey(asker, streams, media.played, published)
        urls = [urlsplit(stream.url) for stream in streams]
        declared = [url.port or 80 for url in urls if url.scheme in ("http", "ws")]
        asked = [
            survey.port(self._device.host, port, self._digest())
            for port in dict.fromkeys([*declared, *ports])
        ]
        return ClearMedia(
            front=self._front(asker),
            asked=survey.asked,
            ports=tuple(asked),
            shortfall="; ".join(survey.shortfalls[:5]),
        )

    def _front(self, asker: Asker) -> Exchange | None:
        """The web server's own front page; None when nothing tells where it is."""
        if self._web is not None:
            return asker.ask(Wish(self._web.server.url + "/"), Sender()).exchange
        for stream in self.streams():
            parts = urlsplit(stream.url)
            scheme = "https" if parts.scheme in ("https", "wss") else "http"
            netloc = parts.netloc.rpartition("@")[2]
            return asker.ask(Wish(f"{scheme}://{netloc}/"), Sender()).exchange
        return None

    def _captures(self, stream: Stream, stack: ExitStack) -> Captures:
        def address() -> str:
            return self._permit.address(urlsplit(stream.url).hostname or self._device.host)

        return Captures(self._device.bench.capture.method, address, stack)

    def _asker(self) -> Asker:
        if self._web is None:
            return Asker(self._permit)
        clear = self._web.server.scheme == "http"
        return Asker(self._permit, self._web.server.host, clear_session=clear)

    def _account(self) -> Account | None:
        return account_of(self._web, self._secrets)

    def _digest(self) -> DigestClient | None:
        for role in ("viewer", "operator", "admin"):
            found = self._secrets.account(role=role, service="http")
            if found is not None and found[1].password is not None:
                return DigestClient(found[1].username, self._secrets.password(found[0]))
        return None

    def _may_ask_unknown(self) -> bool:
        """Whether wrong logins do no harm: where they lock the bench's address, few are made."""
        lockout = self._device.declared.lockout
        if lockout is None or lockout.scope == "account":
            return True
        return lockout.attempts > 2 * len(self.streams())
