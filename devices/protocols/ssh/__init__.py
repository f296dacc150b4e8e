"""SSH before encryption, sans-io and independent of any SSH library (RFC 4253, 4419, 8308, 8731).

What a library refuses to speak can so still be read, and what a server says is known to the byte.
"""

from devices.protocols.ssh.exchange import EXCHANGES, GROUP_EXCHANGES, initial_message, modp_prime
from devices.protocols.ssh.groups import (
    GroupRequest,
    parse_group,
    parse_group_bits,
)
from devices.protocols.ssh.messages import (
    MAX_BANNER_LINES,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
    HostKey,
    Identification,
    KexInit,
    TransportReader,
    mpint,
    packet,
    parse_disconnect,
    parse_host_key,
    parse_identification,
    parse_kex_reply,
    parse_kexinit,
    rsa_numbers,
    string,
    take_string,
)

__all__ = [
    "EXCHANGES",
    "GROUP_EXCHANGES",
    "MAX_BANNER_LINES",
    "MSG_DEBUG",
    "MSG_DISCONNECT",
    "MSG_IGNORE",
    "MSG_KEXINIT",
    "MSG_UNIMPLEMENTED",
    "GroupRequest",
    "HostKey",
    "Identification",
    "KexInit",
    "TransportReader",
    "initial_message",
    "modp_prime",
    "mpint",
    "packet",
    "parse_disconnect",
    "parse_group",
    "parse_group_bits",
    "parse_host_key",
    "parse_identification",
    "parse_kex_reply",
    "parse_kexinit",
    "rsa_numbers",
    "string",
    "take_string",
]
