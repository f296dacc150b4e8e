"""Detached CMS signatures (RFC 5652) as update bundles carry them: verified, and described.

Verification follows RFC 5652, section 5.6: with signed attributes, the signature covers their DER
encoding and ``messageDigest`` covers the content. Every signer must verify, as OpenSSL demands.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from devices.firmware.chain import UntrustedSignerError, certification_path

MAX_BYTES = 1024 * 1024
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class CmsError(ValueError):
    """The signature cannot be read, is not valid, or comes from an untrusted signer."""


@dataclass(frozen=True)
class SignatureFacts:
    """One signer of a CMS message.

    ``digest`` is ``sha256`` and the like; ``key_type`` ``rsa``, ``ec`` or ``ed25519``;
    ``key_bits`` the size of modulus or curve; ``certificate_digest`` the hash in the signature on
    the signer's own certificate, empty when it has none (Ed25519).
    """

    digest: str
    key_type: str
    key_bits: int
    subject: str
    issuer: str
    certificate_digest: str
    certificate: bytes


def load_trust(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read trust anchors from PEM; raises CmsError when there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise CmsError(f"the trust anchor is not PEM certificates: {error}") from error


def describe_signers(message: bytes) -> tuple[SignatureFacts, ...]:
    """Describe the signers of a CMS message without verifying it; raises CmsError."""
    return tuple(_facts(info, leaf) for info, leaf, _ in _signers(message))


def verify_detached(
    message: bytes,
    content: bytes,
    trust: Sequence[x509.Certificate] | None,
    at: datetime | None = None,
) -> tuple[SignatureFacts, ...]:
    """Verify ``message`` (DER or PEM) over ``content`` and return its signers.

    ``trust`` None verifies the signature with whatever certificate came along, without asking
    who that is. Raises CmsError.
    """
    facts = []
    for info, leaf, others in _signers(message):
        try:
            _verify_signer(info, leaf, content)
        except CmsError:
            raise
        except Exception as error:  # asn1crypto parses lazily and raises what it happens to meet
            raise CmsError(f"the signature cannot be read: {error}") from error
        if trust is not None:
            try:
                certification_path(leaf, others, trust, at)
            except UntrustedSignerError as error:
                raise CmsError(str(error)) from error
        facts.append(_facts(info, leaf))
    return tuple(facts)


def _signers(
    message: bytes,
) -> Iterator[tuple[Any, x509.Certificate, list[x509.Certificate]]]:
    """Yield SignerInfo, certificate of the signer, and all certificates; at least once."""
    try:
        yield from _parsed_signers(message)
    except (CmsError, GeneratorExit):
        raise
    except Exception as error:  # as above: lazy parsing of hostile bytes
        raise CmsError(f"not a CMS signature: {error}") from error


def _parsed_signers(
    message: bytes,
) -> Iterator[tuple[Any, x509.Certificate, list[x509.Certificate]]]:
    if len(message) > MAX_BYTES:
        raise CmsError(f"{len(message)} bytes are more than a signature may have")
    info = cms.ContentInfo.load(_der(message), strict=True)
    if info["content_type"].native != "signed_data":
        raise CmsError(f"CMS content type {info['content_type'].native}, not signed data")
    signed = info["content"]
    certificates = [
        x509.load_der_x509_certificate(choice.chosen.dump())
        for choice in signed["certificates"] or []
        if choice.name == "certificate"
    ]
    signer_infos = list(signed["signer_infos"])
    if not signer_infos:
        raise CmsError("the CMS message has no signer")
    for signer in signer_infos:
        yield signer, _leaf(signer["sid"], certificates), certificates


def _der(message: bytes) -> bytes:
    if not message.startswith(b"-----BEGIN"):
        return message
    from asn1crypto import pem  # noqa: PLC0415 - rare

    return bytes(pem.unarmor(message)[2])


def _leaf(sid: Any, certificates: list[x509.Certificate]) -> x509.Certificate:
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            wanted = sid.chosen
            if certificate.serial_number == wanted["serial_number"].native and (
                certificate.issuer.public_bytes() == wanted["issuer"].dump()
            ):
                return certificate
        else:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            if extension.value.digest == sid.chosen.native:
                return certificate
    raise CmsError("the signer's certificate is not in the message")


def _verify_signer(info: Any, leaf: x509.Certificate, content: bytes) -> None:
    digest = _digest_name(info)
    covered = content
    attributes = info["signed_attrs"]
    if attributes and not isinstance(attributes, core.Void):
        _check_attributes(attributes, hashlib.new(digest, content, usedforsecurity=False).digest())
        covered = attributes.untag().dump()
    try:
        _verify(leaf, info, digest, covered)
    except InvalidSignature as error:
        raise CmsError("the signature does not fit the content") from error
    except UnsupportedAlgorithm as error:
        raise CmsError(f"unsupported algorithm: {error}") from error


def _check_attributes(attributes: Any, digest: bytes) -> None:
    found = {attribute["type"].native: attribute["values"] for attribute in attributes}
    stated = found.get("message_digest")
    if stated is None or len(stated) != 1 or "content_type" not in found:
        raise CmsError("the signed attributes lack contentType or messageDigest")
    if not hmac.compare_digest(stated[0].native, digest):
        raise CmsError("the signature is over other content (messageDigest differs)")


def _verify(leaf: x509.Certificate, info: Any, digest: str, covered: bytes) -> None:
    key, signature = leaf.public_key(), info["signature"].native
    algorithm = _HASHES[digest]()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, covered, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, covered)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, covered, _padding(info, algorithm), algorithm)
    else:
        raise CmsError(f"unsupported key type {type(key).__name__}")


def _padding(info: Any, algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if info["signature_algorithm"].signature_algo == "rsassa_pss":
        length = info["signature_algorithm"]["parameters"]["salt_length"].native
        return padding.PSS(padding.MGF1(algorithm), length)
    return padding.PKCS1v15()


def _digest_name(info: Any) -> str:
    name = str(info["digest_algorithm"]["algorithm"].native)
    if name not in _HASHES:
        raise CmsError(f"unsupported digest algorithm {name}")
    return name


def _facts(info: Any, leaf: x509.Certificate) -> SignatureFacts:
    try:
        key_type, bits = _key_facts(leaf)
        certificate_hash = leaf.signature_hash_algorithm
        return SignatureFacts(
            digest=_digest_name(info),
            key_type=key_type,
            key_bits=bits,
            subject=leaf.subject.rfc4514_string(),
            issuer=leaf.issuer.rfc4514_string(),
            certificate_digest=certificate_hash.name if certificate_hash else "",
            certificate=leaf.public_bytes(Encoding.DER),
        )
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        # KeyError: what older cryptography says to a name in a string type that it does not know.
        raise CmsError(f"the signer's certificate cannot be read: {error}") from error


def _key_facts(leaf: x509.Certificate) -> tuple[str, int]:
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", 256
    return type(key).__name__, 0
