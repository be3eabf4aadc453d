"""What systemd is told of a service of Type=notify. Only a completed scan feeds its watchdog.

A datagram to the socket that NOTIFY_SOCKET names; nothing waits for it, and nothing here raises.
"""

from __future__ import annotations

import math
import socket
from contextlib import suppress
from dataclasses import dataclass, field

from livetrader.ports import Clock, wall_time

# A scan a second needs no word each.
_EVERY_SECONDS = 5.0


@dataclass
class Systemd:
    """`address` is the value of NOTIFY_SOCKET; without one nobody is told."""

    address: str | None
    clock: Clock
    _told_at: float = field(default=-math.inf, init=False)

    def ready(self) -> None:
        """It has all that it needs, and the loop begins. The watchdog runs from now on."""
        self._tell("READY=1", "STATUS=started")

    def scanned(self) -> None:
        if self.clock.monotonic() - self._told_at >= _EVERY_SECONDS:
            self._told_at = self.clock.monotonic()
            self._tell("WATCHDOG=1", f"STATUS=last completed scan at {wall_time(self.clock):%H:%M:%S} UTC")

    def stopping(self) -> None:
        self._tell("STOPPING=1", "STATUS=stopping")

    def _tell(self, *words: str) -> None:
        if not self.address:
            return
        # An abstract socket is written with @ in front, and begins with a zero byte.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as wire:
            wire.sendto("\n".join(words).encode(), address)
