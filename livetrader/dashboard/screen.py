"""A frame as lines of text for a terminal of any size. Signs and words say what the colours say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rich.console import Group
from rich.text import Text

from livetrader.dashboard.data import Frame
from livetrader.dashboard.gauges import Gauge, Unit
from livetrader.dashboard.lists import ALARM, positions, tone, trades, working
from livetrader.dashboard.table import GAP, shared
from livetrader.reporting.concentration import Level
from livetrader.reporting.figures import NOTHING, clock, duration, money, quantity
from livetrader.store.queries import Run

# From this width on the account stands beside the lists.
WIDE, ASIDE = 140, 34

# More than this the lists do not need: the account stays near them.
LISTS = 125
MODES = {"paper": "bold white on blue", "dry-run": "bold black on yellow", "live": "bold white on red"}
WARN = "yellow"
ZERO = Decimal(0)

# A limit is near when so much of it is taken.
NEAR = Decimal("0.8")

Facts = Sequence[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen: the last frame (None: none was read yet), why there is no newer one, the lines at the
    foot, and a text that stands in the lists' place (the help)."""

    frame: Frame | None
    problem: str = ""
    foot: Sequence[Text] = ()
    instead: Sequence[Text] = ()


def draw(view: View, width: int, height: int | None) -> Group:
    """The screen as `height` lines of at most `width` characters; None: as many as there are to say."""
    lines = _top(view, width)
    room = None if height is None else max(height - len(view.foot) - len(lines), 0)
    if view.instead:
        lines += view.instead
    elif view.frame is not None:
        lines += _body(view.frame, width, room)
    if height is not None:
        lines = lines[: max(height - len(view.foot), 0)]
        lines += [Text()] * (height - len(view.foot) - len(lines))
    shown = [*lines, *view.foot]
    for line in shown:
        if not line.plain.isprintable():  # a broker's words must not move the cursor
            line.plain = "".join(char if char.isprintable() else "·" for char in line.plain)
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return Group(*shown)


def wrapped(text: str, style: str, width: int, most: int = 3) -> list[Text]:
    """What has to be read to its end: at most `most` lines, at least one."""
    lines = textwrap.wrap(text, width, max_lines=most, placeholder=" …") or [""]
    return [Text(line, style) for line in lines]


def _top(view: View, width: int) -> list[Text]:
    """What must not be missed: mode, time, the trader, and whatever is wrong."""
    lines = [] if view.frame is None else [_title(view.frame), _trader(view.frame)]
    if view.problem:
        at = "" if view.frame is None else f" (shown: {view.frame.at:%H:%M:%S})"
        lines += wrapped(f"CANNOT READ{at}: {view.problem}", ALARM, width)
    if view.frame is not None:
        lines += _alarms(view.frame, most=3 if width < WIDE else 8)
    return lines


def _title(frame: Frame) -> Text:
    status, phase = frame.status, frame.phase
    style = MODES.get(status.mode, "bold black on white")
    line = Text.assemble((f" {status.mode.upper()} ", style), GAP, status.account, GAP)
    line.append(f"{frame.at:%a %d %b} ", "dim")
    line.append(f"{frame.at:%H:%M:%S %Z}", "bold")
    line.append(GAP)
    line.append("OPEN" if phase.open else "CLOSED", "bold green" if phase.open else "dim")
    if phase.until is not None:
        word = "closes" if phase.open else "opens"
        line.append(f", {word} in {duration(max(phase.until - int(frame.at.timestamp()), 0))}", "dim")
    return line


def _trader(frame: Frame) -> Text:
    status, run = frame.status, frame.status.last_run
    line = Text()
    if status.holder is not None:
        process = "" if status.holder.pid is None else f" (process {status.holder.pid})"
        line.append("TRADER RUNS", "bold green").append(process)
    elif run is not None and run.stopped_at is None:
        line.append("TRADER DEAD", ALARM).append(": killed, or the machine stopped; start it again")
    else:
        ended = "it never ran" if run is None else _ended(frame, run)
        line.append("NO TRADER RUNS", ALARM if frame.phase.open and status.mode != "replay" else "")
        line.append(f": {ended}")
    if status.marked is not None:
        line.append(f"{GAP}decided until {_when(frame, status.marked)}").append(_age(frame, status.marked), "dim")
    return line


