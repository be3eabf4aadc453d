"""Pre-trade risk: rules look at an intent, and the verdict is a value."""
