"""What CRED-052, CRED-054 and CRED-055 say of consoles of many makes.

Each console is a real TCP serial port that behaves like one make.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import device as device_of
from test_serial_link import TcpBoard, link_to
from web_stand import Kept

from conformance import console, knowledge, policy
from conformance.credentials import test_serial_login, test_serial_start
from conformance.verdict import Inconclusive
from devices.errors import TimedOut
from devices.journal import Journal
from devices.links.guessing import console as guessing_console
from devices.links.guessing.console import ConsoleSurface
from devices.links.guessing.guess import GuessUser
from devices.links.guessing.guess import guess as guess_at
from devices.links.serial.link import SerialLink
from devices.links.serial.observations import BootLog
from devices.permit import Permit
from devices.secrets import Secrets
from fixtures.camera import Camera
from fixtures.undo import Undo

PASSWORD = "Right-pass-1"
BOOT = "U-Boot 2016.11\r\nStarting kernel ...\r\nLinux version 5.10\r\n"


@dataclass
class Getty:
    """A login on a line: ``lock`` failures close it; ``says`` is what it then says."""

    lock: int = 1000
    says: bytes = b"Login incorrect\r\n"
    name_prompt: bytes = b"cam login: "
    prompt: bytes = b"~ $ "
    echo: bool = True
    end: bytes = b"\r\n"
    silent_when_locked: bool = False
    wakes_after: int = 1000  # lines without an answer
    failures: int = 0
    state: str = "name"
    typed: bytes = b""
    commands: list[bytes] = field(default_factory=list)

    def react(self, data: bytes) -> bytes:
        out = b""
        for byte in data.replace(b"\x03", b"").replace(b"\x04", b"").replace(b"\x1a", b""):
            if byte not in b"\r\n":
                self.typed += bytes((byte,))
                out += bytes((byte,)) if self.echo and self.state != "password" else b""
                continue
            line, self.typed = self.typed, b""
            out += self.end + self.line(line)
        return out

    def line(self, line: bytes) -> bytes:
        locked = self.failures >= self.lock
        if locked and self.silent_when_locked:
            self.wakes_after -= 1
            if self.wakes_after > 0:
                return b""
            self.failures = 0
        if self.state == "name":
            self.state = "password" if line else "name"
            return b"Password: " if line else self.name_prompt
        if self.state == "password":
            if line == PASSWORD.encode() and not locked:
                self.state = "shell"
                return b"\r\n" + self.prompt
            self.failures += 1
            self.state = "name"
            return (self.says if locked else b"Login incorrect\r\n") + self.name_prompt
        self.commands.append(line)
        if line == b"exit":
            self.state = "name"
            return self.name_prompt
        said = line.removeprefix(b"echo ").replace(b"'", b"") + b"\r\n"
        return (said if line.startswith(b"echo") else b"") + self.prompt


@pytest.fixture
def board() -> Iterator[TcpBoard]:
    made = TcpBoard(lambda _: b"")
    yield made
    made.close()


@pytest.fixture
def link(board: TcpBoard) -> Iterator[SerialLink]:
    made = link_to(board.url)
    assert board.connected.wait(10)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing_console, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(test_serial_start, "_LEAST_SECONDS", 1.5)
    for module in (console, test_serial_start):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.4)


class Terms:
    """The terms of a lock, whose time ``passes`` at once."""

    lock_seconds: float = 1.5
    declared = can_hurry = True

    def __init__(self, passes: Callable[[float], object] = lambda _: None) -> None:
        self.passes = passes

    def pass_time(self, seconds: float) -> str:
        self.passes(seconds)
        return f"{seconds:.1f} s"

    def clock_watch(self) -> Any:
        return SimpleNamespace(step=lambda: 0.0)


def guess(
    link: SerialLink,
    monkeypatch: pytest.MonkeyPatch,
    *,
    known: bool = True,
    terms: Terms | None = None,
) -> Kept:
    monkeypatch.setenv("CONSOLE", PASSWORD)
    row = {"username": "service", "password": {"env": "CONSOLE"}, "services": ["serial"]}
    accounts = {"console": row | {"purpose": "lockout"}} if known else {}
    device = device_of(
        accounts=accounts,
        declared={"lockout": {"attempts": 2, "seconds": 1.5}},
        links={"serial": {"url": "x"}},
    )
    kept = Kept()
    test_serial_login.test_guessing_on_the_serial_console_is_stopped(
        serial=link,
        device=device,
        secrets=Secrets(device),
        lock_ends=terms or Terms(),
        knowledge=knowledge.load,
        policy=policy.load,
        evidence=kept,
    )
    return kept


SHAPES = [
    Getty(),
    Getty(name_prompt=b"Username: ", prompt=b"# "),
    Getty(name_prompt=b"(none) login: ", prompt=b"[root@cam ~]# ", echo=False),
    Getty(name_prompt=b"LocalHost login: ", end=b"\r\r\n"),
    Getty(name_prompt=b"vm login: ", prompt=b"~ # \x1b[6n"),  # BusyBox's ash, as Debian builds it
    Getty(name_prompt=b"login as: ", prompt=b"[root@(none) /]# "),
    Getty(name_prompt=b"Login: ", prompt=b"\x1b[1;32mroot@(none):~#\x1b[0m "),
    Getty(name_prompt="用户名\uff1a".encode(), prompt=b"sh-5.1# "),
    Getty(name_prompt=b"\rcam login: ", prompt=b"\r~ # ", end=b"\r"),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name_prompt.decode())
def test_a_login_without_limit_fails(
    board: TcpBoard, link: SerialLink, shape: Getty, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.react = shape.react
    with pytest.raises(AssertionError, match="accepted at once after 3 wrong ones"):
        guess(link, monkeypatch)
    assert shape.commands == [b"exit"] * (len(shape.commands))


@pytest.mark.parametrize(
    "shape",
    [
        Getty(lock=2),
        Getty(lock=2, says=b"The account is locked due to 2 failed logins.\r\n"),
        Getty(lock=3, silent_when_locked=True, wakes_after=3),
    ],
)
def test_a_login_that_closes_passes_whatever_it_says(
    board: TcpBoard, link: SerialLink, shape: Getty, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.react = shape.react
    kept = guess(link, monkeypatch, terms=Terms(ending(shape, 1.5)))
    assert PASSWORD not in str(kept.observations)


def ending(getty: Getty, seconds: float) -> Callable[[float], None]:
    """What lets a lock of so many seconds end."""
    passed = 0.0

    def passes(more: float) -> None:
        nonlocal passed
        passed += more
        if passed >= seconds:
            getty.failures = 0

    return passes


@pytest.mark.parametrize(
    ("lasts", "says"), [(1e9, "the owner is locked out"), (0.5, "ends before 1 s are over")]
)
def test_a_lock_of_the_console_that_ends_wrongly_fails(
    board: TcpBoard,
    link: SerialLink,
    lasts: float,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    getty = Getty(lock=2)
    board.react = getty.react
    with pytest.raises(AssertionError, match=says):
        guess(link, monkeypatch, terms=Terms(ending(getty, lasts)))


def test_a_lock_that_a_try_makes_longer_is_given_its_time(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The try before the end locks anew: the owner, who waits, gets in."""
    getty, since = Getty(lock=2), 0.0

    def react(data: bytes) -> bytes:
        nonlocal since
        said = getty.react(data)
        since = 0.0 if b"incorrect" in said else since
        return said

    def passes(seconds: float) -> None:
        nonlocal since
        since += seconds
        getty.failures = 0 if since >= 300 else getty.failures

    board.react, terms = react, Terms(passes)
    terms.lock_seconds = 300
    found: Any = guess(link, monkeypatch, terms=terms).observations[-1]
    assert found.late.accepted
    assert found.late_at == 670


