"""The gateway behind a real packet filter: nftables redirect and tproxy, in network namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("unshare", "nsenter", "ip", "nft")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        os.geteuid() != 0 or any(shutil.which(name) is None for name in TOOLS),
        reason="needs root, iproute2, nftables and util-linux",
    ),
]


def test_the_original_destinations_are_known() -> None:
    if subprocess.run(["unshare", "--net", "true"], check=False, timeout=10).returncode:
        pytest.skip("this machine allows no network namespaces")
    script = Path(__file__).with_name("redirect_bench.py")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, str(script)],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["camera"] == 0
    found = {
        (c["destination"]["address"], c["destination"]["port"], c["protocol"])
        for c in seen["contacts"]
    }
    assert found == {
        ("198.18.0.1", 1935, "rtmp"),
        ("203.0.113.5", 32100, "pppp"),
        ("203.0.113.53", 53, "dns"),
    }
    named = [c["destination"]["names"] for c in seen["contacts"] if c["protocol"] == "rtmp"]
    assert named == [["cloud.example"]]
