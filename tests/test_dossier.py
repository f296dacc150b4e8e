"""The sealed dossier: what is sealed can be checked by anyone, and no changed byte goes unseen."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_run import SampleRun, build_run

from conformance import assessment as record
from reports.archive import Entry, directory, local_header
from reports.dossier import DossierError, seal, verify
from reports.manifest import SEAL, decode
from reports.seal_key import (
    SealKeyError,
    fingerprint,
    load_or_make_seal_key,
    public_pem,
    seal_key_path,
    trusted_fingerprint,
)

KEY = Ed25519PrivateKey.generate()
Entries = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    build_run(folder)
    return seal(folder, KEY)


def entries_of(path: Path) -> Entries:
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def pack(entries: Entries) -> bytes:
    """Lay out any entries as a dossier lays out its own."""
    listed = [Entry(name, len(data), zlib.crc32(data)) for name, data in entries]
    body = b"".join(
        local_header(entry) + data for entry, (_, data) in zip(listed, entries, strict=True)
    )
    return body + b"".join(record for _, record in directory(listed))


def check(tmp_path: Path, data: bytes) -> list[str]:
    path = tmp_path / "changed.zip"
    path.write_bytes(data)
    found = verify(path)
    assert not found.ok
    return found.problems


def test_a_sealed_dossier_verifies(dossier: Path) -> None:
    found = verify(dossier)
    assert found.ok, found.problems
    assert found.decision == "REJECTED"
    assert found.demonstration is True
    assert found.device == "Lumivista LV-2100, serial LV21-000417, firmware 2.4.1"
    assert found.signer == fingerprint(KEY.public_key())
    assert found.trusted == "unknown"
    assert found.files == len(entries_of(dossier)) - len(SEAL)


def test_the_archive_is_packed_as_the_test_packs_it(dossier: Path) -> None:
    assert pack(entries_of(dossier)) == dossier.read_bytes()


def test_any_zip_program_reads_it(dossier: Path) -> None:
    with zipfile.ZipFile(dossier) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert tuple(names[:3]) == SEAL
    assert names[3:] == sorted(names[3:])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
def test_openssl_verifies_the_signature_and_the_fingerprint(dossier: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(dossier) as archive:
        archive.extractall(tmp_path, SEAL)
    command = "openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in manifest.json"
    done = subprocess.run(
        [*command.split(), "-sigfile", "manifest.sig"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    pipeline = "openssl pkey -pubin -in signer.pem -outform DER | openssl sha256 -binary | base64"
    shown = subprocess.run(
        ["sh", "-c", pipeline], cwd=tmp_path, check=True, capture_output=True, timeout=30, text=True
    )
    assert f"SHA256:{shown.stdout.strip().rstrip('=')}" == verify(dossier).signer


def test_a_key_that_is_asked_for_must_be_the_signer(dossier: Path) -> None:
    mine, other = fingerprint(KEY.public_key()), Ed25519PrivateKey.generate().public_key()
    assert verify(dossier, KEY.public_key()).trusted == "yes"
    assert verify(dossier, mine).ok
    refused = verify(dossier, other)
    assert refused.trusted == "no"
    assert not refused.ok
    assert "signer.pem" in refused.problems[0]


def test_sealing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    build_run(tmp_path)
    first = seal(tmp_path, KEY).read_bytes()
    with zipfile.ZipFile(tmp_path / "dossier.zip") as archive:
        manifest = decode(archive.read("manifest.json"))
    earlier = manifest.model_copy(update={"created": "2001-01-01T00:00:00Z"})
    assert manifest.created > earlier.created
    assert seal(tmp_path, KEY).read_bytes() == first
    (tmp_path / "evidence" / "STREAM-001" / "note.txt").write_text("one more")
    assert seal(tmp_path, KEY).read_bytes() != first
    assert verify(tmp_path / "dossier.zip").ok


def test_evidence_that_no_verdict_names_is_sealed_too(tmp_path: Path) -> None:
    build_run(tmp_path)
    (tmp_path / "evidence" / "console.log").write_text("U-Boot\n")
    assert "evidence/console.log" in zipfile.ZipFile(seal(tmp_path, KEY)).namelist()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found_and_named(dossier: Path, data: st.DataObject) -> None:
    original = bytearray(dossier.read_bytes())
    at = data.draw(st.integers(0, len(original) - 1), label="offset")
    original[at] ^= data.draw(st.integers(1, 255), label="difference")
    changed = dossier.with_name("flipped.zip")
    changed.write_bytes(original)
    found = verify(changed)
    assert not found.ok
    places = places_of(dossier, at)
    assert any(p in problem for p in places for problem in found.problems), found.problems


def places_of(dossier: Path, at: int) -> tuple[str, ...]:
    """What may be named when byte ``at`` differs: an entry, or a part of the archive."""
    with zipfile.ZipFile(dossier) as archive:
        infos = archive.infolist()
        start = archive.start_dir
    if at < start:
        inside = [info for info in infos if info.header_offset <= at]
        name = inside[-1].filename
        return SEAL if name in SEAL else (name,)  # which part of the seal is false none can tell
    for info in infos:
        start += 46 + len(info.filename)
        if at < start:
            return (info.filename,)
    return ("the end record",)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_inserted_or_removed_byte_is_found(dossier: Path, data: st.DataObject) -> None:
    original = dossier.read_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    count = data.draw(st.integers(1, 40))
    if data.draw(st.booleans()):
        changed = original[:at] + bytes(count) + original[at:]
    else:
        changed = original[:at] + original[at + count :]
    path = dossier.with_name("shifted.zip")
    path.write_bytes(changed)
    found = verify(path)
    assert not found.ok
    assert found.problems


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=2000), prefix=st.integers(0, 300))
def test_garbage_is_refused_without_an_exception(
    dossier: Path, content: bytes, prefix: int
) -> None:
    path = dossier.with_name("garbage.zip")
    path.write_bytes(dossier.read_bytes()[:prefix] + content)
    assert not verify(path).ok


def change(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Entries], Entries]:
    return lambda entries: [(n, edit(d) if n == name else d) for n, d in entries]


TRANSCRIPT = "evidence/STREAM-003/transcript.txt"


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (change(TRANSCRIPT, lambda d: d.replace(b"200", b"401")), [TRANSCRIPT]),
        (change(TRANSCRIPT, lambda d: d + b"!"), [TRANSCRIPT]),
        (lambda e: [x for x in e if x[0] != TRANSCRIPT], [TRANSCRIPT, "missing"]),
        (lambda e: [*e, ("evidence/zz.txt", b"new")], ["evidence/zz.txt", "not in the manifest"]),
        (lambda e: [*e, (TRANSCRIPT, b"again")], [TRANSCRIPT, "2 times"]),
        (lambda e: [*e, ("../../etc/cron.d/x", b"* *")], ["../../etc/cron.d/x"]),
        (lambda e: [*e[:3], *reversed(e[3:])], ["order"]),
        (lambda e: [*e[:20], e[21], e[20], *e[22:]], ["order"]),
        (lambda e: e[3:], ["manifest.json"]),
        (lambda e: [e[0], e[2], e[1], *e[3:]], ["manifest.sig"]),
        (change("manifest.json", lambda d: d.replace(b"REJECTED", b"APPROVED")), ["manifest.sig"]),
        (change("manifest.json", lambda d: d + b" "), ["manifest.sig"]),
        (change("manifest.sig", lambda d: d[:-1]), ["manifest.sig"]),
        (change("signer.pem", lambda d: d + b"\n"), ["signer.pem"]),
        (change("signer.pem", lambda _: b"no key"), ["signer.pem"]),
    ],
)
def test_tampering_with_entries_is_named(
    dossier: Path, tmp_path: Path, edit: Callable[[Entries], Entries], named: list[str]
) -> None:
    problems = " ".join(check(tmp_path, pack(edit(entries_of(dossier)))))
    assert all(word in problems for word in named), problems


def test_another_signer_cannot_put_his_seal_on(dossier: Path, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate()
    entries = dict(entries_of(dossier))
    entries["manifest.sig"] = other.sign(entries["manifest.json"])
    entries["signer.pem"] = public_pem(other.public_key())
    problems = check(tmp_path, pack(list(entries.items())))
    assert problems == ["manifest.json: names another signer than signer.pem"]


def repacked(dossier: Path, target: Path, compression: int) -> bytes:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries_of(dossier):
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return target.read_bytes()


def test_a_compressed_archive_is_refused(dossier: Path, tmp_path: Path) -> None:
    data = repacked(dossier, tmp_path / "made.zip", compression=zipfile.ZIP_DEFLATED)
    assert any("compressed" in problem for problem in check(tmp_path, data))


def test_an_archive_packed_by_another_program_is_refused(dossier: Path, tmp_path: Path) -> None:
    data = repacked(dossier, tmp_path / "made.zip", compression=zipfile.ZIP_STORED)
    assert any("header" in problem for problem in check(tmp_path, data))


def test_comment_and_trailing_data_are_refused(dossier: Path, tmp_path: Path) -> None:
    original = dossier.read_bytes()
    assert "4 bytes follow the end" in " ".join(check(tmp_path, original + b"more"))
    commented = original[:-2] + b"\x02\x00hi"
    assert "comment" in " ".join(check(tmp_path, commented))


def test_a_bomb_and_a_huge_directory_stay_small_in_memory(tmp_path: Path) -> None:
    claim = bytearray(local_header(Entry("manifest.json", 0xFFFFFFF0, 0)))
    assert "more than it can have" in " ".join(check(tmp_path, bytes(claim)))
    end = bytearray(directory([])[-1][1])
    end[12:16] = (0x7FFFFFFF).to_bytes(4, "little")
    assert "larger than any dossier's" in " ".join(check(tmp_path, bytes(end)))


def test_a_manifest_that_contradicts_its_assessment_is_refused(tmp_path: Path) -> None:
    """The seal holder himself cannot make an emulated camera's run into a laboratory report."""
    build_run(tmp_path)
    assessment = record.read(tmp_path)
    record.write(assessment.model_copy(update={"demonstration": False}), tmp_path)
    found = verify(seal(tmp_path, KEY))
    assert found.problems == ["assessment.json: an emulated camera, but no demonstration"]


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "EOF"), (b" " * (64 * 1024 * 1024 + 1), "more than it can have")]
)
def test_a_sealed_assessment_that_nobody_can_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    """Whoever signs an archive of his own must still seal an assessment."""
    build_run(tmp_path)
    genuine = record.read(tmp_path)
    (tmp_path / "assessment.json").write_bytes(content)
    monkeypatch.setattr(record, "read", lambda _folder: genuine)
    found = verify(seal(tmp_path, KEY))
    assert len(found.problems) == 1
    assert says in found.problems[0]
    assert "assessment.json" in found.problems[0]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_false_directory_accuses_no_file(dossier: Path, data: st.DataObject) -> None:
    original = bytearray(dossier.read_bytes())
    with zipfile.ZipFile(dossier) as archive:
        start = archive.start_dir
    at = data.draw(st.integers(start, len(original) - 1), label="offset")
    original[at] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    changed = dossier.with_name("directory.zip")
    changed.write_bytes(original)
    problems = verify(changed).problems
    assert len(problems) == 1
    assert problems[0].startswith("the archive's directory differs at ")