def test_a_lock_of_unknown_length_is_asked_for(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.react = Getty(lock=2).react
    terms = Terms()
    terms.declared = False
    with pytest.raises(Inconclusive, match=r"give declared\.lockout\.seconds"):
        guess(link, monkeypatch, terms=terms)


def test_a_system_that_starts_anew_under_guessing_is_no_lock(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    getty = Getty()

    def react(data: bytes) -> bytes:
        said = getty.react(data)
        if getty.failures < 2:
            return said
        getty.failures, getty.state, getty.lock = -1000, "name", 1000
        return BOOT.encode() + b"\r\ncam login: "

    board.react = react
    with pytest.raises(Inconclusive, match="started anew while passwords were guessed"):
        guess(link, monkeypatch)


def test_without_an_account_a_lock_must_be_said(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.react = Getty(lock=2, says=b"Too many failures, try again in 5 minutes\r\n").react
    guess(link, monkeypatch, known=False)
    board.react = Getty(lock=2).react
    with pytest.raises(Inconclusive, match="give an account with services"):
        guess(link, monkeypatch, known=False)


@pytest.mark.parametrize(
    ("react", "why"),
    [
        (lambda _: b"", "asks for no login"),
        (lambda _: b"\xff\xfe\x80\x00" * 8, "asks for no login"),
        (lambda _: b"\r\n# ", "shell without login"),
        (lambda _: b"\r\nvendor-cli> ", "asks for no login"),
        (lambda _: b"\r\nx login: ", "does not open a shell"),
    ],
)
def test_a_console_that_cannot_be_judged_is_inconclusive(
    board: TcpBoard,
    link: SerialLink,
    react: Callable[[bytes], bytes],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board.react = react
    with pytest.raises(Inconclusive, match=why):
        guess(link, monkeypatch)


def test_a_lock_of_the_console_is_in_the_journal_until_it_ends(
    board: TcpBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    getty = Getty(lock=2)
    board.react = getty.react
    monkeypatch.setenv("CONSOLE", PASSWORD)
    row = {"username": "service", "password": {"env": "CONSOLE"}, "services": ["serial"]}
    device = device_of(accounts={"console": row}, links={"serial": {"url": board.url}})
    journal, secrets = Journal(), Secrets(device)
    camera = Camera(device, Permit(["127.0.0.1"], [], date.max, journal), secrets)
    link = camera.link("serial")
    assert board.connected.wait(10)
    assert link.journal is journal
    surface = ConsoleSurface(link, console.login_marks(knowledge.load), 0.4)
    found = guess_at(surface, GuessUser("service", PASSWORD, ""), (2,), journal, 300.0)
    assert found.closed_after == 2
    assert [(c.kind, c.via, c.subject) for c in journal.open()] == [("lock", "serial", "service")]
    undo = Undo(camera)
    undo.undo_locks(lambda _: None)
    assert journal.open()  # it holds still

    undo.undo_locks(lambda _: setattr(getty, "failures", 0))
    assert journal.open() == []
    camera.close()


def test_a_console_that_falls_silent_for_good_is_inconclusive(
    board: TcpBoard, link: SerialLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cable that came off looks like a lock."""
    board.react = Getty(lock=3, silent_when_locked=True).react
    with pytest.raises(Inconclusive, match="a lock and a lost line look alike"):
        guess(link, monkeypatch)


class Start:
    """A board that starts anew: prints ``says``, then behaves as ``then`` does."""

    def __init__(self, board: TcpBoard, says: str, then: Callable[[bytes], bytes]) -> None:
        self.board, self.says, self.then = board, says, then
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1
        self.board.react = self.then
        self.board.print(self.says.encode())


class Ready:
    """A camera whose services are always up."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up

    def wait_ready(self) -> float:
        if not self.up:
            raise TimedOut("not up")
        return 0.0


def watch(link: SerialLink, start: Start, *, log: str = BOOT + "cam login: ") -> None:
    start_case: Any = test_serial_start.test_the_console_asks_for_a_login_before_anything_else
    device = device_of(bench={"boot_seconds": 5}, links={"serial": {"url": "x"}})
    start_case(
        boot_log=BootLog(text=log, seconds=0.5),
        serial=link,
        cold_start=start,
        camera=Ready(),
        device=device,
        knowledge=knowledge.load,
        evidence=Kept(),
    )


def test_a_login_after_the_start_passes(board: TcpBoard, link: SerialLink) -> None:
    watch(link, Start(board, BOOT, Getty().react))


def test_ctrl_c_that_gives_a_shell_fails(board: TcpBoard, link: SerialLink) -> None:
    getty = Getty(state="shell", prompt=b"/ # ")

    def react(data: bytes) -> bytes:
        return getty.react(data) + b"\r\n/ # " if b"\x03" in data else getty.react(data)

    start = Start(board, BOOT, react)
    with pytest.raises(AssertionError, match="typed while the camera starts give a shell"):
        watch(link, start)
    assert start.begun == 2  # the camera is left started anew


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (BOOT + "cam login: service (automatic login)\r\n", "by itself"),
        (BOOT + "\r\n/ # ", "ends in a shell"),
    ],
)
def test_a_shell_that_nobody_asked_for_fails(
    board: TcpBoard, link: SerialLink, log: str, why: str
) -> None:
    board.react = Getty(state="shell", prompt=b"/ # ").react
    with pytest.raises(AssertionError, match=why):
        watch(link, Start(board, BOOT, board.react), log=log)


@pytest.mark.parametrize(
    ("log", "why"),
    [("", "printed nothing"), ("\ufffd" * 50 + "abc", "links.serial.baud")],
)
def test_silence_and_noise_are_inconclusive(
    board: TcpBoard, link: SerialLink, log: str, why: str
) -> None:
    start = Start(board, BOOT, Getty().react)
    with pytest.raises(Inconclusive, match=why):
        watch(link, start, log=log)
    assert not start.begun


def test_a_line_that_ends_silent_is_inconclusive(board: TcpBoard, link: SerialLink) -> None:
    with pytest.raises(Inconclusive, match="ended with no prompt"):
        watch(link, Start(board, BOOT, lambda _: b""))


def dead_after(board: TcpBoard, link: SerialLink, said: str, log: str) -> None:
    """The camera prints what it prints; the line to it is cut."""
    watch(link, Start(board, said, lambda _: b""), log=log)


def test_a_line_on_which_nothing_arrives_is_inconclusive(board: TcpBoard, link: SerialLink) -> None:
    with pytest.raises(Inconclusive, match=r"its TX"):
        dead_after(board, link, BOOT + "cam login: ", BOOT + "cam login: ")
    asks = "Please press Enter to activate this console. "
    with pytest.raises(Inconclusive, match=r"its TX"):
        dead_after(board, link, BOOT + asks, BOOT + asks)


def test_a_shell_at_a_prompt_of_its_own_fails(board: TcpBoard, link: SerialLink) -> None:
    board.react = Getty(state="shell", prompt=b"\r\nvendor:> ").react
    with pytest.raises(AssertionError, match="typed while the camera starts give a shell"):
        watch(link, Start(board, BOOT, board.react), log=BOOT + "vendor:> ")


def test_a_line_that_is_held_low_is_noise(board: TcpBoard, link: SerialLink) -> None:
    start = Start(board, BOOT, Getty().react)
    with pytest.raises(Inconclusive, match=r"links\.serial\.baud"):
        watch(link, start, log="\0" * 60 + "ok\r\n")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("cam login: ", "login"),
        ("(none) login:", "login"),
        ("login as: ", "login"),
        ("Please login:", "login"),
        ("Username:", "login"),
        ("Enter user name: ", "login"),
        ("请输入用户名\uff1a", "login"),
        ("Password for admin: ", "password"),
        ("密码:", "password"),
        ("[root@(none) /]# ", "shell"),
        ("root@(none):~# ", "shell"),
        ("root@ipc /mnt # ", "shell"),
        ("sh-4.2# ", "shell"),
    ],
)
def test_landmarks_of_many_makes(said: str, kind: str) -> None:
    rows = knowledge.load("boot_log")
    found = {k for k in ("login", "password", "shell") if matches(rows, k, f"x\r\n{said}")}
    assert found == {kind}


@pytest.mark.parametrize(
    "line",
    [
        "Last login: Mon Nov 23 on ttyS0",
        "login: pam_unix(login:session): session opened",
        "user: root logged in",
        "hisilicon # ",
        "usb 1-1: Product: UserName",
    ],
)
def test_lines_that_ask_for_nothing(line: str) -> None:
    rows = knowledge.load("boot_log")
    assert not any(matches(rows, kind, f"x\r\n{line}") for kind in ("login", "shell"))


def matches(rows: list[dict[str, Any]], kind: str, text: str) -> bool:
    return re.search(console.patterns(rows, kind), text, re.MULTILINE) is not None


@pytest.mark.parametrize("byte", ["a", " ", "# ", "login ", "[", "a.", "/"])
def test_no_flood_keeps_the_landmarks_busy(byte: str) -> None:
    """A line without an end: each landmark is looked for in time that grows with it."""
    text = byte * (60_000 // len(byte))
    for name in ("boot_log", "console", "bootloader"):
        for row in knowledge.load(name):
            if "pattern" in row and row["kind"] in {"login", "password", "shell", "prompt"}:
                re.search(row["pattern"], text, re.MULTILINE)


def boot(link: SerialLink, start: Start, log: str, *, up: bool = True) -> None:
    case: Any = test_serial_start.test_the_start_cannot_be_led_elsewhere
    device = device_of(bench={"boot_seconds": 2}, links={"serial": {"url": "x"}})
    case(
        boot_log=BootLog(text=log, seconds=0.5),
        serial=link,
        cold_start=start,
        camera=Ready(up=up),
        device=device,
        knowledge=knowledge.load,
        evidence=Kept(),
    )


def test_a_start_that_names_no_key_passes(board: TcpBoard, link: SerialLink) -> None:
    start = Start(board, "", lambda _: b"")
    boot(link, start, BOOT)
    assert not start.begun  # nothing had to be tried


@pytest.mark.parametrize(
    "line",
    [
        "Kernel command line: console=ttyS0 init=/bin/sh",
        "Kernel command line: console=ttyS0 root=/dev/mtdblock2 single",
        "Kernel command line: quiet systemd.unit=rescue.target",
        "Kernel command line: ro sysrq_always_enabled",
        "You are in rescue mode. After logging in, type ...",
        "[    3.2] sysrq: HELP : loglevel(0-9) reboot(b)",
    ],
)
def test_a_start_that_is_led_elsewhere_fails(board: TcpBoard, link: SerialLink, line: str) -> None:
    with pytest.raises(AssertionError, match="expected: init"):
        boot(link, Start(board, "", lambda _: b""), f"{BOOT}{line}\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "Kernel command line: console=ttyS0,115200 root=/dev/mtdblock5 ro init=/sbin/init",
        "Kernel command line: mem=64M init=/linuxrc mtdparts=hi_sfc:256K(boot),S(x)",
        "usb 1-1: new single device",
    ],
)
def test_a_normal_command_line_passes(board: TcpBoard, link: SerialLink, line: str) -> None:
    boot(link, Start(board, "", lambda _: b""), f"{BOOT}{line}\r\n")


PROMPTS = [
    "=> ",
    "RedBoot> ",
    "CFE> ",
    "hi-boot> ",
    "U-Boot> ",
    "hisilicon # ",
    "SigmaStar # ",
    "isvp_t31# ",
    "amboot> ",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_loader_that_stops_for_a_named_word_fails(
    board: TcpBoard, link: SerialLink, prompt: str
) -> None:
    stopped = threading.Event()

    def react(data: bytes) -> bytes:
        if b"gohome" in data:
            stopped.set()
        if not stopped.is_set():
            return b""
        said = b"help\r\nboot - start\r\n" if b"help" in data else b""
        return b"\r\n" + said + prompt.encode()

    announced = 'Autoboot in 3 seconds, type "gohome" to stop\r\n'
    with pytest.raises(AssertionError, match="names the keys that stop it"):
        boot(link, Start(board, announced, react), f"U-Boot\r\n{announced}{BOOT}")


def test_a_loader_that_only_says_so_passes(board: TcpBoard, link: SerialLink) -> None:
    start = Start(board, "Hit any key to stop autoboot:  1\r\nStarting kernel\r\n", lambda _: b"")
    boot(link, start, f"Hit any key to stop autoboot:  1 \b\b\b 0\r\n{BOOT}")
    assert start.begun == 1


def test_kernel_messages_are_no_answer_of_a_boot_loader(board: TcpBoard, link: SerialLink) -> None:
    """It shows its prompt and goes on: what then scrolls by was not said to "help"."""
    answers = iter([b"\r\n=> "])

    def react(data: bytes) -> bytes:
        return next(answers, b"[  1.2] usb 1-1: new device\r\nStarting udhcpc\r\n")

    log = f"Hit any key to stop autoboot:  1\r\n{BOOT}"
    with pytest.raises(Inconclusive, match="neither a prompt that answers"):
        boot(link, Start(board, "U-Boot\r\n", react), log)


def test_a_password_of_its_own_passes_and_a_published_one_fails(
    board: TcpBoard, link: SerialLink
) -> None:
    log = f"Hit any key to stop autoboot:  1\r\n{BOOT}"
    tries: list[bytes] = []

    def loader(right: bytes) -> Callable[[bytes], bytes]:
        def react(data: bytes) -> bytes:
            tries.append(data)
            if right and right in data:
                react.open = True  # type: ignore[attr-defined]
            if getattr(react, "open", False):
                said = b"help\r\nboot - start\r\n" if b"help" in data else b""
                return b"\r\n" + said + b"hisilicon # "
            if len(tries) > 200:
                return b"Starting kernel\r\n"
            return b"\r\nEnter password: "

        return react

    boot(link, Start(board, "U-Boot\r\n", loader(b"")), log)
    with pytest.raises(AssertionError, match="with a published password"):
        boot(link, Start(board, "U-Boot\r\n", loader(b"HI2105CHIP")), log)


@given(st.text(max_size=300))
def test_any_boot_log_announces_keys_or_none(text: str) -> None:
    rows = knowledge.load("console")
    keys = test_serial_start.announced_keys(rows, text)
    assert all(keys)


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("Press 'ctrl-c' to stop autoboot", "\x03"),
        ("Press Ctrl+C to stop autoboot", "\x03"),
        ("Hit ESC to stop autoboot", "\x1b"),
        ("Press SPACE to abort autoboot in 1 seconds", " "),
        ('Enter "st" to stop autoboot', "st"),
        ("type [hrboot] to interrupt", "hrboot"),
        ("Executing boot script in 3.000 seconds - enter ^C to abort", "\x03"),
        ("Press xmtech to enter boot menu", "xmtech"),
    ],
)
def test_announcements_name_what_is_typed(line: str, typed: str) -> None:
    assert test_serial_start.announced_keys(knowledge.load("console"), line)[0] == typed
