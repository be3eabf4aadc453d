"""A wire to a PostgreSQL server that can be cut at the worst moment: around the COMMIT of a client."""

from __future__ import annotations

import selectors
import socket
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

NAME = ".s.PGSQL.5432"
ENDED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""What the server says of a COMMIT that it has done."""


class CutWire:
    """Passes everything on between a Unix socket in `folder` and the server of `dsn`, and cuts one connection.

    `cut` says when: "before" a COMMIT reaches the server, "after" the server has done it, or "frozen": as before, and
    the server hears nothing of the cut, so that the transaction stays open there. None cuts nothing.
    """

    def __init__(self, dsn: str, folder: Path) -> None:
        parts = urlsplit(dsn)
        self._server = str(Path(parse_qs(parts.query)["host"][0]) / NAME)
        self.dsn = parts._replace(query=f"host={folder}").geturl()
        self.cut: str | None = None
        self.cuts = 0
        self._frozen: list[socket.socket] = []
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / NAME))
        self._door.listen()
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()
        for server in self._frozen:
            server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._server)
            except OSError:
                client.close()
                server.close()
                continue
            Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Until one side ends, or the wire is cut."""
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            try:
                while all(self._moved(key.fileobj, key.data, server) for key, _ in ready.select()):
                    pass
            except OSError:
                pass
        client.close()
        if server not in self._frozen:
            server.close()

    def _moved(self, source: socket.socket, target: socket.socket, server: socket.socket) -> bool:
        data = source.recv(65536)
        if self.cut in ("before", "frozen") and b"COMMIT" in data and target is server:
            if self.cut == "frozen":
                self._frozen.append(server)
            return self._end()
        if self.cut == "after" and ENDED in data and source is server:
            return self._end()
        target.sendall(data)
        return bool(data)

    def _end(self) -> bool:
        self.cut = None
        self.cuts += 1
        return False