def _ended(frame: Frame, run: Run) -> str:
    at = run.stopped_at
    return "" if at is None else f"ended {_when(frame, int(at.timestamp()))} ({run.exit_reason})"


def _alarms(frame: Frame, most: int) -> list[Text]:
    lines = [_alarm("HALTED", f"{name}: {reason}; exits go on") for name, reason in frame.halts]
    lines += [_alarm("ALERT", one.text) for one in frame.status.alerts]
    lines += [_alarm("LOCKED", f"{symbol}: {reason}") for symbol, reason in frame.locks]
    for one in frame.externals:
        if one.status == "frozen":
            lines.append(_alarm("NOT OURS", f"{one.kind} {quantity(one.quantity)} {one.symbol} {one.product}"))
    if len(lines) > most:
        lines[most - 1 :] = [Text(f"+{len(lines) - most + 1} more: see `livetrader status`", ALARM)]
    return lines


def _alarm(word: str, text: str) -> Text:
    return Text.assemble((f" {word} ", "bold white on red"), " ", (text, ALARM))


def _body(frame: Frame, width: int, height: int | None) -> list[Text]:
    if width < WIDE:
        facts = [
            line
            for group in (_money_of(frame), _stake(frame), _limits(frame), _feed(frame))
            for line in _flowed(group, width)
        ]
        facts += [Text.assemble((f"{label} ", "dim"), text) for label, text in _counts(frame)]
        return [*facts, Text(), *_lists(frame, width, None if height is None else height - len(facts) - 1)]
    aside = [Text(), *_aside(frame)]
    left = min(width - ASIDE - 3, LISTS)
    lists = [Text(), *_lists(frame, left, None if height is None else height - 1)]
    return list(_beside(lists, aside, left))


def _lists(frame: Frame, width: int, height: int | None) -> list[Text]:
    """Positions, working orders and the day's trades, in the room that there is, apart where it is enough."""
    lists = [positions(frame), working(frame), trades(frame)]
    wanted = [one.wanted for one in lists]
    roomy = height is None or sum(wanted) + len(lists) - 1 <= height
    given = wanted if height is None else shared(wanted, height)
    lines: list[Text] = []
    for listing, rows in zip(lists, given, strict=True):
        lines += listing.lines(width, rows)
        lines += [Text()] if roomy else []
    return lines


def _money_of(frame: Frame) -> Facts:
    figures = frame.figures
    return [
        ("day", _money(figures.day_pnl, frame, bold=True)),
        ("realised", _money(figures.realised, frame)),
        ("open", _money(figures.open_pnl, frame)),
        ("drawdown", Text(money(figures.day_drawdown, frame.limits.currency))),
    ]


def _stake(frame: Frame) -> Facts:
    """How the day was traded, what is at stake, and on how little of it that hangs."""
    figures, currency = frame.figures, frame.limits.currency
    share = "" if figures.win_rate is None else f"{figures.winners} of {figures.trades}, {figures.win_rate * 100:.0f} %"
    level = figures.concentration
    return [
        ("won", Text(share or NOTHING)),
        ("exposure", Text(money(figures.exposure, currency))),
        ("concentration", Text(NOTHING) if level is None else Text(level.value, WARN if level is Level.HIGH else "")),
    ]


def _limits(frame: Frame) -> Facts:
    limits, use = frame.limits, frame.use
    return [
        ("positions", _used(use.positions, limits.positions)),
        ("trades", _used(use.trades, limits.trades)),
        ("capital used", Text(f"{use.capital_pct:.0f} %")),
        ("loss", _loss(frame)),
        *((one.label, _gauge(one, limits.currency)) for one in frame.gauges),
    ]


def _feed(frame: Frame) -> Facts:
    feed = frame.feed
    if feed.problem or feed.newest is None:
        return [("feed", Text(feed.problem or "no candles", ALARM))]
    text = Text(_when(frame, feed.newest) + _age(frame, feed.newest), ALARM if frame.late else "")
    if frame.late:
        text.append(" LATE")
    if frame.delay is None:
        return [("newest bar", text)]
    return [("newest bar", text), ("bar to order", Text(f"{frame.delay.last:.1f} s, most {frame.delay.most:.1f} s"))]


