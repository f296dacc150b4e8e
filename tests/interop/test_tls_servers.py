"""OpenSSL, GnuTLS, nginx and lighttpd get the verdicts that their configuration deserves.

The verdicts were reasoned from the configurations after their facts had been measured: they guard
against change, and are no prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onvif_stand import device_file
from tls_servers import ADDRESS, SERVERS, make_certificates, missing

from conformance import policy
from conformance.streams.test_tls import test_certificate as certificate
from conformance.streams.test_tls import test_cipher_suites as cipher_suites
from conformance.streams.test_tls import test_tls_versions as versions
from conformance.streams.test_tls_handshake import test_handshake_safeguards as safeguards
from conformance.streams.test_tls_handshake import test_key_agreement as key_agreement
from conformance.verdict import Inconclusive
from devices.links.tls.link import TlsLink
from devices.permit import Permit
from devices.secrets import Secrets

pytestmark = pytest.mark.interop

Case = Callable[[TlsLink, Any, Any], None]
CASES: dict[str, Case] = {
    "STREAM-007": versions,
    "STREAM-008": cipher_suites,
    "STREAM-009": certificate,
    "STREAM-025": key_agreement,
    "STREAM-026": safeguards,
}

# In the order of CASES. P: PASS, F: FAIL, I: INCONCLUSIVE. Every certificate is good.
DESERVED = {
    "openssl-strong": "PPPPP",
    "openssl-default": "PFPPP",  # CBC, RSA key transport and DHE suites
    "openssl-weak": "FFPFP",  # TLS 1.0, NULL and anonymous suites, SHA-1 signatures
    "openssl-tls10": "FIPII",  # nothing that the policy accepts is there to be judged
    "openssl-rsa-transport": "PFPIP",  # no keys are agreed on
    "openssl-renegotiation": "PPPPF",
    "openssl-early-data": "PPPPF",
    "openssl-tls13-p384": "PPPPP",
    "gnutls-default": "FFPFF",  # 3.7: TLS 1.0, CBC, ECDSA with SHA-1, renegotiation
    "gnutls-legacy": "FFPFF",
    "nginx-strong": "PPPPP",
    "nginx-weak": "FFPFF",  # early data
    "lighttpd-strong": "PPPPP",
    "lighttpd-cbc": "PFPPP",
}


def verdict(case: Case, link: TlsLink, scan: Any) -> str:
    try:
        case(link, scan, policy.load)
    except AssertionError:
        return "F"
    except Inconclusive:
        return "I"
    return "P"


@pytest.mark.parametrize("name", DESERVED)
def test_servers_get_the_verdicts_that_they_deserve(name: str, tmp_path: Path) -> None:
    server = SERVERS[name]
    if missing([server.program]):
        pytest.skip(f"{server.program} is not installed")
    folder = make_certificates(tmp_path)
    with server.running(tmp_path) as port:
        url = f"https://{ADDRESS}:{port}/"
        trust = {"url": url, "trust": str(folder.authority)}
        device = device_file(url, ADDRESS, tmp_path, links={"onvif": trust})
        granted = device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        link = TlsLink(device, permit, Secrets(device))
        scan = link.scan()
    assert not scan.shortfall
    found = "".join(verdict(case, link, scan) for case in CASES.values())
    assert found == DESERVED[name], dict(zip(CASES, found, strict=True))
    assert scan.servers[0].connections < 60


def test_every_server_has_its_verdicts_written_down() -> None:
    assert set(DESERVED) == set(SERVERS)
