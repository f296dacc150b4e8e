"""What ONVIF gives out of logs and backups, enciphered exports, and folders above secret files."""

from __future__ import annotations

import base64
import gzip
import os
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from test_stored_cases import PASSWORD, Shell

from conformance import knowledge
from conformance.credentials import test_stored_secrets
from devices.errors import LoginRefused
from devices.identity.published_ciphers import PublishedKey, deciphered
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, FileAccess
from devices.links.http.server import Protection, Server
from devices.links.onvif.session import OnvifSession
from devices.links.onvif.system_files import SystemFiles, read_system_files
from devices.links.ssh.stores import stored_credentials
from devices.links.web_backup import take_export
from devices.protocols.archives import unsearchable

WHOSE = "the password of admin"
TDS = "http://www.onvif.org/ver10/device/wsdl"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    f'<t:{{0}}Response xmlns:t="{TDS}">{{1}}</t:{{0}}Response></s:Body></s:Envelope>'
)
KEYS = [
    PublishedKey(row["cipher"], bytes.fromhex(row["key"]), row["skip"], row["source"])
    for row in knowledge.load("export_keys")
]


class Foreign(BaseHTTPRequestHandler):
    """A camera that answers each operation, and each address, with what the test gives."""

    answers: ClassVar[dict[str, tuple[str, bytes]]]
    asked: ClassVar[list[str]]

    def do_POST(self) -> None:
        """Answer the operation named in the message."""
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        name = next((n for n in self.answers if f":{n}" in said), "")
        self._answer(name)

    def do_GET(self) -> None:
        """Answer an address."""
        self.asked.append(self.path)
        self._answer(self.path)

    def _answer(self, name: str) -> None:
        kind, body = self.answers.get(name, ("text/plain", b""))
        self.send_response(200 if name in self.answers else 400)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def soap_answer(name: str, inner: str) -> tuple[str, bytes]:
    return "application/soap+xml", ENVELOPE.format(name, inner).encode()


