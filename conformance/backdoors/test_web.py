"""BACKDOOR-007 and 008: ways around the web login, and pages that nobody documents."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.bypass import BypassResult, BypassSurvey
from devices.links.http.observations import PageSurvey


@case(
    "BACKDOOR-007",
    severity="critical",
    needs=("http",),
    catches=(
        "backdoor-auth-parameter",
        "backdoor-config-download",
        "backdoor-double-slash",
        "backdoor-cookie",
    ),
    applies_to=("http",),
)
def test_no_published_bypass_opens_the_web_interface(web_bypasses: BypassSurvey) -> None:
    """No published bypass opens the web interface.

    Method: without login, send each published read-only request that avoided the login of some
    camera, and put each published trick (parameter, path, suffix, cookie, header) to closed
    resources of this camera. Send each once more without the trick, or to a path that cannot
    exist, and compare with what a logged-in user gets.
    Pass: with the trick nothing opens that is closed without it.
    """
    if not web_bypasses.results:
        raise Inconclusive("no bypass was tried", "insufficient")
    opened = [result for result in web_bypasses.results if result.opened]
    assert not opened, "The login is avoided by " + "; ".join(_told(r) for r in opened)


def _told(result: BypassResult) -> str:
    answer, counter = result.answer, result.counter
    assert answer is not None
    without = f"{counter.status} without the trick" if counter else "no answer without the trick"
    return (
        f"{result.bypass} {result.name}: {answer.request} answers {answer.status} with "
        f"{answer.body_bytes} bytes, {without}"
    )


@case(
    "BACKDOOR-008",
    severity="high",
    needs=("http",),
    catches=("backdoor-debug-page",),
    applies_to=("http",),
)
def test_no_debug_page_answers_without_login(web_pages: PageSurvey, device: DeviceFile) -> None:
    """No debug page answers without login.

    Method: without login, ask for the pages of manufacture, support and test that cameras were
    found with; ask each time for a made-up page beside it too.
    Pass: no such page answers with content of its own, unless the device file declares it open.
    """
    if not web_pages.looks:
        raise Inconclusive("no page was asked for", "insufficient")
    declared = {resource.path for resource in device.declared.api if "anonymous" in resource.roles}
    found = [look for look in web_pages.looks if look.there and look.path not in declared]
    assert not found, "Undeclared pages answer without login: " + "; ".join(
        f"{look.answer.request} with {look.answer.status} and {look.answer.body_bytes} bytes "
        f"({look.source})"
        for look in found
        if look.answer
    )
