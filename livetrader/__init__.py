"""A scheduled batch trader: one engine for backtest, replay, paper, dry-run and live."""

__version__ = "0.1.0"

# What a call says that was interrupted before its end, at whatever moment: here, because nothing need be loaded for it.
INTERRUPTED = "error: interrupted; what was committed stays, the rest was not done"
