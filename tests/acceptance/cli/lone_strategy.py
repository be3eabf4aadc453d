"""A strategy of the user's in a file of its own, and the configuration in which nothing else trades."""

from __future__ import annotations

BUILT_IN = ("breakdown_fade_long", "momentum_long", "breakout_fade_short", "momentum_short", "exhaustion_short")
FILE = """\
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from livetrader.domain.interval import Interval
from livetrader.domain.signal import Side
from livetrader.strategies.base import Strategy

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Lone(Strategy):
    name: ClassVar = "{name}"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG

    def indicators(self, c):
        return {{}}

    def entries(self, f):
{entries}
"""
IDLE = FILE.format(name="idle", entries="        return f.close < 0")


def section(name: str, settings: str = "{}") -> str:
    """The `strategies` of a configuration beside which lies NAME.py."""
    off = "".join(f"    {one}: {{enabled: false}}\n" for one in BUILT_IN)
    return f"strategies:\n  paths: [{name}.py]\n  entries:\n{off}    {name}: {settings}\n"
