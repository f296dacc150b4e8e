"""Asks whether a camera would send its streams to a group: nothing is played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devices.errors import DeviceError, Garbled, LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, describe
from devices.links.rtsp.multicast import group_address, groups_of
from devices.links.rtsp.setup import leave, session_of, to_ask_for
from devices.observation import Observation
from devices.protocols.transport import Transport, parse_transports


@dataclass(frozen=True)
class GroupOffer:
    """The answer to SETUP of one stream to a group.

    ``profile`` that was asked for (AVP or SAVP); ``status`` of the answer. ``given``: media would
    go to a group; ``agreed`` how (``RTP/AVP/UDP;multicast``) and ``destination`` where, if said.
    """

    url: str
    profile: str
    status: int
    given: bool
    agreed: str = ""
    destination: str = ""


@dataclass(frozen=True)
class DescribedGroup:
    """A group address in the session description of a stream."""

    url: str
    group: str


@dataclass(frozen=True, kw_only=True)
class GroupOffers(Observation):
    """What every declared and announced stream answers to a request for multicast."""

    offers: tuple[GroupOffer, ...]
    groups: tuple[DescribedGroup, ...]


def group_offers(access: RtspAccess, announced: Iterable[str]) -> GroupOffers:
    """Ask declared streams and announced addresses, logged in, for RTP and SRTP to a group."""
    own = [without_userinfo(s.url) for s in access.device.declared.streams if s.over_rtsp]
    urls = list(dict.fromkeys([*own, *announced]))
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-groups") as pool:
        asked = list(pool.map(lambda url: _Asked(access, url), urls))
    return GroupOffers(
        offers=tuple(offer for one in asked for offer in one.offers),
        groups=tuple(group for one in asked for group in one.groups),
        shortfall="; ".join(one.problem for one in asked if one.problem),
    )


class _Asked:
    """One stream, asked for each profile on a connection of its own."""

    def __init__(self, access: RtspAccess, url: str) -> None:
        self.offers: list[GroupOffer] = []
        self.groups: list[DescribedGroup] = []
        self.problem = ""
        try:
            for secure in (False, True):
                self.offers += self._ask(access, url, secure=secure)
        except DeviceError as error:  # an announced address may be outside the authorisation
            self.problem = f"{url}: {error}"

    def _ask(self, access: RtspAccess, url: str, *, secure: bool) -> Iterator[GroupOffer]:
        endpoint = endpoint_of(url)
        with access.connect(
            endpoint, login=access.login(), allow_basic=endpoint.encrypted
        ) as client:
            description = describe(client, url)
            if not secure:
                found = groups_of(description.description)
                self.groups += [DescribedGroup(url, group) for group in found]
            yield _set_up(client, description, url, secure=secure)


def _set_up(client: RtspClient, described: Described, url: str, *, secure: bool) -> GroupOffer:
    media = described.video(secure=secure)
    wanted = to_ask_for(media, "UDP", secure=secure, ports=None, multicast=True)
    answer = client.patient("SETUP", described.track(media), {"Transport": wanted.to_text()})
    if not answer.ok:
        return GroupOffer(url, wanted.profile, answer.status, given=False)
    try:
        leave(client, described, session_of(answer))
        chosen = parse_transports(answer.get("Transport"))[0]
    except LinkError:
        return GroupOffer(url, wanted.profile, answer.status, given=False, agreed="not said")
    return GroupOffer(
        url,
        wanted.profile,
        answer.status,
        given=_leads_to_group(chosen),
        agreed=chosen.specification,
        destination=chosen.parameters.get("destination", ""),
    )


def _leads_to_group(chosen: Transport) -> bool:
    """Whether a transport is one to a group, said so or by what only such ones have.

    RFC 2326, 12.39: ``port`` and ``ttl`` are of multicast alone, which is also the default where
    neither word stands; some cameras name the group and nothing else.
    """
    parameters = chosen.parameters
    if "multicast" in parameters:
        return True
    try:
        group_address(parameters.get("destination", ""))
    except Garbled:
        unicast = {"unicast", "client_port", "server_port", "interleaved"} & set(parameters)
        return not unicast and bool({"port", "ttl"} & set(parameters))
    return True
