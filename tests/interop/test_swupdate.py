"""SWUpdate and OpenSSL judge our bundles as we do, and we judge bundles made with their tools."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from devices.emulated.maker.production import NEWER, OTHER_MODEL, Production
from devices.emulated.posture import Posture
from devices.firmware import tamper
from devices.firmware.cms import load_trust
from devices.firmware.cpio import read_cpio
from devices.firmware.swdescription import NAME, SwDescription
from devices.firmware.swupdate import PAYLOAD, SIGNATURE, BundleError, read_bundle, verify_bundle

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("swupdate") is None, reason="swupdate is not installed"),
]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Production:
    return Production(tmp_path_factory.mktemp("line"), "127.0.5.1", Posture())


@pytest.fixture(scope="module")
def genuine(production: Production) -> bytes:
    return production.bundle(NEWER).read_bytes()


def swupdate_accepts(production: Production, data: bytes, folder: Path) -> bool:
    own = folder / "swupdate"  # it unpacks into its TMPDIR and cleans up there
    own.mkdir(exist_ok=True)
    image = own / "image.swu"
    image.write_bytes(data)
    command = ["swupdate", "-c", "-k", str(production.manufacturer.update_trust)]
    command += ["-i", str(image), "-H", "LV-2100:B2"]
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=own,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "TMPDIR": str(own)},
    )
    # Its exit status is 1 now and then for a small image that it has just called successful
    # (SWUpdate 2022.12: the client loses a race with the installer), so its own words count.
    return b"SWUPDATE successful" in done.stdout + done.stderr


def we_accept(production: Production, data: bytes) -> bool:
    trust = load_trust(production.manufacturer.update_trust.read_bytes())
    try:
        verify_bundle(read_bundle(data), trust)
    except BundleError:
        return False
    return True


def test_the_genuine_bundle_is_accepted_by_both(
    production: Production, genuine: bytes, tmp_path: Path
) -> None:
    assert swupdate_accepts(production, genuine, tmp_path)
    assert we_accept(production, genuine)


@pytest.mark.parametrize(
    "change",
    [
        tamper.payload_changed,
        tamper.description_changed,
        tamper.signature_changed,
        tamper.signature_removed,
        tamper.signed_by_impostor,
        lambda data, _: tamper.truncated(data),
    ],
    ids=["payload", "description", "signature", "unsigned", "impostor", "truncated"],
)
def test_a_tampered_bundle_is_refused_by_both(
    production: Production, genuine: bytes, tmp_path: Path, change: object
) -> None:
    data = change(genuine, "swupdate").data  # type: ignore[operator]
    assert not swupdate_accepts(production, data, tmp_path)
    assert not we_accept(production, data)


def test_swupdate_refuses_another_model(production: Production, tmp_path: Path) -> None:
    data = production.bundle(OTHER_MODEL).read_bytes()
    assert not swupdate_accepts(production, data, tmp_path)
    assert we_accept(production, data)  # it is genuine; whom it is for is the updater's question


def test_openssl_verifies_our_signature(
    production: Production, genuine: bytes, tmp_path: Path
) -> None:
    bundle = read_bundle(genuine)
    (tmp_path / "content").write_bytes(bundle.description)
    (tmp_path / "sig").write_bytes(bundle.signature)

    def verifies() -> bool:
        command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "sig", "-binary"]
        command += ["-content", "content", "-out", "/dev/null", "-CAfile"]
        command += [str(production.manufacturer.update_trust)]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False, timeout=60)
        return done.returncode == 0

    assert verifies()
    (tmp_path / "content").write_bytes(bundle.description + b" ")
    assert not verifies()


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
@pytest.mark.parametrize("attributes", [[], ["-noattr"]], ids=["attributes", "bare"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_bundle_made_by_openssl_and_cpio_is_judged(
    production: Production, tmp_path: Path, attributes: list[str], digest: str
) -> None:
    data = by_hand(production, tmp_path, [*attributes, "-md", digest])
    assert [entry.name for entry in read_cpio(data)] == [NAME, SIGNATURE, PAYLOAD]
    assert we_accept(production, data)
    assert not we_accept(production, data.replace(b"by hand", b"by hAnd"))
    assert swupdate_accepts(production, data, tmp_path)


def by_hand(production: Production, folder: Path, options: list[str]) -> bytes:
    """What SWUpdate's manual does in a shell script."""
    payload = b"made by hand"
    (folder / PAYLOAD).write_bytes(payload)
    digest = hashlib.sha256(payload).hexdigest()
    description = SwDescription("1.0", "LV-2100", ("B2",), PAYLOAD, digest, "0" * 64, 1)
    (folder / NAME).write_bytes(description.to_json())
    key, chain = production.manufacturer.update_signer
    (folder / "key.pem").write_bytes(key)
    leaf, end, issuers = chain.partition(b"-----END CERTIFICATE-----\n")
    (folder / "signer.pem").write_bytes(leaf + end)
    (folder / "issuers.pem").write_bytes(issuers)
    sign = ["openssl", "cms", "-sign", "-in", NAME, "-out", SIGNATURE, "-outform", "DER"]
    sign += ["-signer", "signer.pem", "-certfile", "issuers.pem", "-inkey", "key.pem", "-binary"]
    subprocess.run([*sign, *options], cwd=folder, check=True, capture_output=True, timeout=60)
    names = f"{NAME}\n{SIGNATURE}\n{PAYLOAD}\n".encode()
    packed = subprocess.run(
        ["cpio", "-o", "-H", "crc"],
        input=names,
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return packed.stdout
