"""The keyboard of a terminal, key by key, and the terminal as it was when we go."""

from __future__ import annotations

import codecs
import os
import re
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from livetrader.dashboard.keys import BACKSPACE, ENTER, ESCAPE

_NAMED = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x1b": ESCAPE, "\x04": "q"}

# Arrows and function keys come as several characters, which are no keys of ours.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)")


@contextmanager
def keyboard(descriptor: int) -> Iterator[None]:
    """Each key at once and unseen, for the block; the settings from before are back afterwards, whatever happens.

    Ctrl+C stays a signal. Ctrl+Z does not: it would leave the shell with our screen.
    """
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        mine = termios.tcgetattr(descriptor)
        mine[6][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes(1, "big")
        termios.tcsetattr(descriptor, termios.TCSADRAIN, mine)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Keys:
    """The keys that wait at `descriptor`, when it has become readable."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def read(self) -> list[str]:
        """Characters, and the names in keys.py. A terminal that was hung up quits."""
        try:
            data = os.read(self._descriptor, 1024)
        except OSError:
            data = b""
        if not data:
            return [ESCAPE, "q"]
        return [_NAMED.get(char, char) for char in _SEQUENCE.sub("", self._decoder.decode(data))]
