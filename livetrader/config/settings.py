"""The settings, section by section. What a field means stands in its description, and so in the JSON schema.

`config.yaml` says the same in the same order; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from livetrader.config.capital import Capital, deciding_capital
from livetrader.config.constraints import Constraints, deciding
from livetrader.config.execution import Execution, deciding_execution
from livetrader.config.fields import (
    ClockTime,
    DatabaseUrl,
    FilePath,
    GatewayUrl,
    LoopbackUrl,
    ServiceUrl,
    SocketUrl,
    Symbol,
    TableName,
    TimeZone,
    setting,
)
from livetrader.config.portfolios import Portfolios
from livetrader.config.section import Section
from livetrader.config.venue import Venue, deciding_venue

Mode = Literal["paper", "dry-run", "live"]
Style = Literal["scalp", "intraday", "btst", "swing"]
Param = bool | int | float | str | None

EQUITY_STRATEGIES = (
    "breakdown_fade_long",
    "momentum_long",
    "breakout_fade_short",
    "momentum_short",
    "exhaustion_short",
)


def _tuple(value: object) -> object:
    """YAML has lists; frozen settings hold tuples."""
    return tuple(value) if isinstance(value, list) else value


class Market(Section):
    """The exchange: its sessions, its index, when the day ends."""

    calendar: Literal["nse", "24x7", "observed"] = setting(
        "nse", "Sessions: nse, 24x7 (UTC days), or observed (dates in the store; refused live)."
    )
    trend_symbol: Symbol | None = setting("NIFTY", "Index of the trend filter; null switches it off.")
    indices: Annotated[tuple[Symbol, ...], BeforeValidator(_tuple)] = setting(
        ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "INDIAVIX"),
        "Symbols that are indices: read, never traded.",
    )
    square_off: ClockTime = setting(
        "15:20",
        "Exchange time from which intraday positions are closed and no entry is taken.",
    )
    only_while_closed: Literal["nse"] | None = setting(
        None, "Entries of strategies only while this other exchange is closed: crypto takes over, and gives way."
    )
    corporate_actions: FilePath | None = setting(
        None, "CSV of symbol,ex_date: a symbol's indicators start anew on its ex-date."
    )


class CandleTable(Section):
    """A table or view of yours with the candles of one interval, by the names of its columns. It is only read."""

    table: TableName = setting(..., "Its name, such as public.ohlc_5m.")
    time: str = setting("time", "The bar's time: a timestamp, a date, or a number since 1970.")
    symbol: str = setting("symbol", "The symbol: text or an enum.")
    open: str = setting("open", "Price, of any type of number.")
    high: str = setting("high", "Price.")
    low: str = setting("low", "Price.")
    close: str = setting("close", "Price.")
    volume: str = setting("volume", "Volume.")
    stamp: Literal["open", "close"] = setting("open", "Which end of the bar its time is; close: up to 15m only.")
    timezone: TimeZone | None = setting(None, "Zone of times that have none themselves; null: the exchange's.")
    time_unit: Literal["s", "ms", "us"] = setting("s", "Unit of a time that is a number.")
    symbol_prefix: str = setting("", "What stands before the symbol, such as NSE:. Rows without it are not seen.")
    symbol_suffix: str = setting("", "What stands behind the symbol, such as -EQ. Rows without it are not seen.")


class Candles(Section):
    """Where candles are kept."""

    url: DatabaseUrl = setting(
        "sqlite:///data/candles.db",
        "Database URL of the candles. Or postgresql://user@host/database, with what it leaves out from "
        "TIMESCALE_DB_USER, _PASSWORD, _HOST, _PORT and _NAME.",
    )
    db_schema: str = setting(
        "livetrader", "PostgreSQL: schema of our own tables.", pattern="^[A-Za-z_][A-Za-z0-9_]{0,62}$"
    )
    timescale: Literal["auto", "on", "off"] = setting(
        "auto", "PostgreSQL: make hypertables; auto: where the database has TimescaleDB."
    )
    tables: Mapping[Literal["1m", "5m", "15m", "1h", "1d"], CandleTable] = setting(
        {}, "PostgreSQL: tables of yours by interval, read in place of our own."
    )
    notify: str | None = setting(
        None, "PostgreSQL: channel on which to hear, and say, that there are new candles; null: poll only.",
        min_length=1, max_length=63,
    )  # fmt: skip
    tape: FilePath | None = setting(
        "data/tape", "Folder in which `run` records the bars of a session as it saw them; null records nothing."
    )

    @model_validator(mode="after")
    def _tables_are_on_a_server(self) -> Self:
        if self.tables and self.url.startswith("sqlite:"):
            raise PydanticCustomError("tables", "has tables, which are PostgreSQL's: set url to postgresql://…")
        return self


class State(Section):
    """Where the journal and the ledger are kept."""

    url: DatabaseUrl = setting(
        "sqlite:///data/state.db",
        "Database URL of journal and ledger; the mode's name is added: data/state.paper.db. Or "
        "postgresql://host/database, with what it leaves out from STATE_DB_USER, _PASSWORD, _HOST, _PORT and _NAME.",
    )
    directory: FilePath = setting("data", "PostgreSQL: folder of the lock file and the kill file.")


def _deciding_strategies(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section's dump decides results: bars and time limits where they are not the strategy's own."""
    entries = {name: _deciding_entry(entry) for name, entry in dumped["entries"].items()}
    file = dumped["signals_file"]
    return {**dumped, "entries": entries, "signals_file": None if file is None else _deciding_entry(file)}


