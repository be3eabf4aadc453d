"""How a position will be closed, fixed when it is opened. Rules: STRATEGIES.md, "Exits"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExitKind(StrEnum):
    TRAILING_ATR = "trailing_atr"
    PERCENT = "percent"
    STEP_TRAIL = "step_trail"
    FIXED = "fixed"
    NONE = "none"


class ExitReason(StrEnum):
    """Why a position was closed."""

    STOP = "stop"
    TARGET = "target"
    TRAILING = "trailing"
    SQUARE_OFF = "square_off"
    TIME = "time"
    SIGNAL = "signal"
    MANUAL = "manual"
    REDUCED = "reduced"  # a part of it, by hand: the position goes on
    RECONCILE = "reconcile"
    UNPROTECTED = "unprotected"
    PORTFOLIO_STOP = "portfolio_stop"
    END_OF_DATA = "end_of_data"


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """The exit of one position. Percentages are of the fill price.

    `distance` is the trailing stop's distance from the best price in price units (`atr_multiple` × ATR at the
    signal bar), `stop_price` a FIXED stop's level,
    `target_price` a target's. Fields that a kind does not use are NaN.
    `hold_minutes` is how long after its fill the position is closed, by the clock. `square_off` is False for positions
    that are held over the session's end; with `overnight` it is the square-off of the next session.
    """

    kind: ExitKind
    distance: float = float("nan")
    stop_loss_pct: float = float("nan")
    take_profit_pct: float = float("nan")
    activation_pct: float = float("nan")
    increment_pct: float = float("nan")
    gap_pct: float = float("nan")
    stop_price: float = float("nan")
    hold_minutes: float = float("nan")
    target_price: float = float("nan")
    square_off: bool = True
    overnight: bool = False


@dataclass(frozen=True, slots=True)
class Replan:
    """Another exit for a position that is held, as the operator's command of number `command` has it.

    The position is the one that the entry `entry_id` opened at `opened`; `plan` holds for bars that open at or after
    `since` (both epoch seconds). There it goes on with these levels: `fill` is the price that percentages are of,
    `best` the best price so far, `first_stop` the stop that has not trailed. NaN: there is none.
    """

    command: int
    entry_id: str
    opened: int
    since: int
    plan: ExitPlan
    fill: float
    best: float
    stop: float
    target: float
    first_stop: float