def ask(answers: dict[str, tuple[str, bytes]]) -> tuple[SystemFiles, list[str]]:
    handler = type("Handler", (Foreign,), {"answers": answers, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            place = Server("http", "127.0.0.1", server.server_port, "127.0.0.1")
            with OnvifSession(place, Protection("none"), "/onvif/device_service") as session:
                return read_system_files(session), handler.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def holding(files: SystemFiles) -> set[str]:
    collector = Collector("ONVIF", SecretSearch([(WHOSE, PASSWORD)]), {})
    for name, data in files.files:
        take_export(collector, name, data, KEYS)
    return {f"{each.path}: {each.coding}" for each in collector.found}


def test_logs_backups_attachments_and_addresses_are_read() -> None:
    packed = gzip.compress(f"admin={PASSWORD}".encode())
    envelope = ENVELOPE.format("GetSystemBackup", "<t:BackupFiles/>").encode()
    mixed = (
        b"--MTOM\r\nContent-Type: application/xop+xml\r\n\r\n"
        + envelope
        + b"\r\n--MTOM\r\nContent-ID: <a>\r\n\r\n"
        + packed
        + b"\r\n--MTOM--\r\n"
    )
    log = f"<t:SystemLog><t:String>login admin {PASSWORD.replace('&', '&amp;')}</t:String>"
    support = base64.b64encode(packed * 2).decode()
    found, asked = ask(
        {
            "GetSystemLog": soap_answer("GetSystemLog", f"{log}</t:SystemLog>"),
            "GetSystemSupportInformation": soap_answer(
                "GetSystemSupportInformation", f"<t:Binary>{support}</t:Binary>"
            ),
            "GetSystemBackup": ('multipart/related; boundary="MTOM"', mixed),
            "GetSystemUris": soap_answer(
                "GetSystemUris", "<t:SystemBackupUri>http://192.0.2.1/bak?x=1</t:SystemBackupUri>"
            ),
            "/bak?x=1": ("application/octet-stream", PASSWORD.encode()),
        }
    )
    assert not found.problems
    assert asked == ["/bak?x=1"], "the camera's own server is asked, whatever host is announced"
    held = holding(found)
    assert "GetSystemLog, String: clear" in held
    assert "GetSystemBackup, part 2:gzip: clear" in held
    assert "GetSystemSupportInformation, Binary:gzip: clear" in held
    assert "SystemBackupUri of GetSystemUris: clear" in held


def test_a_camera_that_offers_none_of_it_gives_nothing_and_no_problem() -> None:
    found, _ = ask({})
    assert (found.files, found.problems) == ([], [])


def test_an_address_that_answers_nothing_is_a_problem() -> None:
    found, _ = ask(
        {
            "GetSystemUris": soap_answer(
                "GetSystemUris", "<t:SupportInfoUri>http://192.0.2.1/none</t:SupportInfoUri>"
            )
        }
    )
    assert found.problems
    assert "SupportInfoUri of GetSystemUris" in found.problems[0]


@pytest.mark.parametrize("body", [b"", b"--", b"--x\r\n\r\n--x", secrets.token_bytes(500)])
def test_broken_attachments_end_in_an_answer(body: bytes) -> None:
    for boundary in ("x", "", '"'):
        found, _ = ask({"GetSystemBackup": (f"multipart/related; boundary={boundary}", body)})
        assert all(len(data) <= len(body) for _, data in found.files)


def enciphered(text: bytes) -> bytes:
    """As Hikvision's configurationFile is: XOR with 4 bytes, then AES-128-ECB."""
    masked = bytes(c ^ b"\x73\x8b\x55\x44"[i % 4] for i, c in enumerate(text))
    masked += bytes(-len(masked) % 16)
    cipher = Cipher(algorithms.AES(KEYS[0].key), modes.ECB()).encryptor()
    return cipher.update(masked) + cipher.finalize()


@pytest.mark.parametrize("head", [b"", b"HIKFILE1"])
def test_an_export_under_a_published_key_is_opened(head: bytes) -> None:
    blob = head + enciphered(secrets.token_bytes(333) + PASSWORD.encode() + b"\0" * 40)
    found = holding(SystemFiles([("export", blob)]))
    assert found == {"export: under a published key (aes-128-ecb): XOR with 4 bytes"}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_a_repeated_xor_key_hides_nothing(length: int) -> None:
    secret = "Quiet-Harbour-7xyz"
    key = bytes(range(0x91, 0x91 + length))
    text = b"user=admin;password=" + secret.encode() + b";"
    data = bytes(c ^ key[i % length] for i, c in enumerate(text))
    assert [f.coding[:8] for f in SecretSearch([(WHOSE, secret)]).find(data)] == ["XOR with"]
    assert not SecretSearch([(WHOSE, secret)]).find(secrets.token_bytes(400_000))


@given(st.binary(max_size=400))
def test_any_bytes_are_deciphered_and_measured_without_an_error(data: bytes) -> None:
    for _, opened in deciphered(data, KEYS):
        assert len(opened) <= len(data)
    assert isinstance(unsearchable(data), str)
    SecretSearch([(WHOSE, PASSWORD)]).find(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\n<!DOCTYPE html><html><body>Log in", "is a web page"),
        (b"<HTML>", "is a web page"),
        (os.urandom(10_000), "looks enciphered"),
        (b"PK\x03\x04" + os.urandom(9_000), "cannot be opened"),
        (b'{"users": []}', ""),
        (b"<config><a>1</a></config>" * 1000, ""),
        (gzip.compress(os.urandom(20_000)), ""),
    ],
)
def test_what_a_search_cannot_see_is_said(data: bytes, said: str) -> None:
    told = unsearchable(data)
    assert said in told if said else not told


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        PublishedKey("des", b"12345678", 0, "")


def file(mode: str, *folders: str, read_by: tuple[str, ...] = ()) -> FileAccess:
    named = tuple(("/" + "/".join("abc"[:i]), mode) for i, mode in enumerate(folders))
    return FileAccess("/a/b/key", "private key", mode, "0", "0", named, read_by)


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (file("-rw-r--r--", "drwxr-xr-x", "drwx------"), ""),
        (file("-rw-r--r--", "drwxr-xr-x", "drwxr-xr-x"), "be read by every user"),
        (file("-rw-------", "drwxr-xr-x", "drwxrwxrwx"), "be exchanged by every user"),
        (file("-rw-------", "drwxr-xr-x", "drwxrwxrwt"), ""),
        (file("-rw-------", "drwx------", "drwxrwxrwx"), ""),
        (file("-rw-------", read_by=("guest",)), "be read by account guest, which did so"),
    ],
)
def test_folders_and_readers_count(access: FileAccess, said: str) -> None:
    told = test_stored_secrets.exposed(access)
    assert said in told if said else not told


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    kept, etc = tmp_path / "mtd", tmp_path / "etc"
    kept.mkdir()
    etc.mkdir()
    (kept / "passwd").write_text(f"admin:{PASSWORD}\n")
    (kept / "passwd").chmod(0o600)
    (etc / "passwd").symlink_to("../mtd/passwd")
    kept.chmod(0o777)
    shell: Any = Shell(tmp_path)
    shell.readable = lambda _account, paths: ("1000", dict.fromkeys(paths, 7))
    places = [str(etc)]  # `ls` alone names links: a camera without find
    shell.run = _without_find(shell.run)
    found = stored_credentials(shell, places, [(WHOSE, PASSWORD)], {}, [], readers=["guest"])
    link = next(each for each in found.access if each.path == str(etc / "passwd"))
    assert link.mode == "-rw-------"
    assert dict(link.folders)[str(kept)] == "drwxrwxrwx"
    assert link.read_by == ("guest",)


def test_an_account_that_cannot_log_in_is_a_shortfall(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\n")
    shell: Any = Shell(tmp_path)

    def refuse(*_: object) -> None:
        raise LoginRefused("no shell")

    shell.readable = refuse
    found = stored_credentials(shell, [str(tmp_path)], [], {}, [], readers=["guest"])
    assert "account guest could not be used" in found.shortfall


def _without_find(run: Any) -> Any:
    return lambda command, **options: run(
        f"find() {{ return 127; }}; {command}" if command.startswith("find") else command, **options
    )
