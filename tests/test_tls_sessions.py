"""Complete handshakes of the suite's own, with the ssl module as the server, and with damage."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_servers import make_certificates

from devices.errors import Garbled, LinkError
from devices.protocols.cipher_suites import cipher_suites
from devices.protocols.tls.agreement import EphemeralKey, finite_field
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.key_exchange import EXPLICIT, parse_key_exchange
from devices.protocols.tls.registry import TlsVersion
from devices.protocols.tls.secrets import prf
from devices.protocols.tls.session import Session, computed
from devices.protocols.tls.session12 import Session12
from devices.protocols.tls.session13 import Session13

_CLIENT_MAY_RENEGOTIATE = 1 << 8
DAMAGE = st.tuples(st.integers(0, 9999), st.integers(0, 255))  # place, value


class Server:
    """A TLS server of the ssl module over memory: give it bytes, get its bytes."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._established = False

    def answer(self, data: bytes) -> bytes:
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            if not self._established:
                self._tls.do_handshake()
                self._established = True
            self._tls.read(1024)
        return self._outgoing.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("certificates")
    make_certificates(path)
    return path


def context_of(folder: Path, kind: str, ciphers: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificates(folder).pair(kind))
    if ciphers:
        context.set_ciphers(ciphers)
    return context


GROUPS = {"X25519": 29, "prime256v1": 23, "secp384r1": 24, "secp521r1": 25, "X448": 30}


def session(version: TlsVersion, groups: tuple[int, ...] = tuple(GROUPS.values())) -> Session:
    of_13 = version is TlsVersion.TLS_1_3
    suites = computed(tuple(c for c, suite in cipher_suites().items() if suite.tls13 == of_13))
    hello = ClientHello(version, suites, groups=groups, alpn=("http/1.1",))
    return Session13(hello) if of_13 else Session12(hello)


def talk(client: Session, server: Server) -> Session:
    sent = client.start()
    while sent and not client.over:
        sent = client.feed(server.answer(sent))
    return client


SUITES_12 = [
    ("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("rsa", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("rsa", "ECDHE-RSA-CHACHA20-POLY1305"), ("ec", "ECDHE-ECDSA-AES128-CCM"),
    ("rsa", "AES128-GCM-SHA256"), ("rsa", "AES256-SHA"), ("rsa", "AES128-SHA256"),
    ("rsa", "ECDHE-RSA-AES256-SHA384"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "suite"), SUITES_12)
def test_every_suite_that_is_computed_leads_to_a_session(
    folder: Path, kind: str, suite: str
) -> None:
    context = context_of(folder, kind, f"{suite}:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = talk(session(TlsVersion.TLS_1_2), Server(context))
    assert client.established
    assert client.facts.extended_master_secret
    assert client.facts.tickets == 1
    assert len(client.facts.chain) == 1


@pytest.mark.parametrize("curve", GROUPS)
@pytest.mark.parametrize("version", [TlsVersion.TLS_1_2, TlsVersion.TLS_1_3])
def test_every_group_that_is_computed_leads_to_a_session(
    folder: Path, curve: str, version: TlsVersion
) -> None:
    context = context_of(folder, "rsa")
    offered = tuple(GROUPS.values())
    try:
        context.set_ecdh_curve(curve)  # TLS 1.3: by a HelloRetryRequest for most
    except ssl.SSLError:  # X25519 and X448 in early releases of Python 3.11: the client chooses
        offered = (GROUPS[curve],)
    if version is TlsVersion.TLS_1_2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = talk(session(version, offered), Server(context))
    assert client.established
    assert client.facts.group == GROUPS[curve]


def test_tls_1_3_tells_what_is_encrypted(folder: Path) -> None:
    context = context_of(folder, "ec")
    context.set_alpn_protocols(["http/1.1"])
    client = talk(session(TlsVersion.TLS_1_3), Server(context))
    assert client.established
    assert client.facts.scheme == 0x0403
    assert client.facts.alpn == "http/1.1"
    assert client.facts.tickets == 2
    assert client.facts.early_data == 0
    assert len(client.facts.chain) == 1


@pytest.mark.parametrize("version", [TlsVersion.TLS_1_2, TlsVersion.TLS_1_3])
def test_a_server_that_wants_a_certificate_gets_none(folder: Path, version: TlsVersion) -> None:
    context = context_of(folder, "ec")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(make_certificates(folder).authority)
    if version is TlsVersion.TLS_1_2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert talk(session(version), Server(context)).established


@pytest.mark.parametrize("allowed", [True, False])
def test_a_second_handshake_is_seen_begun_or_refused(folder: Path, *, allowed: bool) -> None:
    context = context_of(folder, "ec")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= _CLIENT_MAY_RENEGOTIATE if allowed else ssl.OP_NO_RENEGOTIATION
    server, client = Server(context), session(TlsVersion.TLS_1_2)
    assert isinstance(client, Session12)
    talk(client, server)
    client.feed(server.answer(client.renegotiate()))
    assert client.renegotiated == allowed
    assert (client.alert is not None) != allowed


@given(
    damage=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), min_size=1, max_size=3)
)
@settings(max_examples=60)
@pytest.mark.parametrize("version", [TlsVersion.TLS_1_2, TlsVersion.TLS_1_3])
def test_a_damaged_flight_ends_in_a_link_error_or_none(
    folder: Path, version: TlsVersion, damage: list[tuple[int, int]]
) -> None:
    context = context_of(folder, "ec")
    if version is TlsVersion.TLS_1_2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = session(version)
    flight = bytearray(Server(context).answer(client.start()))
    for place, value in damage:
        flight[place % len(flight)] = value
    with contextlib.suppress(LinkError):
        client.feed(bytes(flight))


