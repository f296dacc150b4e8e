"""Digest and Basic of lighttpd and nginx judged by the suite; a public ONVIF client as attacker."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from camera_servers import nginx_server
from web_stand import PASSWORD, Kept, Laboratory, laboratory

from conformance import knowledge, policy
from conformance.credentials.test_digest import test_digest_is_not_by_md5_alone as algorithms
from conformance.credentials.test_tricks import test_no_verb_and_no_header_opens_anything as tricks
from conformance.verdict import NotApplicable
from devices import device_file
from devices.emulated.bench.launch import EmulatedCamera
from devices.links.http.digests import HttpNonceUse, nonce_use, web_door
from devices.links.http.raised_logins import Administrator
from devices.links.http.tricks import Trick, TrickSurvey, survey_tricks
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.permit import Permit
from devices.secrets import Secrets

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("default"),  # of libraries that are not ours to mend
]
TRICKS = [Trick(**row) for row in knowledge.load("web_tricks")]
PAGE = {"api": [{"path": "/snapshot.jpg", "roles": ["admin"]}]}
_LIGHTTPD = """\
server.document-root = "{folder}/www"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_auth", "mod_authn_file")
mimetype.assign = (".jpg" => "image/jpeg")
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "digest", "realm" => "camera", "require" => "valid-user"{more}))
"""


@contextmanager
def lighttpd(folder: Path, more: str = "") -> Iterator[Laboratory]:
    """A picture behind lighttpd's own digest."""
    program = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
    if not Path(program).exists():
        pytest.fail("lighttpd is not installed; see tests/interop/debian-packages.txt")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "www").mkdir()
    (folder / "www" / "snapshot.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(200)))
    (folder / "users").write_text(f"admin:{PASSWORD}\nprobe:{PASSWORD}\n")
    (folder / "lighttpd.conf").write_text(_LIGHTTPD.format(folder=folder, port=port, more=more))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "-D", "-f", str(folder / "lighttpd.conf")], stdout=log, stderr=log
        )
        try:
            lab = laboratory(f"http://127.0.0.1:{port}", folder, declared=PAGE)
            lab.http.wait_until_it_answers(20)
            yield lab
            lab.http.close()
        finally:
            server.kill()
            server.wait()


def judge_algorithms(lab: Laboratory) -> None:
    algorithms(SimpleNamespace(link=lambda _: lab.http), lab.device, Kept(), policy.load)


def survey(lab: Laboratory) -> TrickSurvey:
    return survey_tricks(
        lab.http,
        TRICKS,
        callers={"nobody": lab.http.anonymous()},
        targets={"nobody": ["/snapshot.jpg"]},
        admin=Administrator(lab.http.account("admin")),
        changing=[],
    )


def nonces(lab: Laboratory) -> HttpNonceUse:
    return nonce_use(web_door(lab.http, "/snapshot.jpg", "admin", PASSWORD))[0]


def test_lighttpd_with_both_algorithms_offers_sha_256(tmp_path: Path) -> None:
    with lighttpd(tmp_path, ', "algorithm" => "SHA-256|MD5"') as lab:
        judge_algorithms(lab)
        survey_of_it = survey(lab)
        assert survey_of_it.tried == len(TRICKS)
        tricks(survey_of_it)


def test_lighttpd_with_md5_alone_fails_and_does_not_count(tmp_path: Path) -> None:
    with lighttpd(tmp_path, ', "algorithm" => "MD5"') as lab:
        with pytest.raises(AssertionError, match="digest by MD5 alone"):
            judge_algorithms(lab)
        use = nonces(lab)
        # Its nonces hold the time, and it keeps no list of counts (mod_auth.c).
        assert (use.repeated, use.control) == (True, True)


