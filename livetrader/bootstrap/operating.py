"""What an operator does beside a trader, running or dead: latches, and commands with their answers.

Latches are written directly, because they have to work when the trader hangs. Commands go through the state database
to the trader that holds the lock; where none does, this process takes the lock and carries them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress

from livetrader.bootstrap.account import kill_file, lock_file
from livetrader.bootstrap.comparing import APART, AUTH
from livetrader.bootstrap.lifecycle import Life
from livetrader.bootstrap.room import DISK, halt_when_full, take_room
from livetrader.bootstrap.silence import FEED
from livetrader.bootstrap.trader import account_of
from livetrader.bootstrap.trading import SessionTrader, attending
from livetrader.bootstrap.workspace import COMMAND_SECONDS
from livetrader.config import Configuration
from livetrader.domain.account import HALT, KILL, Answer
from livetrader.engine.by_hand.manual import NotDone
from livetrader.engine.cycle import LOSS_LATCH
from livetrader.engine.orders import SYMBOL_LATCH
from livetrader.engine.overnight import ACTION_ALERT, CARRIED_LATCH
from livetrader.engine.protection import STOP_ALERT
from livetrader.engine.reconcile import EXTERNAL_ALERT
from livetrader.errors import AlreadyRunning, BrokerError, LiveTraderError, ReconcileMismatch, StoreError
from livetrader.ports import Clock, wall_time
from livetrader.store import latch_file
from livetrader.store.database import open_state
from livetrader.store.faults import NoState
from livetrader.store.journal import SqlJournal
from livetrader.store.lock import holder
from livetrader.store.queries import open_queries

# Those come and go with what they are about; a word of the operator's does not change it.
_NOT_BY_HAND = (APART, AUTH, FEED)

# Those end with the session, or one by one.
_OF_THE_SESSION = (LOSS_LATCH, SYMBOL_LATCH, CARRIED_LATCH)


class Unanswered(LiveTraderError):
    """A trader runs, and has not said in time what became of a command."""


@contextmanager
def _journal(configuration: Configuration, clock: Clock) -> Iterator[SqlJournal]:
    settings = configuration.settings
    journal = SqlJournal(open_state(settings.state.url, settings.state_name(), account_of(settings)))
    halt_when_full(journal, clock)
    try:
        yield journal
    finally:
        journal.close()


def halt(configuration: Configuration, reason: str, clock: Clock) -> bool:
    """Stop all entries. False if they were halted by hand before; the first reason stands."""
    with _journal(configuration, clock) as journal:
        return journal.latch(HALT, reason, wall_time(clock))


def kill(configuration: Configuration, reason: str, clock: Clock) -> str:
    """Stop all entries until `resume`, with the file even where the database fails; what was done."""
    settings = configuration.settings
    file = kill_file(settings)
    latch_file.put_on(file, reason, wall_time(clock))
    try:
        with _journal(configuration, clock) as journal:
            journal.latch(KILL, reason, wall_time(clock))
    except StoreError as error:
        return f"killed, by the file {file} alone ({error})"
    return f"killed: no entries until `livetrader resume`; the file is {file}"


def killed(configuration: Configuration) -> bool:
    """Whether a kill is on, by file or in the database."""
    settings = configuration.settings
    if latch_file.is_on(kill_file(settings)):
        return True
    state = settings.state
    try:
        with open_queries(state.url, settings.state_name(), state.directory) as queries:
            return KILL in queries.latches()
    except NoState:
        return False


def resume(configuration: Configuration, symbol: str | None, clock: Clock) -> str:
    """Take off what was put on by hand or by a rule, and settle the alerts that go with it; what that was."""
    with _journal(configuration, clock) as journal:
        on = list(journal.latches())
        # The disk is full until there is room for the ballast.
        full = symbol is None and DISK in on and take_room(configuration.settings)
        stay = (*_NOT_BY_HAND, DISK) if full else _NOT_BY_HAND
        if symbol is not None:
            chosen = [name for name in on if name == f"{SYMBOL_LATCH}{symbol}"]
        else:
            chosen = [name for name in on if name not in stay and not name.startswith(_OF_THE_SESSION)]
        with journal.unit():
            for name in chosen:
                journal.unlatch(name, wall_time(clock))
            _settle(journal, symbol, stay, clock)
        left = [latch for name, latch in journal.latches().items() if ":" not in name or name.startswith(LOSS_LATCH)]
    # The row first: a crash in between leaves the file, and so the kill.
    if symbol is None and latch_file.take_off(kill_file(configuration.settings)) and KILL not in chosen:
        chosen.append(KILL)
    said = f"taken off: {', '.join(chosen)}" if chosen else "nothing was on"
    return said + "".join(f"; still on: {latch.name} ({latch.reason})" for latch in left)


def _settle(journal: SqlJournal, symbol: str | None, stay: Collection[str], clock: Clock) -> None:
    """The operator has seen them. What is not ours, or in question, stays open until it is adopted or ignored."""
    for alert in journal.alerts():
        about = alert.key == STOP_ALERT + symbol if symbol is not None else alert.key not in stay
        if about and not alert.key.startswith((EXTERNAL_ALERT, ACTION_ALERT, LOSS_LATCH)):
            journal.settle_alert(alert.key, wall_time(clock))


def reset(configuration: Configuration, clock: Clock) -> bool:
    """The operator has seen by which error the last trading session ended; False if it did not end by one."""
    with _journal(configuration, clock) as journal:
        return Life(configuration, journal, clock).reset()


def ask(
    configuration: Configuration, kind: str, arguments: Mapping[str, str | None], clock: Clock, wait_seconds: float
) -> str:
    """Have a command carried out; what was done. NotDone with the reason where it was not.

    Unanswered where a trader runs and does not answer in time; ReconcileMismatch for books that differ.
    """
    settings = configuration.settings
    given = {name: value for name, value in arguments.items() if value is not None}
    if holder(lock_file(settings)) is not None:
        return _asked(configuration, kind, given, clock, wait_seconds)
    try:
        with attending(configuration, clock) as trader:
            return _alone(trader, kind, given)
    except AlreadyRunning:
        if holder(lock_file(settings)) is None:
            raise
        return _asked(configuration, kind, given, clock, wait_seconds)  # one has started meanwhile


def _asked(configuration: Configuration, kind: str, given: Mapping[str, str], clock: Clock, wait_seconds: float) -> str:
    with _journal(configuration, clock) as journal:
        command = journal.post(kind, given, wall_time(clock))
        until = clock.monotonic() + wait_seconds
        while (answer := journal.answered(command)) is None:
            if clock.monotonic() >= until:
                raise Unanswered(
                    f"the trader has not answered within {wait_seconds:g} s; it drops commands older than "
                    f"{COMMAND_SECONDS} s: see `livetrader status` and `livetrader orders` before asking again"
                )
            clock.sleep(0.1)
        return _read(kind, answer)


def _alone(trader: SessionTrader, kind: str, given: Mapping[str, str]) -> str:
    """Carry the command out here. Only an entry waits for books that agree: exits go out whatever they say."""
    if kind == "trade":
        trader.agree()
    else:
        with suppress(ReconcileMismatch, BrokerError):
            trader.compare()
    command = trader.journal.post(kind, given, wall_time(trader.clock))
    trader.attend()
    trader.settle()
    answer = trader.journal.answered(command)
    assert answer is not None, "it was attended to"
    return _read(kind, answer)


def _read(kind: str, answer: Answer) -> str:
    if answer.ok:
        return answer.outcome
    raise ReconcileMismatch(answer.outcome) if kind == "reconcile" else NotDone(answer.outcome)
