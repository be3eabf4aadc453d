"""What is held and what was closed, lot by lot: for `positions --lots`, and for whoever does the taxes."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap import reports, state
from livetrader.bootstrap.trader import ACCOUNT
from livetrader.config import Configuration, load
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.reporting.document import report_json
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

BOUGHT = datetime(2026, 2, 24, 5, 0, tzinfo=UTC)
SOLD = datetime(2026, 2, 27, 5, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state of a swing position that was bought in two parts, on two days, and sold in part."""
    journal = SqlJournal(open_state(f"sqlite:///{tmp_path}/state.db", "paper", ACCOUNT))
    for name, action, purpose, parts in (
        ("entry", Action.BUY, Purpose.ENTRY, [("10", "100", BOUGHT), ("10", "110", BOUGHT + timedelta(days=1))]),
        ("exit", Action.SELL, Purpose.EXIT, [("12", "120", SOLD)]),
    ):
        at = parts[0][2]
        quantity = sum((Decimal(part) for part, _, _ in parts), Decimal(0))
        order = OrderIntent(
            name, ACCOUNT, "sma_cross", "INFY", Side.LONG, action, purpose, Product.CNC, OrderType.MARKET, quantity,
            Decimal(100), int(at.timestamp()), entry_id="entry" if name == "exit" else "",
        )  # fmt: skip
        journal.intend(order, at)
        journal.advance(name, OrderState.SENT, at)
        for i, (part, price, filled) in enumerate(parts):
            deal = Fill(
                "simulated", f"{name}{i}", name, "INFY", action, Decimal(part), Decimal(price), Decimal(6), filled
            )
            journal.book(deal, filled)
    end = int(datetime(2026, 2, 27, 10, 0, tzinfo=UTC).timestamp())
    journal.equity(end, Decimal(1_000_400), Decimal(999_000), SOLD)
    journal.mark(end, SOLD)
    journal.close()
    return tmp_path


def configured(folder: Path, method: str) -> Configuration:
    environ = {"LIVETRADER__CAPITAL__LOTS": method, "LIVETRADER__STATE__URL": f"sqlite:///{folder}/state.db"}
    return load(None, environ=environ, directory=folder)


@pytest.mark.parametrize(("method", "price", "realised"), [("average", "105", "180"), ("fifo", "110", "220")])
def test_a_position_costs_what_the_method_says(folder: Path, method: str, price: str, realised: str) -> None:
    (held,) = state.positions(configured(folder, method), None)
    assert (held["quantity"], held["average_price"], held["realised"]) == ("8", price, realised)


@pytest.mark.parametrize("method", ["average", "fifo"])
def test_lots_are_first_in_first_out_whatever_the_method(folder: Path, method: str) -> None:
    """The law of taxes asks for them, however somebody counts his profit. Two days after the purchase, and 8 of 10."""
    assert state.open_lots(configured(folder, method), None) == [
        {
            "symbol": "INFY", "side": "long", "strategy": "sma_cross", "opened_at": "2026-02-25T05:00:00Z",
            "quantity": "8", "price": "110", "holding_days": 2, "charges": "4.8",
        }
    ]  # fmt: skip


def test_the_lots_that_were_closed_are_a_csv_of_their_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reports.report(configured(folder, "average"), None, None, "lots", None) is None
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    told = [
        [row[key] for key in ("quantity", "open_price", "close_price", "holding_days", "gross_pnl")] for row in rows
    ]
    assert told == [["10", "100", "120", "3", "200"], ["2", "110", "120", "2", "20"]]
    assert [row["net_pnl"] for row in rows] == ["189", "17.8"]


def test_a_period_without_an_exit_has_no_lots(folder: Path) -> None:
    span = (date(2026, 2, 24), date(2026, 2, 26))
    out = reports.report(configured(folder, "fifo"), None, span, "lots", folder / "lots.csv")
    assert out is not None
    assert out.read_text().count("\n") == 1, "the header"


@pytest.mark.parametrize(("method", "lots"), [("average", None), ("fifo", [3, 2])])
def test_the_reports_json_has_lots_where_the_account_counts_in_them(
    folder: Path, method: str, lots: list[int] | None
) -> None:
    made, _ = reports.of_state(configured(folder, method), None, None, candles=False)
    found = report_json(made).get("lots")
    assert lots == (None if found is None else [one["holding_days"] for one in found])
