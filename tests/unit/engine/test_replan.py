"""`livetrader protect`: a held position gets another exit, which no restart forgets and no bar of before is held to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap.trader import last_close
from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.polled import PolledBroker
from livetrader.domain.candles import Interval
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Product
from livetrader.domain.order import Purpose
from livetrader.engine.by_hand.manual import Manual, NotDone
from livetrader.engine.by_hand.replan import protect
from livetrader.engine.sizing import ExitSettings
from livetrader.engine.tape import WindowTape
from livetrader.ports import Outcome
from tests.acceptance.faults.live_account import LiveAccount
from tests.unit.engine.trading_samples import (
    BAR,
    EXITS,
    RULES,
    Price,
    Rig,
    account,
    at,
    closes,
    flat,
    random_signals,
    random_walk,
    record,
    sessions,
    signal,
    sizer,
    tape,
)

D = Decimal
DAYS = sessions(2, bars=12, square_off=10 * BAR)
FIXED_AT_98 = ExitSettings(ExitKind.PERCENT, stop_loss_pct=2.0, take_profit_pct=3.0)


def manual(rig: Rig) -> Manual:
    """Orders by hand, at the last close that is known."""
    last = last_close(rig.tape)

    def price(symbol: str) -> Decimal | None:
        close = last(symbol, 0, int(rig.clock.now()) + 1)
        return None if close is None else D(repr(close))

    return Manual(rig.engine, RULES, price)


def held_at(prices: list[Price], exit: ExitSettings = FIXED_AT_98, product: Product = Product.MIS) -> Rig:
    """Twenty of A, bought at 100 on bar 1; it is the close of bar 2, and `prices` are the bars from there on."""
    made = Rig(DAYS, tape(DAYS, {"A": [flat(100)] * 3 + prices}), sizer(exit, product=product), [signal()])
    made.play(at(3))
    assert made.book.positions["A"].position.quantity == 20
    return made


def stops(made: Rig | LiveAccount) -> list[tuple[D, D | None]]:
    """Of the position in A: what each stop is for, and its trigger."""
    book = made.book
    return [(book.unfilled[name], book.orders[name].trigger_price) for name in book.positions["A"].stops]


def ended(made: Rig) -> list[tuple[str, str, int]]:
    """Price, reason and bar of what closed the position."""
    reasons = {one.intent.intent_id: one.intent.reason for one in made.journal.orders()}
    (_, closed), found = made.journal.fills(), made.fills()[1]
    return [(found[3], str(reasons[closed.intent_id]), found[4])]


def go_on(made: Rig, *bars: int) -> Rig:
    for bar in bars:
        made.step(at(bar))
    return made


def test_the_stop_is_moved_at_the_venue_and_closes_the_position_there() -> None:
    made = held_at([flat(100), (100, 100, 98.5, 99.5)])
    assert protect(manual(made), 7, "A", D(99)) == "A: stop 99, target 103"
    assert stops(made) == [(20, 99)]
    assert ended(go_on(made, 4, 5)) == [("99", "stop", 4)]


def test_a_target_leaves_by_cancelling_the_stop_and_the_pair_never_fills_both() -> None:
    made = held_at([(100, 101.5, 97, 101)] * 2, ExitSettings(ExitKind.NONE))
    assert protect(manual(made), 7, "A", D(90), D(101)) == "A: stop 90, target 101"
    assert ended(go_on(made, 4, 5)) == [("101", "target", 3)]
    (stop,) = (one for one in made.journal.orders() if one.intent.purpose is Purpose.STOP)
    assert (stop.state, stop.reason) == ("CANCELLED", "the position is being closed")


def test_what_is_not_given_stays() -> None:
    """A target beside a trailing stop lets it trail on; a stop beside a target takes its place."""
    made = held_at([(100, 104, 100, 104), flat(104)], EXITS["trailing_atr"])
    assert protect(manual(made), 7, "A", None, D(110)) == "A: trailing stop 97, target 110"
    go_on(made, 4, 5)
    assert stops(made) == [(20, 101)], "three below the best price"
    assert protect(manual(made), 8, "A", D(103)) == "A: stop 103, target 110"
    assert stops(made) == [(20, 103)]


def test_a_stop_that_trails_by_percent_begins_at_the_price_now() -> None:
    made = held_at([(100, 102, 100, 102), flat(102)])
    assert protect(manual(made), 7, "A", trail_pct=D("1.5")) == "A: trailing stop 98.5, target 103"
    go_on(made, 4, 5)
    assert stops(made) == [(20, D("100.5"))]
    assert made.book.positions["A"].exit.reason == "trailing"


def test_the_bar_that_is_under_way_is_tested_on_neither_exit() -> None:
    """Nobody knows whether its low came before: a stop that is loosened in it must not close, one that is tightened
    must not fill at a price of before."""
    for level, price in ((D(95), "95"), (D("99.5"), "99")):
        made = held_at([(100, 100, 97, 99), flat(99), (99, 99, 94, 99)])
        made.clock.advance_to(at(3) + 60.0)
        protect(manual(made), 7, "A", level)
        go_on(made, 4)
        assert "A" in made.book.positions
        assert ended(go_on(made, 5, 6)) == [(price, "stop", 5 if price == "95" else 4)]


WRONG = {
    "nothing held": ("B", {"stop": D(90)}, "B: nothing is held"),
    "off the tick": ("A", {"stop": D("98.01")}, "price 98.01: must be a positive multiple of the tick"),
    "a stop at the price": ("A", {"stop": D(100)}, "stop 100: is on the wrong side of the price 100"),
    "a target at the price": ("A", {"target": D(100)}, "target 100: is on the wrong side of the price 100"),
    "a target below": ("A", {"target": D(99)}, "target 99: is on the wrong side of the price 100"),
    "all of the price": ("A", {"trail_pct": D(100)}, "trail 100: is as far away as the whole price"),
}


@pytest.mark.parametrize(("symbol", "terms", "says"), WRONG.values(), ids=WRONG)
def test_what_makes_no_exit_changes_nothing(symbol: str, terms: dict[str, D], says: str) -> None:
    made = held_at([flat(100)])
    with pytest.raises(NotDone, match=says):
        protect(manual(made), 7, symbol, **terms)
    assert (stops(made), made.journal.replans()) == ([(20, 98)], [])


def test_nothing_is_changed_of_what_is_being_closed() -> None:
    made = held_at([flat(100)] * 2)
    manual(made).close("A")
    with pytest.raises(NotDone, match="A: is being closed"):
        protect(manual(made), 7, "A", D(99))


def test_an_exit_that_closed_bars_have_reached_is_not_changed() -> None:
    """A trader that was away has not tested them yet: its next passes leave at the target of then."""
    made = held_at([(100, 104, 100, 104), flat(104)])
    made.clock.advance_to(at(5))
    with pytest.raises(NotDone, match="A: its target has been reached"):
        protect(manual(made), 7, "A", D(99))


def test_a_command_carried_out_twice_is_one_change() -> None:
    made = held_at([flat(100), (101, 101, 101, 101), flat(101)])
    said = protect(manual(made), 7, "A", trail_pct=D(1))
    made.recover(DAYS[0])
    go_on(made, 4, 5)
    assert protect(manual(made), 7, "A", trail_pct=D(1)) == "already done: A: trailing stop 100, target 103"
    assert said == "A: trailing stop 99, target 103"
    assert len(made.journal.replans()) == 1


TERMS = {
    "stop": lambda price, side: {"stop": _grid(price * (1 - side * D("0.004")))},
    "target": lambda price, side: {"target": _grid(price * (1 + side * D("0.004")))},
    "bracket": lambda price, side: {
        "stop": _grid(price * (1 - side * D("0.01"))), "target": _grid(price * (1 + side * D("0.006")))
    },
    "trail": lambda price, side: {"trail_pct": D("0.6")},  # noqa: ARG005 - of the price, whichever side
}  # fmt: skip


def _grid(price: Decimal) -> Decimal:
    return (price / D("0.05")).to_integral_value() * D("0.05")


def protected(kind: str, product: Product, terms: str, after: int, cut: int | None) -> Rig:
    """Two days in which, a minute after the close `after`, each position gets another exit; `cut`: the process dies at
    the first close from then on that is so many later, and is begun anew (0: a minute after the change)."""
    stored = random_walk(DAYS, 3, 15)
    prices = WindowTape({Interval.M5: stored}, dict.fromkeys(stored.symbols, Interval.M5))
    by_kind = sizer(EXITS[kind], product=product, leverage="3")
    rig = Rig(DAYS, prices, by_kind, random_signals(stored, 16), charges="nse_intraday")
    for number, (day, close) in enumerate((one, close) for one in DAYS for close in closes(one)):
        if close == min(closes(day)):
            rig.engine.start(day)
        rig.step(close)
        if number == after:
            rig.clock.sleep(60)
            rig.engine.monitor()
            _protect_all(rig, terms)
            if cut == 0:
                rig.clock.sleep(60)
                rig.recover(day)
        elif cut and number == after + cut:
            rig.recover(day)
    return rig


def _protect_all(rig: Rig, terms: str) -> None:
    by_hand = manual(rig)
    for number, (symbol, held) in enumerate(sorted(rig.book.positions.items()), 1):
        if held.leaving is None:
            price = by_hand.price(symbol)
            assert price is not None, "it was traded"
            protect(by_hand, number, symbol, **TERMS[terms](price, held.position.side.sign))


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("product", [Product.MIS, Product.CNC], ids=str)
@pytest.mark.parametrize("kind", EXITS)
def test_stopped_anywhere_after_it_the_days_are_the_same(kind: str, product: Product, terms: str) -> None:
    """Rebuilt, the exit goes on from where it was changed: same fills, orders and money, same exits of what is left."""
    changed = 0
    for after in (3, 5, 14):
        whole = protected(kind, product, terms, after, None)
        changed += len(whole.journal.replans())
        for cut in (0, 1, 2, 7):
            again = protected(kind, product, terms, after, cut)
            assert record(again.journal) == record(whole.journal)
            assert account(again.book) == account(whole.book)
            assert {s: repr(h.exit) for s, h in again.book.positions.items()} == {
                s: repr(h.exit) for s, h in whole.book.positions.items()
            }
    assert changed > 1


# At an exchange that may not answer.


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveAccount]:
    """A day at a loopback exchange, ten of A bought at 100 with a stop at 98."""
    with closing(LiveAccount(tmp_path)) as made:
        made.buy("10", "98")
        made.look(3)
        assert made.working() == ["SELL 10 SL-M 98"]
        yield made


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.REFUSED], ids=str)
@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
def test_a_modify_without_an_answer_is_asked_again_and_there_is_one_stop_all_the_time(
    live: LiveAccount, fault: Fault, restarted: bool
) -> None:
    live.strike("modify", 1, fault)
    live.attend()
    number = live.post("protect", symbol="A", stop="99")
    live.attend()
    told = live.answer(number)
    assert told is not None
    assert told.outcome == "A: stop 99; the stop does not stand at the broker yet: it is seen to"
    assert len(live.working()) == 1
    if restarted:
        live.start(DAYS[0])
    for _ in range(5):
        live.look(2)
        assert len(live.working()) == 1
    assert live.working() == ["SELL 10 SL-M 99"]
    assert live.alerts() == set()


def test_a_crash_before_the_stop_was_moved_is_made_up_for(live: LiveAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written down is done by whoever starts next, also after the bars have gone on."""
    with monkeypatch.context() as dying:
        dying.setattr(PolledBroker, "modify", _dies)
        with pytest.raises(ZeroDivisionError):
            protect(live.manual, 7, "A", D(99), D(104))
    live.to(at(4) + 5)
    live.start(DAYS[0])
    live.engine.step(at(4))
    live.look(3)
    assert live.working() == ["SELL 10 SL-M 99"]
    assert live.book.positions["A"].exit.target == 104


def test_a_stop_that_was_never_moved_is_no_word_on_where_it_belongs(live: LiveAccount) -> None:
    """A restart before a bar has closed that the new exit is tested on: the old trigger is the old exit's."""
    for nth in range(1, 9):
        live.strike("modify", nth, Fault.LOST_REQUEST)
    protect(live.manual, 7, "A", D(99))
    live.bar(3)
    live.start(DAYS[0])
    live.look(20)
    assert live.working() == ["SELL 10 SL-M 99"]


def test_where_an_exit_began_is_where_it_was_changed_last() -> None:
    """What a split divides is the stop as it has trailed since, and not since the fill."""
    made = held_at([(100, 104, 100, 104), (104, 104, 102, 102), flat(102)], ExitSettings(ExitKind.NONE))
    go_on(made, 4, 5)
    protect(manual(made), 7, "A", trail_pct=D(1))
    go_on(made, 6)
    exit, since = made.book.positions["A"].begun
    assert (exit.best, exit.stop, since) == (102, 100.95, at(5))


def _dies(*_: object) -> Outcome:
    raise ZeroDivisionError
