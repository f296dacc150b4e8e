"""A bench in network namespaces: a camera behind the suite's machine, whose nftables redirect it.

``python redirect_bench.py`` inside ``unshare --net`` prints what the gateway saw, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

RULES = """
table ip bench {
  chain datagrams {
    type filter hook prerouting priority mangle;
    iifname "v0" ip daddr != 192.0.2.1 meta l4proto udp tproxy to :7443 meta mark set 1 accept
  }
  chain connections {
    type nat hook prerouting priority dstnat;
    iifname "v0" ip daddr != 192.0.2.1 meta l4proto tcp redirect to :7443
  }
}
"""

CAMERA = """
import socket, sys
sys.stdin.readline()
from devices.protocols import dns
def ask(server, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((server, 53))
        question = dns.Question(5, name, dns.A)
        sock.send(dns.query(question))
        return dns.parse_answer(sock.recv(4096), question)
with socket.create_connection((ask("192.0.2.1", "cloud.example"), 1935), timeout=10) as sock:
    sock.sendall(bytes([3]) + bytes(1536))
    sock.recv(1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.sendto(bytes([0xF1, 0, 0, 0]), ("203.0.113.5", 32100))
assert ask("203.0.113.53", "other.example")
"""


def run(*command: str, data: str = "") -> None:
    """Run a command that must succeed."""
    subprocess.run(command, input=data, text=True, check=True, timeout=30)


def wire(pid: int) -> None:
    """Connect the camera's namespace, and redirect what it sends."""
    inside = ["nsenter", "-t", str(pid), "-n"]
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(pid))
    run("ip", "addr", "add", "192.0.2.1/24", "dev", "v0")
    run("ip", "link", "set", "v0", "up")
    run(*inside, "ip", "addr", "add", "192.0.2.10/24", "dev", "v1")
    run(*inside, "ip", "link", "set", "v1", "up")
    run(*inside, "ip", "route", "add", "default", "via", "192.0.2.1")
    run("nft", "-f", "-", data=RULES)
    run("ip", "rule", "add", "fwmark", "1", "lookup", "100")
    run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")


def main() -> None:
    """Listen while the camera speaks."""
    from gateway_stand import device_file, link_to  # noqa: PLC0415 - the path is set above

    from devices.observation import to_plain  # noqa: PLC0415

    camera = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", CAMERA],
        stdin=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    wire(camera.pid)
    gateway = {
        "listen": "192.0.2.1:7443",
        "dns": "192.0.2.1:53",
        "dns_network": "198.18.0.0/15",
        "limit": 30,
        "seconds": 30,
    }
    link = link_to(device_file(gateway=gateway, address="192.0.2.10"))
    ready, seen = threading.Event(), []
    listening = threading.Thread(target=lambda: seen.append(link.listen(ready.set)))
    listening.start()
    ready.wait(10)
    camera.communicate("go\n", timeout=30)
    link.close()
    listening.join(30)
    print(json.dumps({"camera": camera.returncode, "contacts": to_plain(seen[0].contacts)}))  # noqa: T201


if __name__ == "__main__":
    main()