def _deciding_entry(dumped: Mapping[str, Any]) -> dict[str, Any]:
    exit = {name: value for name, value in dumped["exit"].items() if (name, value) != ("hold_minutes", None)}
    kept = {name: value for name, value in dumped.items() if (name, value) != ("interval", None)}
    execution = deciding_execution(kept.pop("execution", {"kind": "market"}))
    return {**kept, "exit": exit} | ({"execution": execution} if execution else {})


class Schedule(Section):
    """How often the loop looks."""

    scan_seconds: float = setting(1, "Seconds between looks for closed bars.", gt=0, le=3600)
    monitor_seconds: float = setting(2, "Seconds between checks of open positions.", gt=0, le=3600)
    status_seconds: float = setting(60, "Seconds between status lines.", gt=0, le=86400)
    bar_grace_seconds: float = setting(3, "Seconds to wait for late candles after a bar's close.", ge=0, le=3600)
    reconcile_seconds: float = setting(60, "Seconds between comparisons with the broker's books.", gt=0, le=3600)


class Broker(Section):
    """Where live orders go; dry-run reads its books, and sends nothing."""

    kind: Literal["loopback", "openalgo"] | None = setting(
        None, "null (none: live refuses to start), openalgo, or loopback, the simulated broker on this machine."
    )
    base_url: GatewayUrl = setting(
        "http://127.0.0.1:5000", "openalgo: the address of its server. Its API key is LIVETRADER_OPENALGO_KEY."
    )
    expect: Literal["live", "analyze"] = setting(
        "live", "openalgo: the mode that its server has to be in; in the other one nothing is sent, no book believed."
    )
    exchange: Literal["NSE", "BSE"] = setting("NSE", "openalgo: where a symbol without an exchange trades.")
    segments: Annotated[tuple[Literal["NSE", "BSE", "NFO", "BFO"], ...], BeforeValidator(_tuple)] = setting(
        (), "openalgo: further exchanges whose instruments are listed each day; NFO for options."
    )
    timeout_seconds: float = setting(10, "openalgo: how long an answer to a read may take.", gt=0, le=120)
    order_timeout_seconds: float = setting(
        30, "openalgo: how long an answer to an order may take, before the order is looked for.", gt=0, le=130
    )
    reads_per_second: float = setting(5, "openalgo: reads of account and market in one second.", ge=1, le=50)
    algo_id: str | None = setting(
        None, "Registered id of the algorithm, for brokers that take one with an order; OpenAlgo does not."
    )
    url: LoopbackUrl = setting("http://127.0.0.1:8800", "loopback: the address of its server.")
    profile: Literal[
        "strict", "open_only", "tag_scan", "fingerprint", "binance", "kite", "fyers", "openalgo"
    ] = setting("strict", "loopback: whose manners it has; the server's --profile.")  # fmt: skip
    patience_seconds: float = setting(
        300, "A broker that cannot be read for longer ends the process (exit code 69).", gt=0, le=86400
    )
    registered_ip: str | None = setting(
        None, "The static address that is registered with the broker; `doctor --live` looks at it.",
        pattern="^[0-9A-Fa-f.:]+$",
    )  # fmt: skip
    ip_check_url: str | None = setting(
        None, "A service that answers with the address it is asked from, in plain text; null: none is asked.",
        pattern="^https?://",
    )  # fmt: skip


