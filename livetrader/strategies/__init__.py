"""Strategies: candles in, signals out, and no knowledge of time, network or files."""
