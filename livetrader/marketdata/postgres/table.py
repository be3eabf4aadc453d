"""Where the bars of one interval lie in PostgreSQL, as SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from livetrader.domain.candles import FIELDS, Interval

Conversion = Callable[[sql.Composable], sql.Composable]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view, its columns, and what they mean.

    `to_open` makes the bar's open, a timestamptz, of a value of the column `time`; `from_open` a value of that column
    of the open in epoch seconds: bounds are converted and not the column, so that an index on it serves. `fields` are
    float8 and never NULL. `symbol` is text, with `prefix` and `suffix` around our own name.
    """

    relation: sql.Composable
    time: sql.Composable
    to_open: Conversion
    from_open: Conversion
    symbol: sql.Composable
    fields: tuple[sql.Composable, ...]
    prefix: str = ""
    suffix: str = ""

    @property
    def ts(self) -> sql.Composable:
        """The bar's open."""
        return self.to_open(self.time)

    @property
    def within(self) -> sql.Composable:
        """The condition `start <= ts < end`, of parameters with these names."""
        start, end = (self.from_open(sql.Placeholder(name)) for name in ("start", "end"))
        return sql.SQL("{0} >= {1} AND {0} < {2}").format(self.time, start, end)

    def epoch(self, aggregate: str) -> sql.Composable:
        """`min` or `max` of the bars' opens, in epoch seconds."""
        value = sql.SQL(f"{aggregate}({{}})").format(self.time)  # of the column itself, because an index knows it
        return sql.SQL("floor(date_part('epoch', {}))::bigint").format(self.to_open(value))

    def named(self, stored: str | None) -> str | None:
        """What we call a symbol of the table's; None for one without the prefix and suffix."""
        if stored is None or not (stored.startswith(self.prefix) and stored.endswith(self.suffix)):
            return None
        return stored.removeprefix(self.prefix).removesuffix(self.suffix) or None


def own_table(schema: str, interval: Interval) -> Table:
    """The table that we make."""
    return Table(
        relation=sql.Identifier(schema, f"candles_{interval.value}"),
        time=sql.Identifier("ts"),
        to_open=sql.SQL("{}").format,
        from_open=sql.SQL("to_timestamp({}::float8)").format,
        symbol=sql.Identifier("symbol"),
        fields=tuple(sql.SQL("coalesce({}, 'NaN')").format(sql.Identifier(name)) for name in FIELDS),
    )
