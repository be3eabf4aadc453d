"""All checks, in the order in which a start would meet what they find. A broken one never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import structlog

from livetrader.bootstrap.doctor import local, online, state
from livetrader.bootstrap.doctor.findings import CANDLES, Finding, Said, fail, failed, warn
from livetrader.bootstrap.doctor.subject import Subject
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration
from livetrader.errors import ConfigError, LiveTraderError
from livetrader.ports import Clock
from livetrader.store.faults import NoState

log = structlog.get_logger(__name__)

Check = Callable[[Subject], Iterable[Finding]]

HERE: tuple[tuple[str, Check], ...] = (
    ("configuration", local.configuration),
    ("secrets", local.secrets),
    ("calendar", local.calendar),
    ("clock", online.clock),
    ("line", online.line),
    ("lock", state.lock),
    ("state", state.database),
    ("clock", state.clock),
    ("kill file", state.kill_switch),
    ("standing", state.standing),
    ("disk", local.disk),
    (CANDLES, local.candles),
)

LIVE: tuple[tuple[str, Check], ...] = (
    ("notifications", local.notifications),
    ("address", online.address),
    ("protection", online.market_protection),
)

# Those that follow the login are not asked where that fails.
BROKER: tuple[tuple[str, Check], ...] = (
    ("login", online.login),
    ("instruments", online.instruments),
    ("hours", online.hours),
    ("quotes", online.quotes),
    ("margin", online.margin),
)


def examine(configuration: Configuration, clock: Clock, *, live: bool) -> list[Said]:
    """What the checks find; with `live`, also those that ask the broker."""
    with Workspace(configuration, read_only=True) as workspace:
        subject = Subject(workspace, clock, live)
        checks = HERE + (LIVE if live else ())
        said = [Said(name, one) for name, check in checks for one in _asked(name, check, subject)]
        said += _broker(subject) if live else []
        # What several checks stumble over is said once.
        return list({one.finding: one for one in reversed(said)}.values())[::-1]


def unreadable(error: ConfigError) -> list[Said]:
    """What there is to say where the configuration cannot be read: nothing else can be looked at."""
    return [Said("configuration", one) for one in failed("configuration", error)]


def _broker(subject: Subject) -> Iterator[Said]:
    for name, check in BROKER:
        for one in _asked(name, check, subject):
            yield Said(name, one)
            if name == "login" and one.exit_code:
                rest = ", ".join(other for other, _ in BROKER[1:])
                yield Said("broker", warn(f"not looked at: {rest}", "`livetrader doctor --live`, once it is"))
                return


def _asked(name: str, check: Check, subject: Subject) -> Iterator[Finding]:
    try:
        yield from check(subject)
    except NoState:
        return  # `state.database` has said it
    except LiveTraderError as error:
        yield from failed(name, error)
    except Exception as error:  # a check that is broken must not hide what the others find
        log.debug("a check is broken", check=name, exc_info=True)
        what = f"the check itself failed: {type(error).__name__}: {' '.join(str(error).split())}"
        yield fail(what, "`livetrader doctor --debug`, and report that", LiveTraderError.exit_code)
