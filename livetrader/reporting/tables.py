"""The report's tables, as data: the terminal and the HTML page write the same ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.reporting import figures
from livetrader.reporting.daily import Report
from livetrader.reporting.statistics import Summary

if TYPE_CHECKING:
    from livetrader.domain.position import Trade
    from livetrader.reporting.frictions import Frictions

# The times in what is told of candles, which are UTC.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Cell:
    """`key` sorts the column (the text does, where it is None); `tone` is gain, loss, muted or nothing."""

    text: str
    key: float | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`name` identifies it; columns in `numeric` are aligned right; `empty` stands in place of no rows."""

    name: str
    title: str
    columns: tuple[str, ...]
    numeric: frozenset[str]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    sortable: bool = True
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure and the line below it."""

    label: str
    value: str
    note: str
    tone: str = ""


def tone(value: Decimal | float | None) -> str:
    """The colour of a profit: gain, loss, or none."""
    if value is None or value == 0:
        return ""
    return "gain" if value > 0 else "loss"


def one_day(trades: Sequence[Trade], zone: tzinfo) -> bool:
    """Whether all was bought and sold on one date, so that times of day are enough."""
    return len({figures.local(at, zone).date() for t in trades for at in (t.entry_at, t.exit_at)}) < 2


def tiles(report: Report, zone: tzinfo) -> tuple[Tile, ...]:
    """The headline: net P&L, win rate, trades, charges, maximum drawdown."""
    total, fall = report.statistics.total, report.statistics.drawdown
    longs = sum(trade.side.sign > 0 for trade in report.trades)
    capital = report.starting_capital
    change = float(total.net_pnl / capital * 100) if capital else None
    return (
        Tile(
            "Net P&L",
            figures.money(total.net_pnl, report.currency, signed=True),
            f"{figures.percent(change, signed=True)} of {figures.money(capital, report.currency)}",
            tone(total.net_pnl),
        ),
        Tile("Win rate", share(total.win_rate), f"{total.winners} won, {total.losers} lost"),
        Tile("Trades", str(total.trades), f"{longs} long, {total.trades - longs} short"),
        Tile(
            "Charges",
            figures.money(total.charges, report.currency),
            f"gross {figures.money(total.gross_pnl, report.currency, signed=True)}",
        ),
        Tile(
            "Max drawdown",
            figures.money(fall.value if fall else None, report.currency),
            f"{figures.percent(fall.pct)}, low on {_low(report, fall.trough_at, zone)}"
            if fall and fall.value
            else "the equity never fell",
        ),
    )


def unknown_table(report: Report, zone: tzinfo) -> Table:
    """Orders whose outcome is not known: what an operator must look at first."""
    rows = tuple(
        (
            Cell(order.intent.symbol),
            Cell(order.intent.action.value),
            _quantity(order.intent.quantity),
            Cell(order.intent.strategy),
            _time(order.created_at.timestamp(), zone),
            Cell(order.broker_order_id or figures.NOTHING),
            Cell(order.intent.intent_id),
            Cell(order.reason or figures.NOTHING),
        )
        for order in report.unknown
    )
    columns = ("Symbol", "Action", "Quantity", "Strategy", "Sent", "Broker order", "Intent", "Reason")
    return Table("unknown", "Orders in UNKNOWN state", columns, frozenset({"Quantity"}), rows, "None.", counted=True)


def alerts_table(report: Report, zone: tzinfo) -> Table:
    """What an operator has to look at, and has not settled."""
    rows = tuple((_time(alert.since.timestamp(), zone), Cell(alert.text)) for alert in report.alerts)
    return Table("alerts", "Open alerts", ("Since", "Alert"), frozenset(), rows, "None.", counted=True)


def alarms(report: Report, zone: tzinfo) -> Iterator[Table]:
    """The tables that come first, where there is anything in them."""
    if report.unknown:
        yield unknown_table(report, zone)
    if report.alerts:
        yield alerts_table(report, zone)


def tables(report: Report, zone: tzinfo) -> Iterator[Table]:
    """Every table but the `alarms`, in the report's order."""
    yield trades_table(report, zone)
    yield _holdings(report)
    yield summaries("by_strategy", "By strategy", "Strategy", report.statistics.by_strategy, report)
    yield summaries("by_symbol", "By symbol", "Symbol", report.statistics.by_symbol, report)
    yield _figures(report)
    yield _refused(report, zone)
    yield _data(report, zone)
    if report.frictions is not None:
        yield _frictions(report, report.frictions, zone)


