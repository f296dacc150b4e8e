"""Makes detached CMS signatures (RFC 5652), also with digests that are no longer fit for use.

The manufacturer's side of the emulated camera needs those; ``cryptography``'s own builder, rightly,
does not offer SHA-1.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

Digest = Literal["sha1", "sha256", "sha384", "sha512"]
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - made on purpose, to see whether it is refused
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def sign_detached(
    content: bytes, key_pem: bytes, chain_pem: bytes, digest: Digest = "sha256"
) -> bytes:
    """Sign ``content`` and return DER.

    ``key_pem`` is an RSA or EC private key without passphrase; ``chain_pem`` its certificate,
    followed by those of its issuers, which go into the message. Raises TypeError for other keys.
    """
    key = load_pem_private_key(key_pem, None)
    chain = [
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
        for certificate in x509.load_pem_x509_certificates(chain_pem)
    ]
    attributes = _attributes(hashlib.new(digest, content, usedforsecurity=False).digest())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(attributes.dump(), ec.ECDSA(_HASHES[digest]))
        algorithm = f"{digest}_ecdsa"
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(attributes.dump(), padding.PKCS1v15(), _HASHES[digest])
        algorithm = "rsassa_pkcs1v15"
    else:
        raise TypeError(f"cannot sign with a {type(key).__name__}")
    return _message(chain, attributes, signature, algorithm, digest)


def _attributes(digest: bytes) -> cms.CMSAttributes:
    now = cms.Time({"utc_time": core.UTCTime(datetime.now(UTC))})
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
            cms.CMSAttribute({"type": "signing_time", "values": [now]}),
            cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
        ]
    )


def _message(
    chain: list[Any], attributes: cms.CMSAttributes, signature: bytes, algorithm: str, digest: str
) -> bytes:
    identifier = cms.IssuerAndSerialNumber(
        {"issuer": chain[0].issuer, "serial_number": chain[0].serial_number}
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": identifier}),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
            "signed_attrs": attributes,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": algorithm}),
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
            "encap_content_info": {"content_type": "data"},
            "certificates": [cms.CertificateChoices({"certificate": c}) for c in chain],
            "signer_infos": [signer],
        }
    )
    message = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    return bytes(message.dump())
