"""Certification path of a signer of firmware, up to a trust anchor (RFC 5280, section 6, in part).

Checked: signatures, validity, CA flag, path length, key usage, extended key usage, no unknown
critical extension. Not checked: revocation (cameras install offline), names and policies.
Deliberately without a minimum key size: what is weak is a matter for policy, not for parsing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

_E = TypeVar("_E", bound=x509.ExtensionType)
_LONGEST = 8
_SIGNER_USAGES = {
    ExtendedKeyUsageOID.CODE_SIGNING,
    ExtendedKeyUsageOID.EMAIL_PROTECTION,  # what OpenSSL's and SWUpdate's default asks for
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,
}


class UntrustedSignerError(ValueError):
    """No acceptable path from the certificate to a trust anchor; the message says why."""


def certification_path(
    leaf: x509.Certificate,
    others: Iterable[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime | None = None,
) -> tuple[x509.Certificate, ...]:
    """Return the path from ``leaf`` to one of ``anchors`` (anchor last).

    ``others`` are certificates that came with the message; ``at`` defaults to now. Raises
    UntrustedSignerError.
    """
    try:
        return tuple(_path(leaf, [*anchors, *others], anchors, at or datetime.now(UTC)))
    except UntrustedSignerError:
        raise
    except Exception as error:  # fields are parsed when they are looked at, with many exceptions
        raise UntrustedSignerError(f"a certificate cannot be read: {error}") from error


def _path(
    leaf: x509.Certificate,
    pool: list[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    moment: datetime,
) -> list[x509.Certificate]:
    path = [leaf]
    while path[-1] not in anchors:
        if len(path) > _LONGEST:
            raise UntrustedSignerError("the chain of certificates is too long")
        path.append(_issuer(path, pool))
    for depth, certificate in enumerate(path):
        _check(certificate, depth, moment)
    return path


def _issuer(path: list[x509.Certificate], pool: list[x509.Certificate]) -> x509.Certificate:
    """Anchors come first in ``pool``, so a path to one is found before a detour."""
    child = path[-1]
    for candidate in pool:
        if candidate.subject == child.issuer and candidate not in path:
            try:
                child.verify_directly_issued_by(candidate)
            except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
                continue
            return candidate
    raise UntrustedSignerError(
        f"{child.subject.rfc4514_string()} was not issued by a trusted authority"
    )


def _check(certificate: x509.Certificate, depth: int, moment: datetime) -> None:
    name = certificate.subject.rfc4514_string()
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise UntrustedSignerError(f"the certificate of {name} is not valid on {moment:%Y-%m-%d}")
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension) as error:
        raise UntrustedSignerError(
            f"the certificate of {name} has unreadable extensions"
        ) from error
    unknown = [e.oid.dotted_string for e in extensions if e.critical and e.oid not in _UNDERSTOOD]
    if unknown:
        raise UntrustedSignerError(
            f"the certificate of {name} has a critical extension {unknown[0]}"
        )
    if depth:
        _check_authority(extensions, name, depth)
    else:
        _check_signer(extensions, name)


def _check_authority(extensions: x509.Extensions, name: str, depth: int) -> None:
    constraints = _find(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise UntrustedSignerError(f"{name} is not a certification authority")
    if constraints.path_length is not None and depth - 1 > constraints.path_length:
        raise UntrustedSignerError(f"the path below {name} is longer than it allows")
    usage = _find(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise UntrustedSignerError(f"{name} may not sign certificates")


def _check_signer(extensions: x509.Extensions, name: str) -> None:
    usage = _find(extensions, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise UntrustedSignerError(f"the key of {name} may not sign messages")
    purposes = _find(extensions, x509.ExtendedKeyUsage)
    if purposes is not None and not _SIGNER_USAGES.intersection(purposes):
        raise UntrustedSignerError(f"the key of {name} may not sign code")


def _find(extensions: x509.Extensions, kind: type[_E]) -> _E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
