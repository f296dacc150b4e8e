"""What firmware signatures are made of."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.firmware.inspection import BundleSignature


@case(
    "UPDATE-011",
    severity="high",
    needs=("image",),
    catches=("update-sha1", "update-weak-key"),
    applies_to=("update",),
)
def test_bundles_are_signed_strongly(bundle_signature: BundleSignature, policy: Any) -> None:
    """Firmware bundles are signed with strong algorithms.

    Method: read the signature of the genuine bundle that the device file declares, without the
    camera: digest algorithm, type and size of the signer's key, digest in the signer's
    certificate; verify it against the declared signing authority, and the software against it.
    Pass: the bundle is signed; every algorithm and key is within the policy
    conformance/policies/update_signatures.toml; and, where the authority is declared, the
    signature verifies.
    """
    rules = policy("update_signatures")
    if not bundle_signature.signers and bundle_signature.problem:
        raise Inconclusive(
            f"{bundle_signature.file} cannot be read: {bundle_signature.problem}", "garbled"
        )
    assert bundle_signature.signers, f"{bundle_signature.file} is not signed"
    faults = []
    for signer in bundle_signature.signers:
        faults += [
            f"digest {digest}, expected one of {', '.join(rules['digests'])}"
            for digest in (signer.digest, signer.certificate_digest)
            if digest and digest not in rules["digests"]
        ]
        least = rules["minimum_bits"].get(signer.key_type)
        if least is None or signer.key_bits < least:
            faults.append(
                f"key {signer.key_type} with {signer.key_bits} bits, expected "
                + ", ".join(f"{kind} from {bits}" for kind, bits in rules["minimum_bits"].items())
            )
    if bundle_signature.verified is False:
        faults.append(f"it does not verify: {bundle_signature.problem}")
    assert not faults, f"{bundle_signature.file}: {'; '.join(faults)}"
