"""Which of a session's entries the broker has answered: what the rule `broker_circuit` looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.ports import OrderRecord

# What a broker says of an order that has reached it.
ANSWERS = frozenset({
    OrderState.ACKED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED,
    OrderState.RECORDED,
})  # fmt: skip


@dataclass(slots=True)
class Answers:
    """The entries of a session in the order in which they were sent."""

    _decided: dict[str, int] = field(default_factory=dict)
    _heard: set[str] = field(default_factory=set)

    def sent(self, entry: OrderIntent) -> None:
        """An entry is about to go out; also when it is tried again."""
        self._decided.setdefault(entry.intent_id, entry.as_of)

    def advance(self, intent_id: str, state: OrderState) -> None:
        """What became of an order. An answer stays one, whatever follows."""
        if state in ANSWERS:
            self._heard.add(intent_id)

    def recall(self, record: OrderRecord, today: bool) -> None:
        """Take up an entry of an earlier process; only those that were sent in this session count."""
        intent, state = record.intent, record.state
        self._decided.pop(intent.intent_id, None)
        if today and record.sent_at is not None:
            self._decided[intent.intent_id] = intent.as_of
        # One that was called off before it could be sent is CANCELLED, too.
        named = record.broker_order_id is not None or record.filled_quantity > 0
        if named or (state in ANSWERS and state is not OrderState.CANCELLED):
            self._heard.add(intent.intent_id)

    def missing(self) -> tuple[int, int]:
        """How many of the last entries have no answer, and when the latest was decided (epoch seconds; 0: none)."""
        count = latest = 0
        for name, as_of in reversed(self._decided.items()):
            if name in self._heard:
                break
            count, latest = count + 1, latest or as_of
        return count, latest
