"""`livetrader halt`, `resume`, `kill`, `reconcile`, `adopt`, `ignore`, `buy`, `sell`, `close`, `adjust`,
`protect`, `cancel`, `modify`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, day, each_portfolio, globals_of, one_of, one_portfolio, start_log
from livetrader.cli.output import print_json
from livetrader.cli.portfolios import do_each
from livetrader.errors import ReconcileMismatch, UsageError

if TYPE_CHECKING:
    from livetrader.config import Configuration

WAIT_SECONDS = 10.0
MODES = ("paper", "dry-run", "live")
ALGOS = ("twap", "vwap", "iceberg")
TIFS = ("day", "ioc", "gtc", "gtd")
OPTIONS = {
    "limit": "--limit", "trigger": "--stop-trigger", "stop": "--stop", "visible": "--visible", "target": "--target",
    "trail": "--trail",
}  # fmt: skip

Mode = Annotated[str | None, typer.Option("--mode", metavar="MODE", help="paper, dry-run or live; from the config.")]
Wait = Annotated[
    float, typer.Option("--wait", min=0, max=3600, metavar="SECONDS", help="How long a running trader may take.")
]
_Symbol = Annotated[str, typer.Argument(metavar="SYMBOL")]
_Quantity = Annotated[str, typer.Argument(metavar="QTY")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="As `livetrader orders` shows it: ours or the broker's.")]
_Limit = Annotated[str | None, typer.Option("--limit", metavar="PRICE", help="A LIMIT order at this price.")]
_Entry = Annotated[
    str | None,
    typer.Option("--stop-trigger", metavar="PRICE", help="Waits until price is there; with --limit at it."),
]
_Product = Annotated[str, typer.Option("--product", metavar="PRODUCT", help="MIS, CNC or NRML.")]
_Stop = Annotated[str | None, typer.Option("--stop", metavar="PRICE", help="The protective stop of the position.")]
_Algo = Annotated[str | None, typer.Option("--algo", metavar="ALGO", help="Over time: twap, vwap or iceberg.")]
_Slices = Annotated[int, typer.Option("--slices", min=1, max=500, metavar="N", help="Of twap and vwap.")]
_Over = Annotated[int, typer.Option("--over", min=1, max=1440, metavar="MINUTES", help="Of twap and vwap.")]
_Visible = Annotated[
    str | None, typer.Option("--visible", metavar="QTY", help="How much of an iceberg is seen; a fifth of it.")
]
_Target = Annotated[str | None, typer.Option("--target", metavar="PRICE", help="Leaves the position at this price.")]
_Trail = Annotated[
    str | None, typer.Option("--trail", metavar="PCT", help="A stop that trails by so much of the price now.")
]
_Add = Annotated[bool, typer.Option("--add", help="Adds to the position that is held.")]
_Tif = Annotated[str | None, typer.Option("--tif", metavar="TIF", help="How long it works: day, ioc, gtc or gtd.")]
_Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day of gtd.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Confirms where there is no terminal.")]


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: livetrader halt "results at noon"')(halt)
    app.command(epilog="Example: livetrader resume")(resume)
    app.command(epilog="Example: livetrader kill --flatten --mode live")(kill)
    app.command(epilog="Example: livetrader reconcile --mode live")(reconcile)
    app.command(epilog="Example: livetrader adopt INFY --stop 1480 --mode live")(adopt)
    app.command(epilog="Example: livetrader ignore INFY --mode live")(ignore)
    app.command(epilog="Example: livetrader buy INFY 10 --limit 1500 --stop 1480")(buy)
    app.command(epilog="Example: livetrader sell INFY 300 --algo twap --slices 6 --over 30")(sell)
    app.command(epilog="Example: livetrader close INFY")(close)
    app.command(epilog="Example: livetrader adjust INFY 15")(adjust)
    app.command(epilog="Example: livetrader protect INFY --stop 1480 --target 1540")(protect)
    app.command(epilog="Example: livetrader cancel k3vqz7d2mhx5c4wbn6ta")(cancel)
    app.command(epilog="Example: livetrader modify k3vqz7d2mhx5c4wbn6ta --limit 1495")(modify)


def halt(
    ctx: typer.Context,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="For whoever looks later.")] = "by hand",
    mode: Mode = None,
) -> None:
    """Stop all entries; exits go on."""
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    def work(one: Configuration) -> str:
        new = operating.halt(one, reason, SystemClock())
        done = "halted: no entries until `livetrader resume`" if new else "halted already: the first reason stands"
        return said(one, done)

    do_each(_each(ctx, mode), work)


def resume(
    ctx: typer.Context,
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Only this one's lock.")] = None,
    mode: Mode = None,
    yes: _Yes = False,
) -> None:
    """Allow entries again.

    Takes off halt, kill and mismatch, or the lock of one symbol, and settles alerts. A kill asks first.
    """
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    found = _configured(ctx, mode)
    name = None if symbol is None else _symbol(symbol)
    if name is None and operating.killed(found):
        _confirm(ctx, yes, "resume", "A kill is on")
    _say(found, operating.resume(found, name, SystemClock()))


def kill(
    ctx: typer.Context,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close all positions as well.")] = False,
    mode: Mode = None,
    yes: _Yes = False,
    wait: Wait = WAIT_SECONDS,
) -> None:
    """Stop all entries for good, restarts included.

    A file beside the state database does it, even where the trader hangs or the database fails.
    """
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    found = _each(ctx, mode)
    _confirm(ctx, yes, "kill", "No entries until `livetrader resume`" + (", all positions closed" if flatten else ""))
    do_each(found, lambda one: said(one, operating.kill(one, "by hand", SystemClock())))
    if flatten:
        do_each(found, lambda one: said(one, _answer(ctx, one, wait, "close")))


def reconcile(ctx: typer.Context, mode: Mode = None, wait: Wait = WAIT_SECONDS, as_json: Json = False) -> None:
    """Compare our books with the broker's, now.

    Exit code 70 if they differ.
    """
    found = _configured(ctx, mode)
    if not as_json:
        ask(ctx, found, wait, "reconcile")
        return
    try:
        told, agree = _answer(ctx, found, wait, "reconcile"), True
    except ReconcileMismatch as differs:
        told, agree = str(differs), False
    print_json({"mode": found.settings.mode, "agree": agree, "outcome": told})
    if not agree:
        raise typer.Exit(ReconcileMismatch.exit_code)


def adopt(
    ctx: typer.Context, symbol: _Symbol, stop: _Stop = None, mode: Mode = None, wait: Wait = WAIT_SECONDS
) -> None:
    """Take a position at the broker over as ours."""
    ask(ctx, _configured(ctx, mode), wait, "adopt", symbol=_symbol(symbol), stop=_number(stop, "--stop"))


def ignore(ctx: typer.Context, symbol: _Symbol, mode: Mode = None, wait: Wait = WAIT_SECONDS) -> None:
    """Leave what is not ours in a symbol alone. Trades the symbol again."""
    ask(ctx, _configured(ctx, mode), wait, "ignore", symbol=_symbol(symbol))


def buy(
    ctx: typer.Context, symbol: _Symbol, quantity: _Quantity, limit: _Limit = None, stop_trigger: _Entry = None,
    product: _Product = "MIS", stop: _Stop = None, target: _Target = None, trail: _Trail = None, add: _Add = False,
    tif: _Tif = None, until: _Until = None, algo: _Algo = None, slices: _Slices = 6, over: _Over = 30,
    visible: _Visible = None, mode: Mode = None, wait: Wait = WAIT_SECONDS,
) -> None:  # fmt: skip
    """Buy by hand, under the same rules as a strategy."""
    prices = {"limit": limit, "trigger": stop_trigger, "stop": stop, "visible": visible, "target": target}
    prices["trail"] = trail
    plan = _algo(algo, limit, stop_trigger, visible, slices, over) | _lasting(tif, until, algo)
    plan |= {"add": "yes"} if add else {}
    _trade(ctx, "BUY", symbol, quantity, prices, product, plan, mode, wait)


def sell(
    ctx: typer.Context, symbol: _Symbol, quantity: _Quantity, limit: _Limit = None, stop_trigger: _Entry = None,
    product: _Product = "MIS", stop: _Stop = None, target: _Target = None, trail: _Trail = None, add: _Add = False,
    tif: _Tif = None, until: _Until = None, algo: _Algo = None, slices: _Slices = 6, over: _Over = 30,
    visible: _Visible = None, mode: Mode = None, wait: Wait = WAIT_SECONDS,
) -> None:  # fmt: skip
    """Sell by hand, under the same rules as a strategy."""
    prices = {"limit": limit, "trigger": stop_trigger, "stop": stop, "visible": visible, "target": target}
    prices["trail"] = trail
    plan = _algo(algo, limit, stop_trigger, visible, slices, over) | _lasting(tif, until, algo)
    plan |= {"add": "yes"} if add else {}
    _trade(ctx, "SELL", symbol, quantity, prices, product, plan, mode, wait)


def close(
    ctx: typer.Context,
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every position.")] = False,
    quantity: Annotated[str | None, typer.Option("--quantity", metavar="QTY", help="Only so much of it.")] = None,
    mode: Mode = None,
    wait: Wait = WAIT_SECONDS,
) -> None:
    """Close a position or a part of it, or all with --all."""
    if (symbol is None) is not everything:
        raise UsageError("SYMBOL: name one, or say --all")
    if everything and quantity is not None:
        raise UsageError("--quantity: is of one position; name its symbol")
    name, part = None if symbol is None else _symbol(symbol), _number(quantity, "--quantity")
    ask(ctx, _configured(ctx, mode), wait, "close", symbol=name, quantity=part)


def adjust(
    ctx: typer.Context, symbol: _Symbol, quantity: _Quantity, mode: Mode = None, wait: Wait = WAIT_SECONDS
) -> None:
    """Bring a position to a quantity.

    Adds to it, or takes a part out of it; 0 closes it.
    """
    wanted = quantity if quantity == "0" else _number(quantity, "QTY")
    ask(ctx, _configured(ctx, mode), wait, "adjust", symbol=_symbol(symbol), quantity=wanted)


def protect(
    ctx: typer.Context, symbol: _Symbol, stop: _Stop = None, target: _Target = None, trail: _Trail = None,
    mode: Mode = None, wait: Wait = WAIT_SECONDS,
) -> None:  # fmt: skip
    """Give a position that is held another stop or target."""
    if stop is None and target is None and trail is None:
        raise UsageError("--stop, --target, --trail: give at least one of them")
    _require_one_stop(stop, trail)
    levels = {"stop": stop, "target": target, "trail": trail}
    numbers = {name: _number(text, OPTIONS[name]) for name, text in levels.items()}
    ask(ctx, _configured(ctx, mode), wait, "protect", symbol=_symbol(symbol), **numbers)


def cancel(ctx: typer.Context, id: _Id, mode: Mode = None, wait: Wait = WAIT_SECONDS) -> None:
    """Cancel an entry under way."""
    ask(ctx, _configured(ctx, mode), wait, "cancel", id=id)


def modify(
    ctx: typer.Context,
    id: _Id,
    quantity: Annotated[str | None, typer.Option("--quantity", metavar="QTY", help="The whole of the order.")] = None,
    limit: Annotated[str | None, typer.Option("--limit", metavar="PRICE", help="Of a LIMIT order.")] = None,
    trigger: Annotated[str | None, typer.Option("--trigger", metavar="PRICE", help="Of a stop entry.")] = None,
    visible: Annotated[str | None, typer.Option("--visible", metavar="QTY", help="Of an iceberg.")] = None,
    over: Annotated[
        int | None, typer.Option("--over", min=1, max=1440, metavar="MINUTES", help="From now, of twap, vwap, iceberg.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day of gtc and gtd.")] = None,
    mode: Mode = None,
    wait: Wait = WAIT_SECONDS,
) -> None:
    """Give an entry under way another quantity or price.

    Of a parent order its end, and how much of it is seen, too.
    """
    texts = {"quantity": quantity, "limit": limit, "trigger": trigger, "visible": visible}
    terms = {name: _number(text, f"--{name}") for name, text in texts.items()}
    terms |= {"over": None if over is None else str(over), "until": _date(until)}
    if all(value is None for value in terms.values()):
        raise UsageError("--quantity, --limit, --trigger, --visible, --over, --until: give at least one of them")
    ask(ctx, _configured(ctx, mode), wait, "modify", id=id, **terms)


def _algo(
    algo: str | None, limit: str | None, trigger: str | None, visible: str | None, slices: int, over: int
) -> dict[str, str]:
    """How an order goes out over time, as a command says it; nothing of one that goes out at once."""
    one_of(algo, "--algo", ALGOS)
    if (algo == "iceberg") and limit is None:
        raise UsageError("--limit: is missing; an iceberg rests at a price")
    if visible is not None and algo != "iceberg":
        raise UsageError("--visible: is an iceberg's; say --algo iceberg")
    if algo is not None and trigger is not None:
        raise UsageError("--stop-trigger: cannot stand beside --algo; give one or the other")
    return {} if algo is None else {"algo": algo, "slices": str(slices), "over": str(over)}


def _lasting(tif: str | None, until: str | None, algo: str | None) -> dict[str, str]:
    """How long an order works, as a command says it; nothing of one that works for the day."""
    one_of(tif, "--tif", TIFS)
    if (tif == "gtd") is (until is None):
        raise UsageError("--until: goes with --tif gtd, and that with it: give both, or none")
    if tif not in (None, "day") and algo is not None:
        raise UsageError("--tif: cannot stand beside --algo; give one or the other")
    date = _date(until)
    return ({} if tif is None else {"tif": tif}) | ({} if date is None else {"until": date})


def _date(until: str | None) -> str | None:
    if until is not None and until != day(until, "--until").isoformat():
        raise UsageError(f"--until {until}: write it as 2026-12-31")
    return until


def _trade(
    ctx: typer.Context, action: str, symbol: str, quantity: str, prices: Mapping[str, str | None], product: str,
    plan: Mapping[str, str], mode: str | None, wait: float,
) -> None:  # fmt: skip
    _require_one_stop(prices["stop"], prices["trail"])
    one_of(product, "--product", ("MIS", "CNC", "NRML"))
    numbers = {name: _number(text, OPTIONS[name]) for name, text in prices.items()}
    terms = {"quantity": _number(quantity, "QTY"), **numbers, **plan}
    ask(ctx, _configured(ctx, mode), wait, "trade", action=action, symbol=_symbol(symbol), product=product, **terms)


def _require_one_stop(stop: str | None, trail: str | None) -> None:
    if stop is not None and trail is not None:
        raise UsageError("--stop: cannot stand beside --trail; give one or the other")


def _configured(ctx: typer.Context, mode: str | None) -> Configuration:
    one_of(mode, "--mode", MODES)
    return one_portfolio(ctx, {"mode": ("--mode", mode)})


def _each(ctx: typer.Context, mode: str | None) -> Mapping[str, Configuration]:
    """What stops entries means all portfolios, if none is named."""
    one_of(mode, "--mode", MODES)
    return each_portfolio(ctx, {"mode": ("--mode", mode)})


def ask(ctx: typer.Context, found: Configuration, wait: float, kind: str, **arguments: str | None) -> None:
    """Have a trader carry out a command, and say what it did."""
    _say(found, _answer(ctx, found, wait, kind, **arguments))


def _answer(ctx: typer.Context, found: Configuration, wait: float, kind: str, **arguments: str | None) -> str:
    from livetrader.bootstrap import operating
    from livetrader.market.clock import SystemClock

    start_log(ctx, found, "TOOL")
    return operating.ask(found, kind, arguments, SystemClock(), wait)


def _say(found: Configuration, text: str) -> None:
    typer.echo(said(found, text))


def said(found: Configuration, text: str) -> str:
    """Whatever is done carries its mode."""
    return f"{found.settings.mode.upper()}  {text}"


def _confirm(ctx: typer.Context, said_yes: bool, word: str, what: str) -> None:
    """A typed word on a terminal, --yes elsewhere."""
    if said_yes:
        return
    if globals_of(ctx).no_input or not sys.stdin.isatty():
        raise UsageError(f"--yes: is missing; `livetrader {word}` without a terminal needs it")
    if typer.prompt(f"{what}. Type '{word}' to go on", err=True) != word:
        raise UsageError(f"{word}: was not confirmed; nothing was done")


def _symbol(text: str) -> str:
    from livetrader.domain.instrument import is_symbol

    symbol = text.strip().upper()
    if not is_symbol(symbol):
        raise UsageError(f"SYMBOL {text!r}: is no symbol; write one such as RELIANCE")
    return symbol


def _number(text: str | None, option: str) -> str | None:
    """The option's text, sure to be a positive number."""
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise UsageError(f"{option} {text}: must be a positive number")
    return text
