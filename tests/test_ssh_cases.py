"""The SSH test cases on observations that pass, fail and show nothing; settings of SSH servers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_stand import Kept

from conformance import knowledge, policy
from conformance.credentials import test_ssh_logins as logins
from conformance.credentials import test_ssh_offer as offers
from conformance.credentials import test_ssh_oracle
from conformance.verdict import Inconclusive
from devices.links.ssh import server_settings
from devices.links.ssh.conversation import OfferedGroup
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.observations import (
    SshAuthentication,
    SshForwarding,
    SshOffer,
    UserAuthentication,
)
from devices.links.ssh.server_settings import of_dropbear, of_openssh
from devices.protocols.ssh import HostKey, Identification, KexInit

TRENDNET = "SHA256:kTEn/MpGqbKcbRbBzhdthwzf1MZGExI4gVWaf9gNbA4"  # a published one, of a camera
STRICT = "kex-strict-s-v00@openssh.com"


def offer(
    *,
    kex: tuple[str, ...] = ("curve25519-sha256", STRICT),
    cipher: str = "aes128-ctr",
    mac: str = "hmac-sha2-256-etm@openssh.com",
    keys: tuple[HostKey, ...] = (HostKey("ssh-ed25519", 256, "SHA256:x", "", b""),),
    version: str = "2.0",
    **more: Any,
) -> SshOffer:
    none = ("none",)
    kexinit = KexInit(kex, ("ssh-ed25519",), (cipher,), (cipher,), (mac,), (mac,), none, none)
    return SshOffer(
        endpoint="there",
        identification=Identification(version, "x"),
        kexinit=kexinit,
        host_keys=keys,
        **more,
    )


def algorithms(seen: SshOffer) -> None:
    offers.test_logins_over_ssh_rest_on_strong_algorithms(seen, policy.load)


def keys(seen: SshOffer) -> None:
    offers.test_ssh_host_keys_are_strong_and_nobody_else_s(seen, policy.load, knowledge.load)


def terrapin(seen: SshOffer) -> None:
    offers.test_ssh_is_closed_to_terrapin(seen, policy.load)


def test_a_strong_offer_passes() -> None:
    for judge in (algorithms, keys, terrapin):
        judge(offer())


GEX = "diffie-hellman-group-exchange-sha256"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (offer(version="1.99"), "SSH 1.99 is offered"),
        (offer(kex=("diffie-hellman-group1-sha1",)), "RFC 9142"),
        (offer(cipher="arcfour128"), "RFC 8758"),
        (offer(mac="hmac-md5-96"), "MD5"),
        (offer(groups=(OfferedGroup(GEX, 1024, 1024),)), "a group of 1024 bits"),
    ],
)
def test_a_weak_offer_fails(seen: SshOffer, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        algorithms(seen)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (offer(keys=(HostKey("ssh-dss", 1024, "SHA256:x", "", b""),)), "ssh-dss of 1024"),
        (offer(key_flaws={"SHA256:x": "divisible by 3"}), "divisible by 3"),
        (
            offer(
                keys=(
                    HostKey(
                        "ssh-rsa",
                        2048,
                        "SHA256:kTEn/MpGqbKcbRbBzhdthwzf1MZGExI4gVWaf9gNbA4",
                        "",
                        b"",
                    ),
                )
            ),
            "Trendnet",
        ),
    ],
)
def test_a_bad_host_key_fails(seen: SshOffer, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        keys(seen)


@pytest.mark.parametrize(
    ("cipher", "mac", "strict", "fails"),
    [
        ("chacha20-poly1305@openssh.com", "hmac-sha2-256", False, True),
        ("chacha20-poly1305@openssh.com", "hmac-sha2-256", True, False),
        ("aes128-cbc", "hmac-sha2-256-etm@openssh.com", False, True),
        ("aes128-cbc", "hmac-sha2-256", False, False),
        ("aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com", False, False),
    ],
)
def test_terrapin(cipher: str, mac: str, *, strict: bool, fails: bool) -> None:
    kex = ("curve25519-sha256", *([STRICT] if strict else []))
    seen = offer(kex=kex, cipher=cipher, mac=mac)
    if not fails:
        terrapin(seen)
        return
    with pytest.raises(AssertionError, match="CVE-2023-48795"):
        terrapin(seen)


def test_what_shows_nothing_is_inconclusive() -> None:
    empty = KexInit((), (), (), (), (), (), (), ())
    nothing = SshOffer(
        endpoint="there", identification=Identification("2.0", "x"), kexinit=empty, host_keys=()
    )
    for judge in (algorithms, keys, terrapin):
        with pytest.raises(Inconclusive):
            judge(nothing)


def test_ssh_1_alone_fails() -> None:
    with pytest.raises(AssertionError, match=r"SSH 1\.5 is offered"):
        algorithms(offer(version="1.5"))


def users(*rows: UserAuthentication) -> SshAuthentication:
    return SshAuthentication(endpoint="there", users=rows)


def user(name: str, *methods: str, known: bool = False, hung_up: bool = False) -> Any:
    return UserAuthentication(name, methods, none_accepted=False, known=known, hung_up=hung_up)


@pytest.mark.parametrize(
    ("scheme", "permitted", "verdict"),
    [
        ("bcrypt", True, AssertionError),
        ("bcrypt", False, None),
        ("bcrypt", None, Inconclusive),
        ("unread", True, Inconclusive),
        ("locked", None, None),
    ],
)
def test_root_and_passwords(
    scheme: str,
    permitted: bool | None,  # noqa: FBT001
    verdict: type[BaseException] | None,
) -> None:
    root = SimpleNamespace(name="root", scheme=scheme)
    inside = {
        "device_accounts": SimpleNamespace(accounts=[root]),
        "ssh_root_settings": SimpleNamespace(permitted=permitted, source="a line"),
    }
    request: Any = SimpleNamespace(getfixturevalue=inside.__getitem__)
    judge = logins.test_root_does_not_log_in_with_a_password
    judge(users(user("root", "publickey")), request)
    seen = users(user("root", "publickey", "password"))
    if verdict is None:
        judge(seen, request)
        return
    with pytest.raises(verdict):
        judge(seen, request)


def test_names_that_exist_are_answered_alike() -> None:
    def judge(seen: SshAuthentication) -> None:
        test_ssh_oracle.test_ssh_does_not_tell_which_users_exist(seen, None, Kept(), policy.load)

    lab, nobody = user("lab", "publickey", known=True), "nobody-of-this-name"
    judge(users(lab, user(nobody, "publickey")))
    for other in (user(nobody), user(nobody, "password"), user(nobody, hung_up=True)):
        with pytest.raises(AssertionError, match="expected one answer"):
            judge(users(lab, other))
    with pytest.raises(Inconclusive):
        judge(users(lab))


def forwarding(**answers: Any) -> SshForwarding:
    return SshForwarding(endpoint="there", **answers)


def test_every_way_through_counts() -> None:
    refused: dict[str, Any] = dict.fromkeys(
        ("direct", "remote", "x11", "agent"), Forwarding.PROHIBITED
    )
    judge = logins.test_an_ssh_login_leads_nowhere_else
    judge(forwarding(**refused), policy.load)
    for kind in refused:
        seen = forwarding(**refused | {kind: Forwarding.PERMITTED})
        with pytest.raises(AssertionError, match="logged-in user"):
            judge(seen, policy.load)
    for unclear in (Forwarding.FAILED, None):
        seen = forwarding(**refused | {"direct": unclear})
        with pytest.raises(Inconclusive, match="direct"):
            judge(seen, policy.load)


@pytest.mark.parametrize(
    ("text", "permitted"),
    [
        ("PermitRootLogin no\n", False),
        ("#PermitRootLogin no\npermitrootlogin=yes\nPermitRootLogin no\n", True),
        ("PermitRootLogin prohibit-password # x\n", False),
        ("Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n", None),
        ("Match user a\nPermitRootLogin no\n", None),
        ("", None),
    ],
)
def test_settings_of_openssh(text: str, permitted: bool | None) -> None:  # noqa: FBT001
    assert of_openssh(text)[0] is permitted


@pytest.mark.parametrize(
    ("command", "permitted"),
    [
        ("/usr/sbin/dropbear -s", False),
        ("dropbear -RFg -p 22", False),
        ("/usr/sbin/dropbear -R -p 22", True),
        ("/usr/sbin/sshd -D", None),
        ("", None),
    ],
)
def test_options_of_dropbear(command: str, permitted: bool | None) -> None:  # noqa: FBT001
    assert of_dropbear([command])[0] is permitted


def test_two_servers_do_not_tell_which_settings_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [SimpleNamespace(command=c) for c in ("/usr/sbin/dropbear -s", "sshd: lab [priv]")]
    monkeypatch.setattr(server_settings, "processes", lambda _: SimpleNamespace(processes=rows))
    link: Any = SimpleNamespace(endpoint="there")
    assert server_settings.root_by_password(link).permitted is None


@given(st.text(max_size=200))
def test_no_settings_break_the_parsers(text: str) -> None:
    of_openssh(text)
    of_dropbear([text])
