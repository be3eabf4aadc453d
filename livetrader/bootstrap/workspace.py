"""The parts that every mode is built from, made from the settings when they are first needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from livetrader.bootstrap.candles import open_candles, remedy
from livetrader.bootstrap.limits import Limits, csv_rows
from livetrader.bootstrap.realism import realism
from livetrader.bootstrap.styles import holding
from livetrader.brokers.fill_model import FillModel
from livetrader.brokers.realistic import RealisticModel
from livetrader.config import Configuration, Settings, resolve_symbols
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.money import StrategyAllocation
from livetrader.constraints.rules.portfolio import MaxTradesPerStrategy
from livetrader.constraints.rules.sanity import ExitDefined, LastClose, NoShortDelivery, PriceCollar
from livetrader.constraints.rules.timing import BarFreshness, OnlyWhileClosed, TradingWindow
from livetrader.domain.candles import Interval
from livetrader.domain.costs import charge_table
from livetrader.domain.instrument import Instrument
from livetrader.domain.session import Session
from livetrader.engine.history import DailyHistory, History
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.engine.signals import SignalFinder, month_start
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.errors import ConfigError, DataError, StrategyError, UsageError
from livetrader.market.calendar import Calendar, load
from livetrader.marketdata.location import place_of
from livetrader.marketdata.recorded import RecordedDay, Recorder, read_tape, tape_folder
from livetrader.marketdata.signals_file import read_signals
from livetrader.marketdata.store import CandleStore
from livetrader.marketdata.windows import StoredCandles
from livetrader.ports import CandleSource, Clock
from livetrader.strategies.base import Strategy
from livetrader.strategies.from_file import FROM_FILE, FromFile
from livetrader.strategies.registry import Registry
from livetrader.strategies.scanner import Plan, plan

# A command by hand is carried out within this time, or not at all: who gave it may have changed his mind.
COMMAND_SECONDS = 60

# What an entry by hand is held to where the collar on signals is switched off; and the longest bar of a feed.
DEFAULT_COLLAR_PCT = Decimal(20)
MANUAL_BAR_SECONDS = 300


# For so many symbols a close waits that had no ticks of it, and of which the history is asked.
UNQUOTED = 10

Instruments = Mapping[str, Instrument]
"""A broker's master, by symbol."""

# The master of a venue that has none.
NOT_LISTED: Instruments = MappingProxyType({})


