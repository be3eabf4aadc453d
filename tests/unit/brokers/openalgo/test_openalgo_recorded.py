"""Every recorded answer of a real server to a call of ours is data, or the outcome or error that it means.

The recording lies beside the project, not in it. It leaves out rows of long lists, with a text in their place.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable, DataError, LiveTraderError
from tests.unit.brokers.loopback.loopback_samples import approved, intent
from tests.unit.brokers.openalgo.openalgo_samples import Server, client
from tests.unit.brokers.openalgo.test_openalgo_reads import READS

S = OrderState
RECORDING = Path(__file__).parents[4].parent / "shared" / "brokers" / "openalgo_transcript.jsonl"
ORDERS = ("placeorder", "modifyorder", "cancelorder")

# Calls that an adapter of ours has no use for, or must not make.
NOT_OURS = {
    "analyzer/toggle", "basketorder", "cancelallorder", "closeposition", "depth", "expiry", "intervals",
    "market/holidays", "nosuch", "openposition", "optionchain", "optionsorder", "optionsymbol",
    "placesmartorder", "pnl/symbols", "search", "splitorder",
}  # fmt: skip


def pairs() -> list[dict[str, Any]]:
    if not RECORDING.is_file():
        return []
    return [json.loads(line) for line in RECORDING.read_text("utf-8").splitlines()]


def endpoint(pair: dict[str, Any]) -> str:
    return str(pair["path"]).removeprefix("/api/v1/").partition("?")[0]


def whole(value: Any) -> Any:
    """Without the texts that stand for left-out rows."""
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value if not (isinstance(one, str) and one.endswith(" in all"))]
    return value


OURS = [pair for pair in pairs() if endpoint(pair) not in NOT_OURS]
CALLED = [(f"{i}-{endpoint(pair)}-{pair['note']}", pair) for i, pair in enumerate(OURS)]


@pytest.fixture(autouse=True)
def recorded() -> None:
    if not OURS:
        pytest.skip("the recording (../shared/brokers/openalgo_transcript.jsonl) is absent on this machine")


def answered(pair: dict[str, Any]) -> httpx.Response:
    body = whole(pair["response"])
    return (
        httpx.Response(pair["status"], text=body)
        if isinstance(body, str)
        else httpx.Response(pair["status"], json=body)
    )


def mode(pair: dict[str, Any]) -> str:
    return "analyze" if pair["case"] == "analyze" or pair["response"].get("mode") == "analyze" else "live"


def served(pair: dict[str, Any]) -> Server:
    """A server that gives the recorded answer, and in whose other books there is nothing."""
    server = Server().analyze() if mode(pair) == "analyze" else Server()
    server.answers[endpoint(pair)] = answered(pair)
    return server


def expected_error(pair: dict[str, Any]) -> type[LiveTraderError]:
    status = pair["status"]
    if status == 403:
        return AuthExpired
    if status >= 500 or status == 429:
        return BrokerUnavailable
    return BrokerProtocol if endpoint(pair) == "ping" else DataError


@pytest.mark.parametrize("pair", [p for _, p in CALLED], ids=[name for name, _ in CALLED])
def test_a_recorded_answer_is_read_for_what_it_is(pair: dict[str, Any]) -> None:
    server = served(pair)
    made = client(server, expect=mode(pair), attempts=1)
    name = endpoint(pair)
    order_id = (pair["request"] if isinstance(pair["request"], dict) else {}).get("orderid", "")
    read = {**READS, "orderstatus": lambda one: one.order(order_id)}.get(name)
    if name in ORDERS:
        calls = {
            "placeorder": lambda: made.place(approved()),
            "modifyorder": lambda: made.modify(order_id, intent()),
            "cancelorder": lambda: made.cancel(order_id),
        }
        outcome = calls[name]()
        states = {200: S.ACKED, 400: S.REJECTED, 403: S.REJECTED, 404: S.REJECTED, 429: S.INTENT, 500: S.UNKNOWN}
        assert outcome.state is states[pair["status"]]
        assert outcome.broker_order_id == pair["response"].get("orderid")
        assert server.calls(name) == 1
    elif pair["status"] == 200:
        assert read is not None
        assert read(made) is not None
    elif name == "multiquotes" and "invalid_symbols" in pair["response"]:
        assert made.quotes(["INFY", "TCS"]) == {}
    elif name != "multiquotes":
        assert read is not None
        with pytest.raises(expected_error(pair)) as told:
            read(made)
        assert type(told.value) is expected_error(pair)


def test_the_recording_is_used_as_far_as_it_is_about_our_calls() -> None:
    found = pairs()
    count = Counter(endpoint(pair) for pair in OURS)
    assert (len(found), len(OURS)) == (187, 145)
    assert {endpoint(pair) for pair in found} - NOT_OURS <= {*READS, *ORDERS}
    assert {*READS, *ORDERS} - count.keys() == set(), "there is an answer to each of our calls"


def test_the_recorded_live_books_are_ours_to_the_last_row() -> None:
    """A half-filled order that the server calls open, then complete at the price of its first trade."""
    live = [pair for pair in OURS if pair["case"].startswith("live (") and pair["status"] == 200]
    orders = next(pair for pair in live if endpoint(pair) == "orderbook" and pair["response"]["data"]["orders"])
    trades = next(pair for pair in live if endpoint(pair) == "tradebook" and pair["response"]["data"])
    server = served(orders)
    server.answers["tradebook"] = answered(trades)
    made = client(server)
    (order,), (trade,) = made.orders(), made.trades()
    assert (order.broker_order_id, order.state, order.filled_quantity) == ("261121000000001", S.FILLED, 10)
    assert (trade.trade_id, str(trade.price)) == ("261121000000001:0", "1400.05")
    assert order.placed_at == trade.traded_at
    assert order.placed_at.isoformat() == "2026-11-21T05:33:18+00:00"
