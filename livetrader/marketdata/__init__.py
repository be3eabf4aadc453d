"""Candles: stored, imported, checked, simulated, and put on the calendar's grid."""
