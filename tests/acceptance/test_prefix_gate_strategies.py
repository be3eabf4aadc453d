"""`livetrader strategies check`: every built-in strategy passes, what looks ahead does not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest
from markets import Market
from runs import assert_same, backtest, replayed

from livetrader.bootstrap.gate import check
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.strategies.registry import Registry

BUILT_IN = tuple(Registry().classes)

TEMPLATE = '''
from dataclasses import dataclass
from typing import ClassVar

from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import ta
from livetrader.strategies.base import Strategy


@dataclass(frozen=True)
class Mine(Strategy):
    """A user's strategy."""

    name: ClassVar = "mine"
    interval: ClassVar = Interval.M5
    side: ClassVar = {side}

    def indicators(self, c):
{indicators}

    def entries(self, f):
{entries}
'''

EMA = "return {'ema': ta.ema(c.close, 20)}"
CROSS = "return (f.close > f.ema) & (f.close.shift(1) <= f.ema.shift(1))"


def source(entries: str = CROSS, indicators: str = EMA, side: str = "Side.LONG") -> str:
    """A strategy file."""
    bodies = {"indicators": indicators, "entries": entries}
    lines = {name: indent(dedent(body).strip(), " " * 8) for name, body in bodies.items()}
    return TEMPLATE.format(side=side, **lines)


HONEST = {
    "a cross of the last two bars": source(),
    "both sides": source(
        """
        above = f.close > f.ema
        return {Side.LONG: above & ~(f.close.shift(1) > f.ema.shift(1)), Side.SHORT: ~above & f.slow.notna()}
        """,
        "return {'ema': ta.ema(c.close, 20), 'slow': ta.sma(c.close, 50)}",
        "None",
    ),
    "per_symbol": source(
        "return f.close < f.low_band",
        "return {'low_band': ta.per_symbol(lambda x: x.rolling(20).mean() - 2 * x.rolling(20).std(), c.close)}",
    ),
    "time of day": source("return (f.close > f.ema).mul(f.close.index.hour < 6, axis=0)"),
}

CHEATS = {
    "entries look ahead by a bar": (source("return f.close.shift(-1) > f.close"), "entries long"),
    "entries rarely look ahead": (source("return (f.close.shift(-1) > 1.01 * f.close)"), "entries long"),
    "the last 300 bars of what is loaded": (
        source("return f.close > f.close.rolling(300).mean()"),
        "entries long",
    ),
    "the end of what is loaded": (source("return f.close > f.close.tail(300).mean()"), "entries long"),
    "the maximum of the whole frame": (source("return f.close >= f.close.max()"), "entries long"),
    "the future through per_symbol": (
        source(indicators="return {'ema': ta.per_symbol(lambda x: x.shift(-3), c.close)}"),
        "ema",
    ),
    "a centred mean": (
        source(indicators="return {'ema': ta.per_symbol(lambda x: x.rolling(5, center=True).mean(), c.close)}"),
        "ema",
    ),
    "a mean over the whole block": (
        source(indicators="return {'ema': ta.per_symbol(lambda x: x * 0 + x.mean(), c.close)}"),
        "ema",
    ),
    "the last 300 bars through per_symbol": (
        source(
            indicators="""
            def last_300(x):
                return x.tail(300).ewm(span=200, adjust=False).mean().reindex(x.index)

            return {'ema': ta.per_symbol(last_300, c.close)}
            """
        ),
        "ema",
    ),
    "other symbols of the list": (source("return f.close.rank(axis=1) == 1"), "entries long"),
}


@pytest.fixture(params=["stored", "simulated"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Market:
    """The generated market, and an empty store, for which `check` simulates one."""
    drill: Market = request.getfixturevalue("drill")
    return drill if request.param == "stored" else Market(tmp_path, ("A", "B"), drill.first, drill.last)


def using(text: str, folder: Path) -> dict[str, object]:
    """Settings of a user whose only strategy is the file with this text."""
    file = folder / "mine.py"
    file.write_text(text)
    off = {f"strategies.entries.{name}.enabled": False for name in BUILT_IN}
    return {"strategies.paths": [str(file)], "strategies.entries.mine.enabled": True, **off}


def complaints(workspace: Workspace, name: str) -> list[str]:
    (strategy,) = workspace.strategies((name,))
    return [str(violation) for violation in check(workspace, strategy)]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_strategy_passes(name: str, market: Market) -> None:
    with market.workspace() as workspace:
        assert complaints(workspace, name) == []


@pytest.mark.parametrize("calendar", ["24x7", "observed"])
def test_an_empty_store_will_do_on_every_calendar(calendar: str, tmp_path: Path) -> None:
    settings = {"market.calendar": calendar, "candles.url": f"sqlite:///{tmp_path / 'none.db'}"}
    flags = {key: ("test", value) for key, value in settings.items()}
    with Workspace(load(None, flags=flags, environ={}, directory=tmp_path), read_only=True) as workspace:
        assert complaints(workspace, "sma_cross") == []


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_an_honest_strategy_of_a_user_passes(text: str, market: Market, tmp_path: Path) -> None:
    with market.workspace(using(text, tmp_path)) as workspace:
        assert complaints(workspace, "mine") == []


@pytest.mark.parametrize(("text", "where"), CHEATS.values(), ids=CHEATS)
def test_a_planted_cheat_is_found_and_named(text: str, where: str, market: Market, tmp_path: Path) -> None:
    with market.workspace(using(text, tmp_path)) as workspace:
        found = complaints(workspace, "mine")
    assert found[0].startswith(f"{where} of ")
    assert len(found) <= 2, "what is wrong, and the entries that follow from it"
    assert all("\n" not in line for line in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both sides", "per_symbol"])
def test_an_honest_strategy_trades_the_same_in_backtest_and_replay(name: str, drill: Market, tmp_path: Path) -> None:
    """The replay's process ends in the middle of every session."""
    settings = using(HONEST[name], tmp_path)
    expected = backtest(drill, settings, drill.request())
    assert {trade.strategy for trade in expected.trades} == {"mine"}
    middles = [(session.opens + session.closes) // 2 for session in expected.sessions]
    assert_same(expected, replayed(drill, settings, drill.request(), tmp_path / "restarted", middles))
