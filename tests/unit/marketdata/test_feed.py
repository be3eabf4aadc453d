"""The feed: what it asks for after a close and in which order, and that it goes on whatever happens to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from livetrader.domain.candle import Candle
from livetrader.domain.candles import Interval, columns_of
from livetrader.domain.session import Session
from livetrader.errors import AuthExpired, BrokerUnavailable, DataError, StoreError
from livetrader.market.calendar import Calendar, load
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.agenda import Agenda
from livetrader.marketdata.asking import Asking
from livetrader.marketdata.feed import Feed, FeedHealth, fed
from livetrader.marketdata.history import NOBODY_TRADED, Piece
from livetrader.marketdata.store import CandleStore
from tests.threads import PATIENCE
from tests.unit.marketdata.history_samples import History, candle, day_of

Store = Callable[..., CandleStore]
DAY = date(2024, 2, 28)
AWAY = BrokerUnavailable("openalgo: history: no answer")


@dataclass
class Rig:
    """A feed that a test turns by hand."""

    feed: Feed
    store: CandleStore
    asking: Asking
    history: History
    clock: VirtualClock
    session: Session

    def turn(self, times: int = 1) -> None:
        """So many turns, each until what it asked for is answered: that comes from another thread."""
        for _ in range(times):
            self.feed._turn(self.store, self.asking)
            while self.asking.in_flight:
                self.feed._turn(self.store, self.asking)

    def at(self, bars: int, seconds: float = 2.0, times: int = 6) -> list[str]:
        """Go to some time after the close of the session's n-th bar; the symbols that were asked for then."""
        before = len(self.history.asked)
        self.clock.advance_to(self.session.opens + 300 * bars + seconds)
        self.turn(times)
        return [symbol for symbol, *_ in self.history.asked[before:]]

    def bars(self, symbol: str) -> int:
        found = self.store.read(Interval.M5, self.session.opens, self.session.closes, (symbol,))
        return len(found)


Build = Callable[..., Rig]


@pytest.fixture
def session(nse: Calendar) -> Session:
    (found,) = nse.sessions(DAY, DAY)
    return found