@dataclass(frozen=True)
class Workspace:
    """Settings made into parts. `close` it, or use it in a `with`. `shared` is a store that others read, too."""

    configuration: Configuration
    read_only: bool = False
    shared: CandleStore | None = None

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    @cached_property
    def store(self) -> CandleStore:
        if self.shared is not None:
            return self.shared
        return open_candles(self.configuration, read_only=self.read_only)

    @cached_property
    def calendar(self) -> Calendar:
        market = self.settings.market
        return load(market.calendar, square_off=market.square_off, dates=lambda zone: self.store.dates(zone))

    @cached_property
    def candles(self) -> StoredCandles:
        return StoredCandles(self.store, self.calendar)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.settings.strategies.paths)

    def symbols(self, spec: str | None = None, limit: int | None = None) -> tuple[str, ...]:
        """The symbols to trade: a list's, without the indices. Raises UsageError, ConfigError."""
        asked = self.settings.symbols if spec is None else spec
        where = self.configuration.where("symbols")
        try:
            named = resolve_symbols(asked, self.configuration.directory)
            traded = tuple(symbol for symbol in named if symbol not in self.settings.market.indices)
            if not traded:
                raise UsageError(f"symbols: {asked} holds indices only; they are not traded")
        except UsageError as error:
            if spec is not None or where.startswith("flag "):
                raise
            raise ConfigError(f"{where}: {error}") from error
        return traded[:limit]

    def known(self, symbols: Sequence[str], sessions: Sequence[Session] = ()) -> tuple[str, ...]:
        """Those of `symbols` that have candles; DataError if none has, or none in any of `sessions`."""
        stored = self.candles.finest(symbols)
        if not stored:
            raise DataError(
                f"{place_of(self.settings.candles.url)}: no candles of {', '.join(symbols[:5])}"
                f"{' …' if len(symbols) > 5 else ''}; bring some with {remedy(self.settings)}"
            )
        if sessions:
            self._require_bars(stored, sessions)
        return tuple(symbol for symbol in symbols if symbol in stored)

    def _require_bars(self, stored: Mapping[str, Interval], sessions: Sequence[Session]) -> None:
        first, last = self._extent(stored)
        for session in sessions:
            if session.opens <= last and session.closes > first:
                for interval in set(stored.values()):
                    if len(self.store.read(interval, session.opens, session.closes, list(stored))):
                        return
        days = (self._day(first), self._day(last))
        raise DataError(
            f"{period(sessions)}: no candles of these symbols; those stored are of {days[0]} to {days[1]}; bring "
            f"more with {remedy(self.settings)}"
        )

    def _extent(self, stored: Mapping[str, Interval]) -> tuple[int, int]:
        """Opens of the first and the last bar of symbols by their finest interval."""
        held = [self.store.coverage(interval) for interval in set(stored.values())]
        spans = [one[symbol] for one in held for symbol in stored if symbol in one]
        return min(span.first for span in spans), max(span.last for span in spans)

    def _day(self, instant: int) -> date:
        return datetime.fromtimestamp(instant, self.calendar.timezone).date()

    def warnings(self, symbols: Sequence[str], sessions: Sequence[Session] = ()) -> list[str]:
        """What a run would silently do without: symbols, sessions, and the index of the trend filter.

        Nothing, where no symbol has candles, or none in the period: `known` says so.
        """
        trend = self.settings.market.trend_symbol
        stored = self.candles.finest([*symbols, *([trend] if trend else [])])
        traded = {symbol: stored[symbol] for symbol in symbols if symbol in stored}
        if not traded:
            return []
        lines = []
        if sessions:
            first, last = (self._day(end) for end in self._extent(traded))
            apart = sessions[-1].date < first or sessions[0].date > last
            if not apart and (sessions[0].date < first or sessions[-1].date > last):
                lines.append(f"{period(sessions)}: candles are stored of {first} to {last} only")
        missing = [symbol for symbol in symbols if symbol not in stored]
        if missing:
            shown = ", ".join(missing[:8]) + (" …" if missing[8:] else "")
            lines.append(f"no candles of {len(missing)} of {len(symbols)} symbols: {shown}")
        if trend and trend not in stored:
            lines.append(
                f"no candles of {trend}: strategies with a trend filter take no entries; import them, "
                "or set market.trend_symbol to null"
            )
        return [*lines, *self.store.warnings()]

    def waits(self, symbols: Sequence[str] = ()) -> tuple[float, float]:
        """Seconds that the bars of `symbols` may be late: some of a close's, and all of them.

        A feed of our own brings them one after the other, or of quotes all but a few at once.
        """
        grace, most = self.settings.schedule.bar_grace_seconds, self.settings.constraints.bar_max_age_seconds
        if self.settings.feed.kind is not None:
            from livetrader.brokers.openalgo.reader import HISTORY_SECONDS

            calls = min(len(symbols), UNQUOTED) if self.settings.feed.quotes else len(symbols)
            grace += self.settings.feed.delay_seconds + calls * HISTORY_SECONDS
            grace = min(grace, most or grace)
        return grace, most or grace

    def recorder(self, session: Session, mode: str, clock: Clock) -> Recorder | None:
        """The candles, with those of `session` recorded as they come; None where `candles.tape` is null."""
        if self.settings.candles.tape is None:
            return None
        folder = tape_folder(self.settings.candles.tape, self.settings.state_name(mode), session.date)
        return Recorder(self.candles, folder, session, clock)

    def tape(self, session: Session, mode: str, clock: Clock) -> RecordedDay:
        """What was recorded of `session`. DataError if nothing was, or candles.tape is null."""
        if self.settings.candles.tape is None:
            raise DataError("candles.tape is null: no session was recorded")
        folder = tape_folder(self.settings.candles.tape, self.settings.state_name(mode), session.date)
        return read_tape(folder, self.candles, clock, session)

    def strategies(self, names: Sequence[str] | None = None, preset: str | None = None) -> tuple[Strategy, ...]:
        """The strategies by name or number (default: those enabled), with their parameters.

        UsageError for a name that there is not, ConfigError for one in the configuration, or for none at all.
        """
        section = self.settings.strategies
        chosen = [self._find(name) for name in names] if names else list(section.enabled)
        made = [self.strategy(name, preset) for name in dict.fromkeys(chosen) if name != FROM_FILE]
        file = section.signals_file
        if file is not None and (not names or FROM_FILE in chosen):
            made.append(FromFile(rows=read_signals(file.path, self.calendar.timezone)))
        if not made:
            where = self.configuration.where("strategies.entries", "strategies")
            raise ConfigError(f"{where}: every strategy is switched off; enable one, or name some with --strategies")
        return tuple(made)

    def strategy(self, name: str, preset: str | None = None) -> Strategy:
        """A strategy with its parameters; ConfigError saying where, if there is none such or one is wrong."""
        section = self.settings.strategies
        entry = section.entries.get(name)
        try:
            return self.registry.make(
                name,
                preset=preset or section.preset,
                params=None if entry is None else entry.params,
                interval=None if entry is None or entry.interval is None else Interval(entry.interval),
                trend_symbol=self.settings.market.trend_symbol,
            )
        except StrategyError as error:
            section_of = f"strategies.entries.{name}"
            where = self.configuration.where(f"{section_of}.params", section_of)
            raise ConfigError([f"{where}: {line}" for line in str(error).splitlines()]) from error

    def _find(self, name: str) -> str:
        if name == FROM_FILE and self.settings.strategies.signals_file is not None:
            return name
        try:
            return self.registry.find(name).name
        except StrategyError as error:
            raise UsageError(str(error)) from error

    def plans(self, strategies: Sequence[Strategy]) -> tuple[Plan, ...]:
        """The strategies' expressions, with the ATR that each one's exit needs."""
        section = self.settings.strategies
        exits = {name: entry.exit for name, entry in section.entries.items()}
        if section.signals_file is not None:
            exits[FROM_FILE] = section.signals_file.exit
        return tuple(plan(one, exits[one.name].atr_period if one.name in exits else 14) for one in strategies)

    def finder(self, plans: Sequence[Plan], symbols: Sequence[str], source: CandleSource | None = None) -> SignalFinder:
        return SignalFinder(tuple(plans), tuple(symbols), self.calendar, source or self.candles, self.ex_dates)

    @cached_property
    def ex_dates(self) -> dict[str, list[date]]:
        """The ex-dates of corporate actions, from the configured file."""
        path = self.settings.market.corporate_actions
        return {} if path is None else _ex_dates(path)

    def sizer(self, account: str, strategies: Sequence[str], instruments: Instruments = NOT_LISTED) -> Sizer:
        """Symbols of `instruments` are on its grid of ticks and lots, others on the configured one."""
        capital, venue = self.settings.capital, self.settings.venue
        return Sizer(
            account=account,
            allocation_pct=capital.allocation_pct,
            leverage=capital.leverage,
            instruments=instruments,
            default=Instrument("", venue.tick, venue.lot),
            holdings={name: self.held(name) for name in strategies},
        )

    def held(self, strategy: str) -> Holding:
        """How a strategy holds, and leaves."""
        section = self.settings.strategies
        entry = section.entries.get(strategy)
        if strategy == FROM_FILE and section.signals_file is not None:
            file = section.signals_file
            return holding(file.style, file.exit, self.settings.venue.charges)
        if entry is None:
            return Holding(ExitSettings())
        numbers = entry.execution.model_dump(exclude={"kind"})
        execution = Execution(ExecutionKind(entry.execution.kind), **numbers)
        return holding(entry.style, entry.exit, self.settings.venue.charges, execution)

    @property
    def limits(self) -> Limits:
        """The limits on entries, as the settings have them."""
        return Limits(self.configuration)

    def rules(self, last_close: LastClose, instruments: Instruments = NOT_LISTED) -> tuple[Rule, ...]:
        """The constraints, in the order in which they give their reason; the exchange's where its master is given."""
        return self.limits.rules(self.calendar.timezone, last_close, instruments)

    def history(self, symbols: Sequence[str], sessions: Sequence[Session]) -> History | None:
        """The daily returns of `symbols` before each of `sessions`; None where no rule looks at them."""
        limits = self.settings.constraints
        if limits.max_volatility_pct is None and limits.max_correlation is None:
            return None
        return DailyHistory(self.candles, self.calendar, symbols, sessions, self.ex_dates)

    def manual_rules(self, last_close: LastClose, instruments: Instruments = NOT_LISTED) -> tuple[Rule, ...]:
        """The constraints on an entry by hand: those of `rules` that are not about a strategy and its signal.

        `entries_until`, `only_while_closed`, the trades and the allocation of one strategy and the exit's ATR are left
        out. Freshness is the command's own, and the collar always holds, against the close of a bar of the last
        `price_age_seconds`.
        """
        limits, age = self.settings.constraints, self.price_age_seconds
        dropped = (
            TradingWindow, OnlyWhileClosed, BarFreshness, PriceCollar, ExitDefined, NoShortDelivery,
            MaxTradesPerStrategy, StrategyAllocation,
        )  # fmt: skip
        kept = [rule for rule in self.rules(last_close, instruments) if not isinstance(rule, dropped)]
        collar = PriceCollar(
            limits.price_collar_pct or DEFAULT_COLLAR_PCT,
            lambda symbol, since, before: last_close(symbol, max(since, before - age), before),
            needed=True,
        )
        always = (TradingWindow(self.calendar.timezone), BarFreshness(COMMAND_SECONDS), NoShortDelivery())
        return (*always, collar, *kept)

    @property
    def price_age_seconds(self) -> int:
        """How long ago the bar may have opened that an entry by hand is held against: two bars, and some delay."""
        return 2 * MANUAL_BAR_SECONDS + int(self.settings.constraints.bar_max_age_seconds or COMMAND_SECONDS)

    def fill_model(self) -> FillModel:
        """What the simulated venue assumes."""
        venue = self.settings.venue
        charges = charge_table(venue.charges)
        assumed = realism(self.settings)
        if assumed is None:
            return FillModel(venue.slippage_bps, charges)
        return RealisticModel(venue.slippage_bps, charges, assumed)

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        """The sessions of a period; UsageError where there is none."""
        found = self.calendar.sessions(first, last)
        if not found:
            raise UsageError(
                f"{first}{'' if first == last else f' to {last}'}: no session in this period "
                f"(calendar {self.calendar.name}; see `livetrader calendar show`)"
            )
        return found

    def data_digest(self, symbols: Sequence[str], first: date, last: date) -> str:
        """Identity of the candles that a run over these sessions may look at."""
        before = self.calendar.before(month_start(first), 60)
        sessions = self.calendar.sessions(first, last)
        start = (before or sessions)[0].opens
        trend = self.settings.market.trend_symbol
        names = [*symbols, trend] if trend is not None and trend not in symbols else list(symbols)
        return self.store.digest(tuple(Interval), names, start, sessions[-1].closes)

    def close(self) -> None:
        if "store" in self.__dict__ and self.shared is None:
            self.store.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def period(sessions: Sequence[Session]) -> str:
    """A run of sessions, for messages."""
    first, last = sessions[0].date, sessions[-1].date
    return str(first) if first == last else f"{first} to {last}"


def _ex_dates(path: Path) -> dict[str, list[date]]:
    rows = csv_rows("market.corporate_actions", path)
    found: dict[str, list[date]] = {}
    for number, row in enumerate(rows, 2):
        try:
            found.setdefault(row["symbol"].strip(), []).append(date.fromisoformat(row["ex_date"].strip()))
        except (KeyError, ValueError, AttributeError):
            raise ConfigError(f"{path}:{number}: expected columns symbol,ex_date (YYYY-MM-DD)") from None
    return {symbol: sorted(days) for symbol, days in found.items()}
