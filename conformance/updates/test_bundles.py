"""Bundles that must be refused: each changed so that one check alone can notice it."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.updates.refusal import demand_refusals


@case(
    "UPDATE-002",
    severity="critical",
    needs=("image",),
    catches=("update-payload-unchecked",),
    changes="firmware",
    applies_to=("update",),
)
def test_a_changed_payload_is_refused(update_trials: Any, evidence: Any) -> None:
    """A bundle with changed software is refused.

    Method: take the genuine bundle that the device file declares, change one byte of the software
    in it, recompute every checksum of the container and its compression, leave description and
    signature as they are, and upload it as administrator. The byte is in a text file where there
    is one. Should the camera install it, the genuine bundle is installed over it. When all such
    bundles were offered, the genuine one is uploaded in the same way.
    Pass: the camera refuses the upload for its content, does not restart, and reports the version
    that it had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-002")


@case(
    "UPDATE-003",
    severity="critical",
    needs=("image",),
    catches=("update-signature-unchecked",),
    changes="firmware",
    applies_to=("update",),
)
def test_a_changed_description_or_signature_is_refused(update_trials: Any, evidence: Any) -> None:
    """A bundle whose description or signature was changed is refused.

    Method: from the genuine bundle make one whose signed description states another version, and
    one whose signature value differs in its last byte; upload both as administrator, and later
    the genuine one.
    Pass: the camera refuses both for their content, does not restart, and reports the version that
    it had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-003")


@case(
    "UPDATE-004",
    severity="critical",
    needs=("image",),
    catches=("update-any-signer", "update-signature-unchecked"),
    changes="firmware",
    applies_to=("update",),
)
def test_a_bundle_of_another_signer_is_refused(update_trials: Any, evidence: Any) -> None:
    """A bundle signed by somebody else is refused.

    Method: sign the genuine bundle again with a key made for this test, under a certificate chain
    with exactly the names of the genuine one, and upload it as administrator; later the genuine
    one.
    Pass: the camera refuses it for its content, does not restart, and reports the version that it
    had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-004")


@case(
    "UPDATE-005",
    severity="critical",
    needs=("image",),
    catches=("update-unsigned",),
    changes="firmware",
    applies_to=("update",),
)
def test_an_unsigned_bundle_is_refused(update_trials: Any, evidence: Any) -> None:
    """A bundle without signature is refused.

    Method: remove the signature from the genuine bundle and upload it as administrator; later the
    genuine one.
    Pass: the camera refuses it for its content, does not restart, and reports the version that it
    had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-005")


@case(
    "UPDATE-007",
    severity="high",
    needs=("image",),
    catches=("update-truncated",),
    changes="firmware",
    applies_to=("update",),
)
def test_a_truncated_bundle_is_refused(update_trials: Any, evidence: Any) -> None:
    """A bundle that ends early is refused.

    Method: upload the first half and the first nine tenths of the genuine bundle as
    administrator; later the whole of it.
    Pass: the camera refuses both for their content, does not restart, and reports the version that
    it had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-007")


@case(
    "UPDATE-010",
    severity="high",
    needs=("image",),
    catches=("update-wrong-model",),
    changes="firmware",
    applies_to=("update",),
)
def test_a_bundle_for_another_model_is_refused(update_trials: Any, evidence: Any) -> None:
    """A genuine bundle for another model is refused.

    Method: upload, as administrator, a bundle that the manufacturer made and signed for another
    model (declared.update.other_model in the device file); later the genuine one for this model.
    Pass: the camera refuses it for its content, does not restart, and reports the version that it
    had; and it takes the genuine bundle.
    """
    demand_refusals(update_trials, evidence, "UPDATE-010")
