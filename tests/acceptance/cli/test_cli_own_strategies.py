"""A fault in a user's strategy is one line that names the strategy and the cause, whatever the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told

Call = Callable[..., Told]

HEAD = """\
from dataclasses import dataclass
from typing import ClassVar

from livetrader.domain.interval import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import ta
from livetrader.strategies.base import Strategy


def slope(close):
    raise ValueError("no slope\\nof this")


@dataclass(frozen=True)
class Mine(Strategy):
    name: ClassVar = "mine"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG
"""
PER_SYMBOL = """
    def indicators(self, c):
        return {"slope": ta.per_symbol(slope, c.close), "entry": c.close > 0}
"""
ENTRIES = """
    def indicators(self, c):
        return {"ema": ta.ema(c.close, 3)}

    def entries(self, f):
        raise KeyError("no\\nway")
"""
DAY = ("--from", "2026-02-27", "--to", "2026-02-27")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(PER_SYMBOL, ("mine.slope", "per_symbol: slope: ValueError: no slope of this"), id="per_symbol"),
        pytest.param(ENTRIES, ("strategy mine: entries(f): KeyError: ",), id="entries"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("scan", "--at", "2026-02-27 10:15", "--strategies", "mine"), id="scan"),
        pytest.param(("signals", *DAY, "--strategies", "mine"), id="signals"),
        pytest.param(("backtest", *DAY, "--strategies", "mine"), id="backtest"),
    ],
)
def test_what_it_raises_is_one_line(
    command: tuple[str, ...], body: str, words: tuple[str, ...], desk: Path, call: Call
) -> None:
    with (desk / "config.yaml").open("a") as file:
        file.write("strategies: {paths: [mine.py]}\n")
    (desk / "mine.py").write_text(HEAD + body)
    call(*command).fails(78, *words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(PER_SYMBOL, ("strategy mine: ", "per_symbol: slope: ValueError"), id="per_symbol"),
        pytest.param(ENTRIES, ("strategy mine: entries(f): KeyError: ",), id="entries"),
    ],
)
def test_the_check_says_it_too(body: str, words: tuple[str, ...], desk: Path, call: Call) -> None:
    with (desk / "config.yaml").open("a") as file:
        file.write("strategies: {paths: [mine.py]}\n")
    (desk / "mine.py").write_text(HEAD + body)
    call("strategies", "check", "mine").fails(78, *words)
