"""When there is a market: the calendar of sessions, and the clock."""
