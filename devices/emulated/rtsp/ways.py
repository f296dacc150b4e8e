"""The ways that media of one connection take: interleaved, UDP ports, a group."""

from __future__ import annotations

from dataclasses import dataclass

from devices.emulated.rtsp.group import GroupPair
from devices.emulated.rtsp.refused import Refused
from devices.emulated.rtsp.session import Send, UdpPair, Writer, interleaved_sender
from devices.protocols.transport import Transport


@dataclass(frozen=True)
class Way:
    """How packets leave, and what SETUP says about it."""

    send: Send
    parameters: dict[str, str]
    pair: UdpPair | GroupPair | None = None
    channels: tuple[int, ...] = ()


class Ways:
    """Opens ways from the camera at ``address`` to the client of one connection."""

    def __init__(self, writer: Writer, address: str) -> None:
        self._writer = writer
        self._address = address
        self._peer = str(writer.get_extra_info("peername")[0])
        self._next_channel = 0

    async def open(self, transport: Transport) -> Way:
        """Open the way that a transport asks for; raises Refused."""
        if "multicast" in transport.parameters:
            pair = GroupPair(self._address)
            return Way(pair.send, {"multicast": "", **pair.parameters}, pair)
        if transport.lower == "TCP":
            return self._interleaved(transport)
        return await self._udp(transport)

    def _interleaved(self, transport: Transport) -> Way:
        free = (self._next_channel, self._next_channel + 1)
        channels = transport.pair("interleaved") or free
        if max(channels) > 255:
            raise Refused(461)
        self._next_channel = max(channels) + 1
        text = "{}-{}".format(*channels)
        send = interleaved_sender(self._writer, channels)
        return Way(send, {"unicast": "", "interleaved": text}, channels=channels)

    async def _udp(self, transport: Transport) -> Way:
        ports = transport.pair("client_port") or (0, 0)
        pair = UdpPair((self._peer, *ports))  # never elsewhere: a camera is no amplifier
        try:
            await pair.open(self._address)
        except OSError:
            raise Refused(453) from None
        parameters = {
            "unicast": "",
            "client_port": "{}-{}".format(*ports),
            "server_port": "{}-{}".format(*pair.ports),
        }
        return Way(pair.send, parameters, pair)
