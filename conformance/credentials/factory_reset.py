"""A camera put into its factory state, and set up again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conformance.credentials.factory_visit import demand_provisioning
from conformance.credentials.web_accounts import accepts, administrator
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import NotOffered
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.onvif.observations import Outcome
from devices.secrets import Secrets

_RESET_SECONDS = 60.0


@contextmanager
def factory_state(
    *,
    http: HttpLink,
    request: pytest.FixtureRequest,
    camera: Any,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
) -> Iterator[None]:
    """The camera in its factory state, as CRED-001 puts it there; provisioned again afterwards.

    Raises Inconclusive where the bench cannot, or the camera does not return to that state.
    """
    demand_provisioning(device)
    reset(http, request, secrets, evidence)
    try:
        camera.wait_gone(_RESET_SECONDS)
        http.wait_until_it_answers(device.bench.boot_seconds)
        _demand_reset(http, secrets)
        camera.was_reset = True
        yield
    finally:
        camera.provision()
        camera.wait_ready()
        http.forget()


def reset(http: HttpLink, request: pytest.FixtureRequest, secrets: Secrets, evidence: Any) -> None:
    """Put the camera into its factory state, by the web or by ONVIF.

    ``evidence`` observes what is answered. Raises Inconclusive, NotOffered, other link errors.
    """
    if http.offers("factory_reset"):
        admin = administrator(http, secrets)
        answer = evidence.observe(http.perform(admin, "factory_reset"), "factory reset")
        admin.close()
        if not http.done("factory_reset", answer):
            raise Inconclusive(
                f"{why_undone('factory_reset', answer)}; the camera could not be reset",
                "not-offered",
            )
        return
    try:
        onvif = request.getfixturevalue("onvif")
    except Inconclusive:
        raise NotOffered(
            "the device file describes no operation 'factory_reset' under links.http and no "
            "[links.onvif]: the camera cannot be put into its factory state"
        ) from None
    reset = evidence.observe(
        onvif.factory_default(onvif.default_account()), "ONVIF factory default"
    )
    if reset.answer.outcome is not Outcome.DATA:
        raise Inconclusive(
            f"SetSystemFactoryDefault: {reset.answer.outcome.value}: the camera could not be reset",
            "not-offered",
        )


def _demand_reset(http: HttpLink, secrets: Secrets) -> None:
    """The administrator that the bench had set up is gone. Raises Inconclusive."""
    found = secrets.account(role="admin", service="http")
    if found is None:
        raise Inconclusive("the device file gives no administrator for http", "no-account")
    name, account = found
    try:
        still_there = accepts(http, account.username, secrets.password(name)).accepted
    except NotOffered:
        return  # nothing is closed any more
    if still_there:
        raise Inconclusive(
            f"the account {name} still logs in after the reset: the camera is not in its factory "
            "state",
            "not-offered",
        )
