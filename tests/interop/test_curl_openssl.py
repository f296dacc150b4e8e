"""The emulated camera's TLS endpoints, spoken to by curl and by OpenSSL's client."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devices import device_file
from devices.description import DeviceFile
from devices.emulated.addresses import PORTS
from devices.emulated.bench.launch import EmulatedCamera
from devices.links.onvif import requests as onvif_requests
from devices.protocols import soap
from devices.secrets import Secrets

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        shutil.which("curl") is None or shutil.which("openssl") is None,
        reason="curl and openssl are not installed",
    ),
]


class Bench:
    """A running camera and the two programs."""

    def __init__(self, device: DeviceFile) -> None:
        self.device = device
        self.address = device.authorisation.addresses[0]
        link = device.links.onvif
        assert link is not None
        assert link.trust is not None
        self.onvif, self.trust = link.url, link.trust
        self.secrets = Secrets(device)

    def login(self, account: str) -> str:
        return f"{self.device.accounts[account].username}:{self.secrets.password(account)}"

    def curl(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = ["curl", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", str(self.trust)]
        return subprocess.run(
            [*command, *arguments], input=data, capture_output=True, timeout=30, check=False
        )

    def s_client(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"{self.address}:{PORTS[service]}",
             "-CAfile", str(self.trust), "-verify_ip", self.address, "-verify_return_error",
             *arguments],
            input="", capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A running camera."""
    with ExitStack() as stack:
        ready = stack.enter_context(EmulatedCamera())
        yield Bench(device_file.load(ready.device_file))


def test_curl_verifies_the_web_interface(bench: Bench) -> None:
    page = bench.curl("-o", "/dev/null", "-w", "%{http_code} %{ssl_verify_result}", _root(bench))
    assert (page.returncode, page.stdout) == (0, b"200 0")
    status = bench.curl(f"{_root(bench)}/api/status")
    assert isinstance(json.loads(status.stdout), dict)


def test_curl_without_the_authority_refuses(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null", "-out", str(other)],
        check=True, capture_output=True,
    )  # fmt: skip
    refused = bench.curl("--cacert", str(other), _root(bench))
    assert refused.returncode == 60  # CURLE_PEER_FAILED_VERIFICATION


@pytest.mark.parametrize("account", ["viewer", "admin"])
def test_curl_calls_onvif_with_http_digest(bench: Bench, account: str) -> None:
    request = soap.envelope(onvif_requests.plain("device", "GetDeviceInformation"))
    answer = bench.curl(
        "--digest", "-u", bench.login(account), "-H", f"Content-Type: {soap.CONTENT_TYPE}",
        "--data-binary", "@-", bench.onvif, data=request,
    )  # fmt: skip
    body = soap.parse(answer.stdout).body
    assert body is not None
    assert soap.text(body, "SerialNumber") == bench.device.device.serial


def test_curl_gets_a_picture_with_http_digest(bench: Bench) -> None:
    picture = bench.curl("--digest", "-u", bench.login("viewer"), f"{_root(bench)}/api/snapshot")
    assert picture.stdout.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("service", ["https", "rtsps"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_chain_and_address(bench: Bench, service: str, version: str) -> None:
    done = bench.s_client(service, version)
    assert done.returncode == 0, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout


@pytest.mark.parametrize("service", ["https", "rtsps"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "static RSA", "CBC"],
)
def test_openssl_is_refused_what_is_weak(
    bench: Bench, service: str, arguments: tuple[str, ...]
) -> None:
    done = bench.s_client(service, *arguments)
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout


def test_openssl_reaches_tls_1_0_where_the_fault_opens_it() -> None:
    with EmulatedCamera({"tls_minimum": "TLSv1"}) as ready:
        faulty = Bench(device_file.load(ready.device_file))
        done = faulty.s_client("rtsps", "-tls1", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is ECDHE-ECDSA-AES256-SHA" in done.stdout


def _root(bench: Bench) -> str:
    return f"https://{bench.address}:{PORTS['https']}"
