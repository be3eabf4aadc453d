"""Indicators as expressions: written for one symbol, calculated for all, row by row with the same bits."""