def trades_table(report: Report, zone: tzinfo) -> Table:
    columns = (
        "Entry", "Symbol", "Side", "Strategy", "Quantity", "Entry price", "Exit", "Exit price", "Reason",
        "Gross", "Charges", "Net P&L",
    )  # fmt: skip
    numeric = frozenset({"Quantity", "Entry price", "Exit price", "Gross", "Charges", "Net P&L"})
    same_day = one_day(report.trades, zone)
    rows = tuple(_trade(trade, report.currency, zone, same_day) for trade in report.trades)
    return Table("trades", "Trades", columns, numeric, rows, "No trade was taken.", counted=True)


def _trade(trade: Trade, currency: str, zone: tzinfo, same_day: bool) -> tuple[Cell, ...]:
    return (
        _time(trade.entry_at.timestamp(), zone, same_day),
        Cell(trade.symbol),
        Cell(trade.side.value),
        Cell(trade.strategy),
        _quantity(trade.quantity),
        _price(trade.entry_price),
        _time(trade.exit_at.timestamp(), zone, same_day),
        _price(trade.exit_price),
        Cell(trade.exit_reason.replace("_", " ")),
        pnl_cell(trade.gross_pnl, currency),
        money_cell(trade.charges, currency),
        pnl_cell(trade.net_pnl, currency),
    )


def _holdings(report: Report) -> Table:
    columns = ("Symbol", "Side", "Strategy", "Quantity", "Average price", "Last price", "Stop", "Unrealised")
    rows = tuple(
        (
            Cell(holding.position.symbol),
            Cell(holding.position.side.value),
            Cell(holding.position.strategy),
            _quantity(holding.position.quantity),
            _price(holding.position.average_price),
            _price(holding.last_price),
            _price(holding.stop),
            pnl_cell(holding.unrealised, report.currency),
        )
        for holding in report.holdings
    )
    return Table("holdings", "Open positions", columns, frozenset(columns[3:]), rows, "Flat: nothing is held.")


def summaries(name: str, title: str, first: str, parts: Sequence[tuple[str, Summary]], report: Report) -> Table:
    """A row of figures for each group of trades; `first` names what they have in common."""
    columns = (
        first, "Trades", "Win rate", "Profit factor", "Expectancy", "Average win", "Average loss", "Gross",
        "Charges", "Net P&L",
    )  # fmt: skip
    rows = tuple(
        (
            Cell(label),
            Cell(str(part.trades), part.trades),
            Cell(share(part.win_rate), part.win_rate),
            Cell(figures.number(part.profit_factor), part.profit_factor),
            pnl_cell(part.expectancy, report.currency),
            pnl_cell(part.average_win, report.currency),
            pnl_cell(part.average_loss, report.currency),
            pnl_cell(part.gross_pnl, report.currency),
            money_cell(part.charges, report.currency),
            pnl_cell(part.net_pnl, report.currency),
        )
        for label, part in parts
    )
    return Table(name, title, columns, frozenset(columns[1:]), rows, "No trades to add up.")


def _figures(report: Report) -> Table:
    """The statistics that are not in the headline."""
    whole, total = report.statistics, report.statistics.total
    lines = (
        ("Return on starting capital", Cell(figures.percent(whole.return_pct, signed=True))),
        ("Profit factor (won / lost)", Cell(figures.number(total.profit_factor))),
        ("Expectancy a trade", pnl_cell(total.expectancy, report.currency)),
        ("Average win", pnl_cell(total.average_win, report.currency)),
        ("Average loss", pnl_cell(total.average_loss, report.currency)),
        ("Largest win", pnl_cell(total.largest_win, report.currency)),
        ("Largest loss", pnl_cell(total.largest_loss, report.currency)),
        ("Sharpe ratio (daily, annualised)", Cell(figures.number(whole.sharpe))),
        ("Time in the market", Cell(_exposure(whole.exposure_seconds, whole.exposure_pct))),
    )
    rows = tuple((Cell(label), cell) for label, cell in lines)
    return Table("figures", "Statistics", ("Figure", "Value"), frozenset({"Value"}), rows, "", sortable=False)