class Feed(Section):
    """Where the candles of a running session come from."""

    kind: Literal["openalgo"] | None = setting(
        None, "null (somebody else fills the store), or openalgo: `run` asks the broker's history for them."
    )
    delay_seconds: float = setting(2, "How long after a bar's close history is asked for it.", ge=0, le=300)
    quotes: bool = setting(
        True, "Whether ticks are heard, too: bars at once, exits between two bars, and no entry while they are silent."
    )
    websocket_url: SocketUrl | None = setting(
        None, "Address of OpenAlgo's WebSocket proxy; null: port 8765 of broker.base_url, or /ws of an https one."
    )
    silent_seconds: float = setting(30, "Quotes of which none is new for so long are silent.", ge=5, le=3600)
    quote_max_age_seconds: float | None = setting(
        None, "An entry in a symbol whose last quote came longer ago is refused; null: whatever its age.", gt=0
    )


class Exit(Section):
    """How a position is left. Levels are in percent of the fill price."""

    kind: Literal["trailing_atr", "percent", "step_trail", "none"] = setting(
        "trailing_atr", "The rule; beside it the square-off closes what is held for the session only."
    )
    hold_minutes: float | None = setting(
        None, "A position that has been held for so long is closed; null: as the style has it (scalp: 15).", gt=0
    )
    atr_multiple: float = setting(1.5, "trailing_atr: distance of the stop, in ATRs.", gt=0)
    atr_period: int = setting(14, "trailing_atr: bars of the ATR.", ge=1)
    stop_loss_pct: float = setting(1.5, "percent, step_trail: the stop.", gt=0, le=100)
    take_profit_pct: float = setting(1.5, "percent: the target.", gt=0, le=1000)
    activation_pct: float = setting(0.9, "step_trail: move that starts the trail.", gt=0, le=100)
    increment_pct: float = setting(0.2, "step_trail: one step.", gt=0, le=100)
    gap_pct: float = setting(0.2, "step_trail: distance kept behind the step.", ge=0, le=100)


class SignalsFile(Section):
    """A CSV of signals made elsewhere, traded as a strategy of its own."""

    path: FilePath = setting(..., "The CSV, with the columns time, symbol, action and tag.")
    style: Style = setting("intraday", "Holding style.")
    exit: Exit = setting({}, "How positions are left.")


def _scalars(value: object) -> object:
    """Said here because the union would say it once for each of its members."""
    if isinstance(value, dict):
        for name, param in value.items():
            if not isinstance(param, Param):
                raise PydanticCustomError(
                    "params", "{name} must be a number, text, true, false or null", {"name": name}
                )
    return {} if value is None else value


Params = Annotated[Mapping[str, Param], BeforeValidator(_scalars)]


class StrategyEntry(Section):
    """One strategy: on or off, how long it holds, how it leaves, its parameters."""

    enabled: bool = setting(True, "Whether it trades.")
    style: Style = setting("intraday", "Holding style: scalp, intraday, btst or swing.")
    interval: Literal["1m", "5m", "15m", "1h"] | None = setting(
        None, "The bars that it decides on; null: the strategy's own."
    )
    exit: Exit = setting({}, "How positions are left.")
    execution: Execution = setting({}, Execution.__doc__)
    params: Params = setting({}, "Its parameters; `livetrader strategies show NAME` lists them.")


def _with_equity_strategies(value: object) -> object:
    """The built-in equity strategies are on unless they are switched off by name."""
    entries = {} if value is None else value
    return {name: {} for name in EQUITY_STRATEGIES} | entries if isinstance(entries, dict) else entries


class Strategies(Section):
    """Which strategies trade, and how."""

    preset: Literal["original", "large_cap"] = setting(
        "large_cap", "Starting values of the equity strategies' parameters."
    )
    paths: Annotated[tuple[FilePath, ...], BeforeValidator(_tuple)] = setting(
        (), "Python files (or folders of them) with your own strategies."
    )
    entries: Annotated[Mapping[str, StrategyEntry], BeforeValidator(_with_equity_strategies)] = setting(
        {}, "Strategies by name. The built-in equity strategies are on unless disabled here."
    )
    signals_file: SignalsFile | None = setting(None, "A CSV of signals to trade.")

    @property
    def enabled(self) -> tuple[str, ...]:
        """Names of the strategies that trade, in order."""
        return tuple(name for name, entry in self.entries.items() if entry.enabled)