def test_files_before_a_removed_byte_are_not_accused(dossier: Path, tmp_path: Path) -> None:
    original = dossier.read_bytes()
    with zipfile.ZipFile(dossier) as archive:
        names = archive.namelist()
        at = archive.getinfo(TRANSCRIPT).header_offset + 60 + len(TRANSCRIPT)
    problems = check(tmp_path, original[:at] + original[at + 1 :])
    assert any(TRANSCRIPT in problem for problem in problems)
    before = names[len(SEAL) : names.index(TRANSCRIPT)]
    assert not [p for p in problems if any(name in p for name in before)], problems


@pytest.mark.parametrize("loss", ["changed", "missing"])
def test_false_evidence_is_not_sealed(tmp_path: Path, loss: str) -> None:
    build_run(tmp_path)
    path = tmp_path / TRANSCRIPT
    path.unlink() if loss == "missing" else path.write_text("something else")
    with pytest.raises(DossierError, match=TRANSCRIPT):
        seal(tmp_path, KEY)
    assert not list(tmp_path.glob("*dossier*"))


def test_links_and_pipes_are_not_evidence(tmp_path: Path) -> None:
    build_run(tmp_path, SampleRun(findings={}))
    link = tmp_path / "evidence" / "passwd"
    link.symlink_to("/etc/passwd")
    with pytest.raises(DossierError, match="symbolic link"):
        seal(tmp_path, KEY)
    link.unlink()
    os.mkfifo(tmp_path / "evidence" / "pipe")
    with pytest.raises(DossierError, match="not a regular file"):
        seal(tmp_path, KEY)


