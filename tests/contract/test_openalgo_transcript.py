"""The loopback OpenAlgo answers as the real one did: 187 recorded requests, asked again, in the order of the record.

Compared are the status, the keys, the types, the words of errors and the forms of times; ids, prices, quantities and
lengths are each server's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import httpx
import pytest

from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.openalgo.loopback.switches import Word
from livetrader.market.nse import IST
from tests.conftest import ROOT
from tests.unit.brokers.openalgo_loopback.gateway_samples import KEY, Bench, bars, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

TRANSCRIPT = ROOT.parent / "shared" / "brokers" / "openalgo_transcript.jsonl"
SATURDAY = datetime(2026, 11, 21, 11, 3, 8, tzinfo=IST).timestamp()  # when the record was made
UNKEYED = {"bad": {"apikey": "wrong"}, "none": {}, "good": {"apikey": KEY}}

# What is not compared, and why. Everything else has to agree.
NOT_OURS: Mapping[str, str] = {
    "placesmartorder": "no client of ours calls it: it doubles orders that are not filled yet",
    "basketorder": "no client of ours calls it: it says success when orders fail",
    "splitorder": "no client of ours calls it: orders are sliced before they are sent",
    "optionsorder": "no client of ours calls it: contracts are chosen before they are sent",
    "optionsymbol": "no client of ours calls it: contracts are chosen from the instruments",
    "optionchain": "no client of ours calls it: contracts are chosen from the instruments",
    "pnl/symbols": "no client of ours calls it: profit is a fold over our own fills",
}


class Pair(NamedTuple):
    index: int
    note: str
    method: str
    path: str
    request: Any
    key: str
    status: int
    response: Any


def pairs() -> list[Pair]:
    """The record; empty where it is absent."""
    if not TRANSCRIPT.is_file():
        return []
    lines = map(json.loads, TRANSCRIPT.read_text().splitlines())
    return [Pair(index, *[line[name] for name in Pair._fields[1:]]) for index, line in enumerate(lines)]


def name(pair: Pair) -> str:
    return pair.path.removeprefix("/api/v1/").partition("?")[0]


def line(pair: Pair) -> Any:
    """The pair as a line of the test's table, with the reason where it is not compared."""
    reason = NOT_OURS.get(name(pair))
    marks = [] if reason is None else [pytest.mark.skip(reason=reason)]
    return pytest.param(pair, id=f"{pair.index}-{name(pair)}-{pair.status}", marks=marks)


RECORD = pairs()
COMPARED = [pair for pair in RECORD if name(pair) not in NOT_OURS]


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[int, httpx.Response]]:
    """What the loopback answers to each pair that is compared."""
    if not RECORD:
        pytest.skip("the recorded transcript (../shared/brokers) is absent on this machine")
    days = bars(date(2026, 11, 16), date(2026, 11, 20))

    def stored(_symbol: str, start: int, end: int) -> Any:
        return [bar for bar in days if start <= bar.ts < end]

    for made in bench(SATURDAY, bars=stored):
        yield replayed(made)


def replayed(made: Bench) -> dict[int, httpx.Response]:
    found, ids = {}, {}
    prepare(made)
    for pair in COMPARED:
        if not pair.note.endswith("within a second"):
            made.clock.sleep(1.0)
        arrange(made, pair)
        found[pair.index] = answer = ask(made, pair, ids)
        if answer.headers["Content-Type"] == "application/json" and "orderid" in pair.response:
            ids[pair.response["orderid"]] = answer.json().get("orderid")
    return found


def prepare(made: Bench) -> None:
    """What had happened on the real server before the record begins."""
    made.post("analyzer/toggle", mode=True)
    made.placed(quantity=7)
    stop = made.placed(action="SELL", quantity=7, pricetype="SL", price=1345, trigger_price=1350)
    made.post("cancelorder", strategy="s", orderid=stop)


def arrange(made: Bench, pair: Pair) -> None:
    """What the record's broker did before, or does to this call."""
    if pair.note == "half filled":
        made.switch(nameless=[])
        made.strike("place", Fault.PARTIAL)
    if pair.index == 162:
        for price in range(1501, 1505):
            made.quote("INFY", price)
    if pair.note == "SL sell" and pair.index > 97:
        made.switch(nameless=["NIFTY29DEC26FUT", "NIFTY29DEC2626000CE"])
    if "the order EXISTS" in pair.note:
        made.strike("place", Fault.HTTP_500, accepted=True)
    elif 165 <= pair.index <= 173:
        operations = {"placeorder": "place", "cancelorder": "cancel", "quotes": "quotes", "history": "history"}
        operation = operations.get(name(pair), "orders" if name(pair).startswith("order") else "positions")
        made.server.switches.words[operation] = Word(pair.status, pair.response["message"])


