"""Venues: each takes approved orders only, and reports what became of them."""
