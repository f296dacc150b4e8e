"""Which groups a server agrees on keys in, and which algorithms it signs the agreement with.

In TLS 1.2 both stand in the ServerKeyExchange. In TLS 1.3 the group stands in the ServerHello; the
signature is encrypted, so a handshake is carried to the end for it (``sessions``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from devices.errors import LinkError
from devices.links.tls.elimination import Choices, eliminate
from devices.links.tls.handshake import Prober
from devices.links.tls.scan import Found, explain
from devices.protocols.cipher_suites import CipherSuite
from devices.protocols.tls.client_hello import ClientHello, default_groups
from devices.protocols.tls.registry import (
    TlsVersion,
    group_name,
    groups,
    scheme_name,
    schemes,
)

LEGACY_HASHES = frozenset({"md5", "sha1", "sha224"})
MODERN = 1
"""Of how many modern schemes the rest is left unasked, unless everything is asked for."""

_OLDER = (TlsVersion.TLS_1_2, TlsVersion.TLS_1_1, TlsVersion.TLS_1_0)
_DHE = ("DHE", "DH_anon")


@dataclass(frozen=True)
class KeyAgreement:
    """Names of what was found, by version label, in the order in which the server chose it.

    ``dh_bits``: sizes of the primes of finite-field Diffie-Hellman up to TLS 1.2, in bits.
    ``modern_unlisted``: versions that may sign with more algorithms than those listed, all of
    them with hashes newer than SHA-224. ``unmeasured``: what could not be found out, and why.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dh_bits: tuple[int, ...] = ()
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modern_unlisted: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()


class KeyAgreementProbe:
    """Asks one server; ``found`` is what is known of its versions and suites."""

    def __init__(self, prober: Prober, found: Found, *, every: bool = False) -> None:
        self._prober, self._found, self._every = prober, found, every
        self._unmeasured: list[str] = []
        self._modern_unlisted: list[str] = []

    def run(self) -> KeyAgreement:
        """Ask for groups, prime sizes and signatures of every version that is accepted."""
        named: dict[str, tuple[str, ...]] = {}
        signed: dict[str, tuple[str, ...]] = {}
        primes = {e.prime.bit_length() for _, e in self._found.exchanges if e.prime}
        newest = next((v for v in _OLDER if v in self._found.suites), None)
        if TlsVersion.TLS_1_3 in self._found.suites:
            self._try(TlsVersion.TLS_1_3, "groups", named, self._groups13)
        if newest is not None and self._suites(newest, ("ECDHE", "ECDH_anon")):
            self._try(newest, "groups", named, lambda: self._groups_before(newest))
        if TlsVersion.TLS_1_2 in self._found.suites and self._signing():
            self._try(TlsVersion.TLS_1_2, "signatures", signed, self._signatures12)
        return KeyAgreement(
            groups=named,
            dh_bits=tuple(sorted(primes)),
            signatures=signed,
            modern_unlisted=tuple(self._modern_unlisted),
            unmeasured=tuple(self._unmeasured),
        )

    def _try(
        self,
        version: TlsVersion,
        what: str,
        into: dict[str, tuple[str, ...]],
        measure: Callable[[], tuple[str, ...]],
    ) -> None:
        try:
            into[version.label] = measure()
        except LinkError as error:
            self._unmeasured.append(f"{what} of {version.label}: {explain(error)}")

    def _suites(self, version: TlsVersion, kinds: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(
            suite.code
            for suite in self._found.suites[version]
            if suite.key_exchange.startswith(kinds)
        )

    def _signing(self) -> tuple[int, ...]:
        """Suites of TLS 1.2 whose key exchange is signed."""
        suites: list[CipherSuite] = self._found.suites[TlsVersion.TLS_1_2]
        return tuple(s.code for s in suites if s.forward_secret and s.authenticated)

    def _groups13(self) -> tuple[str, ...]:
        """Without a key share the server has to name a group, and computes nothing."""
        suites = tuple(suite.code for suite in self._found.suites[TlsVersion.TLS_1_3])

        def choose(offered: Sequence[int]) -> int | None:
            answer = self._prober.ask(
                ClientHello(TlsVersion.TLS_1_3, suites, groups=tuple(offered))
            )
            of_13 = answer.hello is not None and answer.hello.version == TlsVersion.TLS_1_3
            return answer.hello.group if answer.hello is not None and of_13 else None

        offered = default_groups(TlsVersion.TLS_1_3)
        finite = [code for code in offered if 0x100 <= code < 0x200]
        choices = eliminate(choose, [code for code in offered if code not in finite])
        choices.add(eliminate(choose, finite, 1000 if self._every else 1))
        return tuple(group_name(code) for code in choices.found)

    def _groups_before(self, version: TlsVersion) -> tuple[str, ...]:
        """Curves of a version before 1.3.

        A server with an ECDSA certificate serves only clients that list the curve of its key too
        (RFC 8422, 5.1), so that curve stays in the offer, as the last; what the server prefers it
        to is then asked for without it.
        """
        suites = self._suites(version, ("ECDHE", "ECDH_anon"))
        own = self._certificate_groups()

        def choose(offered: Sequence[int]) -> int | None:
            answer = self._prober.ask(ClientHello(version, suites, groups=tuple(offered)))
            return answer.exchange.group if answer.exchange is not None else None

        def choose_beside(offered: Sequence[int]) -> int | None:
            chosen = choose([*offered, *own])
            return None if chosen in own else chosen

        every = default_groups(version)
        others = [code for code in every if code not in own]
        found = eliminate(choose, others)
        if own:
            rest = [code for code in others if code not in found.found]
            found.add(eliminate(choose_beside, rest))
            found.add(eliminate(choose, own))
        return tuple(group_name(code) for code in found.found)

    def _certificate_groups(self) -> list[int]:
        """Groups of the keys in the server's certificates."""
        names = set()
        for chain in self._found.chains:
            with contextlib.suppress(ValueError, UnsupportedAlgorithm):
                key = x509.load_der_x509_certificate(chain[0]).public_key()
                if isinstance(key, ec.EllipticCurvePublicKey):
                    names.add(key.curve.name)
        return [code for code, group in groups().items() if group.name in names]

    def _signatures12(self) -> tuple[str, ...]:
        """Schemes of TLS 1.2: the old ones to the end, and what a client gets that names none."""
        old = [code for code, scheme in schemes().items() if scheme.hash in LEGACY_HASHES]
        new = [code for code in schemes() if code not in old]
        choices = eliminate(self._signed, new, 1000 if self._every else MODERN)
        if not choices.complete:
            self._modern_unlisted.append(TlsVersion.TLS_1_2.label)
        choices.add(eliminate(self._signed, old))
        unasked = self._signed(None)
        if unasked is not None:
            choices.add(Choices([unasked]))
        return tuple(scheme_name(code) for code in choices.found)

    def _signed(self, offered: Sequence[int] | None) -> int | None:
        """The scheme chosen of these; None lists nothing at all (RFC 5246, 7.4.1.4.1)."""
        listed = None if offered is None else tuple(offered)
        answer = self._prober.ask(
            ClientHello(TlsVersion.TLS_1_2, self._signing(), signatures=listed)
        )
        return answer.exchange.scheme if answer.exchange is not None else None
