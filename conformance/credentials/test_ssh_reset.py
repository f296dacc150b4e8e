"""CRED-025: what a factory reset leaves of the SSH server's identity."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import case
from conformance.credentials.factory_reset import factory_state
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.link import HttpLink
from devices.links.ssh.link import SshLink
from devices.links.ssh.observations import SshOffer
from devices.secrets import Secrets


@case(
    "CRED-025",
    severity="medium",
    needs=("ssh", "http"),
    catches=("cred-ssh-key-kept",),
    changes="factory",
    applies_to=("ssh", "http"),
)
def test_the_ssh_host_key_changes_at_factory_reset(
    *,
    request: pytest.FixtureRequest,
    ssh_offer: SshOffer,
    ssh: SshLink,
    http: HttpLink,
    camera: Any,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
) -> None:
    """The SSH host key changes at factory reset.

    Method: compare the host keys read at the beginning of the run with those read after the camera
    was put into its factory state and provisioned again: by CRED-001 of the same run, where that
    saw it happen, else now and in the same way.
    Pass: no host key of before is shown after.
    """
    if not ssh_offer.host_keys:
        raise Inconclusive(f"no host key of {ssh_offer.endpoint} was obtained before the reset")
    if not camera.was_reset:
        with factory_state(
            http=http,
            request=request,
            camera=camera,
            device=device,
            secrets=secrets,
            evidence=evidence,
        ):
            pass
    ssh.close()
    after = evidence.observe(ssh.offer(), "after the reset")
    if not after.host_keys:
        raise Inconclusive(f"no host key of {after.endpoint} was obtained after the reset")
    before = {key.fingerprint for key in ssh_offer.host_keys}
    kept = [f"{k.algorithm} {k.fingerprint}" for k in after.host_keys if k.fingerprint in before]
    assert not kept, f"{after.endpoint}: the factory reset leaves the host key " + ", ".join(kept)
