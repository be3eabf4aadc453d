"""`livetrader doctor`: what will fail at 09:15, found the evening before. Each check is a function of a `Subject`."""
