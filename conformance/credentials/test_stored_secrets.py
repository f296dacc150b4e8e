"""Clear and reversible secrets, and who may read what must be kept: CRED-050, CRED-051."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import case
from conformance.credentials.test_stored_hashes import available
from conformance.verdict import Inconclusive
from devices.identity.secret_codings import UNSALTED
from devices.identity.stored_credentials import FileAccess, StoredCredentials


@case(
    "CRED-050",
    severity="critical",
    needs=("ssh",),
    catches=(
        "cred-plain-storage",
        "cred-storage-xor",
        "cred-storage-base64",
        "cred-password-in-export",
        "cred-password-in-support",
        "cred-log-password",
    ),
    revision=3,
)
def test_no_password_is_kept_clear_or_reversible(
    request: pytest.FixtureRequest,
    image_stores: StoredCredentials,
    backup_stores: StoredCredentials,
    onvif_stores: StoredCredentials,
) -> None:
    """No password is kept in the clear or in a form that can be undone.

    Method: look for the laboratory's own passwords, clear and in the codings that anyone can undo
    (Base64, hexadecimal, URL, XML, JSON, UTF-16, reversed, ROT13, XOR with any key of 1, 2, 3, 4 or
    8 bytes, Xiongmai's hash), in the camera's files and logs of up to 1 MB, those that gzip packed
    as well, and its small flash partitions
    over SSH; where the device file gives them, in the firmware image and in the configuration that
    the web interface exports (links.http.operations.configuration); and in what ONVIF gives an
    administrator: GetSystemLog, GetSystemSupportInformation, GetSystemBackup, and the files of
    GetSystemUris. Exports are unpacked, and opened with keys that were published
    (conformance/knowledge/export_keys.toml). Place, coding and offset are kept, never the secret.
    Pass: none is found.
    """
    stores = available(request, image_stores, backup_stores, onvif_stores)
    wrong = [
        f"{store.place}: {each.path} holds {each.whose} ({each.coding}, at byte {each.offset})"
        for store in stores.found
        for each in store.secrets
        if each.coding not in UNSALTED
    ]
    assert not wrong, "; ".join(wrong[:12]) + "; expected: none"
    stores.demand_whole()
    if not any(store.searched_for for store in stores.found):
        raise Inconclusive(
            "the device file gives no password of 6 characters or more to look for", "not-declared"
        )


@case(
    "CRED-051",
    severity="high",
    needs=("ssh",),
    catches=("cred-key-readable", "cred-shadow-readable", "cred-key-folder-open"),
    revision=2,
)
def test_secrets_are_readable_by_their_user_only(device_stores: StoredCredentials) -> None:
    """Private keys and password stores may be read by their own user alone.

    Method: among the camera's files, read over SSH, take those that hold a private key, stored
    passwords, or a password of the laboratory, and ask for their mode and owner, those of the file
    that a symbolic link leads to, and of the folders above. With every account of the device file
    for "ssh" that is no administrator, other than the laboratory's own, read them: bytes are
    counted, and not kept.
    Pass: no other user may read, write or exchange them, no group may write them, and no such
    account read a byte.
    """
    wrong = [problem for each in device_stores.access if (problem := exposed(each))]
    assert not wrong, "; ".join(wrong) + "; expected: access for its owner alone"
    if not device_stores.access:
        raise Inconclusive(
            "no private key and no password store was found among the files that can be read",
            "insufficient",
        )


def exposed(file: FileAccess) -> str:
    """Who else gets at a file, as a sentence; empty when nobody does."""
    group, others = file.mode[4:7], file.mode[7:10]
    reached = all(mode[9] in "xt" for _, mode in file.folders)
    may: dict[str, Any] = {
        "be read by every user": reached and others[0] == "r",
        "be written by every user": reached and others[1] == "w",
        "be written by its group": group[1] == "w",
    }
    found = [what for what, true in may.items() if true]
    if folder := _exchangeable(file):
        found.append(f"be exchanged by every user, who may write in {folder}")
    found += [f"be read by account {name}, which did so" for name in file.read_by]
    if not found:
        return ""
    return f"the {file.kind} {file.path} ({file.mode}, owner {file.owner}) may {', '.join(found)}"


def _exchangeable(file: FileAccess) -> str:
    """The first folder above in which any user may rename and remove what others own."""
    for path, mode in file.folders:
        if mode[9] not in "xt":
            return ""
        if mode[8] == "w" and mode[9] != "t":
            return path
    return ""
