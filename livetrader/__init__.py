"""A scheduled batch trader: one engine for backtest, replay, paper, dry-run and live."""

__version__ = "0.1.0"
