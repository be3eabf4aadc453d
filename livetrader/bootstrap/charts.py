"""What a report shows of the candles: a chart per trade, the day's curve, and the quality of the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from livetrader.bootstrap.results import Books
from livetrader.bootstrap.workspace import Workspace
from livetrader.domain.exit_plan import ExitPlan, Replan
from livetrader.domain.order import Purpose
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.engine.exits import begin, resumed, walk
from livetrader.marketdata.quality import check
from livetrader.ports import Bars, Tape
from livetrader.reporting.daily import TradeChart
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.statistics import EquityPoint

# Bars shown before the entry and after the exit, and the most charts that one page carries.
BEFORE, AFTER, MOST = 24, 12, 200


def trade_charts(workspace: Workspace, tape: Tape, books: Books) -> dict[str, TradeChart]:
    """A chart for each of the first trades: the candles around it and the path of its stop."""
    plans = {r.intent.intent_id: r.intent.exit for r in books.orders if r.intent.purpose is Purpose.ENTRY}
    replans: defaultdict[str, list[Replan]] = defaultdict(list)
    for one in books.replans:
        replans[one.entry_id].append(one)
    return {
        trade.trade_id: _chart(trade, plans.get(trade.trade_id), replans[trade.trade_id], tape, workspace)
        for trade in books.trades[:MOST]
    }


def _chart(
    trade: Trade, plan: ExitPlan | None, replans: Sequence[Replan], tape: Tape, workspace: Workspace
) -> TradeChart:
    bars = tape.bars(trade.symbol)
    first = int(bars.ts.searchsorted(int(trade.entry_at.timestamp())))
    last = int(bars.ts.searchsorted(int(trade.exit_at.timestamp()), side="right"))
    session_start, session_end = _session_start(bars, first, workspace), _session_end(trade, bars, workspace)
    cut = slice(max(first - BEFORE, session_start), max(last, min(last + AFTER, session_end)))
    return TradeChart(
        ts=bars.ts[cut].tolist(),
        open=bars.open[cut].tolist(),
        high=bars.high[cut].tolist(),
        low=bars.low[cut].tolist(),
        close=bars.close[cut].tolist(),
        stop=[] if plan is None else _stop_path(trade, plan, replans, bars, first, last, workspace),
    )


def _session_start(bars: Bars, row: int, workspace: Workspace) -> int:
    """The first bar of the session that `row` lies in: a chart does not cross the night."""
    if row >= len(bars.ts):
        return 0
    session = workspace.calendar.at(int(bars.ts[row]))
    return 0 if session is None else int(bars.ts.searchsorted(session.opens))


def _session_end(trade: Trade, bars: Bars, workspace: Workspace) -> int:
    """Past the last bar of the session that the trade was closed in."""
    session = workspace.calendar.at(int(trade.exit_at.timestamp()))
    return len(bars.ts) if session is None else int(bars.ts.searchsorted(session.closes))


def _stop_path(
    trade: Trade, plan: ExitPlan, replans: Sequence[Replan], bars: Bars, first: int, last: int, workspace: Workspace
) -> list[tuple[int, float]]:
    """The stop at each change while the trade was open, walked again as the engine walked it."""
    tick = float(workspace.settings.venue.tick)
    state, levels = begin(plan, trade.side, float(trade.entry_price), tick), np.full(last - first, np.nan)
    starts = [first, *(min(int(bars.ts.searchsorted(one.since)), last) for one in replans), last]
    for replan, (start, end) in zip((None, *replans), pairwise(starts), strict=True):
        state = state if replan is None else resumed(replan, trade.side, tick)
        walked = walk(state, bars.open, bars.high, bars.low, start, end).levels
        levels[start - first : start - first + len(walked)] = walked
    changes = np.flatnonzero(np.diff(levels, prepend=np.nan) != 0)
    return [(int(bars.ts[first + i]), float(levels[i])) for i in changes if not np.isnan(levels[i])]


def intraday_equity(tape: Tape, session: Session, capital: Decimal, trades: Sequence[Trade]) -> list[EquityPoint]:
    """The account's value at every close of one session, from its trades marked to the market.

    A trade that was entered in an earlier session is left out, because its value at the open is not known here;
    the curve is then empty.
    """
    if any(int(trade.entry_at.timestamp()) < session.opens for trade in trades):
        return []
    closes = sorted({int(c) for trade in trades for c in tape.bars(trade.symbol).closes})
    over = session.closes
    curve = ((at, capital + sum((_worth(trade, tape, at, over) for trade in trades), Decimal(0))) for at in closes)
    return [(session.opens, capital), *curve]


def _worth(trade: Trade, tape: Tape, at: int, over: int) -> Decimal:
    """What a trade has made by `at`: everything if it is over, as all are by the close `over`, the open profit if it
    runs, else nothing."""
    if int(trade.exit_at.timestamp()) < at or at >= over:
        return trade.net_pnl
    if int(trade.entry_at.timestamp()) >= at:
        return Decimal(0)
    bars = tape.bars(trade.symbol)
    last = bars.close[int(bars.closes.searchsorted(at, side="right")) - 1]
    price = Decimal(repr(float(last))).quantize(Decimal("0.0001"))
    return trade.side.sign * trade.quantity * (price - trade.entry_price)


def data_issues(workspace: Workspace, sessions: Sequence[Session]) -> list[DataIssue]:
    """What is wrong with the candles of these sessions, by symbol and kind."""
    trend = workspace.settings.market.trend_symbol
    symbols = [*workspace.symbols(), *([trend] if trend else [])]
    first, last = sessions[0].date, sessions[-1].date
    found: list[DataIssue] = []
    for interval in workspace.store.intervals():
        stored = [s for s in dict.fromkeys(symbols) if s in workspace.store.symbols(interval)]
        report = check(workspace.store, workspace.calendar, interval, stored, first, last)
        counts: Counter[tuple[str, str]] = Counter()
        examples: dict[tuple[str, str], str] = {}
        for finding in report.findings:
            key = (finding.symbol, str(finding.kind))
            counts[key] += finding.count
            examples.setdefault(key, finding.example)
        found += [DataIssue(s, kind, n, examples[s, kind]) for (s, kind), n in sorted(counts.items())]
    missing = set(symbols) - set(workspace.candles.finest(symbols))
    found += [DataIssue(symbol, "no candles", 1, "not traded: nothing is stored") for symbol in sorted(missing)]
    return found
