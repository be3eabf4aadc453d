"""The tables of the analytics, as data: the terminal and the tear sheet write the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from livetrader.reporting import figures
from livetrader.reporting.analytics import LEAST_SESSIONS, Analytics
from livetrader.reporting.breakdown import Day
from livetrader.reporting.concentration import Concentration
from livetrader.reporting.daily import Report
from livetrader.reporting.refused import TAKEN
from livetrader.reporting.tables import Cell, Table, money_cell, pnl_cell, share, summaries, tone

_CHARGES = {"stt": "STT", "sebi": "SEBI", "stamp": "stamp duty", "gst": "GST"}

MOST_WEIGHTS = 12
"""Symbols shown with their weights; the rest is one line."""


def analytics_tables(report: Report, found: Analytics, zone: tzinfo) -> Iterator[Table]:
    """Every table, in the order of the terminal's report."""
    yield recommended(found)
    yield risk(report, found)
    yield drawdowns(report, found, zone)
    yield compared(report, found)
    yield from groups(report, found)
    yield slippage(report, found)
    yield charges(report, found)
    yield weights(found)
    yield outcomes(found)


def recommended(found: Analytics) -> Table:
    rows = tuple((Cell(one.text), Cell(str(one.n), one.n)) for one in found.recommendations)
    where = "" if found.candles else " in the journal; --format html looks at the candles too"
    nothing = f"Nothing stands out{where}."
    return Table("recommendations", "To look at", ("What", "n"), frozenset({"n"}), rows, nothing, sortable=False)


def risk(report: Report, found: Analytics) -> Table:
    """The figures of return, risk and trading that are not among the statistics."""
    ratios, trading, spread = found.risk, found.trading, found.diversification
    short = len(found.days) < LEAST_SESSIONS
    lines = (
        ("Growth a year (CAGR)", Cell(_annual(ratios.cagr_pct, short))),
        ("Volatility a year", Cell(figures.percent(ratios.volatility_pct))),
        ("Sortino ratio", Cell(figures.number(ratios.sortino))),
        ("Calmar ratio", Cell(f"from {LEAST_SESSIONS} sessions on" if short else figures.number(ratios.calmar))),
        ("Best day", _day(ratios.best_day, report.currency)),
        ("Worst day", _day(ratios.worst_day, report.currency)),
        ("Average win / average loss", Cell(figures.number(trading.payoff))),
        ("Average time in a trade", Cell(_duration(trading.average_holding_seconds))),
        ("Most wins, losses in a row", Cell(f"{trading.most_wins}, {trading.most_losses}")),
        ("Turnover, times the account", Cell(figures.number(trading.turnover))),
        ("Average gross exposure", Cell(figures.percent(trading.gross_exposure_pct))),
        ("Concentration", Cell(figures.NOTHING if spread is None else spread.level.value)),
    )
    rows = tuple((Cell(label), cell) for label, cell in lines)
    return Table("risk", "Return and risk", ("Figure", "Value"), frozenset({"Value"}), rows, "", sortable=False)


def drawdowns(report: Report, found: Analytics, zone: tzinfo) -> Table:
    def day(at: int) -> str:
        # A fall may begin with the capital, at the first session's open.
        return f"{max(figures.day_ended(at, zone).date(), report.sessions[0]):%d %b %Y}"

    rows = tuple(
        (
            Cell(figures.percent(None if fall.pct is None else -fall.pct), fall.pct, "loss"),
            money_cell(fall.value, report.currency),
            Cell(day(fall.peak_at)),
            Cell(day(fall.trough_at)),
            Cell("not yet" if fall.recovered_at is None else day(fall.recovered_at)),
            Cell(_duration(fall.duration_seconds)),
        )
        for fall in found.drawdowns
    )
    columns = ("Depth", "Amount", "From", "Low", "Recovered", "Lasted")
    return Table(
        "drawdowns", "Deepest drawdowns", columns, frozenset({"Depth", "Amount", "Lasted"}), rows,
        "The equity never fell.", sortable=False,
    )  # fmt: skip


def compared(report: Report, found: Analytics) -> Table:
    weights = {} if found.diversification is None else dict(found.diversification.by_strategy.weights)
    columns = (
        "Strategy", "Trades", "Win rate", "Profit factor", "Expectancy", "Net P&L", "Return", "Sharpe", "Drawdown",
        "Share of exposure",
    )  # fmt: skip
    rows = tuple(
        (
            Cell(line.name),
            Cell(str(line.total.trades), line.total.trades),
            Cell(share(line.total.win_rate), line.total.win_rate),
            Cell(figures.number(line.total.profit_factor), line.total.profit_factor),
            pnl_cell(line.total.expectancy, report.currency),
            pnl_cell(line.total.net_pnl, report.currency),
            Cell(figures.percent(line.return_pct, signed=True), line.return_pct, tone(line.return_pct)),
            Cell(figures.number(line.sharpe), line.sharpe),
            money_cell(line.drawdown, report.currency),
            Cell(share(weights.get(line.name, 0.0)), weights.get(line.name, 0.0)),
        )
        for line in found.comparison.strategies
    )
    return Table("comparison", "Strategies compared", columns, frozenset(columns[1:]), rows, "No strategy traded.")


