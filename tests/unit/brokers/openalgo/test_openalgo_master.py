"""The instrument master: ticks, lots and freeze quantities of the day, and never of the day before (fault B16)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from livetrader.brokers.openalgo.master import MasterFile
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.openalgo.openalgo_samples import OK, START, Server, reader

D = Decimal


def row(symbol: str = "INFY", exchange: str = "NSE", **changes: Any) -> dict[str, Any]:
    base = {
        "symbol": symbol,
        "exchange": exchange,
        "lotsize": 1,
        "tick_size": 0.1,
        "instrumenttype": "EQ",
        "expiry": "",
    }
    return {**base, **changes}


def listing(*rows: Any) -> Server:
    """A server that lists these, by exchange, and says freeze quantities to who asks for one symbol."""
    server = Server()

    def listed(request: httpx.Request) -> httpx.Response:
        asked = [one for one in rows if not isinstance(one, dict) or one["exchange"] == request.url.params["exchange"]]
        return httpx.Response(200, json={"data": asked, **OK})

    server.answers["instruments"] = listed
    server.answers["symbol"] = {"data": {**row("NIFTY29DEC26FUT", "NFO", lotsize=75), "freeze_qty": 1800}, **OK}
    return server


def test_a_share_has_its_tick_and_lot_and_no_freeze_quantity_of_one() -> None:
    """OpenAlgo says 1 for shares, which would stop every order."""
    server = listing(
        row(freeze_qty=1), row("TCS", tick_size="0.05", lotsize="1"), row("SME", lotsize=500, freeze_qty=9000)
    )
    assert reader(server).instruments() == [
        Instrument("INFY", D("0.1")), Instrument("TCS", D("0.05")), Instrument("SME", D("0.1"), D(500), D(9000)),
    ]  # fmt: skip


def test_the_freeze_quantity_of_an_index_is_looked_up_once_for_all_its_options() -> None:
    """The list of an exchange does not have it."""
    options = [row(f"NIFTY29DEC26{strike}CE", "NFO", lotsize=75, tick_size=0.05) for strike in range(24000, 26000, 50)]
    server = listing(row(), *options, row("RELIANCE29DEC261400CE", "NFO", lotsize=500))
    found = {one.symbol: one for one in reader(server, segments=("NFO",)).instruments()}
    assert len(found) == 42
    assert {found[one["symbol"]].freeze_quantity for one in options} == {1800}
    assert found["RELIANCE29DEC261400CE"].freeze_quantity is None
    assert server.calls("symbol") == 1


def test_many_rows_that_nobody_can_trade_are_one_line_of_the_log() -> None:
    server = listing(row(), *(row(f"BOND{i}", tick_size=0) for i in range(300)))
    with capture_logs() as logs:
        assert [one.symbol for one in reader(server).instruments()] == ["INFY"]
    assert [entry["what"][:9] for entry in logs] == ["300 rows,"]


def test_a_freeze_quantity_that_nobody_knows_is_no_reason_to_have_no_master() -> None:
    server = listing(row("NIFTY29DEC26FUT", "NFO", lotsize=75))
    server.answers["symbol"] = httpx.Response(404, json={"status": "error", "message": "Symbol not found"})
    with capture_logs() as logs:
        (found,) = reader(server, segments=("NFO",)).instruments()
    assert (found.freeze_quantity, [entry["endpoint"] for entry in logs]) == (None, ["symbol"])


@pytest.mark.parametrize(
    "bad",
    [row(tick_size=0), row(lotsize=0), row(lotsize="x"), row(symbol=None), row(symbol="A B"), row(tick_size=None), "x"],
    ids=str,
)
def test_a_row_that_is_no_instrument_is_left_out_and_said(bad: Any) -> None:
    with capture_logs() as logs:
        found = reader(listing(bad, row("TCS"))).instruments()
    assert ([one.symbol for one in found], len(logs)) == (["TCS"], 1)


def at(hour: int, minute: int = 0, day: int = 21) -> float:
    """Epoch seconds of a time of day in India."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() - 5.5 * 3600


AGES = [
    ("the-same-morning", at(9, 0), at(15, 0), True),
    ("before-the-contracts-came", at(7, 0), at(9, 0), False),
    ("still-before-they-came", at(7, 0), at(8, 29), True),
    ("yesterday", at(23, 0, day=20), at(9, 0), False),
    ("an-hour-before-midnight-utc", at(4, 0), at(6, 0), True),
    ("from-the-future", at(12, 0), at(11, 0), False),
]


@pytest.mark.parametrize(("read_at", "now", "kept"), [a[1:] for a in AGES], ids=[a[0] for a in AGES])
def test_b16_the_master_is_kept_for_its_day_and_no_longer(
    tmp_path: Path, read_at: float, now: float, kept: bool
) -> None:
    file = MasterFile(tmp_path / "data" / "instruments.json", "here NSE")
    server = listing(row())
    reader(server, clock=VirtualClock(read_at), master_file=file).instruments()
    server = listing(row(tick_size=0.5))
    (found,) = reader(server, clock=VirtualClock(now), master_file=file).instruments()
    assert (found.tick, server.calls("instruments")) == ((D("0.1"), 0) if kept else (D("0.5"), 1))


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    file = MasterFile(tmp_path / "instruments.json", "here")
    made = [Instrument("INFY"), Instrument("NIFTY29DEC26FUT", D("0.05"), D(75), D(1800))]
    now = datetime.fromtimestamp(START, UTC)
    file.save(made, now)
    assert list(file.load(now) or ()) == made
    assert MasterFile(file.path, "another server").load(now) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"source": "here"}', '{"source": "here", "read_at": "soon", "instruments": []}',
     '{"source": "here", "read_at": "2026-11-21T10:00:00+05:30", "instruments": [["A", "x", "1", null]]}',
     '{"source": "here", "read_at": "2026-11-21T10:00:00+05:30", "instruments": [["A"]]}',
     '{"source": "here", "read_at": 5, "instruments": []}'],
)  # fmt: skip
def test_a_file_that_is_damaged_is_no_master(tmp_path: Path, text: str) -> None:
    file = MasterFile(tmp_path / "instruments.json", "here")
    file.path.write_text(text, "utf-8")
    server = listing(row())
    assert len(reader(server, master_file=file).instruments()) == 1
    assert file.load(datetime.fromtimestamp(START, UTC)) is not None, "and is written anew"


def test_a_disk_that_takes_no_file_costs_a_line_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    file = MasterFile(tmp_path / "data" / "instruments.json", "here")
    with capture_logs() as logs:
        assert len(reader(listing(row()), master_file=file).instruments()) == 1
    assert "the instrument master cannot be kept" in [entry["event"] for entry in logs]


def test_one_instrument_has_its_freeze_quantity() -> None:
    server = listing()
    assert reader(server).instrument("NIFTY29DEC26FUT") == Instrument("NIFTY29DEC26FUT", D("0.1"), D(75), D(1800))
    assert server.last("symbol")["exchange"] == "NFO"