@given(st.lists(st.binary(max_size=120), max_size=5))
def test_a_session_takes_any_bytes(pieces: list[bytes]) -> None:
    for version in (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3):
        client = session(version)
        with contextlib.suppress(LinkError):
            for piece in pieces:
                client.feed(b"\x16\x03\x03" + len(piece).to_bytes(2, "big") + piece)


@given(body=st.binary(max_size=300), code=st.sampled_from(sorted(cipher_suites())))
def test_a_key_exchange_is_read_or_garbled(body: bytes, code: int) -> None:
    with contextlib.suppress(Garbled):
        parse_key_exchange(body, cipher_suites()[code], TlsVersion.TLS_1_2)


def test_key_exchanges_are_read() -> None:
    ecdhe, dhe = cipher_suites()[0xC02B], cipher_suites()[0x009E]
    found = parse_key_exchange(b"\x03\x00\x17\x02ab\x04\x03", ecdhe, TlsVersion.TLS_1_2)
    assert found is not None
    assert (found.group, found.public, found.scheme) == (23, b"ab", 0x0403)
    old = parse_key_exchange(b"\x03\x00\x17\x02ab", ecdhe, TlsVersion.TLS_1_0)
    assert old is not None
    assert old.scheme is None
    spelt = parse_key_exchange(b"\x01\x00", ecdhe, TlsVersion.TLS_1_2)
    assert spelt is not None
    assert spelt.group == EXPLICIT
    prime = b"\x00\x01\x17\x00\x01\x02\x00\x01\x08\x08\x04"
    field = parse_key_exchange(prime, dhe, TlsVersion.TLS_1_2)
    assert field is not None
    assert (field.prime, field.generator, field.scheme) == (0x17, 2, 0x0804)


def test_a_prime_without_measure_is_not_computed_with() -> None:
    with pytest.raises(Garbled, match="prime of"):
        finite_field(1 << 20_000, 2, b"\x02")


@given(st.binary(max_size=140))
def test_a_public_value_is_taken_or_garbled(peer: bytes) -> None:
    for group in (29, 23, 30):
        with contextlib.suppress(Garbled):
            EphemeralKey(group).shared(peer)


def test_the_prf_gives_the_published_vector() -> None:
    """The vector that Martin Rex gave the TLS working group for P_SHA256."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    found = prf("sha256", secret, b"test label", seed, 100)
    assert found.hex().startswith(
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
    )
