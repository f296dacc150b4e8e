"""What an embedded Linux prints, as several kinds of it print it; and what it may never do."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.links.ssh import inventory as ssh_inventory
from devices.links.ssh import tables
from devices.links.ssh.commands import CommandResult
from devices.links.ssh.link import SshLink
from devices.links.ssh.observations import CommandRun
from devices.links.ssh.tables import ListeningSocket

PROC_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 412 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 413 1
   2: 0A01A8C0:0016 6401A8C0:D431 01 00000000:00000000 02:000A8F1B 00000000     0        0 921 2
"""
PROC_TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0
   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0
   2: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0
"""
PROC_UDP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  12: 00000000:0E76 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 555 2
  13: 0A01A8C0:C350 6401A8C0:1388 01 00000000:00000000 00:00000000 00000000     0        0 556 2
"""
BUSYBOX_NETSTAT = """\
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 0.0.0.0:554             0.0.0.0:*               LISTEN      301/rtspd
tcp        0      0 :::80                   :::*                    LISTEN      299/httpd
tcp        0      0 192.168.1.10:22         192.168.1.2:54321       ESTABLISHED 77/dropbear
udp        0      0 0.0.0.0:3702            0.0.0.0:*                           310/onvif
"""
SS = """\
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
udp   UNCONN 0      0            0.0.0.0:37020      0.0.0.0:*     users:(("sadp",pid=99,fd=4))
tcp   LISTEN 0      128                *:22               *:*     users:(("sshd",pid=9,fd=3))
tcp   LISTEN 0      128             [::]:23            [::]:*
"""
BUSYBOX_PS = """\
  PID USER       VSZ STAT COMMAND
    1 root      1416 S    init
    2 root         0 SW   [kthreadd]
    3 root           SW   [ksoftirqd/0]
  301 root      9000 S    /usr/bin/rtspd -c /etc/rtsp.conf
"""
PROCPS = """\
UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 10:00 ?        00:00:01 /sbin/init splash
lab          812       1  0 10:01 ?        00:00:00 telnetd -l /bin/sh
"""


def test_proc_net_tables() -> None:
    assert tables.parse_proc_net(PROC_TCP, "tcp") == [
        ListeningSocket("tcp", "0.0.0.0", 22),
        ListeningSocket("tcp", "127.0.0.1", 8080),
    ]
    assert tables.parse_proc_net(PROC_TCP6, "tcp") == [
        ListeningSocket("tcp", "::", 443),
        ListeningSocket("tcp", "127.0.0.1", 80),
        ListeningSocket("tcp", "::1", 81),
    ]
    assert tables.parse_proc_net(PROC_UDP, "udp") == [ListeningSocket("udp", "0.0.0.0", 3702)]


def test_netstat_and_ss() -> None:
    assert tables.parse_netstat(BUSYBOX_NETSTAT) == [
        ListeningSocket("tcp", "0.0.0.0", 554, "rtspd"),
        ListeningSocket("tcp", "::", 80, "httpd"),
        ListeningSocket("udp", "0.0.0.0", 3702, "onvif"),
    ]
    assert tables.parse_netstat(SS) == [
        ListeningSocket("udp", "0.0.0.0", 37020, "sadp"),
        ListeningSocket("tcp", "0.0.0.0", 22, "sshd"),
        ListeningSocket("tcp", "::", 23),
    ]


def test_process_tables() -> None:
    busybox = {p.pid: p.command for p in tables.parse_ps(BUSYBOX_PS)}
    assert busybox[301] == "/usr/bin/rtspd -c /etc/rtsp.conf"
    assert busybox[3].endswith("[ksoftirqd/0]")
    procps = tables.parse_ps(PROCPS)
    assert [(p.pid, p.user) for p in procps] == [(1, "root"), (812, "lab")]
    assert procps[1].command == "telnetd -l /bin/sh"


