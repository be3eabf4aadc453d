"""Checks that ask the broker: its login, its mode, its instruments, its hours, its clock, and our address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from livetrader.bootstrap.doctor.findings import Finding, fail, ok, shortened, warn
from livetrader.bootstrap.doctor.hours import compare, days_from
from livetrader.bootstrap.doctor.subject import Subject
from livetrader.bootstrap.trader import ACCOUNT, OPENALGO_KEY, in_clear
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable, CalendarError, ConfigError, DataError
from livetrader.ports import wall_time

if TYPE_CHECKING:
    from livetrader.brokers.openalgo.reader import OpenAlgoReader

# The header has whole seconds, and the way takes some time.
SKEW_SECONDS, TOO_SKEWED_SECONDS = 2.0, 30.0
_HTTP_SECONDS = 5.0

# Brokers end all logins in the morning, some earlier than others.
LOGINS_END = time(6)

# A week has a regular day in it, by which the broker's hours are believed.
_DAYS = 7


def clock(subject: Subject) -> Iterator[Finding]:
    """This machine's clock against the Date header of the broker's server."""
    broker = subject.settings.broker
    if broker.kind is None:
        yield ok("not compared: there is no broker to ask for the time")
        return
    url = broker.base_url if broker.kind == "openalgo" else broker.url
    before = wall_time(subject.clock)
    try:
        header = httpx.head(url, timeout=_HTTP_SECONDS, trust_env=False).headers.get("date")
        told = parsedate_to_datetime(header or "")
    except (httpx.HTTPError, ValueError):
        yield ok(f"not compared: {url} does not tell the time")
        return
    after = wall_time(subject.clock)
    # The second that it names has begun before the answer left, and had not ended when the question came.
    skew = max(before - (told + timedelta(seconds=1)), told - after, timedelta())
    seconds = skew.total_seconds()
    what = f"{seconds:.0f} s apart from {url}"
    if seconds > TOO_SKEWED_SECONDS:
        yield fail(what, "`timedatectl set-ntp true`, here or there", ConfigError.exit_code)
    else:
        yield warn(what, "`timedatectl set-ntp true`, here or there") if seconds > SKEW_SECONDS else ok(what)


def login(subject: Subject) -> Iterator[Finding]:
    """Whether the broker answers, is in the mode that we expect, and lets us in: reading funds proves that."""
    openalgo, broker = _openalgo(subject), subject.settings.broker
    if openalgo is None:
        yield ok(f"loopback at {broker.url}: {subject.reader.funds():.2f} may be traded with")
        return
    mode = openalgo.mode()
    if mode != broker.expect:
        what = f"the server is in {mode} mode, and broker.expect is {broker.expect}: nothing is sent"
        remedy = "switch it in OpenAlgo's page (Analyzer), or the setting; then `livetrader doctor --live`"
        yield fail(what, remedy, BrokerProtocol.exit_code)
        return
    cash, sandbox = openalgo.funds(), ": its own sandbox, not the broker" if mode == "analyze" else ""
    yield from _until_the_morning(subject)
    where = f"OpenAlgo at {broker.base_url} ({openalgo.ping()})"
    yield ok(f"{where}: the login is good; {cash:.2f} may be traded with, in {mode} mode{sandbox}")


def _until_the_morning(subject: Subject) -> Iterator[Finding]:
    """Whether the login ends before the next session begins: OpenAlgo does not say when it was made."""
    calendar, today = subject.workspace.calendar, subject.today
    session = calendar.session_on(today)
    if session is None or session.closes <= subject.now.timestamp():
        session = calendar.after(today)
    if session is None or calendar.name != "nse":
        return
    ends = datetime.combine(session.date, LOGINS_END, subject.now.tzinfo)
    if subject.now < ends:
        what = f"the login ends about {ends:%a %d %b %H:%M}, before the session of that day"
        yield warn(what, "`livetrader login openalgo` in that morning")


def instruments(subject: Subject) -> Iterator[Finding]:
    """The day's instrument master, and every configured symbol in it."""
    listed = {one.symbol for one in subject.reader.instruments()}
    if not listed:
        remedy = "download the master contract in OpenAlgo's page, then `livetrader doctor --live`"
        yield fail("the instrument master is empty: no symbol can be traded", remedy, BrokerProtocol.exit_code)
        return
    missing = [symbol for symbol in subject.symbols if symbol not in listed]
    if missing:
        count = f"{len(missing)} of {len(subject.symbols)} symbols"
        what = f"{count} are not listed, and take no entries: {shortened(missing)}"
        yield fail(what, "correct the list in symbol_lists/, then `livetrader config check`", ConfigError.exit_code)
    else:
        yield ok(f"{len(listed)} instruments, with all {len(subject.symbols)} symbols")


def hours(subject: Subject) -> Iterator[Finding]:
    """The broker's market timings of the next days against our calendar."""
    openalgo, calendar = _openalgo(subject), subject.workspace.calendar
    if openalgo is None or calendar.name != "nse":
        return
    days = days_from(subject.today, _DAYS, calendar)
    found = compare(openalgo, calendar, subject.settings.broker.exchange, days)
    for one in found.differences:
        what = f"{one.date:%a %d %b}: we have {one.ours}, the broker {one.theirs}"
        yield fail(what, "`livetrader calendar check`; ask the exchange", CalendarError.exit_code)
    if not found.trusted:
        what = "the broker's hours are not NSE's: its server reckons them in another time zone; only days are compared"
        yield warn(what, "run OpenAlgo with TZ=Asia/Kolkata, then `livetrader calendar check`")
    elif not found.differences:
        yield ok(f"the next {found.days} days are the broker's, too")


