"""The connection under RTSP: a TCP socket, TLS on top where asked for, every wire byte recorded.

TLS runs over memory buffers, so that what goes into the capture is what went over the network.
The camera's certificate is not judged here; that is the TLS link's business, and a camera with a
bad one must still be measured.
"""

from __future__ import annotations

import ssl
import time

from devices.errors import Garbled, NotConnected, TimedOut, Unreachable
from devices.links.capture import MAX_BYTES, Capture

_CHUNK = 64 * 1024


def tolerant_context() -> ssl.SSLContext:
    """Return client settings that accept any version, suite and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0)
    return context


class RtspWire:
    """One connection. ``address`` is a permitted IP address; times are in seconds.

    ``tap``, when set, collects the bytes that come in, as they are on the network. ``ended``: the
    other side has said that it sends no more (TLS close_notify).

    Raises Unreachable, TimedOut, or Garbled when TLS is asked for and not spoken.
    """

    def __init__(
        self, address: str, port: int, *, encrypted: bool, capture: Capture, timeout: float
    ) -> None:
        self.address, self.port = address, port
        self.tls_version = ""
        self.tap: bytearray | None = None
        self._where = f"{address} port {port}"
        self._capture = capture
        self.ended = False
        try:
            way = capture.connect((address, port), timeout)
        except TimeoutError as error:
            raise NotConnected(f"{self._where}: no connection within {timeout:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error
        self._socket, self._flow, self._recorded = way.socket, way.flow, way.recorded
        self.local_address = str(way.flow.local[0])
        self._tls: ssl.SSLObject | None = None
        if encrypted:
            try:
                self._handshake(time.monotonic() + timeout)
            except BaseException:
                self._socket.close()
                raise

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it before ``deadline`` (monotonic seconds)."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._send_raw(data, deadline)

    def receive(self, deadline: float) -> bytes:
        """Return some bytes of the stream, decrypted; empty at its end. Raises TimedOut."""
        while True:
            if self._tls is not None and (data := self._decrypted()):
                return data
            if self.ended:
                return b""
            raw = self._receive_raw(deadline)
            if self._tls is None or not raw:
                return raw
            self._incoming.write(raw)

    def receive_ready(self) -> bytes | None:
        """Return what a readable socket gives without waiting.

        None at the end of the stream, empty when a TLS record is not whole yet.
        """
        raw = self._receive_raw(time.monotonic() + 1)
        if not raw:
            return None
        if self._tls is None:
            return raw
        self._incoming.write(raw)
        data = self._decrypted()
        return None if self.ended and not data else data

    def close(self) -> None:
        """Close, without waiting for the other side."""
        self._socket.close()

    def _handshake(self, deadline: float) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tolerant_context().wrap_bio(
            self._incoming, self._outgoing, server_hostname=self.address
        )
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_raw(self._outgoing.read(), deadline)
                raw = self._receive_raw(deadline)
                if not raw:
                    raise Unreachable(f"{self._where}: closed during the TLS handshake") from None
                self._incoming.write(raw)
            except ssl.SSLError as error:
                raise Garbled(f"{self._where}: no TLS: {error.reason or error}") from error
            else:
                break
        self._send_raw(self._outgoing.read(), deadline)
        self.tls_version = self._tls.version() or ""

    def _decrypted(self) -> bytes:
        assert self._tls is not None
        pieces: list[bytes] = []
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError as error:
                raise Garbled(f"{self._where}: TLS: {error.reason or error}") from error
            if not data:
                self.ended = True  # close_notify; the end of the socket follows
                break
            pieces.append(data)
        if self._outgoing.pending:  # answers of TLS itself: key updates, alerts
            self._send_raw(self._outgoing.read(), time.monotonic() + 1)
        return b"".join(pieces)

    def _send_raw(self, data: bytes, deadline: float) -> None:
        if not data:
            return
        if not self._recorded:
            self._capture.tcp(self._flow, data, outgoing=True)
        try:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.01))
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut(f"{self._where}: does not take what is sent") from error
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error

    def _receive_raw(self, deadline: float) -> bytes:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimedOut(f"{self._where}: no whole answer in time")
        try:
            self._socket.settimeout(remaining)
            data = self._socket.recv(_CHUNK)
        except TimeoutError as error:
            raise TimedOut(f"{self._where}: no answer in time") from error
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error
        if not self._recorded:
            self._capture.tcp(self._flow, data, outgoing=False)
        if self.tap is not None and len(self.tap) < MAX_BYTES:
            self.tap += data
        return data
