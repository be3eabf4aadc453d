"""`livetrader dashboard`: the account on one screen. It reads what is committed, and asks as the commands do."""