def _counts(frame: Frame) -> Iterator[tuple[str, Text]]:
    """The day's refusals and failures, where there were any."""
    if frame.refused:
        yield "refused", Text(", ".join(f"{count} {rule}" for rule, count in frame.refused))
    if frame.failed:
        yield "failed", Text(", ".join(f"{count} {reason}" for reason, count in frame.failed), WARN)


def _aside(frame: Frame) -> list[Text]:
    """The account in a column of its own."""
    lines = [Text("ACCOUNT", "bold")]
    lines += [_fact(label, text) for label, text in (*_money_of(frame), *_stake(frame))]
    lines += [Text(), Text("LIMITS", "bold"), *(_fact(label, text) for label, text in _limits(frame))]
    lines += [Text(), Text("FEED", "bold"), *(_fact(label, text) for label, text in _feed(frame))]
    for title, counts, style in (("REFUSED", frame.refused, ""), ("FAILED ORDERS", frame.failed, WARN)):
        lines += [Text(), Text.assemble((f"{title} ({sum(count for _, count in counts)})", "bold"))]
        lines += [Text(f"{count:>5}  {name}", style) for name, count in counts] or [Text("       none today", "dim")]
    for line in lines:
        line.truncate(ASIDE, overflow="ellipsis")
    return lines


def _fact(label: str, text: Text) -> Text:
    return Text.assemble((f"  {label:<13}", "dim"), text)


def _flowed(facts: Facts, width: int) -> Iterator[Text]:
    """Facts beside each other, as many as fit in a line."""
    line = Text()
    for label, text in facts:
        piece = Text.assemble((f"{label} ", "dim"), text)
        if line and len(line) + len(GAP) + len(piece) > width:
            yield line
            line = Text()
        line.append(GAP if line else "").append(piece)
    yield line


def _beside(left: Sequence[Text], right: Sequence[Text], width: int) -> Iterator[Text]:
    for i in range(max(len(left), len(right))):
        line = left[i].copy() if i < len(left) else Text()
        line.pad_right(width - len(line))
        yield line.append(" │ ", "dim").append(right[i]) if i < len(right) else line.append(" │ ", "dim")


def _money(value: Decimal | None, frame: Frame, *, bold: bool = False) -> Text:
    style = f"{'bold ' if bold else ''}{tone(value)}".strip()
    return Text(money(value, frame.limits.currency, signed=True), style)


def _used(count: int, limit: int | None) -> Text:
    full = limit is not None and count >= limit
    return Text(f"{count}{'' if limit is None else f'/{limit}'}{' full' if full else ''}", WARN if full else "")


def _loss(frame: Frame) -> Text:
    lost, limit = frame.use.loss_pct, frame.limits.loss_pct
    text = NOTHING if lost is None else f"{lost:.2f} %"
    if limit is None:
        return Text(text if "max_daily_loss" in frame.limits.others else f"{text} (no limit)")
    near = lost is not None and lost >= limit * NEAR
    return Text(f"{text} of {limit:f} %{' NEAR' if near else ''}", ALARM if near else "")


def _gauge(one: Gauge, currency: str) -> Text:
    """What is taken of a limit, as `12.5 % of 30 % NEAR TCS`."""
    taken, limit = (_amount(value, one.unit, currency) for value in (one.taken, one.limit))
    text = f"{taken}{'/' if one.unit == 'count' else ', min ' if one.reserve else ' of '}{limit}"
    share = ZERO if one.share is None else one.share
    word = " full" if share >= 1 else " NEAR" if share >= NEAR else ""
    return Text.assemble((f"{text}{word}", WARN if word else ""), (f" {one.who}" if one.who else "", "dim"))


def _amount(value: Decimal | None, unit: Unit, currency: str) -> str:
    if value is None:
        return NOTHING
    if unit == "money":
        return money(value, currency)
    number = f"{round(value, 1).normalize():f}"
    return number if unit == "count" else f"{number} {unit}"


def _when(frame: Frame, instant: int) -> str:
    """The time of day, with the date where it is another day."""
    day = datetime.fromtimestamp(instant, frame.zone)
    return clock(instant, frame.zone) if day.date() == frame.at.date() else f"{day:%a %d %b %H:%M}"


def _age(frame: Frame, instant: int) -> str:
    seconds = max(int(frame.at.timestamp()) - instant, 0)
    return f" ({seconds} s ago)" if seconds < 120 else f" ({duration(seconds)} ago)"