def test_accounts_with_and_without_a_shadow_file() -> None:
    passwd = "root:x:0:0::/root:/bin/sh\nadmin::500:500::/:/bin/ash\nftp:x:21:21::/:/bin/false\n"
    rows = tables.parse_accounts(passwd, "root:$1$ab$cd:1:0:::::\nftp:!:1::::::\n")
    assert [(a.name, a.scheme, a.has_shell) for a in rows] == [
        ("root", "md5-crypt", True),
        ("admin", "empty", True),
        ("ftp", "locked", False),
    ]
    assert [a.scheme for a in tables.parse_accounts(passwd, None)] == ["unread", "empty", "unread"]


@pytest.mark.parametrize(
    ("field", "scheme"),
    [
        ("", "empty"),
        ("*", "locked"),
        ("!$6$x$y", "locked"),
        ("$1$salt$hash", "md5-crypt"),
        ("$6$rounds=5000$s$h", "sha512-crypt"),
        ("$y$j9T$s$h", "yescrypt"),
        ("$2b$10$abcdefghijklmnopqrstuv", "bcrypt"),
        ("absxcfbgXtb3o", "descrypt"),
        ("hunter2", "unknown"),
    ],
)
def test_password_schemes(field: str, scheme: str) -> None:
    assert tables.password_scheme(field) == scheme


def test_authorized_keys_with_options_and_comments() -> None:
    # The public key of RFC 8032, 7.1, test 1; its fingerprint as ssh-keygen prints it.
    key = "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    text = f'# a comment {key}\ncommand="/bin/x y",no-pty ssh-ed25519 {key} me@host\nssh-rsa bad\n'
    found = tables.parse_authorized_keys("/root/.ssh/authorized_keys", text)
    assert [(k.algorithm, k.comment) for k in found] == [("ssh-ed25519", "me@host")]
    assert found[0].fingerprint == "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"


PARSERS: list[Callable[[str], object]] = [
    lambda text: tables.parse_proc_net(text, "tcp"),
    lambda text: tables.parse_proc_net(PROC_TCP + text, "tcp"),
    lambda text: tables.parse_proc_net(PROC_UDP.splitlines()[0] + "\n" + text, "udp"),
    tables.parse_netstat,
    lambda text: tables.parse_netstat(BUSYBOX_NETSTAT + text),
    lambda text: tables.parse_netstat(SS + "tcp LISTEN 0 0 " + text),
    tables.parse_ps,
    lambda text: tables.parse_ps(BUSYBOX_PS + text),
    lambda text: tables.parse_accounts(text, text),
    lambda text: tables.parse_accounts("root:x:0:0::/:/bin/sh\n" + text, text),
    lambda text: tables.parse_authorized_keys("/x", text),
]
lines = st.text(st.sampled_from('0123456789ABCDEF:* \t\n/[]xtcpudpLISTEN,"(é٣'), max_size=200)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.one_of(st.text(max_size=200), lines))
def test_no_text_breaks_a_parser(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except Garbled:
        return


class Answers:
    """Stands for the link: answers each command, as far as it is among the keys."""

    def __init__(self, **texts: str) -> None:
        self._texts = texts

    def run(self, command: str) -> CommandRun:
        name = command.removesuffix(" 2>/dev/null").replace(" ", "_").replace("-", "")
        text = self._texts.get("proc" if name.startswith("grep") else name, "")
        return CommandRun(result=CommandResult(command, 0, text.encode(), b""))


WHOLE = "PID TTY STAT TIME COMMAND\n1 ? Ss 0:00 init\n7 ? S 0:00 telnetd\n"
OF_ONE_TERMINAL = "PID TTY STAT TIME COMMAND\n1355 pts/3 Ss+ 0:00 -bash\n"


def test_a_process_list_of_one_terminal_is_not_taken_for_the_whole() -> None:
    found = ssh_inventory.processes(cast("SshLink", Answers(ps_w=OF_ONE_TERMINAL, ps_axww=WHOLE)))
    assert (found.source, [p.pid for p in found.processes]) == ("ps axww", [1, 7])
    assert found.complete


def test_a_process_list_of_one_user_is_partial() -> None:
    own = "/proc/1355/comm:sh\n"
    found = ssh_inventory.processes(cast("SshLink", Answers(ps=OF_ONE_TERMINAL, proc=own)))
    assert [p.command for p in found.processes] == ["sh"]
    assert not found.complete