def _refused(report: Report, zone: tzinfo) -> Table:
    rows = tuple(
        (
            Cell(group.rule if i == 0 else ""),
            Cell(str(group.count) if i == 0 else "", group.count),
            _time(example.at, zone),
            Cell(example.symbol),
            Cell(example.side),
            Cell(example.strategy),
            Cell(example.reason),
            Cell(", ".join(f"{name} {value}" for name, value in example.numbers.items()), None, "muted"),
        )
        for group in report.refused
        for i, example in enumerate(group.examples)
    )
    columns = ("Rule", "Count", "At", "Symbol", "Side", "Strategy", "Reason", "Numbers")
    # Sorting would tear the examples from the rule that stands above them.
    return Table(
        "refused",
        "Refused signals",
        columns,
        frozenset({"Count"}),
        rows,
        "No signal was refused.",
        sortable=False,
    )


def _data(report: Report, zone: tzinfo) -> Table:
    def here(found: re.Match[str]) -> str:
        return figures.stamp(datetime.fromisoformat(found[0]), zone)

    rows = tuple(
        (
            Cell(issue.symbol),
            Cell(issue.kind.replace("_", " ")),
            Cell(str(issue.count), issue.count),
            Cell(_INSTANT.sub(here, issue.text)),
        )
        for issue in report.data
    )
    columns = ("Symbol", "Kind", "Count", "The first one")
    return Table("data", "Data quality", columns, frozenset({"Count"}), rows, "No defects in the candles used.")


def _frictions(report: Report, found: Frictions, zone: tzinfo) -> Table:
    """What the trades paid beyond the prices that they met. It is in their prices, and so in their profit."""
    same_day = one_day(report.trades, zone)
    paid = [(trade, found.by_trade[trade.trade_id]) for trade in report.trades if trade.trade_id in found.by_trade]
    rows = tuple(
        (
            _time(trade.entry_at.timestamp(), zone, same_day),
            Cell(trade.symbol),
            Cell(trade.side.value),
            Cell(trade.strategy),
            *(money_cell(amount, report.currency) for amount in (one.slippage, one.impact, one.total)),
            Cell(figures.number(one.bps(trade)), one.bps(trade)),
        )
        for trade, one in paid
    )
    columns = ("Entry", "Symbol", "Side", "Strategy", "Slippage", "Impact", "Together", "bps")
    slippage, impact = (figures.money(amount, report.currency) for amount in (found.total.slippage, found.total.impact))
    title = f"Slippage {slippage} and market impact {impact}, by trade"
    return Table("frictions", title, columns, frozenset(columns[4:]), rows, "No trade paid any.")


def _low(report: Report, at: int, zone: tzinfo) -> str:
    """When it was; over a period only the day, whose close is all that is known."""
    if len(report.sessions) == 1:
        return figures.stamp(at, zone)
    return f"{figures.day_ended(at, zone):%d %b %Y}"


def _exposure(seconds: int, pct: float | None) -> str:
    """In hours, however many: a day of sessions is no day of the calendar."""
    spent = f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return spent if pct is None else f"{spent}, {figures.percent(pct)} of the sessions"


def share(fraction: float | None) -> str:
    return figures.NOTHING if fraction is None else f"{fraction * 100:.1f} %"


def _time(at: float, zone: tzinfo, same_day: bool = False) -> Cell:
    """A time of day; with its date, unless all in the column are of the same."""
    return Cell((figures.clock if same_day else figures.stamp)(int(at), zone), at)


def _quantity(value: Decimal) -> Cell:
    return Cell(figures.quantity(value), float(value))


def _price(value: Decimal | None) -> Cell:
    return Cell(figures.price(value), None if value is None else float(value))


def money_cell(value: Decimal | None, currency: str) -> Cell:
    return Cell(figures.money(value, currency), None if value is None else float(value))


def pnl_cell(value: Decimal | None, currency: str) -> Cell:
    key = None if value is None else float(value)
    return Cell(figures.money(value, currency, signed=True), key, tone(value))
