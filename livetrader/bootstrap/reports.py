"""The end-of-day report: from the state database, or from a run's result.

The terminal's report stays light; charts and the day's data quality need the candles, and are read for the
formats that show them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from livetrader.bootstrap import state
from livetrader.bootstrap.frictions import frictions_of
from livetrader.bootstrap.realism import realism
from livetrader.bootstrap.results import Books, RunResult, Terms
from livetrader.bootstrap.state import exchange_zone, latest_day, open_books
from livetrader.config import Configuration
from livetrader.config.secrets import redact
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN
from livetrader.domain.session import Session
from livetrader.domain.trades import closed_lots
from livetrader.domain.trades import trades as fold
from livetrader.errors import UsageError
from livetrader.files import write
from livetrader.market.calendar import load
from livetrader.reporting.daily import (
    Holding,
    Report,
    TradeChart,
    assumptions,
    refusals,
    unknown_orders,
)
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.statistics import statistics
from livetrader.store.queries import Queries

if TYPE_CHECKING:
    from livetrader.bootstrap.workspace import Workspace

WITH_CANDLES = ("html", "json", "png")


def report(
    configuration: Configuration,
    mode: str | None,
    span: tuple[date, date] | None,
    form: str,
    out: Path | None,
) -> Path | None:
    """Write the report of a period (None: the latest session); the file, or None where it went to stdout."""
    zone = exchange_zone(configuration)
    if form == "lots":
        return _lots(configuration, mode, span, out)
    made, name = of_state(configuration, mode, span, candles=form in WITH_CANDLES)
    if out is None and form in ("html", "png"):
        out = configuration.settings.reports.directory / f"{name}.{form}"
    if form == "png" and out is not None:
        return write(out, picture(made, zone))
    text = render(made, form, zone)
    if out is None:
        _print(made, form, text, zone)
        return None
    return write(out, text)


def _lots(
    configuration: Configuration, mode: str | None, span: tuple[date, date] | None, out: Path | None
) -> Path | None:
    """The lots that were closed, as CSV: to `out`, or to stdout."""
    from livetrader.reporting import csv

    if span is None:
        day = latest_day(configuration, mode or configuration.settings.mode, exchange_zone(configuration))
        span = None if day is None else (day, day)
    text = csv.render_lots(state.closed_lots(configuration, mode, span))
    if out is not None:
        return write(out, text)
    print(text, end="")
    return None


def of_state(
    configuration: Configuration, mode: str | None, span: tuple[date, date] | None, *, candles: bool
) -> tuple[Report, str]:
    """The report of a period (None: the latest session), with what needs `candles` or without; its file's stem."""
    settings, zone = configuration.settings, exchange_zone(configuration)
    with open_books(configuration, mode) as queries:
        books = _books(queries, configuration, mode or settings.mode, span, zone)
        alerts = queries.alerts()
    books = _with_frictions(books, configuration)
    made = compose(books, configuration)
    if candles:
        made = with_candles(made, books, configuration)
    elif len(books.sessions) > 1:
        made = with_analytics(made, books, configuration)
    return replace(made, alerts=alerts), _name(books, settings.state_name(mode))


def _with_frictions(books: Books, configuration: Configuration) -> Books:
    """What the realistic fill model took is in the candles only, so that its report reads them for every format."""
    if realism(configuration.settings) is None:
        return books
    from livetrader.bootstrap.workspace import Workspace

    with Workspace(configuration, read_only=True) as opened:
        return replace(books, frictions=frictions_of(books, opened))


def of_result(result: RunResult, configuration: Configuration, workspace: Workspace | None = None) -> Report:
    """The report of a backtest or replay; with charts if a workspace is given."""
    made = compose(result, configuration)
    if workspace is None:
        return with_analytics(made, result, configuration)
    return with_candles(made, result, configuration, workspace)


def compose(books: Books, configuration: Configuration) -> Report:
    """The report without what needs candles."""
    settings = configuration.settings
    resting = [one for one in books.orders if one.intent.purpose is Purpose.STOP and one.state in OPEN]
    stops = {one.intent.symbol: one.intent.trigger_price for one in resting}
    title = "End of day" if len(books.sessions) <= 1 else "Period"
    title += f", {settings.portfolio}" if settings.portfolio else ""
    return Report(
        mode=books.label,
        title=title,
        sessions=[session.date for session in books.sessions],
        currency=settings.capital.currency,
        starting_capital=books.starting_capital,
        trades=books.trades,
        equity=books.equity,
        statistics=statistics(
            books.trades,
            books.equity,
            starting_capital=books.starting_capital,
            sessions=books.sessions,
            sessions_per_year=books.terms.per_year,
        ),
        holdings=[Holding(one, stop=stops.get(one.symbol)) for one in books.positions],
        unknown=unknown_orders(books.orders),
        refused=refusals(books.decisions),
        assumptions=assumptions(float(settings.venue.slippage_bps), settings.venue.charges, realism(settings)),
        frictions=books.frictions,
        lots=books.lots,
    )


