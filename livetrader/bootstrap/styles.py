"""Holding styles: what each means at the broker, and which time exit applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.engine.parents.execution import AT_MARKET, Execution
from livetrader.engine.sizing import ExitSettings, Holding

if TYPE_CHECKING:
    from livetrader.config import Exit


@dataclass(frozen=True, slots=True)
class Style:
    """`square_off`: the session's end closes it; with `overnight` the next session's. `hold_minutes` stands where the
    exit says nothing (None: no limit)."""

    square_off: bool
    overnight: bool = False
    hold_minutes: float | None = None


STYLES = {
    "scalp": Style(square_off=True, hold_minutes=15.0),
    "intraday": Style(square_off=True),
    "btst": Style(square_off=True, overnight=True),
    "swing": Style(square_off=False),
}

# What the tables of charges are of: contracts may be sold short and carried; a coin has to be there to be sold.
FUTURES = frozenset({"nse_futures", "nse_options", "binance_futures"})
SPOT = "binance_spot"


def holding(style: str, exit: Exit, charges: str, execution: Execution = AT_MARKET) -> Holding:
    """How a strategy of `style` goes into what the table `charges` is of, holds it, and leaves it."""
    known = STYLES[style]
    numbers = exit.model_dump(exclude={"kind", "atr_period"})
    if exit.hold_minutes is None:
        numbers["hold_minutes"] = known.hold_minutes
    settings = ExitSettings(ExitKind(exit.kind), **numbers)
    return Holding(settings, product(style, charges), known.square_off, known.overnight, execution)


def in_words(held: Holding) -> str:
    """What a holding comes to: MIS; leaves by trailing_atr, after 15 minutes, at the square-off."""
    exits = [] if held.exit.kind is ExitKind.NONE else [f"by {held.exit.kind.value}"]
    if held.exit.hold_minutes is not None:
        exits.append(f"after {held.exit.hold_minutes:g} minutes")
    if held.square_off:
        exits.append("at the square-off of the next session" if held.overnight else "at the square-off")
    return f"{held.product.value}; leaves {', '.join(exits) or 'by its own exits only'}"


def product(style: str, charges: str) -> Product:
    """What is closed in its session is margin (MIS); what is carried is a contract (NRML), or delivery (CNC)."""
    known = STYLES[style]
    if charges == SPOT:
        return Product.CNC
    if known.square_off and not known.overnight:
        return Product.MIS
    return Product.NRML if charges in FUTURES else Product.CNC
