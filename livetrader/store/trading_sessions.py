"""Trading sessions, each a row: when the trader was started and stopped, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from livetrader.domain.order import Fill
from livetrader.domain.trading_session import Totals, TradingSession, TradingState, proceed
from livetrader.store import reads, tables
from livetrader.store.audit import Select
from livetrader.store.rows import Values, stamp
from livetrader.store.writer import Writer

_BEGIN = tables.insertion(tables.trading_sessions)
_REJOIN = "UPDATE trading_sessions SET runs = runs + 1 WHERE id = :id"
_ADVANCE = "UPDATE trading_sessions SET state = :state, reason = :reason, exit_code = :exit_code WHERE id = :id"
_END = (
    "UPDATE trading_sessions SET stopped_at = :stopped_at, last = :last, trades = :trades, wins = :wins,"
    " gross_pnl = :gross_pnl, charges = :charges, net_pnl = :net_pnl, max_drawdown = :max_drawdown,"
    " max_drawdown_pct = :max_drawdown_pct WHERE id = :id"
)


class TradingSessionTable:
    """The sessions of a trader, one open at a time. Each step is a row of the audit log, too; IllegalTransition where
    the table of states has no such step."""

    _writer: Writer
    _select: Select

    def begin_trading_session(self, portfolio: str, mode: str, capital: Decimal, at: datetime) -> TradingSession:
        """Begin one, in STARTING; the one before it has to be STOPPED."""
        with self._writer.unit():
            earlier = self.trading_sessions()
            state = proceed(earlier[-1].state if earlier else TradingState.STOPPED, TradingState.STARTING)
            said = {"id": len(earlier) + 1, "portfolio": portfolio, "mode": mode, "capital": str(capital)}
            first = self._writer.append("trading_session", {**said, "state": state.value}, at)
            made = {"state": state.value, "started_at": stamp(at), "first": first, "runs": 1, "reason": ""}
            self._writer.execute(_BEGIN, {**dict.fromkeys(_COLUMNS), **said, **made})
            return self.trading_sessions()[-1]

    def rejoin_trading_session(self, id: int, at: datetime) -> None:
        """Another process goes on with it."""
        with self._writer.unit():
            self._writer.append("trading_session", {"id": id, "rejoined": True}, at)
            self._writer.execute(_REJOIN, {"id": id})

    def advance_trading_session(
        self,
        id: int,
        state: TradingState,
        at: datetime,
        *,
        reason: str = "",
        exit_code: int | None = None,
        totals: Totals | None = None,
    ) -> None:
        """Move it to `state`; with `totals` it is over. What is not given stays as it is."""
        with self._writer.unit():
            before = next(one for one in self.trading_sessions() if one.id == id)
            said: Values = {"state": proceed(before.state, state).value}
            said |= {
                "reason": reason or before.reason,
                "exit_code": before.exit_code if exit_code is None else exit_code,
            }
            row = self._writer.append("trading_session", {"id": id, **said}, at)
            self._writer.execute(_ADVANCE, {**said, "id": id})
            if totals is not None:
                end = {"id": id, "stopped_at": stamp(at), "last": row}
                self._writer.execute(_END, {**_totals_values(totals), **end})

    def trading_sessions(self) -> Sequence[TradingSession]:
        """All of them, oldest first."""
        return reads.trading_sessions(self._select)

    def fills_until(self, seq: int | None) -> Sequence[Fill]:
        """Those that were booked up to row `seq` of the log (None: all), in the order in which they were."""
        return reads.fills_until(self._select, seq)


_COLUMNS = [column.name for column in tables.trading_sessions.columns]


def _totals_values(totals: Totals) -> Values:
    return {
        "trades": totals.trades,
        "wins": totals.wins,
        "gross_pnl": str(totals.gross_pnl),
        "charges": str(totals.charges),
        "net_pnl": str(totals.net_pnl),
        "max_drawdown": str(totals.max_drawdown),
        "max_drawdown_pct": None if totals.max_drawdown_pct is None else repr(totals.max_drawdown_pct),
    }