@pytest.fixture
def rig(nse: Calendar, session: Session, candle_store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Just before the open, with the days before in the store."""
    monkeypatch.setattr("livetrader.marketdata.feed.HEED_SECONDS", 0.001)

    def build(*symbols: str, whole: bool = True, **how: object) -> Rig:
        clock = VirtualClock(session.opens - 60)
        history = History(nse, clock)
        bars = [bar for day in nse.before(DAY, 6) for bar in day_of(day)]
        stored = symbols if whole else ()
        store = candle_store({})
        for symbol in stored:
            store.upsert(Interval.M5, columns_of(symbol, bars))
        feed = Feed(history, lambda: store, nse, clock, symbols, at_once=1, **how)  # type: ignore[arg-type]
        asking = opened.enter_context(closing(Asking(history, 1)))
        return Rig(feed, store, asking, history, clock, session)

    with ExitStack() as opened:
        yield build


def test_each_symbol_is_asked_for_once_after_each_close(rig: Build) -> None:
    made = rig("NIFTY", "TCS", "INFY")
    made.turn()
    assert made.history.asked == [], "nothing is missing"
    assert made.at(1, 1.9) == [], "the broker has not got it so soon"
    assert made.at(1, 2.0) == ["NIFTY", "TCS", "INFY"]
    assert made.at(1, 60) == []
    assert made.at(2) == ["NIFTY", "TCS", "INFY"]
    assert [made.bars(symbol) for symbol in ("NIFTY", "TCS", "INFY")] == [2, 2, 2]
    assert {days for _, _, *days in made.history.asked[-1:] for days in [tuple(days)]} == {(DAY, DAY)}
    assert made.feed.health.text == "3 of 3 symbols"
    assert set(made.feed.health.succeeded_at) == {"NIFTY", "TCS", "INFY"}


def test_the_last_bar_of_a_day_is_asked_for_after_the_close(rig: Build) -> None:
    made = rig("TCS")
    assert made.at(75) == ["TCS"]
    assert made.bars("TCS") == 75
    assert made.at(76) == []


def test_a_market_that_never_closes_gets_its_days_last_bar_on_the_next() -> None:
    calendar = load("24x7")
    (session,) = calendar.sessions(DAY, DAY)
    clock = VirtualClock(session.closes - 30)
    agenda = Agenda(calendar, 2.0)
    agenda.follow(("BTC", Interval.M5), (), clock.now())
    clock.advance_to(session.closes + 2)
    (piece,) = agenda.due(clock.now(), 0.0, (), ())
    assert piece.sessions == (session,)
    agenda.asked(piece, clock.now())
    agenda.answered(piece, session.closes - 300, 0.0)
    assert agenda.due(clock.now() + 290, 0.0, (), ()) == []
    assert [piece.sessions[-1].date.day for piece in agenda.due(clock.now() + 300, 0.0, (), ())] == [29]


def test_what_is_missing_of_the_last_days_comes_first_and_the_session_waits_for_it(rig: Build, nse: Calendar) -> None:
    made = rig("TCS", "INFY", whole=False)
    assert (made.feed.health.caught_up, made.feed.health.symbols) == (False, 2)
    made.turn(2)
    days = [session.date for session in nse.before(DAY, 5)]
    assert made.history.asked == [("TCS", Interval.M5, days[0], days[-1]), ("INFY", Interval.M5, days[0], days[-1])]
    assert made.feed.health.caught_up
    assert [one.count for one in made.store.coverage(Interval.M5).values()] == [375, 375]


def test_what_was_made_of_ticks_is_replaced_at_the_next_start_and_nobody_waits_for_it(
    rig: Build, nse: Calendar
) -> None:
    made = rig("TCS", corrects=True)
    (before,) = nse.before(DAY, 1)
    made.store.upsert(Interval.M5, columns_of("TCS", [candle(before.opens, 7.0)]))
    made.feed._follow(made.store, made.clock.now())
    made.feed._tell()
    assert (made.feed.health.caught_up, made.feed.health.behind) == (True, ())
    made.turn(3)
    assert made.history.asked == [("TCS", Interval.M5, before.date, before.date)]
    assert made.store.read(Interval.M5, before.opens, before.opens + 1).close.tolist() == [100.0]
    assert made.at(1) == ["TCS"]


def test_a_gap_is_filled_when_the_server_is_back(rig: Build) -> None:
    """An hour without answers: the next one brings the whole session, and says so once."""
    made = rig("TCS")
    with capture_logs() as logs:
        made.at(1)
        made.history.answers["TCS"] = AWAY
        for bars in range(2, 13):
            made.at(bars, times=3)
        health = made.feed.health
        assert (health.behind, health.error) == (("TCS",), str(AWAY))
        assert health.text.startswith("0 of 1 symbols, ")
        del made.history.answers["TCS"]
        made.at(13)
    assert made.bars("TCS") == 13
    assert made.feed.health.text == "1 of 1 symbols"
    assert [entry["event"] for entry in logs] == [
        "the feed has no answer: entries stop as bars grow old",
        "the feed is back",
    ]


def test_positions_are_asked_for_first_whether_they_are_followed_or_not(rig: Build) -> None:
    made = rig("NIFTY", "TCS", "INFY")
    made.feed.prefer(("INFY", "NIFTY29FEB2422000CE"))
    assert made.at(1, times=8)[:4] == ["INFY", "NIFTY29FEB2422000CE", "NIFTY", "TCS"]
    assert made.at(2)[:2] == ["INFY", "NIFTY29FEB2422000CE"]


def test_a_bar_that_is_not_there_yet_is_asked_for_again_after_the_others_and_not_for_ever(rig: Build) -> None:
    made = rig("TCS", "INFY")
    made.history.answers["TCS"] = lambda bars: bars[:-1]
    assert made.at(1) == ["TCS", "INFY"]
    assert made.feed.health.behind == ("TCS",)
    assert made.at(1, 7.5) == ["TCS"]
    assert made.at(1, 13.0) == ["TCS"]
    assert made.at(1, 60.0) == [], "nobody traded, or the broker never has it"
    assert made.at(2) == ["TCS", "INFY"]
    assert made.bars("TCS") == 1, "what was late came with the next"


def test_a_symbol_that_fails_does_not_hold_up_the_others(rig: Build) -> None:
    made = rig("NOPE", "TCS")
    made.history.answers["NOPE"] = DataError("openalgo: history: HTTP 400: Symbol 'NOPE' not found")
    with capture_logs() as logs:
        assert made.at(1) == ["NOPE", "TCS"]
        assert made.at(2) == ["NOPE", "TCS"]
    assert made.bars("TCS") == 2
    assert [entry["what"] for entry in logs] == ["openalgo: history: HTTP 400: Symbol 'NOPE' not found"]
    made.history.answers["NOPE"] = AWAY
    made.at(3, times=2)
    made.at(3, 4.0)
    assert made.bars("TCS") == 3


def test_a_login_that_ended_is_not_knocked_at(rig: Build) -> None:
    """OpenAlgo may ban who asks a hundred times with a bad key."""
    made = rig("TCS")
    made.history.answers["TCS"] = AuthExpired("log in to the broker in OpenAlgo's page")
    assert made.at(1) == ["TCS"]
    assert made.at(1, 61.0) == []
    assert made.at(1, 63.0) == ["TCS"]
    assert "log in" in made.feed.health.text


def test_what_somebody_else_stored_is_not_asked_for_unless_there_is_a_hole(rig: Build) -> None:
    """Ticks make bars, too; those with a gap in them are left to the history."""
    made = rig("TCS", "INFY")
    made.turn()
    for symbol in ("TCS", "INFY"):
        made.feed.arrived(symbol, Interval.M5, made.session.opens)
    assert made.at(1) == []
    made.feed.arrived("TCS", Interval.M5, made.session.opens + 600)
    made.feed.arrived("INFY", Interval.M5, made.session.opens + 300)
    made.feed.arrived("INFY", Interval.M5, made.session.opens + 600)
    assert made.at(3) == ["TCS"], "its second bar is missing"


def test_dirt_is_left_out_and_said_once(rig: Build) -> None:
    made = rig("TCS")
    made.history.answers["TCS"] = lambda bars: [Candle(bar.ts, 7.0, 7.0, 7.0, 7.0, 0.0) for bar in bars]
    with capture_logs() as logs:
        made.at(1)
        made.at(2)
    assert made.bars("TCS") == 0
    assert [entry["what"] for entry in logs] == [f"1 bars were left out: {NOBODY_TRADED}"]


def test_a_correction_of_the_history_is_stored(rig: Build) -> None:
    made = rig("TCS")
    made.at(1)
    made.history.answers["TCS"] = lambda bars: [candle(bars[0].ts, 555.0), *bars[1:]]
    made.at(2)
    found = made.store.read(Interval.M5, made.session.opens, made.session.closes, ("TCS",))
    assert found.close.tolist() == [555.0, 101.0]


def test_a_store_that_fails_is_written_to_again_later(rig: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rig("TCS")
    made.turn()
    upsert = type(made.store).upsert
    full = [StoreError("candles.db: the disk is full; free some space")] * 2

    def failing(self: CandleStore, *arguments: object) -> object:
        if full:
            raise full.pop()
        return upsert(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(made.store), "upsert", failing)
    made.at(1)
    assert "the disk is full" in made.feed.health.error
    made.at(1, 30.0)
    assert made.bars("TCS") == 0
    made.at(1, 60.0)
    assert (made.bars("TCS"), made.feed.health.error) == (1, "")


def test_a_feed_follows_the_tables_that_longer_bars_are_made_from(candle_store: Store, session: Session) -> None:
    one = [candle(session.opens)]
    store = candle_store({interval: columns_of(interval.value, one) for interval in Interval})
    store.upsert(Interval.M1, columns_of("both", one))
    store.upsert(Interval.M5, columns_of("both", one))
    assert fed(store, ("both", "1m", "5m", "1h", "1d", "none")) == {
        "both": (Interval.M1, Interval.M5),
        "1m": (Interval.M1,),
        "5m": (Interval.M5,),
        "1h": (Interval.H1,),
        "1d": (Interval.D1,),
        "none": (Interval.M5,),
    }


def test_a_feed_that_breaks_says_so_and_lets_the_session_begin(nse: Calendar, session: Session) -> None:
    def broken() -> CandleStore:
        raise StoreError("candles.db: cannot open the candle store")

    clock = VirtualClock(session.opens)
    feed = Feed(History(nse, clock), broken, nse, clock, ("TCS",))
    with capture_logs() as logs:
        feed.start()
        feed._thread.join(PATIENCE)
    assert feed.ready
    assert feed.health == FeedHealth(1, ("TCS",), error="the feed has ended: candles.db: cannot open the candle store")
    assert [entry["event"] for entry in logs] == ["the feed has ended"]
    feed.close()


def test_a_session_does_not_wait_for_ever(rig: Build) -> None:
    made = rig("TCS", whole=False)
    made.feed._thread = type("Alive", (), {"is_alive": lambda _self: True})()  # it hangs
    assert not made.feed.ready
    made.clock.sleep(120)
    assert made.feed.ready


def test_pieces_of_a_feed_are_of_one_session_once_it_is_caught_up(rig: Build) -> None:
    made = rig("TCS")
    made.at(1)
    (piece,) = made.feed._agenda.due(made.clock.now() + 300, made.clock.monotonic(), (), ("TCS",))
    assert piece == Piece("TCS", Interval.M5, (made.session,))


@given(st.lists(st.tuples(st.sampled_from(["there", "late", "failed", "arrived"]), st.integers(1, 400)), max_size=60))
def test_whatever_is_answered_a_series_has_one_question_in_flight_and_few_for_each_bar(
    steps: list[tuple[str, int]],
) -> None:
    """A bar is asked for until it is there, at most three times, and at once when the next one has closed."""
    calendar = load("nse")
    (session,) = calendar.sessions(DAY, DAY)
    now, agenda, answers = float(session.opens), Agenda(calendar, 2.0), Counter[int]()
    series = "TCS", Interval.M5
    agenda.follow(series, (), now)
    for what, seconds in steps:
        now += seconds
        due = agenda.due(now, now, (), ("TCS",))
        closed = [ts for ts in session.slots(300) if ts + 302 <= now]
        if not due:
            continue
        (piece,) = due
        agenda.asked(piece, now)
        assert agenda.due(now, now, (), ("TCS",)) == []
        newest = closed[-1]
        if what == "failed":
            agenda.unanswered(piece, now)
            assert agenda.behind(now)[0] == ("TCS",)
            continue
        answers[newest] += 1
        if what == "arrived":
            agenda.arrived(series, newest, now)
        agenda.answered(piece, newest if what == "there" else closed[-2] if len(closed) > 1 else None, now)
        if what == "there":
            assert agenda.behind(now) == ((), 0.0)
    assert all(count <= 3 for count in answers.values())
