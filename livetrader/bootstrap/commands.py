"""What the operator asks of a trader, as text that travels through the state database, and who carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

import structlog

from livetrader.bootstrap.comparing import Comparing, difference
from livetrader.bootstrap.desk import Desk
from livetrader.bootstrap.workspace import COMMAND_SECONDS
from livetrader.domain.account import Command
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, TimeInForce
from livetrader.engine.by_hand.adoption import adopt, ignore
from livetrader.engine.by_hand.manual import NotDone, Ticket
from livetrader.engine.by_hand.replan import protect
from livetrader.engine.by_hand.revision import Terms, revise
from livetrader.engine.by_hand.scaling import adjust, reduce
from livetrader.engine.overnight import UNCOMPARED
from livetrader.engine.parents.execution import Execution, ExecutionKind
from livetrader.errors import LiveTraderError, ReconcileMismatch, StoreError
from livetrader.ports import Clock, wall_time
from livetrader.store.journal import SqlJournal

log = structlog.get_logger(__name__)

# Beyond it, decimals cannot tell whether a number is on the grid.
LARGEST = Decimal(10) ** 12


Stopping = Callable[[bool], str]
"""Begins to stop the trader, closing positions if it is given True; what that means, in one line."""


def obey(command: Command, desk: Desk, comparing: Comparing | None, stop: Stopping) -> str:
    """Carry a command out: what was done, in one line. NotDone, or whatever else went wrong."""
    if command.kind == "stop":
        return stop("flatten" in command.arguments)
    if command.kind not in _KINDS:
        raise NotDone(f"{command.kind}: this trader knows no such command: is it of the same version?")
    return _KINDS[command.kind](desk, comparing, command)


def attend(
    journal: SqlJournal, clock: Clock, desk: Callable[[], Desk], comparing: Comparing | None, stop: Stopping
) -> None:
    """Carry out what is asked, oldest first, each once answered for good. Old requests lapse."""
    for command in journal.commands():
        at = wall_time(clock)
        if (at - command.posted_at).total_seconds() > COMMAND_SECONDS:
            said, done = f"not done: nobody was there for it within {COMMAND_SECONDS} s; ask again", False
        else:
            said, done = _tried(command, desk, comparing, stop)
        log.info("command", id=command.id, kind=command.kind, done=done, outcome=said)
        journal.answer(command.id, said, done, at)


def _tried(command: Command, desk: Callable[[], Desk], comparing: Comparing | None, stop: Stopping) -> tuple[str, bool]:
    try:
        at = desk()
        at.engine.monitor()  # fills, and latches that came on or off since the last look
        return obey(command, at, comparing, stop), True
    except StoreError:
        raise  # there is nowhere to write an answer to
    except LiveTraderError as error:
        return str(error), False


def _ticket(command: Command) -> Ticket:
    given = command.arguments
    return Ticket(
        command.id,
        int(command.posted_at.timestamp()),
        Action(given["action"]),
        given["symbol"],
        _decimal(given, "quantity") or Decimal(0),
        limit_price=_decimal(given, "limit"),
        trigger_price=_decimal(given, "trigger"),
        product=Product(given.get("product", Product.MIS)),
        stop=_decimal(given, "stop"),
        execution=_execution(given),
        target=_decimal(given, "target"),
        trail_pct=_decimal(given, "trail"),
        tif=TimeInForce.IOC if given.get("tif") == "ioc" else TimeInForce.DAY,
        lasts=given.get("tif") in ("gtc", "gtd"),
        until=_end_of(given.get("until")),
        add="add" in given,
    )


def _end_of(day: str | None) -> int | None:
    """The end of a date in UTC, epoch seconds: sessions of that date have closed by then."""
    if day is None:
        return None
    try:
        return int(datetime.combine(date.fromisoformat(day), time.max, UTC).timestamp()) + 1
    except ValueError:
        raise NotDone(f"until {day}: is no date; write one such as 2026-12-31") from None


def _execution(given: Mapping[str, str]) -> Execution:
    kind = ExecutionKind(given.get("algo", ExecutionKind.MARKET))
    count, minutes = (_whole(given, name) or default for name, default in (("slices", 6), ("over", 30)))
    return Execution(kind, max(count, 1), max(minutes, 1), visible=_decimal(given, "visible"))


def _decimal(given: Mapping[str, str], name: str) -> Decimal | None:
    try:
        number = Decimal(given[name]) if name in given else None
    except InvalidOperation:
        number = Decimal("NaN")
    if number is not None and not (number.is_finite() and abs(number) < LARGEST):
        raise NotDone(f"{name} {given[name]}: is no number, or too large a one")
    return number


def _whole(given: Mapping[str, str], name: str) -> int | None:
    number = _decimal(given, name)
    return None if number is None else int(number)


def _trade(desk: Desk, _: Comparing | None, command: Command) -> str:
    return desk.manual.trade(_ticket(command))


def _close(desk: Desk, _: Comparing | None, command: Command) -> str:
    given, quantity = command.arguments, _decimal(command.arguments, "quantity")
    if quantity is None:
        return desk.manual.close(given.get("symbol"))
    return reduce(desk.engine, command.id, int(command.posted_at.timestamp()), given["symbol"], quantity)


def _adjust(desk: Desk, _: Comparing | None, command: Command) -> str:
    given, as_of = command.arguments, int(command.posted_at.timestamp())
    return adjust(desk.manual, command.id, as_of, given["symbol"], _decimal(given, "quantity") or Decimal(0))


def _protect(desk: Desk, _: Comparing | None, command: Command) -> str:
    levels = (_decimal(command.arguments, name) for name in ("stop", "target", "trail"))
    return protect(desk.manual, command.id, command.arguments["symbol"], *levels)


def _cancel(desk: Desk, _: Comparing | None, command: Command) -> str:
    return desk.manual.cancel(command.arguments["id"])


def _modify(desk: Desk, _: Comparing | None, command: Command) -> str:
    given = command.arguments
    quantity, limit, trigger, visible = (_decimal(given, name) for name in ("quantity", "limit", "trigger", "visible"))
    terms = Terms(quantity, limit, trigger, visible, _end_of(given.get("until")), _whole(given, "over"))
    if desk.engine.book.parents.get(given["id"]) is not None:
        return revise(desk.manual, int(command.posted_at.timestamp()), given["id"], terms)
    if (terms.visible, terms.until, terms.over_minutes) != (None, None, None):
        raise NotDone(f"{given['id']}: is no parent order under way, and only those have such terms")
    return desk.manual.modify(given["id"], terms.quantity, terms.limit_price, terms.trigger_price)


def _reconcile(desk: Desk, comparing: Comparing | None, _: Command) -> str:
    if comparing is None or desk.reconciler is None:
        raise NotDone("there are no books but ours in this mode: nothing to compare")
    # Twice: what the first read finds is believed when a second one says the same.
    if not (comparing.compare(desk.reconciler) or comparing.compare(desk.reconciler)):
        raise ReconcileMismatch(difference(desk.reconciler))
    asked = [f"{symbol}: {why}" for symbol, why in desk.engine.book.questioned.items() if why != UNCOMPARED]
    return "the books agree" + (f", but for {' '.join(asked)}" if asked else "")


def _ignore(desk: Desk, _: Comparing | None, command: Command) -> str:
    return ignore(desk.engine, command.arguments["symbol"])


def _adopt(desk: Desk, _: Comparing | None, command: Command) -> str:
    given = command.arguments
    if desk.reconciler is None:
        raise NotDone("there are no books but ours in this mode: nothing to adopt")
    return adopt(desk.engine, desk.reconciler, given["symbol"], _decimal(given, "stop"))


_KINDS: Mapping[str, Callable[[Desk, Comparing | None, Command], str]] = {
    "trade": _trade,
    "close": _close,
    "adjust": _adjust,
    "protect": _protect,
    "cancel": _cancel,
    "modify": _modify,
    "reconcile": _reconcile,
    "ignore": _ignore,
    "adopt": _adopt,
}
