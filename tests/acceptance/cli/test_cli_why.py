"""`livetrader why`: how old the data was, what was wanted, what each constraint said, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from calls import Told

Call = Callable[..., Told]


def test_it_says_how_old_the_bar_was_at_the_decision(desk: Path, call: Call) -> None:
    traded = json.loads(call("trades", "--mode", "replay", "--json").out)[0]["symbol"]
    row = json.loads(call("why", traded, "--mode", "replay", "--json").out)[0]
    assert row["data_age_seconds"] == 0, "a replay decides at the bar's close"
    told = call("why", traded, "--mode", "replay")
    assert "  data age  the bar had closed 0 s before" in told.out.splitlines()


def test_without_a_limit_on_it_the_age_is_not_on_record(desk: Path, call: Call) -> None:
    with (desk / "config.yaml").open("a") as file:
        file.write("constraints: {bar_max_age_seconds: null}\n")
    assert call("replay", "--date", "2026-02-27").code == 0
    traded = json.loads(call("trades", "--mode", "replay", "--json").out)[0]["symbol"]
    row = json.loads(call("why", traded, "--mode", "replay", "--json").out)[0]
    assert row["data_age_seconds"] is None
    assert "data age" not in call("why", traded, "--mode", "replay").out


def test_where_nothing_was_decided_it_says_how_old_the_last_candle_is(desk: Path, call: Call) -> None:
    traded = {one["symbol"] for one in json.loads(call("trades", "--mode", "replay", "--json").out)}
    quiet = next(s for s in ("ONGC", "WIPRO", "TITAN", "ITC", "SBIN", "INFY", "TCS") if s not in traded)
    told = call("why", quiet, "--mode", "replay", "--at", "09:25")
    assert "its last candle until then closed at 2026-02-27 09:25 IST, 0 min earlier" in told.out
