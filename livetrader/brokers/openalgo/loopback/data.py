"""The endpoints that are the same in both modes: market data, the master contract, the calendar, the gateway itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from livetrader.brokers.loopback.answers import Answers
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.openalgo.loopback.accounts import Asked, Refusal, Row
from livetrader.brokers.openalgo.loopback.books import margin
from livetrader.brokers.openalgo.loopback.contracts import Contract, Contracts
from livetrader.brokers.openalgo.loopback.market import IST_SECONDS, SECONDS, Market, row
from livetrader.brokers.openalgo.loopback.switches import Mode, Switches
from livetrader.domain.instrument import Product
from livetrader.errors import CalendarError
from livetrader.market import calendar, nse
from livetrader.ports import wall_time

BROKER = "loopback"
UNKNOWN = (
    "Symbol '{}' not found for exchange '{}'. Please verify the symbol name and ensure master contracts are downloaded."
)
# Host-independent hours of each exchange on a trading day: minutes after midnight in exchange time.
HOURS = {
    **dict.fromkeys(("NSE", "BSE"), (555, 930)),
    **dict.fromkeys(("NFO", "BFO"), (555, 940)),
    **dict.fromkeys(("CDS", "BCD"), (540, 1020)),
    **dict.fromkeys(("MCX", "NCDEX"), (540, 1435)),
}
CLOSED = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD"]
COLUMNS = (
    *("symbol", "brsymbol", "name", "exchange", "brexchange", "token"),
    *("expiry", "strike", "lotsize", "instrumenttype", "tick_size"),
)


class Data:
    """One method for each endpoint, as in `accounts`; `calendar` is NSE's, whatever is listed."""

    def __init__(self, exchange: Exchange, switches: Switches, market: Market, contracts: Contracts) -> None:
        self._exchange = exchange
        self._switches = switches
        self._market = market
        self._contracts = contracts
        self._answers = Answers()

    def ping(self, _asked: Asked, _strike: Strike | None) -> Row:
        return {"data": {"broker": BROKER, "message": "pong"}}

    def analyzer(self, _asked: Asked, _strike: Strike | None) -> Row:
        mode = self._switches.mode
        return {"data": {"analyze_mode": mode is Mode.ANALYZE, "mode": mode.value, "total_logs": 0}}

    def toggle(self, asked: Asked, strike: Strike | None) -> Row:
        self._switches.mode = Mode.ANALYZE if asked["mode"] else Mode.LIVE
        told = self.analyzer(asked, strike)["data"]
        return {"data": told | {"message": f"Analyzer mode switched to {self._switches.mode}"}}

    def quotes(self, asked: Asked, strike: Strike | None) -> Row:
        return {"data": self._quote(self._contract(asked), strike)}

    def multiquotes(self, asked: Asked, strike: Strike | None) -> Row:
        """What cannot be quoted comes first."""
        bad, good = [], []
        for wanted in asked["symbols"]:
            contract = self._contracts.find(wanted["symbol"], wanted["exchange"])
            if contract is None:
                bad.append({**wanted, "error": UNKNOWN.format(wanted["symbol"], wanted["exchange"])})
            else:
                good.append({**wanted, "data": self._quote(contract, strike)})
        if not good:
            raise Refusal(400, bad[0]["error"], invalid_symbols=bad)
        return {"results": bad + good}

    def depth(self, asked: Asked, strike: Strike | None) -> Row:
        contract = self._contract(asked)
        quote = self._quote(contract, strike)
        return {"data": self._market.depth(contract) | {"ltp": quote["ltp"]}}

    def history(self, asked: Asked, strike: Strike | None) -> Row:
        contract = self._contract(asked)
        interval, name = asked["interval"], f"{asked['symbol']}:{asked['exchange']}"
        if asked["source"] == "db":
            told = f"No data found for {name} interval {interval} in local database."
            raise Refusal(404, f"{told} Download data first using Historify.")
        if interval != "D" and interval not in SECONDS:
            raise Refusal(500, f"Unsupported timeframe: {interval}")
        bars = self._market.history(contract, interval, asked["start_date"], asked["end_date"])
        shown = tuple(bars[: max(len(bars) - self._switches.history_lacks, 0)])
        return {"data": [row(bar) for bar in self._answers.give(f"history {name}", strike, shown)]}

    def intervals(self, _asked: Asked, _strike: Strike | None) -> Row:
        """The list of the server, not of its broker: some of these are refused."""
        minutes = ["1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m"]
        hours, days = ["1h", "2h", "4h"], ["D"]
        return {"data": {"seconds": [], "minutes": minutes, "hours": hours, "days": days, "weeks": [], "months": []}}

    def symbol(self, asked: Asked, _strike: Strike | None) -> Row:
        found = self._contracts.find(asked["symbol"], asked["exchange"])
        if found is None:
            raise Refusal(404, f"Symbol {asked['symbol']} not found in exchange {asked['exchange']}")
        return {"data": found.row() | {"freeze_qty": found.freeze, "id": found.token}}

    def search(self, asked: Asked, _strike: Strike | None) -> Row:
        query = asked["query"].upper()
        found = [
            contract.row() | {"freeze_qty": contract.freeze}
            for contract in self._contracts
            if query in contract.instrument.symbol and asked["exchange"] in (None, contract.exchange)
        ]
        return {
            "data": found,
            "message": f"Found {len(found)} matching symbols" if found else "No matching symbols found",
        }

    def expiry(self, asked: Asked, _strike: Strike | None) -> Row:
        kinds = ("FUT",) if asked["instrumenttype"] == "futures" else ("CE", "PE")
        wanted = asked["symbol"], asked["exchange"]
        found = {c.expiry for c in self._contracts if c.kind in kinds and (c.name, c.exchange) == wanted}
        days = sorted(found, key=lambda day: datetime.strptime(day, "%d-%b-%y").replace(tzinfo=UTC))
        told = f"Found {len(days)} expiry dates for {wanted[0]} {asked['instrumenttype']} in {wanted[1]}"
        return {"data": days, "message": told}

    def instruments(self, asked: Asked, strike: Strike | None) -> Row:
        """All rows of an exchange, or of all; with format=csv the answer is `csv` text."""
        truth = tuple(c.row() for c in self._contracts if asked["exchange"] in (None, c.exchange))
        rows = self._answers.give("instruments", strike, truth)
        if asked["format"] == "csv":
            return {"csv": _csv(rows)}
        return {"data": list(rows), "message": f"Found {len(rows)} instruments"}

    def margins(self, asked: Asked, _strike: Strike | None) -> Row:
        total = sum((self._margin(position) for position in asked["positions"]), Decimal(0))
        return {"data": {"total_margin_required": round(float(total), 2), "span_margin": 0.0, "exposure_margin": 0.0}}

    def holidays(self, asked: Asked, _strike: Strike | None) -> Row:
        """The days of a year on which NSE differs. What other exchanges do on them is not known here."""
        year = asked["year"] or wall_time(self._exchange.clock).astimezone(nse.IST).year
        rows = []
        for day, listed in sorted(nse.listing().days.items()):
            if day.year == year and listed.hours is not None:
                rows.append(
                    {
                        "closed_exchanges": [] if listed.hours else CLOSED,
                        "date": day.isoformat(),
                        "description": listed.kind,
                        "holiday_type": "SPECIAL_SESSION" if listed.hours else "TRADING_HOLIDAY",
                        "open_exchanges": [],
                    }
                )
        return {"data": rows, "timezone": "Asia/Kolkata", "year": year}

    def timings(self, asked: Asked, _strike: Strike | None) -> Row:
        """When each exchange is open. A host on UTC takes exchange time for its own, and is late by 5 h 30 min."""
        day = asked["date"]
        late = IST_SECONDS if self._switches.utc_host else 0
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=nse.IST).timestamp()) + late
        try:
            open_today = calendar.load("nse").session_on(day) is not None
        except CalendarError:
            open_today = day.weekday() < 5
        rows = [(name, 60 * opens, 60 * closes) for name, (opens, closes) in HOURS.items() if open_today]
        return {
            "data": [
                {"exchange": name, "start_time": (midnight + opens) * 1000, "end_time": (midnight + closes) * 1000}
                for name, opens, closes in [*rows, ("CRYPTO", 0, 86_399)]
            ]
        }

    def _contract(self, asked: Asked) -> Contract:
        found = self._contracts.find(asked["symbol"], asked["exchange"])
        if found is None:
            raise Refusal(400, UNKNOWN.format(asked["symbol"], asked["exchange"]))
        return found

    def _quote(self, contract: Contract, strike: Strike | None) -> Row:
        quote = self._market.quote(contract)
        if strike is not None and strike.fault is Fault.BAD_PRICE:
            quote["ltp"], strike = strike.price, None
        return self._answers.give(f"quote {contract.instrument.symbol}", strike, quote)

    def _margin(self, position: Mapping[str, Any]) -> Decimal:
        contract = self._contract(position)
        try:
            price = Decimal(position["price"]) or Decimal(str(self._market.price(contract.instrument.symbol)))
            value = Decimal(position["quantity"]) * price
        except InvalidOperation:
            raise Refusal(400, "Quantity and price must be numbers") from None
        return margin(contract.instrument.symbol, Product(position["product"]), value)


def _csv(rows: tuple[Row, ...]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
