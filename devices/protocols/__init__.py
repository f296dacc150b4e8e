"""Sans-io protocol code: bytes in, messages out; no sockets here."""