def quotes(subject: Subject) -> Iterator[Finding]:
    """Whether the feed of quotes lets us in. What it tells is seen while the market is open only."""
    feed, broker = subject.settings.feed, subject.settings.broker
    if feed.kind is None or not feed.quotes or broker.kind != "openalgo":
        return
    from livetrader.brokers.openalgo.quotes import address, objection

    url = feed.websocket_url or address(broker.base_url)
    why = objection(url, subject.configuration.secret(OPENALGO_KEY).reveal)
    if why:
        remedy = "start OpenAlgo's WebSocket proxy, or correct feed.websocket_url; then `livetrader doctor --live`"
        yield fail(f"no quotes, and so no entries: {why}", remedy, BrokerUnavailable.exit_code)
    else:
        yield ok(f"{url} lets us in")


def margin(subject: Subject) -> Iterator[Finding]:
    """Whether the account can pay for what would be ordered, by the broker's own reckoning."""
    openalgo = _openalgo(subject)
    if openalgo is None or subject.settings.broker.expect != "live":  # margins are the broker's, the sandbox has others
        return
    symbol = subject.symbols[0]
    try:
        price = openalgo.quote(symbol).price
        quantity = _quantity(subject, {one.symbol: one for one in openalgo.instruments()}.get(symbol), price)
        if not quantity:
            what = f"an entry of {subject.settings.capital.allocation_pct} % of the capital buys no {symbol} at {price}"
            yield warn(what, "raise capital.amount or capital.allocation_pct; then `livetrader config check`")
            return
        taken, cash = openalgo.margin(symbol, Action.BUY, quantity, _product(subject)), openalgo.funds()
    except (DataError, BrokerUnavailable) as error:
        yield ok(f"not looked at: {error}")
        return
    what = f"an entry of {quantity} {symbol} at {price} takes {taken:.2f} of {cash:.2f}"
    if taken > cash:
        remedy = "add funds, or lower capital.amount; then `livetrader doctor --live`"
        yield fail(f"{what}: the broker refuses it", remedy, ConfigError.exit_code)
    else:
        yield ok(what)


def _quantity(subject: Subject, listed: Instrument | None, price: float) -> Decimal:
    """What an entry at `price` buys of an instrument; 0 where that is no price."""
    capital = subject.settings.capital
    sizer = subject.workspace.sizer(ACCOUNT, ())
    exact = Decimal(str(price)) if price > 0 else Decimal(0)
    budget = capital.amount * capital.allocation_pct / 100 * capital.leverage
    return (listed or sizer.default).round_down(budget / exact) if exact else Decimal(0)


def _product(subject: Subject) -> Product:
    """The product of the first strategy that is on."""
    names = [one.name for one in subject.workspace.strategies()][:1]
    return next((one.product for one in subject.workspace.sizer(ACCOUNT, names).holdings.values()), Product.MIS)


def line(subject: Subject) -> Iterator[Finding]:
    """Whether the key can be read on its way to OpenAlgo."""
    broker, feed = subject.settings.broker, subject.settings.feed
    if broker.kind != "openalgo":
        return
    for name, url in (("broker.base_url", broker.base_url), ("feed.websocket_url", feed.websocket_url)):
        if url is not None and in_clear(url):
            what = f"{name}: the API key, and each order, goes over the network in clear to {url}"
            remedy = "use its https (or wss) address, or `ssh -N -L 5000:127.0.0.1:5000 HOST` and 127.0.0.1"
            yield warn(what, remedy)


def address(subject: Subject) -> Iterator[Finding]:
    """The address that we are seen with, against the one registered with the broker. Asked only where that is set."""
    broker = subject.settings.broker
    if broker.registered_ip is None or broker.ip_check_url is None:
        yield ok("not looked at: broker.registered_ip and broker.ip_check_url are not both set")
        return
    if broker.kind == "openalgo" and urlsplit(broker.base_url).hostname not in ("127.0.0.1", "localhost", "::1"):
        yield ok("not looked at: orders leave from OpenAlgo's machine, and it is not this one")
        return
    try:
        said = httpx.get(broker.ip_check_url, timeout=_HTTP_SECONDS, trust_env=False).text.strip()
        seen = ipaddress.ip_address(said)
    except (httpx.HTTPError, ValueError):
        yield warn(f"{broker.ip_check_url}: does not answer with an address", "`livetrader config show`")
        return
    if seen != ipaddress.ip_address(broker.registered_ip):
        what = f"orders leave from {seen}, and {broker.registered_ip} is registered: the broker refuses them"
        yield fail(what, "register it with the broker, or `livetrader config show`", AuthExpired.exit_code)
    else:
        yield ok(f"{seen}, as registered")


def market_protection(subject: Subject) -> Iterator[Finding]:
    """What becomes of MARKET and SL-M orders, which the exchange takes with a protection only."""
    broker = subject.settings.broker
    if broker.kind == "openalgo":
        yield ok("OpenAlgo's plugin of your broker makes protected limit orders of MARKET and SL-M")
        if broker.algo_id is not None:
            yield warn("broker.algo_id: OpenAlgo has no field for it; orders go without", "`livetrader config show`")


def _openalgo(subject: Subject) -> OpenAlgoReader | None:
    if subject.settings.broker.kind != "openalgo":
        return None
    from livetrader.brokers.openalgo.reader import OpenAlgoReader

    assert isinstance(subject.reader, OpenAlgoReader), "it is what the settings say"
    return subject.reader
