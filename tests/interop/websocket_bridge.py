"""A TCP port whose bytes go through a WebSocket of websocket-client's: for players without one.

``websocket_bridge.py URL`` prints its port on 127.0.0.1, and runs until it is killed. Each
connection gets a WebSocket of its own, of the sub-protocol rtsp.onvif.org.
"""

import socket
import ssl
import sys
import threading

import websocket  # type: ignore[import-not-found]


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_carry, args=(connection, sys.argv[1]), daemon=True).start()


def _carry(connection: socket.socket, url: str) -> None:
    web = websocket.create_connection(
        url,
        subprotocols=["rtsp.onvif.org"],
        sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False},
        enable_multithread=True,
    )
    if web.getsubprotocol() != "rtsp.onvif.org":
        raise SystemExit(f"{url} agreed on {web.getsubprotocol()!r}")
    threading.Thread(target=_down, args=(connection, web), daemon=True).start()
    while data := connection.recv(65536):
        web.send_binary(data)
    web.close()


def _down(connection: socket.socket, web: websocket.WebSocket) -> None:
    try:
        while True:
            opcode, data = web.recv_data()
            if opcode != websocket.ABNF.OPCODE_BINARY:
                break
            connection.sendall(data)
    except (OSError, websocket.WebSocketException):
        pass  # the player or the camera has left
    connection.close()


main()
