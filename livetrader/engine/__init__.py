"""The flow, from closed candles to orders. Read `cycle.py` first."""
