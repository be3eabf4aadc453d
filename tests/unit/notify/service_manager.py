"""systemd's end of the socket that a service tells it things by."""

from __future__ import annotations

import socket


def heard(listening: socket.socket) -> list[str]:
    """The first line of each message since the last call."""
    found = []
    while True:
        try:
            found.append(listening.recv(4096).decode().splitlines()[0])
        except BlockingIOError:
            return found
