"""Pictures at addresses of their own: MJPEG streams of the device file, ONVIF's snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from devices.description import DeviceFile
from devices.description import HttpLink as Description
from devices.errors import DeviceError, Garbled, NotOffered
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.observations import SnapshotSurvey
from devices.links.http.survey import ask, asks_for
from devices.links.onvif.link import OnvifLink
from devices.permit import Permit
from devices.secrets import Secrets

_ENOUGH = 8  # addresses that ONVIF announces: one for each profile, and often the same


@dataclass(frozen=True)
class PictureAddress:
    """A URL that gives a picture. ``declared``: it stands in the device file."""

    url: str
    declared: bool


@dataclass(frozen=True)
class PictureAnswers:
    """What one address answered without login, and with one where it asked for one."""

    anonymous: Exchange
    logged_in: Exchange | None = None


def with_announced(found: SnapshotSurvey, answers: Sequence[PictureAnswers]) -> SnapshotSurvey:
    """A survey with the answers of announced addresses in it."""
    announced = tuple(answer.anonymous for answer in answers)
    logged_in = tuple(a.logged_in for a in answers if a.logged_in is not None)
    inside = [e for e in announced if e.protection != "none"]
    clear = [e for e in (*announced, *logged_in) if e.protection == "none"]
    return replace(
        found,
        genuine=found.genuine or next(iter(logged_in), None),
        anonymous=(*found.anonymous, *inside),
        clear=(*found.clear, *clear),
        announced=announced,
    )


class PictureLink:
    """Reaches pictures over HTTP, also of a camera without a web interface (``web`` is None)."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._made: list[HttpLink] = []
        self.web = HttpLink(device, permit, secrets) if device.links.http is not None else None

    def close(self) -> None:
        """Close every connection."""
        for link in (*self._made, self.web):
            if link is not None:
                link.close()

    def addresses(self) -> tuple[list[PictureAddress], str]:
        """The declared MJPEG streams and ONVIF's snapshots, and what could not be learnt."""
        streams = self._device.declared.streams
        mjpeg = [stream.url for stream in streams if stream.web_container == "mjpeg"]
        found = [PictureAddress(url, declared=True) for url in mjpeg]
        if self._device.links.onvif is None:
            return found, ""
        try:
            uris = OnvifLink(self._device, self._permit, self._secrets).snapshot_uris().uris
        except NotOffered:
            return found, ""
        except DeviceError as error:
            return found, f"ONVIF did not give its snapshot addresses: {error}"
        urls = list(dict.fromkeys(uri.uri for uri in uris))
        found += [PictureAddress(url, declared=False) for url in urls[:_ENOUGH]]
        missed = max(0, len(urls) - _ENOUGH)
        return found, f"{missed} more snapshot addresses were not asked" if missed else ""

    def survey(
        self, addresses: Sequence[PictureAddress], account: str
    ) -> tuple[list[PictureAnswers], list[str]]:
        """Ask each address without login, and with one; returns what was not answered, too."""
        answers: list[PictureAnswers] = []
        shortfalls: list[str] = []
        for address in addresses:
            try:
                answers.append(self._asked(address, account))
            except DeviceError as error:
                shortfalls.append(f"{address.url.rpartition('@')[2][:400]}: {error}")
        return answers, shortfalls

    def fetch(self, address: PictureAddress, account: str, *, seconds: float) -> Exchange:
        """Get what the address gives to an account, as far as it comes within ``seconds``.

        The password goes by Digest, or by Basic inside TLS. Raises LinkError.
        """
        client, target = self._link(address).anonymous(), _target(address.url)
        answer = client.request("GET", target, seconds=seconds)
        if answer.status == 401 and account:
            username, password = self._credentials(account)
            if asks_for(answer, "digest"):
                client.use_digest(username, password)
                answer = client.request("GET", target, seconds=seconds)
            elif asks_for(answer, "basic") and answer.protection != "none":
                client.use_basic(username, password)
                answer = client.request("GET", target, seconds=seconds)
        client.close()
        return answer

    def _asked(self, address: PictureAddress, account: str) -> PictureAnswers:
        link, target = self._link(address), _target(address.url)
        client = link.anonymous()
        answer = ask(client, target)
        client.close()
        if answer is None:
            raise NotOffered("the camera hangs up on this request")
        if answer.status != 401 or not account:
            return PictureAnswers(answer)
        username, password = self._credentials(account)
        may_be_read = answer.protection != "none" or address.declared
        client = link.anonymous()
        if asks_for(answer, "digest"):  # which gives no password away
            client.use_digest(username, password)
        elif asks_for(answer, "basic") and may_be_read:
            client.use_basic(username, password)
        else:
            return PictureAnswers(answer)
        logged_in = ask(client, target)
        client.close()
        return PictureAnswers(answer, logged_in)

    def _credentials(self, account: str) -> tuple[str, str]:
        return self._device.accounts[account].username, self._secrets.password(account)

    def _link(self, address: PictureAddress) -> HttpLink:
        """A link to the server of this address, which need not be the web interface's."""
        parts, links = urlsplit(bare(address.url)), self._device.links
        own = (links.http.trust if links.http else None) or (
            links.onvif.trust if links.onvif else None
        )
        try:
            made = Description(url=f"{parts.scheme}://{parts.netloc}/", trust=own)
        except ValueError as error:  # pydantic's: no such host can be
            raise Garbled(f"not the URL of a web server: {parts.netloc[:80]!r}") from error
        device = self._device.model_copy(
            update={"links": links.model_copy(update={"http": made})},
        )
        link = HttpLink(device, self._permit, self._secrets)
        self._made.append(link)
        return link


def bare(url: str) -> str:
    """The URL without user name and password. Raises Garbled for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Garbled(f"not a URL: {url[:80]!r}") from error
    if not usable:
        raise Garbled(f"not the URL of a web server: {url[:80]!r}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
