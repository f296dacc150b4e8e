"""SSH before encryption: parsers that meet hostile bytes, and probing on real sockets."""

from __future__ import annotations

import asyncio
import base64
import math
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import knowledge
from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.identity import rsa_flaws
from devices.links.ssh import probe as ssh_probe
from devices.protocols import ssh
from devices.protocols.ssh import KexInit, TransportReader

names = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-@.", min_size=1, max_size=20), max_size=6
).map(tuple)
kexinits = st.builds(KexInit, *[names] * 8, first_kex_packet_follows=st.booleans())


@given(kexinits)
def test_a_kexinit_survives_being_sent(kexinit: KexInit) -> None:
    assert ssh.parse_kexinit(kexinit.encode()) == kexinit


@given(st.binary(max_size=400))
def test_no_payload_breaks_the_parsers(data: bytes) -> None:
    for parse in (
        ssh.parse_kexinit,
        ssh.parse_host_key,
        ssh.parse_kex_reply,
        ssh.parse_disconnect,
        ssh.parse_identification,
        lambda d: ssh.parse_kexinit(b"\x14" + d),
        lambda d: ssh.parse_kex_reply(b"\x1f" + d),
        lambda d: ssh.parse_host_key(ssh.string(b"ssh-rsa") + d),
    ):
        try:
            parse(data)
        except Garbled:
            continue


@given(kexinits, st.lists(st.integers(1, 40), max_size=60), st.binary(max_size=30))
def test_packets_are_read_however_they_are_cut(
    kexinit: KexInit, cuts: list[int], banner: bytes
) -> None:
    lead = banner.replace(b"\n", b"").replace(b"SSH-", b"") + b"\r\n"
    stream = lead + b"SSH-2.0-x y\r\n" + ssh.packet(kexinit.encode()) + ssh.packet(b"\x02")
    reader, payloads, position = TransportReader(), [], 0
    for cut in [*cuts, len(stream)]:
        reader.feed(stream[position : position + cut])
        position += cut
        if reader.next_identification():
            while (payload := reader.next_packet()) is not None:
                payloads.append(payload)
    assert reader.identification is not None
    assert reader.identification.line == "SSH-2.0-x y"
    assert ssh.parse_kexinit(payloads[0]) == kexinit
    assert payloads[1] == b"\x02"


@given(st.binary(max_size=200))
def test_no_stream_breaks_the_reader(data: bytes) -> None:
    reader = TransportReader()
    reader.feed(data)
    try:
        while reader.next_identification() and reader.next_packet() is not None:
            pass
    except Garbled:
        return


@given(st.integers(0, 2**2100))
def test_mpints_are_never_negative(number: int) -> None:
    body = ssh.mpint(number)[4:]
    assert int.from_bytes(body, "big", signed=True) == number


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("ssh-ed25519", 256), ("ecdsa-sha2-nistp384", 384), ("ssh-rsa", 2048)],
)
def test_host_keys_are_described_as_asyncssh_does(kind: str, bits: int) -> None:
    key = asyncssh.generate_private_key(kind)
    described = ssh.parse_host_key(key.public_data)
    assert (described.algorithm, described.bits) == (kind, bits)
    assert described.fingerprint == key.get_fingerprint()
    assert "MD5:" + described.fingerprint_md5 == key.get_fingerprint("md5")


def test_the_groups_are_those_of_the_rfcs() -> None:
    """The last 64-bit words before the ones stand in RFC 2409, 6.2, and RFC 3526, 3 and 5."""
    ends = {1: 0x49286651ECE65381, 14: 0x15728E5A8AACAA68, 16: 0x4DF435C934063199}
    for group, end in ends.items():
        prime = ssh.modp_prime(group)
        bits = prime.bit_length()
        assert prime >> (bits - 64) == 2**64 - 1
        assert (prime >> 64) & (2**64 - 1) == end
        assert pow(2, prime - 1, prime) == 1


