"""A network of this process's own: a user and a network namespace with a loopback, without root.

What is started afterwards is inside; nothing outside can be reached any more.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from devices.errors import BenchError

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET, linux/sched.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_REQUEST = "16sh22x"  # struct ifreq of an interface's flags


def enter() -> None:
    """Move this process, which has one thread, into it; raises BenchError.

    Its user is root there, with the same rights to files as before.
    """
    user, group = os.getuid(), os.getgid()
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        why = os.strerror(ctypes.get_errno())  # EINVAL: there is more than one thread
        raise BenchError(f"this machine allows no user namespace with a network: {why}")
    try:
        own = Path("/proc/self")
        (own / "setgroups").write_text("deny", "ascii")
        (own / "uid_map").write_text(f"0 {user} 1", "ascii")
        (own / "gid_map").write_text(f"0 {group} 1", "ascii")
        _raise_loopback()
    except OSError as error:
        raise BenchError(f"a network namespace could not be set up: {error.strerror}") from error


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack(_REQUEST, b"lo", 0)
        flags = struct.unpack(_REQUEST, fcntl.ioctl(control, _GET_FLAGS, asked))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
