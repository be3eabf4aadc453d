"""An independent reading of the strategy rules, slow and plain, to compare livetrader's own signals with.

Nothing here imports `livetrader.indicators` or `livetrader.strategies`, and nobody who changes those should
change this: two people read one page, and must get the same signals on the same candles.
"""

from tests.oracle.bars import Bar, OracleSignal
from tests.oracle.crypto import crypto_signals
from tests.oracle.rules import signals
from tests.oracle.weekly import WeeklySignal, weekly_signals

__all__ = ["Bar", "OracleSignal", "WeeklySignal", "crypto_signals", "signals", "weekly_signals"]
