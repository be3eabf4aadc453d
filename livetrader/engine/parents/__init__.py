"""Parent orders: entries that go out over time, in child orders."""
