"""What the processes of a soak are told by a file: settings of the product, and the day's bars."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from livetrader.config import Configuration, load
from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.domain.session import Session
from livetrader.market.calendar import load as calendar
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import CandleStore

WARMUP_SESSIONS = 60
SEED = 1
BAR = Interval.M5
TILE = 300

# Orders all day: many small positions at once, and still more signals than may be taken.
TRADED: Mapping[str, object] = {
    "capital.amount": 10_000_000,
    "capital.allocation_pct": 3,
    "constraints.max_open_positions": 25,
    "constraints.max_trades_per_day": None,
    "constraints.max_trades_per_strategy": None,
    "broker.kind": "loopback",
    "broker.profile": "kite",
}


def write_settings(folder: Path, name: str, settings: Mapping[str, object]) -> None:
    """Settings by dotted path, for `configuration`."""
    (folder / f"{name}.json").write_text(json.dumps(dict(settings)))


def configuration(folder: Path, name: str) -> Configuration:
    """The built-in defaults with the settings `name` of `folder` over them."""
    settings = json.loads((folder / f"{name}.json").read_text())
    flags = {key: ("soak", value) for key, value in settings.items()}
    return load(None, flags=flags, environ={"XDG_CONFIG_HOME": str(folder)}, directory=folder)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"STOCK{i:04}" for i in range(count))


def sessions_of(day: date) -> tuple[Session, ...]:
    """The session of `day`, and before it those that its indicators need."""
    nse = calendar("nse")
    return nse.before(day.replace(day=1), WARMUP_SESSIONS) + nse.sessions(day.replace(day=1), day)


def fill(store: CandleStore, symbols: Sequence[str], sessions: Sequence[Session]) -> CandleColumns:
    """Put the bars of all sessions but the last into the store, session by session; the bars of the last one."""
    listed = (*symbols, INDEX)
    tiles = [listed[i : i + TILE] for i in range(0, len(listed), TILE)]
    parts = [simulate(tile, sessions, SEED, dirt=False) for tile in tiles]
    for session in sessions[:-1]:
        store.upsert(BAR, _joined(listed, parts, session))
    return _joined(listed, parts, sessions[-1])


def _joined(listed: tuple[str, ...], parts: Sequence[CandleColumns], session: Session) -> CandleColumns:
    """The bars of a session, as a feed brings them: one of every symbol, and the next."""
    cuts = [slice(*np.searchsorted(part.ts, (session.opens, session.closes))) for part in parts]
    ts = parts[0].ts[cuts[0]][:: len(parts[0].symbols)]
    rows = [
        np.hstack([getattr(p, name)[c].reshape(len(ts), -1) for p, c in zip(parts, cuts, strict=True)]).reshape(-1)
        for name in FIELDS
    ]
    codes = np.tile(np.arange(len(listed), dtype=np.int32), len(ts))
    return CandleColumns(listed, np.repeat(ts, len(listed)), codes, *rows)


def bar_of(day: CandleColumns, opens: int) -> CandleColumns:
    """The bars of `day` that open then."""
    cut = slice(*np.searchsorted(day.ts, (opens, opens + 1)))
    return replace(day, **{name: getattr(day, name)[cut] for name in ("ts", "symbol", *FIELDS)})


def save_day(folder: Path, day: CandleColumns) -> None:
    fields = {name: getattr(day, name) for name in FIELDS}
    np.savez(folder / "day.npz", symbols=np.array(day.symbols), ts=day.ts, symbol=day.symbol, **fields)


def read_day(folder: Path) -> CandleColumns:
    with np.load(folder / "day.npz") as held:
        fields = [held[name] for name in FIELDS]
        return CandleColumns(tuple(held["symbols"].tolist()), held["ts"], held["symbol"], *fields)
