"""Audio back channels (ONVIF Streaming, 5.3): which streams have one, who gets it, how plain."""

from __future__ import annotations

from dataclasses import dataclass

from devices.description import Stream
from devices.errors import LinkError, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, described
from devices.links.rtsp.setup import own_ports, to_ask_for
from devices.observation import Observation
from devices.protocols import sdp
from devices.protocols.rtsp import Response

REQUIRE = {"Require": "www.onvif.org/ver20/backchannel"}
NOT_TRIED = 0


@dataclass(frozen=True)
class Backchannel:
    """One stream asked for its back channel.

    ``declared`` is the codec that the device file gives, empty for none; ``asked`` the status of
    DESCRIBE with the requirement, as the test's account; ``offered`` the codecs of the sections
    found. Statuses, 0 where not tried: ``anonymous`` of SETUP without a login, ``plain`` of SETUP
    without encryption (RTP/AVP in datagrams; inside the connection where that has no TLS), with a
    login. ``described_to_anyone``: the section is in a description given without a login.
    """

    name: str
    url: str
    declared: str
    asked: int
    offered: tuple[str, ...] = ()
    described_to_anyone: bool = False
    anonymous: int = NOT_TRIED
    plain: int = NOT_TRIED
    plain_inside: int = NOT_TRIED


@dataclass(frozen=True, kw_only=True)
class Backchannels(Observation):
    """Every declared RTSP stream, asked for its back channel."""

    streams: tuple[Backchannel, ...]


def sections(description: sdp.SessionDescription) -> list[sdp.Media]:
    """The sections that the client is to send: audio, sendonly as the server has it.

    Some cameras write sendrecv for the two ways in one.
    """
    return [
        media
        for media in description.media
        if media.kind == "audio" and (media.all("sendonly") or media.all("sendrecv"))
    ]


def describe_with_backchannel(client: RtspClient, url: str) -> Response:
    """DESCRIBE that asks for the back channel."""
    return client.request("DESCRIBE", url, {"Accept": "application/sdp", **REQUIRE})


def backchannels(access: RtspAccess) -> Backchannels:
    """Ask every declared RTSP stream; raises NotOffered without any."""
    found, problems = [], []
    for stream in access.streams():
        try:
            found.append(_one(access, stream))
        except LinkError as error:
            problems.append(f"{stream.name}: {error}")
    return Backchannels(streams=tuple(found), shortfall="; ".join(problems))


def _one(access: RtspAccess, stream: Stream) -> Backchannel:
    url = without_userinfo(stream.url)
    with access.connect(endpoint_of(url), login=access.login()) as client:
        answer = describe_with_backchannel(client, url)
        offer = described(answer, url) if answer.ok else None
        found = sections(offer.description) if offer else []
        told = Backchannel(
            name=stream.name,
            url=url,
            declared=stream.backchannel or "",
            asked=answer.status,
            offered=tuple(dict.fromkeys(media.encoding.lower() or "unknown" for media in found)),
        )
        if offer is None or not found:
            return told
        plain = _set_up(client, offer, found[0], "UDP")
    inside = NOT_TRIED
    if not endpoint_of(url).encrypted:
        with access.connect(endpoint_of(url), login=access.login()) as client:
            inside = _set_up(client, offer, found[0], "TCP")
    to_anyone, anonymous = _without_login(access, url, offer, found[0])
    return Backchannel(
        name=told.name,
        url=told.url,
        declared=told.declared,
        asked=told.asked,
        offered=told.offered,
        described_to_anyone=to_anyone,
        anonymous=anonymous,
        plain=plain,
        plain_inside=inside,
    )


def _without_login(
    access: RtspAccess, url: str, offer: Described, media: sdp.Media
) -> tuple[bool, int]:
    """Whether the back channel is described to anyone, and how SETUP without a login is answered.

    Inside the connection, so that the answer is to the login and not to a transport in the clear.
    """
    with access.connect(endpoint_of(url)) as client:
        answer = describe_with_backchannel(client, url)
        to_anyone = answer.ok and bool(sections(described(answer, url).description))
        return to_anyone, _set_up(client, offer, media, "TCP")


def _set_up(client: RtspClient, offer: Described, media: sdp.Media, lower: str) -> int:
    """Set the back channel up without SRTP and end it at once; nothing is sent on it."""
    with own_ports(client, datagrams=lower == "UDP") as ports:
        wanted = to_ask_for(media, lower, secure=False, ports=ports)
        headers = {"Transport": wanted.to_text(), **REQUIRE}
        answer = client.request("SETUP", offer.track(media), headers)
        if answer.ok:
            session = {"Session": answer.get("Session").partition(";")[0]}
            client.request("TEARDOWN", offer.track(media), session)
        return answer.status


def offered_section(answer: Response, url: str) -> tuple[Described, sdp.Media]:
    """The description and its back channel; raises NotOffered when it has none."""
    if not answer.ok:
        raise NotOffered(f"DESCRIBE {url} with a back channel is answered {answer.status}")
    offer = described(answer, url)
    found = sections(offer.description)
    secure = [media for media in found if media.secure]
    if not found:
        raise NotOffered(f"{url} is described without a back channel")
    return offer, (secure or found)[0]