def with_analytics(made: Report, books: Books, configuration: Configuration) -> Report:
    """The report with the analytics that need no candles."""
    from livetrader.bootstrap import analysis

    return replace(made, analytics=analysis.analytics(books, configuration))


def with_candles(
    made: Report, books: Books, configuration: Configuration, workspace: Workspace | None = None
) -> Report:
    """The report with a chart per trade, a curve within a single session, the day's data quality, and all analytics."""
    from livetrader.bootstrap import analysis, charts
    from livetrader.bootstrap.workspace import Workspace

    if workspace is None:
        with Workspace(configuration, read_only=True) as opened:
            return with_candles(made, books, configuration, opened)
    tape = analysis.tape(books, workspace)
    drawn: Mapping[str, TradeChart] = charts.trade_charts(workspace, tape, books)
    issues: Sequence[DataIssue] = charts.data_issues(workspace, books.sessions)
    if len(books.sessions) == 1:
        curve = charts.intraday_equity(tape, books.sessions[0], books.starting_capital, books.trades)
        made = compose(replace(books, equity=curve or books.equity), configuration)
    found = analysis.analytics(books, configuration, analysis.candles(books, workspace, tape, issues))
    return replace(made, charts=drawn, data=issues, analytics=found)


def picture(made: Report, zone: tzinfo) -> bytes:
    """The report as PNG, secrets masked. UsageError where what draws it is not installed."""
    from livetrader.reporting import poster

    assert made.analytics is not None, "a report with candles has them"
    return poster.png(redact(poster.poster(made, made.analytics, zone)))


def render(made: Report, form: str, zone: tzinfo) -> str:
    """The report in one of the formats, secrets masked: what a broker says goes into it."""
    return redact(_render(made, form, zone))


def _render(made: Report, form: str, zone: tzinfo) -> str:
    if form == "html":
        from livetrader.reporting import html

        return html.render(made, zone)
    if form == "json":
        from livetrader.reporting import document

        return document.render(document.report_json(made))
    if form == "csv":
        from livetrader.reporting import csv

        return csv.render(made.trades)
    from livetrader.reporting import terminal

    return terminal.plain(made, zone)


def _print(made: Report, form: str, text: str, zone: tzinfo) -> None:
    if form == "terminal" and sys.stdout.isatty():
        from livetrader.reporting import terminal

        terminal.show(made, zone, sys.stdout)
    else:
        print(text, end="" if text.endswith("\n") else "\n")


def _books(
    queries: Queries, configuration: Configuration, mode: str, span: tuple[date, date] | None, zone: tzinfo
) -> Books:
    marked = queries.status().marked
    if span is None:
        # A session's close belongs to it, also where that is the next day's midnight.
        last = None if marked is None else datetime.fromtimestamp(marked - 1, zone).date()
        if last is None:
            raise UsageError(f"nothing was decided in {mode} mode yet; run `livetrader run`, then report again")
        span = (last, last)
    sessions = _sessions(configuration, span, queries)
    if not sessions:
        raise UsageError(f"no session between {span[0]} and {span[1]}; see `livetrader calendar show`")
    start, end = sessions[0].opens, sessions[-1].closes
    decisions = queries.decisions(since=start, until=end + 1)
    if not decisions and not any(start < at <= end for at in (marked or 0, *(at for at, _, _ in queries.equities()))):
        raise UsageError(f"nothing is recorded between {span[0]} and {span[1]} in {mode} mode")
    orders, fills = queries.orders(), queries.fills()
    terms = Terms.of(configuration.settings, zone)
    intents = {one.intent.intent_id: one.intent for one in orders}
    closed, held = fold(intents, fills, zone, terms.lots)
    lots = None
    if terms.lots is LotMethod.FIFO:
        lots = [one for one in closed_lots(intents, fills, zone) if span[0] <= one.session <= span[1]]
    equities = [(at, value) for at, value, _ in queries.equities()]
    before = [value for at, value in equities if at <= start]
    capital = before[-1] if before else configuration.settings.capital.amount
    return Books(
        label=mode.upper(),
        sessions=sessions,
        starting_capital=capital,
        trades=[one for one in closed if span[0] <= one.session <= span[1]],
        positions=held,
        orders=[one for one in orders if start <= one.intent.as_of <= end],
        fills=[one for one in fills if start <= one.filled_at.timestamp() <= end],
        decisions=decisions,
        terms=terms,
        lots=lots,
        replans=queries.replans(),
        equity=[(start, capital), *((at, value) for at, value in equities if start < at <= end)],
    )


def _sessions(configuration: Configuration, span: tuple[date, date], queries: Queries) -> tuple[Session, ...]:
    def decided(zone: tzinfo) -> set[date]:
        return {datetime.fromtimestamp(at - 1, zone).date() for at, _, _ in queries.equities()}

    market = configuration.settings.market
    return load(market.calendar, square_off=market.square_off, dates=decided).sessions(*span)


def _name(books: Books, state: str) -> str:
    first, last = books.sessions[0].date, books.sessions[-1].date
    period = f"{first:%Y%m%d}" if first == last else f"{first:%Y%m%d}-{last:%Y%m%d}"
    return f"{state}_{period}"
