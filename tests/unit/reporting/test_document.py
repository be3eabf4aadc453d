"""The JSON that other programs read: CLI.md's keys, exact money, UTC, the same bytes for the same inputs."""

from __future__ import annotations

import csv as reader
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import CAPITAL, at, curve, day_trades, order, report, trade

from livetrader.domain.order_state import OrderState
from livetrader.reporting import csv
from livetrader.reporting.document import (
    document,
    order_json,
    render,
    report_json,
    statistics_json,
    trade_json,
)
from livetrader.reporting.statistics import statistics
from livetrader.reporting.values import exact, utc

TRADE_KEYS = [
    "trade_id", "session", "strategy", "symbol", "side", "quantity", "entry_at", "entry_price", "exit_at",
    "exit_price", "exit_reason", "gross_pnl", "charges", "net_pnl",
]  # fmt: skip
ORDER_KEYS = [
    "intent_id", "broker_order_id", "strategy", "symbol", "action", "order_type", "product", "quantity",
    "filled_quantity", "average_price", "state", "reason", "created_at", "updated_at",
    "purpose", "limit_price", "trigger_price", "entry_id", "algo_id",
]  # fmt: skip


def built(seed: int = 7) -> str:
    trades, _ = day_trades(seed, 5)
    equity = curve(trades)
    found = statistics(trades, equity, starting_capital=CAPITAL)
    hashes = {"momentum_long": "b2", "exhaustion_short": "a1"}
    return render(document(trades, equity, found, config_hash="c", strategy_hashes=hashes, data_hash="d"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.00", "10"),
        ("10", "10"),
        ("1E+3", "1000"),
        ("-0.00", "0"),
        ("0", "0"),
        ("2500.50", "2500.5"),
        ("0.00000001", "0.00000001"),
        ("-12.345", "-12.345"),
        ("123456789012345678901234567890.1", "123456789012345678901234567890.1"),
    ],
)
def test_money_is_written_exactly_and_in_one_way(value: str, text: str) -> None:
    assert exact(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.integers(0, 6))
def test_equal_decimals_have_equal_text_that_reads_back(value: Decimal, zeros: int) -> None:
    same = Decimal(f"{value:f}" + "0" * zeros)
    assert exact(same) == exact(value)
    assert Decimal(exact(value)) == value


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (1770004800, "2026-02-02T04:00:00Z"),
        (datetime(2026, 2, 2, 4, tzinfo=UTC), "2026-02-02T04:00:00Z"),
        (datetime(2026, 2, 2, 9, 30, tzinfo=timezone(timedelta(hours=5.5))), "2026-02-02T04:00:00Z"),
        (datetime(2026, 2, 2, 4, 0, 0, 250, tzinfo=UTC), "2026-02-02T04:00:00.000250Z"),
    ],
    ids=["epoch", "utc", "india", "microseconds"],
)
def test_times_are_utc_with_z(instant: datetime | int, text: str) -> None:
    assert utc(instant) == text


def test_a_trade_has_the_keys_of_the_contract_in_order() -> None:
    row = trade_json(trade("-12.50", gross="50", entry_at=at("10:00"), exit_at=at("10:45"), reason="stop"))
    assert list(row) == TRADE_KEYS
    assert row["entry_at"] == "2026-02-02T04:30:00Z"
    assert (row["session"], row["side"], row["exit_reason"]) == ("2026-02-02", "long", "stop")
    assert (row["gross_pnl"], row["charges"], row["net_pnl"]) == ("50", "62.5", "-12.5")


def test_an_order_has_the_keys_of_the_contract_in_order() -> None:
    row = order_json(order(OrderState.PARTIALLY_FILLED, filled="10", reason=""))
    assert list(row) == ORDER_KEYS
    assert (row["action"], row["order_type"], row["product"], row["state"]) == (
        "BUY",
        "MARKET",
        "MIS",
        "PARTIALLY_FILLED",
    )
    assert (row["quantity"], row["filled_quantity"], row["average_price"]) == ("25", "10", "3301.25")
    assert row["broker_order_id"] is None


def test_an_order_without_a_fill_has_no_average_price() -> None:
    assert order_json(order())["average_price"] is None


def test_undefined_statistics_are_null() -> None:
    row = statistics_json(statistics([], []))
    assert [row[key] for key in ("win_rate", "profit_factor", "sharpe", "max_drawdown", "expectancy")] == [None] * 5
    assert "NaN" not in json.dumps(row)


def test_a_number_that_is_not_finite_is_null() -> None:
    found = replace(statistics([], []), sharpe=float("nan"), return_pct=float("inf"))
    row = statistics_json(found)
    assert (row["sharpe"], row["return_pct"]) == (None, None)


def test_the_document_has_the_keys_of_the_contract() -> None:
    read = json.loads(built())
    assert list(read) == ["trades", "equity", "statistics", "config_hash", "strategy_hashes", "data_hash"]
    assert list(read["strategy_hashes"]) == ["exhaustion_short", "momentum_long"]
    assert set(read["equity"][0]) == {"at", "value"}
    money = [row["net_pnl"] for row in read["trades"]] + [point["value"] for point in read["equity"]]
    assert all(isinstance(value, str) for value in money)
    assert read["statistics"]["trades"] == len(read["trades"]) == 5


def test_equal_inputs_give_the_same_bytes_whatever_their_exponents_and_order_of_hashes() -> None:
    one = [trade("10.50", gross="12.00")]
    two = [trade("10.5000", gross="12")]
    texts = [
        render(
            document(
                trades, [(1770004800, trades[0].net_pnl)], statistics(trades, []),
                config_hash="c", strategy_hashes=hashes, data_hash="d",
            )
        )
        for trades, hashes in ((one, {"a": "1", "b": "2"}), (two, {"b": "2", "a": "1"}))
    ]  # fmt: skip
    assert texts[0] == texts[1]
    assert built() == built()
    assert built(7) != built(8)


def test_the_document_has_one_trade_a_line() -> None:
    lines = built().splitlines()
    rows = [line for line in lines if line.startswith('{"trade_id"')]
    assert len(rows) == 5
    assert built().endswith("}\n")


def test_a_document_without_trades_is_json_as_well() -> None:
    text = render(document([], [], statistics([], []), config_hash="c", strategy_hashes={}, data_hash="d"))
    assert json.loads(text)["trades"] == []


def test_the_reports_document_carries_what_the_page_shows() -> None:
    read = json.loads(render(report_json(report(unknown=True))))
    assert (read["mode"], read["sessions"], read["starting_capital"]) == ("PAPER", ["2026-02-02"], "1000000")
    assert read["positions"][0]["unrealised"] == "310"
    assert read["unknown_orders"][0]["state"] == "UNKNOWN"
    assert [(group["rule"], group["count"]) for group in read["refused"]] == [
        ("max_positions", 5),
        ("not_taken", 1),
        ("symbol_cooldown", 1),
    ]
    assert read["data"][0]["count"] == 12
    assert any("2 bps" in line for line in read["assumptions"])


def test_the_csv_has_the_same_columns_and_values_as_the_json() -> None:
    trades, _ = day_trades(7, 5)
    rows = list(reader.DictReader(io.StringIO(csv.render(trades))))
    assert rows == [trade_json(each) for each in trades]
    assert csv.render([]) == ",".join(TRADE_KEYS) + "\n"
