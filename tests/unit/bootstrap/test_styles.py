"""What a holding style means: the product, the time exit, the bars."""

from __future__ import annotations

from pathlib import Path

import pytest

from livetrader.bootstrap.styles import STYLES, holding, in_words, product
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Exit, load
from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitPlan
from livetrader.domain.instrument import Product
from livetrader.store.rows import _plan_of, _plan_text

MIS, CNC, NRML = Product


@pytest.mark.parametrize(
    ("charges", "products"),
    [
        ("nse_intraday", (MIS, MIS, CNC, CNC)),
        ("nse_delivery", (MIS, MIS, CNC, CNC)),
        ("nse_futures", (MIS, MIS, NRML, NRML)),
        ("binance_futures", (MIS, MIS, NRML, NRML)),
        ("binance_spot", (CNC, CNC, CNC, CNC)),
    ],
)
def test_the_product_follows_from_the_style_and_what_is_traded(charges: str, products: tuple[Product, ...]) -> None:
    """Scalp and intraday, btst and swing. Contracts may be carried short; a coin has to be there to be sold."""
    assert tuple(product(style, charges) for style in STYLES) == products


def planned(style: str, **exit: object) -> ExitPlan:
    held = holding(style, Exit.model_validate(exit), "nse_intraday")
    return held.exit.plan(1.0, square_off=held.square_off, overnight=held.overnight)


@pytest.mark.parametrize(
    ("style", "square_off", "overnight", "minutes"),
    [
        ("scalp", True, False, "15.0"),
        ("intraday", True, False, "nan"),
        ("btst", True, True, "nan"),
        ("swing", False, False, "nan"),
    ],
)
def test_the_time_exit_follows_from_the_style(style: str, square_off: bool, overnight: bool, minutes: str) -> None:
    plan = planned(style)
    assert (plan.square_off, plan.overnight, str(plan.hold_minutes)) == (square_off, overnight, minutes)


def test_the_exit_may_say_how_long_at_most() -> None:
    assert planned("scalp", hold_minutes=3).hold_minutes == 3
    assert planned("swing", hold_minutes=4320).hold_minutes == 4320


@pytest.mark.parametrize(
    ("style", "exit", "words"),
    [
        ("scalp", {}, "MIS; leaves by trailing_atr, after 15 minutes, at the square-off"),
        ("intraday", {"kind": "none"}, "MIS; leaves at the square-off"),
        ("btst", {"kind": "percent"}, "CNC; leaves by percent, at the square-off of the next session"),
        ("swing", {"kind": "none"}, "CNC; leaves by its own exits only"),
    ],
)
def test_a_holding_in_words(style: str, exit: dict[str, object], words: str) -> None:
    assert in_words(holding(style, Exit.model_validate(exit), "nse_intraday")) == words


@pytest.mark.parametrize("style", STYLES)
def test_a_time_exit_is_written_down_and_read_again(style: str) -> None:
    """And one that there is not leaves no trace: records of before read as they did."""
    text = _plan_text(planned(style))
    assert _plan_text(_plan_of(text)) == text
    assert ("overnight" in text, "hold_minutes" in text) == (style == "btst", style == "scalp")


def test_a_strategy_may_be_put_on_other_bars(tmp_path: Path) -> None:
    """With the block of those bars; the same rule, and yet another strategy: its hash differs."""
    (tmp_path / "config.yaml").write_text("strategies: {entries: {sma_cross: {style: scalp, interval: 15m}}}\n")
    with Workspace(load(tmp_path / "config.yaml", environ={})) as workspace:
        moved, own = workspace.strategy("sma_cross"), workspace.registry.make("sma_cross", trend_symbol="NIFTY")
    assert (moved.interval, moved.series.warmup_sessions) == (Interval.M15, 30)
    assert (own.interval, own.series.warmup_sessions) == (Interval.M5, 10)
    assert isinstance(moved, type(own))
    assert repr(moved) != repr(own)