@contextmanager
def saying(words: bytes, *, hold: bool = True) -> Iterator[int]:
    """A server that says ``words`` to everybody, then waits or hangs up; gives its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(words)
                client.settimeout(5)
                while hold and client.recv(4096):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.mark.parametrize(
    ("words", "hold", "error"),
    [
        (b"", True, TimedOut),
        (b"SSH-2.0-x\r\n", True, TimedOut),
        (b"", False, LinkError),
        (b"SSH-2.0-x\r\n", False, LinkError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 1100, True, Garbled),
        (b"x" * 20_000, True, Garbled),
        (b"SSH-\r\n", True, Garbled),
        (b"SSH-2.0-x\r\n" + b"\xff" * 100, True, Garbled),
        (b"SSH-2.0-x\r\n" + ssh.packet(b"\x14short"), True, Garbled),
        (b"SSH-2.0-x\r\n" + ssh.packet(b"\x02") * 30, True, Garbled),
        (
            b"SSH-2.0-x\r\n" + ssh.packet(b"\x01" + struct.pack(">I", 2) + ssh.string(b"busy")),
            True,
            NotOffered,
        ),
    ],
    ids=[
        "silent",
        "banner",
        "closed",
        "closed after banner",
        "http",
        "endless line",
        "no version",
        "binary",
        "short message",
        "ignored messages",
        "disconnect",
    ],
)
def test_a_server_that_misbehaves_is_a_typed_error(
    words: bytes,
    hold: bool,  # noqa: FBT001 - a parameter of the test
    error: type[LinkError],
) -> None:
    with saying(words, hold=hold) as port, pytest.raises(error):
        ssh_probe.greet("127.0.0.1", port, 0.5)


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable):
        ssh_probe.greet("127.0.0.1", port, 1)


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")  # the server's, not ours
@pytest.mark.parametrize("exchange", [*ssh.EXCHANGES, *ssh.GROUP_EXCHANGES])
def test_a_host_key_is_had_by_each_key_exchange(exchange: str) -> None:
    """Against a server of another make, weak exchanges included."""
    known = {name.decode() for name in asyncssh.kex.get_kex_algs()}
    if exchange not in known:
        pytest.skip(f"this asyncssh has no {exchange}")
    keys = [asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-rsa")]
    with asyncssh_server(keys, exchange) as port:
        found = ssh_probe.survey("127.0.0.1", port, 5)
    assert not found.shortfall
    assert {k.fingerprint for k in found.host_keys} == {key.get_fingerprint() for key in keys}
    # asyncssh gives 1024 bits to who asks for them.
    assert [group.bits for group in found.groups] == [1024] * (exchange in ssh.GROUP_EXCHANGES)


@contextmanager
def asyncssh_server(keys: list[asyncssh.SSHKey], exchange: str) -> Iterator[int]:
    ready: list[int] = []
    started, end = threading.Event(), threading.Event()

    async def serve() -> None:
        async with await asyncssh.create_server(
            asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=keys, kex_algs=[exchange]
        ) as server:
            ready.append(server.get_port())
            started.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20)
        yield ready[0]
    finally:
        end.set()
        thread.join()


def greeting(kex: str = "none", keys: str = "ssh-ed25519") -> bytes:
    none = ("none",)
    offer = KexInit((kex,), (keys,), none, none, none, none, none, none)
    return b"SSH-2.0-x\r\n" + ssh.packet(offer.encode())


def test_a_server_without_a_common_exchange_is_a_shortfall() -> None:
    with saying(greeting("kex-of-tomorrow")) as port:
        found = ssh_probe.survey("127.0.0.1", port, 2)
    assert found.host_keys == ()
    assert "no key exchange in common: kex-of-tomorrow" in found.shortfall


def test_a_server_of_ssh_1_alone_is_described() -> None:
    with saying(b"SSH-1.5-Cisco-1.25\n") as port:
        found = ssh_probe.survey("127.0.0.1", port, 2)
    assert found.greeting.identification.protocol == "1.5"
    assert not found.greeting.kexinit.spoken
    assert found.shortfall == "only SSH 1.5 is spoken"


@pytest.mark.parametrize(
    "more",
    [
        ssh.packet(b"\x1f" + ssh.mpint(2**20_000) + ssh.mpint(2)),
        ssh.packet(b"\x1f" + ssh.string(b"\xff" * 128) + ssh.mpint(2)),
        ssh.packet(b"\x1f" + ssh.mpint(0) + ssh.mpint(2)),
        ssh.packet(b"\x1f" + ssh.string(b"")),
        ssh.packet(b"\x33"),
        b"\0\0\0\0\0\0",
    ],
    ids=["huge", "negative", "zero", "cut short", "another message", "no length"],
)
def test_a_group_that_is_none_is_a_shortfall(more: bytes) -> None:
    with saying(greeting(ssh.GROUP_EXCHANGES[0]) + more) as port:
        found = ssh_probe.survey("127.0.0.1", port, 0.5)
    assert (found.host_keys, found.groups) == ((), ())
    assert "the group of diffie-hellman-group-exchange-sha256" in found.shortfall
    assert "host key ssh-ed25519" in found.shortfall


def test_a_server_that_hears_few_callers_is_called_again() -> None:
    """As OpenSSH's MaxStartups and Dropbear's limit for each address hang up unheard."""
    words = iter([b"", greeting("kex-of-tomorrow")])
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for said in words:
                client, _ = server.accept()
                client.sendall(said)
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        found = ssh_probe.survey("127.0.0.1", server.getsockname()[1], 2)
        thread.join()
    assert found.greeting.kexinit.kex == ("kex-of-tomorrow",)


def test_lines_before_the_identification_are_left_out() -> None:
    with saying(b"Welcome\r\nto the camera\r\n" + greeting()) as port:
        assert ssh_probe.greet("127.0.0.1", port, 2).identification.software == "x"


@given(st.binary(max_size=200))
def test_no_group_breaks_the_parser(data: bytes) -> None:
    try:
        prime, generator = ssh.parse_group(b"\x1f" + data)
    except Garbled:
        return
    assert 1 < generator < prime - 1


PRIMORIAL = math.prod(rsa_flaws._ROCA_PRIMES)


@pytest.mark.parametrize(
    ("exponent", "modulus", "said"),
    [
        (65537, 2**64, "even"),
        (1, 15, "exponent is 1"),
        (65537, 1999 * (2**521 - 1), "divisible by 1999"),
        (65537, (2**521 - 1) * (2**521 - 1), "close together"),
        # A power of 65537 modulo the primorial, as the factors of such keys are, made by the rule;
        # 1009 primorials more make it odd and free of the other small primes.
        (65537, 1009 * PRIMORIAL + pow(65537, 1_000_005, PRIMORIAL), "ROCA"),
        (65537, (2**521 - 1) * (2**607 - 1), ""),
    ],
)
def test_moduli_that_come_apart(exponent: int, modulus: int, said: str) -> None:
    found = rsa_flaws.rsa_flaw(exponent, modulus)
    assert said in found
    assert bool(found) == bool(said)


@given(st.integers(-5, 2**70), st.integers(-5, 2**300))
def test_no_number_breaks_the_look_at_moduli(exponent: int, modulus: int) -> None:
    assert isinstance(rsa_flaws.rsa_flaw(exponent, modulus), str)


def test_the_fingerprints_of_published_keys_are_well_formed() -> None:
    for row in knowledge.load("ssh_keys"):
        digest = row["fingerprint"].removeprefix("SHA256:")
        assert len(base64.b64decode(digest + "=")) == 32, row
        assert row["use"] in ("host", "authorized")


def test_a_server_that_hears_no_more_callers_has_not_lost_its_keys() -> None:
    """As one that counts callers by the minute: the first is heard, the others are hung up on."""
    keys = [asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-rsa")]
    with (
        asyncssh_server(keys, "curve25519-sha256") as behind,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        threading.Thread(target=hear_one, args=(server, behind), daemon=True).start()
        found = ssh_probe.survey("127.0.0.1", server.getsockname()[1], 5)
        server.shutdown(socket.SHUT_RDWR)
    assert [key.algorithm for key in found.host_keys] == ["ssh-ed25519"]
    assert not found.without_key
    assert "host key" in found.shortfall


def hear_one(server: socket.socket, behind: int) -> None:
    client, _ = server.accept()
    with client, socket.create_connection(("127.0.0.1", behind)) as upstream:
        back = threading.Thread(target=pass_on, args=(upstream, client), daemon=True)
        back.start()
        pass_on(client, upstream)
        back.join()
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            client.sendall(b"SSH-2.0-x\r\n")
            client.recv(1)


def pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