def test_nginx_with_basic_yields_to_no_trick_and_has_no_digest(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    accounts = {"admin": PASSWORD, "probe": PASSWORD}
    with nginx_server(tmp_path, "127.0.0.1", port, pem=None, accounts=accounts):
        lab = laboratory(
            f"http://127.0.0.1:{port}", tmp_path, http={"authentication": "basic"}, declared=PAGE
        )
        found = survey(lab)
        assert found.tried == len(TRICKS)
        tricks(found)
        with pytest.raises(NotApplicable, match="neither HTTP digest nor ONVIF"):
            judge_algorithms(lab)
        lab.http.close()


class Attacker:
    """onvif-python against an emulated camera, with tokens that zeep makes as it is told."""

    def __init__(self, ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        onvif = pytest.importorskip("onvif", reason="onvif-python is not installed")
        self.device = device_file.load(ready.device_file)
        link = self.device.links.onvif
        assert link is not None
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(link.trust))
        parts = urlsplit(link.url)
        make: Any = onvif.ONVIFClient
        self._make: Callable[[str, str], Any] = lambda name, password: make(
            parts.hostname, parts.port, name, password, use_https=True, verify_ssl=True
        )

    def service(self, account: str, **token: Any) -> Any:
        """The device service as an account; ``token`` are arguments of zeep's UsernameToken."""
        from zeep.wsse.username import UsernameToken  # noqa: PLC0415 - comes with it

        name = self.device.accounts[account].username
        password = Secrets(self.device).password(account)
        service = self._make(name, password).devicemgmt()
        if token:
            make: Any = UsernameToken
            service.operator.client.wsse = make(name, password, **{"use_digest": True, **token})
        return service


def test_a_public_client_finds_what_the_cases_find(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    with EmulatedCamera() as ready:
        attacker = Attacker(ready, monkeypatch)
        assert attacker.service("viewer").GetDeviceInformation().Model
        with pytest.raises(Exception, match=r"(?i)not ?authorized"):
            attacker.service("viewer", created=ahead, zulu_timestamp=True).GetDeviceInformation()
        with pytest.raises(Exception, match=r"(?i)not ?authorized"):
            attacker.service("viewer").GetSystemLog(LogType="System")
    flaws = {
        "onvif_token_flaws": ["future"],
        "onvif_open_operations": ["GetSystemLog", "DeleteUsers"],
    }
    with EmulatedCamera(flaws) as ready:
        attacker = Attacker(ready, monkeypatch)
        late = attacker.service("viewer", created=ahead, zulu_timestamp=True)
        assert late.GetDeviceInformation().Model
        assert attacker.service("viewer").GetSystemLog(LogType="System")
        admin = attacker.service("admin")
        admin.CreateUsers(
            User=[{"Username": "newcomer", "Password": "Velvet-Canyon-5", "UserLevel": "User"}]
        )
        attacker.service("viewer").DeleteUsers(Username=["newcomer"])
        assert "newcomer" not in {found.Username for found in admin.GetUsers()}


@pytest.mark.parametrize(
    ("flaws", "replays", "in_clear"),
    [
        ({}, False, False),
        ({"onvif_replay_window": False}, True, False),
        ({"onvif_password_text": True}, False, True),
    ],
)
def test_a_public_client_and_the_link_agree_on_recorded_logins(
    monkeypatch: pytest.MonkeyPatch, flaws: dict[str, Any], *, replays: bool, in_clear: bool
) -> None:
    recorded = {
        "nonce": secrets.token_hex(8),
        "created": datetime.now(UTC).replace(tzinfo=None),
        "zulu_timestamp": True,
    }
    with EmulatedCamera(flaws) as ready:
        attacker = Attacker(ready, monkeypatch)
        assert attacker.service("viewer", **recorded).GetDeviceInformation().Model
        assert replays is admitted(attacker.service("viewer", **recorded))
        assert in_clear is admitted(attacker.service("viewer", use_digest=False))
        device = attacker.device
        granted = device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        found = OnvifLink(device, permit, Secrets(device)).replay("viewer")
    assert (found.repeated is Outcome.DATA, found.password_text is Outcome.DATA) == (
        replays,
        in_clear,
    )


def admitted(service: Any) -> bool:
    """Whether the camera answers this login."""
    try:
        return bool(service.GetDeviceInformation().Model)
    except Exception as error:  # the client has many kinds
        if "authorized" not in str(error).lower():
            raise
        return False
