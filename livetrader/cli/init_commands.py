"""`livetrader init`: the files that a new folder needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from livetrader import files
from livetrader.cli.call import globals_of, one_of
from livetrader.cli.interview import Answers, interview, keep_key, with_answers
from livetrader.cli.units import units

MARKETS = ("nse", "crypto")

# What of config.yaml is another on a market that never closes.
_CRYPTO = (
    ("symbols: live                   ", "symbols: crypto                 "),
    ("  calendar: nse                 ", "  calendar: 24x7                "),
    ("  trend_symbol: NIFTY           ", "  trend_symbol: null            "),
    ("  amount: 1000000               ", "  amount: 10000                 "),
    ("  currency: INR\n", "  currency: USDT\n"),
    ("  max_trades_per_day: 5         ", "  max_trades_per_day: 20        "),
    ("  max_trades_per_strategy: 1    ", "  max_trades_per_strategy: 8    "),
    ("  allocation_pct: 30            ", "  allocation_pct: 10            "),
    ("  slippage_bps: 2               ", "  slippage_bps: 5               "),
    ("    slippage_floor_bps: 2       ", "    slippage_floor_bps: 5       "),
    ("    slippage_cap_bps: 10        ", "    slippage_cap_bps: 20        "),
    ("  charges: nse_intraday         ", "  charges: binance_spot         "),
    ("  tick: 0.05                    ", "  tick: 0.01                    "),
    ("  lot: 1                        ", "  lot: 0.0001                   "),
    ("    breakdown_fade_long:        # 12\n      enabled: true\n", "    sma_cross:\n      enabled: true\n"),
    ("    momentum_long: {}           # 11\n", "    macd_momentum: {}\n    rsi_reversion: {}\n"),
    ("    breakout_fade_short: {}     # 8\n", "    breakdown_fade_long: {enabled: false}\n"),
    ("    momentum_short: {}          # 10\n", "    momentum_long: {enabled: false}\n"),
    (
        "    exhaustion_short: {}        # 9\n",
        "".join(
            f"    {name}: {{enabled: false}}\n"
            for name in ("breakout_fade_short", "momentum_short", "exhaustion_short")
        ),
    ),
)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader init /srv/trader --no-input")(init)


def init(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder; made if need be.")] = Path("."),
    market: Annotated[
        str, typer.Option("--market", metavar="MARKET", help="nse, or crypto: around the clock, in USDT.")
    ] = "nse",
) -> None:
    """Set up a folder: config.yaml, lists, systemd units.

    Also .env.example. On a terminal it asks for the broker, its address and key. No file is replaced without asking.
    """
    one_of(market, "--market", MARKETS)
    ask = not globals_of(ctx).no_input and sys.stdin.isatty()
    # OpenAlgo's brokers have no crypto.
    asks = ask and market == "nse" and not (directory / "config.yaml").exists()
    answers = interview() if asks else Answers()
    kept = 0
    for path, text in _files(directory.absolute(), market, answers.settings):
        if path.exists() and path.read_text("utf-8", errors="replace") == text:
            continue
        if path.exists() and not (ask and typer.confirm(f"{path} is there and differs; replace it?", err=True)):
            typer.echo(f"kept     {path}")
            kept += 1
            continue
        files.write(path, text)
        typer.echo(f"written  {path}")
    if kept and not ask:
        typer.echo("kept files differ from the new ones; remove them first to have them replaced", err=True)
    if answers.key:
        typer.echo(keep_key(directory.absolute() / ".env", answers.key))
    there = "" if directory == Path(".") else f"cd {directory}, then "
    if answers.settings:
        typer.echo(f"next: {there}`livetrader doctor --live`, `livetrader data fetch`, and `livetrader run`")
        return
    typer.echo(
        f"next: {there}bring candles with `livetrader data import FILE --interval 5m` "
        "(or `livetrader data simulate`), and `livetrader run`"
    )


def _of_crypto(config: str) -> str:
    """The configuration of NSE made into one for crypto."""
    for line, other in _CRYPTO:
        assert config.count(line) == 1, f"config.yaml has no line {line!r} of its own"
        config = config.replace(line, other)
    return config


def _files(directory: Path, market: str, answers: Mapping[tuple[str, str], str]) -> list[tuple[Path, str]]:
    """Target and content of each file. Symbol lists are the templates that end in .csv."""
    from livetrader.bootstrap.doctor.places import folders
    from livetrader.config import Settings

    templates = resources.files("livetrader.cli") / "templates"
    text = {entry.name: entry.read_text("utf-8") for entry in templates.iterdir() if entry.is_file()}
    config = directory / "config.yaml"
    settings = Settings.model_validate({}, context={"directory": directory})  # the template says the same
    made = units([settings], config, "system", folders(settings))
    return [
        (config, with_answers(_of_crypto(text["config.yaml"]) if market == "crypto" else text["config.yaml"], answers)),
        (directory / ".env.example", text["env.example"]),
        *((directory / name, unit) for name, unit in made.items()),
        *((directory / "symbol_lists" / name, text[name]) for name in sorted(text) if name.endswith(".csv")),
    ]
