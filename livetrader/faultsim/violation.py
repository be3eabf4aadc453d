"""What a broken invariant is."""

from __future__ import annotations


class Violation(AssertionError):
    """An invariant of ORDERS.md does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