class Target(Section):
    """A service that messages go to."""

    url: ServiceUrl = setting(
        ..., "env:NAME: the variable (or line of .env) that holds its Apprise URL; or one of a server on this machine."
    )
    at_least: Literal["info", "warning", "critical"] = setting("info", "The least severity that it gets.")


def _distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """What a target has been told is remembered under its name."""
    if len({target.url for target in targets}) < len(targets):
        raise PydanticCustomError("twice", "must not have a target twice")
    return targets


class Notify(Section):
    """Messages to the operator. Targets need Apprise: `pip install 'livetrader[notify]'`."""

    targets: Annotated[tuple[Target, ...], BeforeValidator(_tuple), AfterValidator(_distinct)] = setting(
        (), "Services that messages go to."
    )
    per_minute: int = setting(10, "Most messages to one target in a minute; bursts are folded into one.", ge=2, le=600)
    heartbeat_url: ServiceUrl | None = setting(
        None, "env:NAME: the variable with a URL that is fetched while scans are completed, for a dead man's switch."
    )
    heartbeat_seconds: float = setting(60, "Least seconds between heartbeats.", ge=1, le=86400)


class Logging(Section):
    """The log."""

    directory: FilePath = setting("logs", "Folder of the daily JSON-lines files.")
    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least level shown.")
    keep_days: int = setting(30, "Days that log files are kept.", ge=1, le=36500)


class Reports(Section):
    """The reports."""

    directory: FilePath = setting("reports", "Folder of the reports.")


_NOT_DECIDING: dict[str, Any] = dict.fromkeys(
    ("mode", "candles", "state", "schedule", "broker", "feed", "notify", "logging", "reports", "portfolios"), True
) | {
    "market": {"corporate_actions"},
    "constraints": {"preset", "sectors"},
    "strategies": {"paths": True, "signals_file": {"path"}},
}


class Settings(Section):
    """Everything that can be set. Frozen; paths are absolute, money is Decimal, times are exchange times."""

    mode: Mode = setting("paper", "What `run` does: paper, dry-run or live.")
    symbols: str = setting("live", "A list in symbol_lists/, a CSV file, or symbols separated by commas.", min_length=1)
    market: Market = setting({}, Market.__doc__)
    candles: Candles = setting({}, Candles.__doc__)
    state: State = setting({}, State.__doc__)
    capital: Capital = setting({}, Capital.__doc__)
    constraints: Constraints = setting({}, Constraints.__doc__)
    schedule: Schedule = setting({}, Schedule.__doc__)
    broker: Broker = setting({}, Broker.__doc__)
    feed: Feed = setting({}, Feed.__doc__)
    venue: Venue = setting({}, Venue.__doc__)
    strategies: Strategies = setting({}, Strategies.__doc__)
    notify: Notify = setting({}, Notify.__doc__)
    logging: Logging = setting({}, Logging.__doc__)
    reports: Reports = setting({}, Reports.__doc__)
    portfolios: Portfolios = setting({}, "Portfolios by name, each with what it has of its own.")
    _portfolio: str = PrivateAttr("")

    def model_post_init(self, context: Any, /) -> None:
        self._portfolio = (context or {}).get("portfolio", "")

    @property
    def portfolio(self) -> str:
        """The name of the portfolio that these settings are of; empty where they are of none."""
        return self._portfolio

    def state_name(self, mode: str | None = None) -> str:
        """What tells the state of `mode` (None: the configured one) from others: `paper`, or `crypto.paper`."""
        asked = mode or self.mode
        return f"{self._portfolio}.{asked}" if self._portfolio else asked

    def digest(self) -> str:
        """Identity of what decides results: 16 hex digits over everything but places, logs and pace.

        The files that paths name are not in it; who reads them accounts for their content.
        """
        dumped = self.model_dump(mode="json", exclude=_NOT_DECIDING)
        dumped["capital"] = deciding_capital(dumped["capital"])
        if dumped["market"]["only_while_closed"] is None:  # one that is off is none
            del dumped["market"]["only_while_closed"]
        dumped["constraints"] = deciding(dumped["constraints"])
        dumped["strategies"] = _deciding_strategies(dumped["strategies"])
        dumped["venue"] = deciding_venue(dumped["venue"])
        text = json.dumps(dumped, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
