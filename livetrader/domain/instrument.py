"""What is traded, and the grid of prices and quantities that its exchange allows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9&_.:/-]{0,39}")


def is_symbol(text: str) -> bool:
    """Whether `text` can name something tradable: capitals, digits, and & _ . : / - after the first."""
    return _SYMBOL.fullmatch(text) is not None


class Product(StrEnum):
    """How a position is held at the broker; it follows from the strategy's holding style."""

    MIS = "MIS"
    CNC = "CNC"
    NRML = "NRML"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A tradable symbol. `tick` is the smallest price step, `lot` the smallest quantity step.

    `freeze_quantity` is the most that one order may be for, `band` the lowest and the highest price of the day; None
    where there is no such limit, or it is not known.

    `quantum` is the precision of recorded prices, a hundredth of the tick's last digit: fills are kept finer than
    the tick because slippage and averages fall between ticks.
    """

    symbol: str
    tick: Decimal = Decimal("0.05")
    lot: Decimal = Decimal(1)
    freeze_quantity: Decimal | None = None
    band: tuple[Decimal, Decimal] | None = None
    quantum: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        exponent = self.tick.as_tuple().exponent
        assert isinstance(exponent, int), "a tick is a finite number"
        object.__setattr__(self, "quantum", Decimal(1).scaleb(exponent - 2))  # frozen, and asked for at every price

    def price(self, value: float | Decimal) -> Decimal:
        """A price from the data (float64) as money: the one place where floats become Decimal."""
        exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
        return exact.quantize(self.quantum)

    def round_down(self, quantity: Decimal) -> Decimal:
        """The largest whole number of lots that is not above `quantity`."""
        return (quantity / self.lot).to_integral_value(ROUND_FLOOR) * self.lot

    @property
    def largest(self) -> Decimal | None:
        """The most that one order may be for, in whole lots; None where there is no limit. Less than a lot is none."""
        return None if self.freeze_quantity is None else self.round_down(self.freeze_quantity) or None
