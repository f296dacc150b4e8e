"""Whether a chain of certificates leads to an authority (RFC 5280, section 6).

The cryptography library validates the path. Its policy is the web's for algorithms (SHA-1 and RSA
below 2048 bits sign nothing) and is widened to what RFC 5280 asks for the extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509 import verification

from devices.identity.certificates import key_text, readable

_LONGEST_PATH = 8


@dataclass(frozen=True)
class PathValidation:
    """Whether a chain leads to an authority.

    ``trusted`` says so; otherwise ``problem`` says why not. ``undecided`` is set when the library
    knows no rule for an algorithm in the chain: then nothing follows.
    """

    trusted: bool
    problem: str = ""
    undecided: bool = False


def validate_path(
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime | None = None,
) -> PathValidation:
    """Whether ``chain`` (leaf first) leads to one of ``anchors`` at the time ``at`` (now).

    Purposes and names of the leaf are not judged: a device identity is not bound to either.
    """
    if not anchors:
        return PathValidation(trusted=False, problem="no authority is given", undecided=True)
    if foreign := _beyond_the_library([*chain, *anchors]):
        problem = f"a key of type {foreign} cannot be judged here"
        return PathValidation(trusted=False, problem=problem, undecided=True)
    moment = at or datetime.now(UTC)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(list(anchors)))
        .time(moment)
        .max_chain_depth(_LONGEST_PATH)
        .extension_policies(
            ca_policy=_authority_policy(),
            ee_policy=verification.ExtensionPolicy.permit_all(),
        )
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except verification.VerificationError as error:
        return PathValidation(trusted=False, problem=_reason(chain, anchors, moment, str(error)))
    return PathValidation(trusted=True)


def _authority_policy() -> verification.ExtensionPolicy:
    """What RFC 5280, 6.1.4 (k) and (n), asks of an authority, and no more.

    The rules of the web's authorities beyond that (key identifiers, criticality) bind no maker.
    """

    def may_issue(_: object, certificate: x509.Certificate, value: x509.BasicConstraints) -> None:
        if not value.ca:
            raise ValueError(f"{readable(certificate.subject)} is no authority")

    def may_sign(_: object, certificate: x509.Certificate, value: x509.KeyUsage | None) -> None:
        if value is not None and not value.key_cert_sign:
            raise ValueError(f"{readable(certificate.subject)} may not sign certificates")

    either = verification.Criticality.AGNOSTIC
    return (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, either, may_issue)
        .may_be_present(x509.KeyUsage, either, may_sign)
    )


def _reason(
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    said: str,
) -> str:
    """Why a path was refused, in the words of its certificates rather than of the library."""
    for certificate in chain:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begin <= at <= end:
            of = readable(certificate.subject)
            return f"the certificate of {of} is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d} only"
    expected = "; ".join(readable(anchor.subject) for anchor in anchors)
    if chain[-1].issuer not in [anchor.subject for anchor in anchors]:
        return (
            f"its last issuer is {readable(chain[-1].issuer)}, the authority expected is {expected}"
        )
    return f"its path to {expected} does not hold ({said[:300]})"


_KNOWN_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def _beyond_the_library(certificates: Sequence[x509.Certificate]) -> str:
    """The kind of the first key whose algorithm the library's policy leaves out, or nothing."""
    for certificate in certificates:
        kind = key_text(certificate)
        if kind.startswith("EC ") and kind.removeprefix("EC ") in _KNOWN_CURVES:
            continue
        if not kind.startswith("RSA "):
            return kind
    return ""