def ask(made: Bench, pair: Pair, ids: dict[str, str]) -> httpx.Response:
    request = pair.request or {}
    if isinstance(request, str):
        body = request.encode()
    else:
        request = {key: ids.get(value, value) if key == "orderid" else value for key, value in request.items()}
        body = json.dumps({**UNKEYED[pair.key], **request}).encode()
    path = f"{made.server.url}{pair.path}"
    if pair.method == "GET":
        return made.http.get(f"{path}&apikey={KEY}")
    headers = {"Content-Type": "application/json"}
    return made.http.post(path, content=body, headers=headers)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every place in a document with the type that is there; of an empty list only that it is one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        if not value:
            yield path, "[]"
        for item in value:
            if not (isinstance(item, str) and item.startswith("... ")):  # the record is shortened there
                yield from leaves(item, f"{path}[]")
    else:
        yield path, type(value).__name__


def shape(value: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, kind in leaves(value):
        found.setdefault(path, set()).add(kind)
    return found


def words(value: Any) -> Any:
    """The texts of an error, with its figures as #."""
    if isinstance(value, str):
        return re.sub(r"\d[\d,.]*", "#", value)
    if isinstance(value, dict):
        return {key: words(item) for key, item in value.items() if key in ("message", "status", "mode", "path")}
    return value


def forms(value: Any) -> set[tuple[str, str]]:
    """How times and expiries are written, by their place."""
    wanted = ("timestamp", "last_reset", "expiry", "date")
    return {
        (path, re.sub(r"[A-Za-z]", "A", re.sub(r"\d", "9", text)))
        for path, text in texts(value)
        if path.rpartition(".")[2] in wanted and text
    }


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, f"{path}[]")
    elif isinstance(value, str):
        yield path, value


def empties(one: dict[str, set[str]], other: dict[str, set[str]]) -> set[str]:
    """Places that are an empty list in `one`, and a filled one in `other`."""
    return {path for path, kinds in one.items() if "[]" in kinds and any(p.startswith(f"{path}[]") for p in other)}


@pytest.mark.parametrize("pair", [line(pair) for pair in RECORD])
def test_the_loopback_answers_in_the_shape_of_the_real_server(answers: dict[int, httpx.Response], pair: Pair) -> None:
    answer = answers[pair.index]
    ours = answer.json()
    assert answer.status_code == pair.status, ours
    recorded, told = shape(pair.response), shape(ours)
    empty = empties(recorded, told) | empties(told, recorded)
    inside = tuple(f"{path}[]" for path in empty)
    recorded, told = (
        {path: kinds for path, kinds in found.items() if path not in empty and not path.startswith(inside or ("\0",))}
        for found in (recorded, told)
    )
    assert told.keys() == recorded.keys()
    assert {path: kinds - recorded[path] for path, kinds in told.items() if kinds - recorded[path]} == {}
    assert {form for form in forms(ours) if form[0] in told} <= forms(pair.response)
    if pair.status != 200 or "message" in pair.response:
        assert words(ours) == words(pair.response)


def test_an_order_has_the_status_that_it_had(answers: dict[int, httpx.Response]) -> None:
    """What became of every single order of the record, in both modes, by orderstatus."""
    same = ("order_status", "action", "exchange", "product", "symbol", "quantity", "pricetype", "price_type", "mode")
    compared = [pair for pair in COMPARED if name(pair) == "orderstatus" and pair.status == 200]
    for pair in compared:
        ours, recorded = answers[pair.index].json()["data"], pair.response["data"]
        assert [ours.get(key) for key in same] == [recorded.get(key) for key in same], pair
    assert len(compared) > 10


def test_the_list_of_what_is_not_compared_is_short_and_needed() -> None:
    if not RECORD:
        pytest.skip("the recorded transcript (../shared/brokers) is absent on this machine")
    assert {name(pair) for pair in RECORD} >= NOT_OURS.keys()
    assert len(RECORD) == 187
    assert len(COMPARED) == 170
