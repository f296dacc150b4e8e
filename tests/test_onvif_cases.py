"""What the ONVIF test cases make of observations: FAIL, PASS, and when they cannot judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from onvif_stand import Stand, onvif_stand

from conformance import knowledge, policy
from conformance.credentials import test_onvif as cases
from conformance.credentials.test_published_accounts import (
    test_no_published_account_opens_onvif as judge_published_accounts,
)
from conformance.streams.test_stream_uri import test_stream_addresses as judge_addresses
from conformance.verdict import Inconclusive
from devices.emulated.posture import Posture
from devices.errors import NotOffered
from devices.links.onvif.observations import (
    MediaUri,
    MediaUris,
    OnvifAccess,
    OnvifReplay,
    OperationAnswer,
    Outcome,
)
from devices.protocols.onvif_operations import AccessClass
from devices.secrets import Secrets

EVIDENCE: Any = SimpleNamespace(observe=lambda observation, *_: observation)
ADDRESS = "127.83.7.9"


def secrets_of(stand: Stand) -> Secrets:
    found = Secrets(stand.device)
    found.check()
    return found


def judge_roles(stand: Stand) -> None:
    admin = stand.link.access("admin")
    cases.test_onvif_roles(
        onvif=stand.link,
        onvif_anonymous_access=stand.link.access(),
        onvif_admin_access=admin,
        secrets=secrets_of(stand),
        evidence=EVIDENCE,
        policy=policy.load,
    )


def judge_guessing(stand: Stand) -> None:
    cases.test_onvif_guessing(stand.link, stand.device, EVIDENCE, policy.load)


def judge_replay(stand: Stand) -> None:
    cases.test_onvif_replay(stand.link.replay(stand.link.expendable_account()))


def judge_anonymous(stand: Stand) -> None:
    link = stand.link
    cases.test_onvif_without_login(link.access(), link.access("admin"), policy.load)


def judge_uris(stand: Stand) -> None:
    link = stand.link
    judge_addresses(link.stream_uris(), link.snapshot_uris(), secrets_of(stand), policy.load)


def judge_published(stand: Stand) -> None:
    judge_published_accounts(
        onvif=stand.link,
        device=stand.device,
        secrets=secrets_of(stand),
        evidence=EVIDENCE,
        knowledge=knowledge.load,
        policy=policy.load,
    )


JUDGES = (judge_roles, judge_replay, judge_anonymous, judge_uris, judge_published, judge_guessing)
TELL_LOGINS = (judge_replay, judge_published, judge_guessing)
"""What cannot judge a camera that is open to all."""


def test_the_compliant_camera_passes_all(tmp_path: Path) -> None:
    with onvif_stand(tmp_path, ADDRESS) as stand:
        for judge in JUDGES:
            judge(stand)


@pytest.mark.parametrize(
    ("posture", "judge"),
    [
        (Posture(onvif_roles_enforced=False), judge_roles),
        (Posture(lockout_onvif=False), judge_guessing),
        (Posture(onvif_replay_window=False), judge_replay),
        (Posture(onvif_password_text=True), judge_replay),
        (Posture(extra_onvif_account="supervisor:supervisor"), judge_published),
        (Posture(onvif_anonymous=True), judge_anonymous),
        (Posture(stream_uri="rtsp"), judge_uris),
        (Posture(stream_uri="credentials"), judge_uris),
    ],
)
def test_each_fault_fails_its_own_case_alone(
    tmp_path: Path, posture: Posture, judge: Callable[[Stand], None]
) -> None:
    with onvif_stand(tmp_path, ADDRESS, posture) as stand:
        for other in JUDGES:
            if other is judge:
                with pytest.raises(AssertionError):
                    other(stand)
            elif posture.onvif_anonymous and other in TELL_LOGINS:
                with pytest.raises(NotOffered, match="see CRED-015"):
                    other(stand)
            elif posture.onvif_anonymous and other is judge_roles:
                with pytest.raises(Inconclusive, match="not seen to be taken"):
                    other(stand)
            else:
                other(stand)
        assert not [user for user in stand.camera.accounts.users() if user.name.startswith("x")]


def uris(*addresses: str) -> MediaUris:
    return MediaUris(uris=tuple(MediaUri("media", "p1", "RTSP", address) for address in addresses))


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://192.0.2.7/live",
        "rtsps://192.0.2.7/user=admin_password=tlJwpbo6_channel=1.sdp",
        "rtsps://192.0.2.7/live?channel=1&pwd=12345",
        "rtsps://admin:12345@192.0.2.7/live",
        "rtsps://[bad",
        "",
    ],
)
def test_bad_addresses_fail(address: str, tmp_path: Path) -> None:
    secrets: Any = SimpleNamespace(redact=lambda data: data)
    with pytest.raises(AssertionError):
        judge_addresses(uris(address), uris(), secrets, policy.load)


def test_addresses_of_other_makers_pass() -> None:
    secrets: Any = SimpleNamespace(redact=lambda data: data)
    good = "rtsps://192.0.2.7:322/Streaming/Channels/101?transportmode=unicast&profile=Profile_1"
    judge_addresses(uris(good), uris("https://192.0.2.7/snap.jpg"), secrets, policy.load)
    with pytest.raises(Inconclusive):
        judge_addresses(uris(), uris(), secrets, policy.load)


def access(outcome: Outcome, operation: str = "GetUsers") -> OnvifAccess:
    answer = OperationAnswer(
        "device", operation, AccessClass.READ_SYSTEM_SECRET, "anonymous", outcome, 200
    )
    return OnvifAccess(caller="anonymous", role="anonymous", answers=(answer,))


@pytest.mark.parametrize(
    ("nobody", "admin"),
    [
        (Outcome.NOT_SUPPORTED, Outcome.NOT_SUPPORTED),
        (Outcome.NOT_AUTHORISED, Outcome.NOT_AUTHORISED),
        (Outcome.OTHER, Outcome.DATA),
    ],
)
def test_silence_is_no_refusal(nobody: Outcome, admin: Outcome) -> None:
    with pytest.raises(Inconclusive):
        cases.test_onvif_without_login(access(nobody), access(admin), policy.load)


def test_without_a_fresh_login_there_is_nothing_to_replay() -> None:
    refused = Outcome.NOT_AUTHORISED
    with pytest.raises(Inconclusive):
        cases.test_onvif_replay(
            OnvifReplay(scheme="UsernameToken", fresh=refused, repeated=refused)
        )


@pytest.mark.parametrize(
    ("attempts", "user", "shortfall"),
    [(5, "", ""), (5, "root", "of 'root', which the camera lists as its users")],
)
def test_pairs_left_out_for_a_lock_count_where_their_user_is_listed(
    tmp_path: Path, attempts: int, user: str, shortfall: str
) -> None:
    kept: list[Any] = []
    evidence = SimpleNamespace(observe=lambda observation, *_: kept.append(observation))
    rows = [
        {"service": "http", "username": "root", "password": f"x{n}", "vendor": "V"}
        for n in range(9)
    ]
    with onvif_stand(tmp_path, ADDRESS) as stand:
        if user:
            stand.camera.accounts.create(user, "Hidden-Valley-4", "admin")
        declared = {"lockout": {"attempts": attempts, "seconds": 300}}
        content = stand.device.model_dump(exclude_unset=True) | {"declared": declared}
        device = type(stand.device).model_validate(content)
        judge_published_accounts(
            onvif=stand.link,
            device=device,
            secrets=secrets_of(stand),
            evidence=evidence,
            knowledge=lambda _: rows,
            policy=policy.load,
        )
    assert len(kept[-1].left_out) == 5
    assert shortfall in kept[-1].shortfall
    assert bool(kept[-1].shortfall) == bool(shortfall)