def test_a_missing_dossier_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    assert "cannot be read" in verify(tmp_path / "none.zip").problems[0]
    assert not verify(tmp_path).ok


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "data" / "seal-key.pem"
    made: list[str] = []

    def make() -> None:
        made.append(fingerprint(load_or_make_seal_key(path).public_key()))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal-key.pem"
    load_or_make_seal_key(path)
    path.chmod(0o644)
    with pytest.raises(SealKeyError, match="chmod 600"):
        load_or_make_seal_key(path)


def test_something_else_than_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal-key.pem"
    path.touch(mode=0o600)
    with pytest.raises(SealKeyError, match="not an unencrypted private key"):
        load_or_make_seal_key(path)


def test_where_the_key_is_kept(tmp_path: Path) -> None:
    assert seal_key_path({"CAMPROOF_SEAL_KEY": "/lab/key.pem"}) == Path("/lab/key.pem")
    expected = tmp_path / "camproof" / "seal-key.pem"
    assert seal_key_path({"XDG_DATA_HOME": str(tmp_path)}) == expected


def test_trust_can_be_given_as_fingerprint_or_as_file(tmp_path: Path) -> None:
    pem = tmp_path / "lab.pem"
    pem.write_bytes(public_pem(KEY.public_key()))
    assert trusted_fingerprint(str(pem)) == fingerprint(KEY.public_key())
    assert trusted_fingerprint("SHA256:abc=") == "SHA256:abc"
    with pytest.raises(SealKeyError, match="neither a fingerprint"):
        trusted_fingerprint(str(tmp_path / "none.pem"))


def test_the_manifest_lists_every_file_with_its_digest(dossier: Path) -> None:
    with zipfile.ZipFile(dossier) as archive:
        plain = json.loads(archive.read("manifest.json"))
        names = archive.namelist()
    assert [file["path"] for file in plain["files"]] == names[3:]
    assert plain["schema_version"] == 1
    assert plain["demonstration"] is True
    assert plain["decision"] == "REJECTED"
