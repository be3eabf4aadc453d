"""The commands by name: the module that has each, and its summary. The root's help is written from here.

Nothing is imported to list them: `livetrader --help` waits for no command's module, and not for Typer.
"""

from __future__ import annotations

# In the order of the help. A test holds each summary to the first sentence of the command's own help.
COMMANDS = {
    "demo": ("trading_commands", "A simulated market, traded and reported."),
    "run": ("trading_commands", "Trade until the session ends or a signal arrives."),
    "replay": ("trading_commands", "Stored candles through the live loop."),
    "backtest": ("trading_commands", "Trade a period of stored candles."),
    "report": ("state_commands", "The end-of-day summary, or the tear sheet of a period."),
    "status": ("state_commands", "Whether it runs, and what it holds."),
    "positions": ("state_commands", "What is held."),
    "orders": ("state_commands", "Orders, and what became of them."),
    "trades": ("state_commands", "Trades, with their profit and loss."),
    "why": ("state_commands", "Why a symbol was traded, or not."),
    "dashboard": ("dashboard_command", "The account on one screen, live."),
    "halt": ("operator_commands", "Stop all entries; exits go on."),
    "resume": ("operator_commands", "Allow entries again."),
    "kill": ("operator_commands", "Stop all entries for good, restarts included."),
    "close": ("operator_commands", "Close a position or a part of it, or all with --all."),
    "adjust": (
        "operator_commands",
        "Bring a position to a quantity.",
    ),
    "protect": ("operator_commands", "Give a position that is held another stop or target."),
    "buy": ("operator_commands", "Buy by hand, under the same rules as a strategy."),
    "sell": ("operator_commands", "Sell by hand, under the same rules as a strategy."),
    "cancel": ("operator_commands", "Cancel an entry under way."),
    "modify": ("operator_commands", "Give an entry under way another quantity or price."),
    "session": ("session_commands", "Trading sessions: from a start of the trader to its stop."),
    "reconcile": ("operator_commands", "Compare our books with the broker's, now."),
    "adopt": ("operator_commands", "Take a position at the broker over as ours."),
    "ignore": ("operator_commands", "Leave what is not ours in a symbol alone."),
    "signals": ("strategy_commands", "Every signal of a period, as CSV."),
    "scan": ("strategy_commands", "The signals of one closed bar; trades nothing."),
    "doctor": ("doctor_commands", "What will fail when the market opens, and what mends it."),
    "login": ("doctor_commands", "Wait until the broker lets us in."),
    "service": ("service_commands", "The systemd units."),
    "init": ("init_commands", "Set up a folder: config.yaml, lists, systemd units."),
    "strategies": ("strategy_commands", "Strategies: list, show, check."),
    "data": ("data_commands", "Candles: bring them in, check them, take them out."),
    "calendar": ("calendar_commands", "Sessions and holidays."),
    "config": ("config_commands", "Check and show the configuration."),
    "notify": ("notify_commands", "Messages to the operator."),
    "practice": ("practice_command", "An OpenAlgo on this machine, with a simulated market."),
    "sim": ("sim_command", "The order path under faults: seeded days, invariants checked."),
    "db": ("db_commands", "The state database."),
}
# The variable in which the scripts of --install-completion ask.
COMPLETE = "_LIVETRADER_COMPLETE"

EXAMPLE = "livetrader backtest --from 2026-02-02 --to 2026-02-27 --debug"
_HELP = """\
Usage: livetrader [OPTIONS] COMMAND [ARGS]...

  Trade NSE equities, NIFTY options and crypto on a schedule: backtest,
  replay, paper, live.

  Options of every command, before or after its name:
    --config PATH     Default: ./config.yaml, then the user's own.
    --portfolio NAME  One of several; also LIVETRADER_PORTFOLIO.
    --debug           Log step by step; show tracebacks.
    -q, --quiet       No progress; warnings and errors only.
    --no-input        Never ask.

Options:
  --version   Print the version.
  -h, --help  Show this message and exit.
  --install-completion, --show-completion
              For the shell that you are in.

Commands:
{commands}

  Example: {example}"""


def root_help() -> str:
    """What `livetrader --help` says; no line is longer than 80 characters."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    return _HELP.format(commands="\n".join(lines), example=EXAMPLE)
