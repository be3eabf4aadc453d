"""Alerts of one kind, at most one a symbol: told once, open until what they are about is in order again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class SymbolAlerts:
    """What is open is remembered, so that asking every second costs nothing. Keys are `prefix` and the symbol."""

    prefix: str
    alert: Callable[[str, str], None]
    end: Callable[[str], None]
    open: set[str] = field(default_factory=set, init=False)
    """Symbols with an open alert."""

    def tell(self, symbol: str, text: str) -> None:
        if symbol not in self.open:
            self.alert(self.prefix + symbol, text)
            self.open.add(symbol)

    def settle(self, symbol: str) -> None:
        if symbol in self.open:
            self.open.discard(symbol)
            self.end(self.prefix + symbol)

    def settle_others(self, symbols: Iterable[str]) -> None:
        """Settle those of all symbols but these."""
        for symbol in sorted(self.open.difference(symbols)):
            self.settle(symbol)

    def recall(self, keys: Iterable[str]) -> None:
        """Take up the alerts that an earlier process has left open."""
        self.open = {key.removeprefix(self.prefix) for key in keys if key.startswith(self.prefix)}
