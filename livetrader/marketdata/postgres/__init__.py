"""Candles in PostgreSQL: our own tables (`own`), or a user's (`mapped`), over one connection that comes back."""
