"""From settings and a mode to something that runs: the only place that knows the mode.

`workspace` turns settings into parts (calendar, candles, strategies, rules). `trader` puts parts and a venue
together into an engine. `research`, `replay` and `trading` are what the commands call; `results` is what they
give back, and `reports` turns it into the end-of-day report.
"""