def groups(report: Report, found: Analytics) -> Iterator[Table]:
    """By exit reason, hour and weekday of entry."""
    reasons = tuple((name.replace("_", " "), part) for name, part in found.by_exit_reason)
    yield summaries("by_exit_reason", "By exit reason", "Exit", reasons, report)
    yield summaries("by_hour", "By hour of entry", "Hour", found.by_hour, report)
    yield summaries("by_weekday", "By weekday of entry", "Day", found.by_weekday, report)


def slippage(report: Report, found: Analytics) -> Table:
    rows = tuple(
        (
            Cell(one.purpose),
            Cell(str(one.orders), one.orders),
            money_cell(one.value, report.currency),
            money_cell(one.paid, report.currency),
            Cell(figures.number(one.bps), one.bps),
        )
        for one in found.slippage
    )
    columns = ("Orders", "Count", "Value", "Paid", "bps")
    return Table(
        "slippage", "Slippage against the decision's price", columns, frozenset(columns[1:]), rows, "Nothing filled.",
        sortable=False,
    )  # fmt: skip


def charges(report: Report, found: Analytics) -> Table:
    whole = sum(amount for _, amount in found.charges)
    rows = tuple(
        (
            Cell(_CHARGES.get(kind, kind)),
            money_cell(amount, report.currency),
            Cell(share(float(amount / whole)), float(amount)),
        )
        for kind, amount in found.charges
    )
    columns = ("Charge", "Paid", "Part")
    return Table("charges", "Charges by kind", columns, frozenset(columns[1:]), rows, "No charges.")


def weights(found: Analytics) -> Table:
    """What the gross exposure consisted of, over time: symbols, and sectors where they are known."""
    spread = found.diversification
    columns, numeric = ("Symbol", "Part"), frozenset({"Part"})
    title = "Diversification"
    if spread is None:
        return Table("weights", title, columns, numeric, (), "Nothing was held.", sortable=False)
    shown, rest = spread.by_symbol.weights[:MOST_WEIGHTS], spread.by_symbol.weights[MOST_WEIGHTS:]
    rows = [(Cell(name), Cell(share(weight), weight)) for name, weight in shown]
    if rest:
        rows.append((Cell(f"{len(rest)} others"), Cell(share(sum(weight for _, weight in rest)))))
    rows.append((Cell("HHI by symbol", None, "muted"), Cell(_hhi(spread.by_symbol))))
    rows.append((Cell("HHI by strategy", None, "muted"), Cell(_hhi(spread.by_strategy))))
    if spread.by_sector is not None:
        rows += [(Cell(f"sector {name}"), Cell(share(weight), weight)) for name, weight in spread.by_sector.weights]
    if spread.correlation is not None:
        text = f"{figures.number(spread.correlation)} over {spread.pairs} pairs"
        rows.append((Cell("Mean correlation", None, "muted"), Cell(text)))
    return Table("weights", f"{title}: concentration {spread.level}", columns, numeric, tuple(rows), "", sortable=False)


def outcomes(found: Analytics) -> Table:
    """What refused signals did afterwards, beside those that were taken."""
    rows = tuple(
        (
            Cell("(taken)" if one.rule == TAKEN else one.rule),
            Cell(str(one.signals), one.signals),
            Cell(share(one.hit_rate), one.hit_rate),
            Cell(figures.percent(one.mean_pct, signed=True), one.mean_pct, tone(one.mean_pct)),
            Cell(figures.number(one.t), one.t),
        )
        for one in found.refused
    )
    columns = ("Rule", "Signals", "Our way", "Mean move", "t")
    nothing = "No signal was measured." if found.candles else "The candles were not read: see --format html or json."
    return Table("outcomes", "What refused signals did next", columns, frozenset(columns[1:]), rows, nothing)


def _annual(value: float | None, short: bool) -> str:
    return f"from {LEAST_SESSIONS} sessions on" if short else figures.percent(value, signed=True)


def _day(day: Day | None, currency: str) -> Cell:
    if day is None:
        return Cell(figures.NOTHING)
    text = f"{figures.money(day.change, currency, signed=True)} on {day.date.day} {day.date:%b %Y}"
    return Cell(text, float(day.change), tone(day.change))


def _duration(seconds: int | None) -> str:
    return figures.NOTHING if seconds is None else figures.duration(seconds)


def _hhi(one: Concentration) -> str:
    return f"{one.hhi:.3f}, as {1 / one.hhi:.1f} equal ones"
