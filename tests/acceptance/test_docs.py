"""What README.md and docs/ say is so: commands exist and run, examples work, tables and links are current."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import runpy
import shlex
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from livetrader import errors
from livetrader.bootstrap.workspace import Workspace
from livetrader.cli.app import app
from livetrader.cli.main import run
from livetrader.cli.options import split_globals
from livetrader.config import load
from livetrader.config.constraints import PRESETS
from livetrader.constraints.gate import Exposure, Portfolio
from livetrader.domain.candles import Interval
from livetrader.domain.instrument import Instrument
from livetrader.domain.signal import Side, Signal
from livetrader.indicators import ta
from livetrader.market.calendar import Calendar
from livetrader.marketdata.detectors import Kind
from livetrader.marketdata.flaws import Flaw
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text("utf-8") for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))}
SYMBOLS = ("RELIANCE", "TCS", "INFY", "HDFCBANK", "ICICIBANK", "SBIN")
LAST = date(2026, 2, 27)

# README.md shows a strategy without the lines that every strategy file begins with.
IMPORTS = """\
from dataclasses import dataclass
from typing import ClassVar
from livetrader.domain.instrument import Instrument
from livetrader.domain.interval import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import blocks, ta
from livetrader.strategies.base import Strategy
"""


class Said(NamedTuple):
    """A command on a page. `whole` where it stands in a block to be typed, and not in a sentence."""

    page: str
    command: str
    whole: bool


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)


def said() -> Iterator[Said]:
    for page, text in PAGES.items():
        for block in blocks(page, "(?:sh)?"):
            for part in re.split(r"\n|&&|[;|]|\s\d?>", re.sub(r" +#.*", "", block)):
                if match := re.search(r"(?:^|[\s/])livetrader( .+)", part.strip()):
                    yield Said(page, f"livetrader{match[1]}".strip(), True)
        for span in re.findall(r"`(livetrader [^`|]+)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
            yield Said(page, span.strip(), False)


COMMANDS = sorted(set(said()))


def problem_of(command: str) -> str:
    """What is wrong with a call as far as names, options and their types go; nothing is carried out."""
    options, rest = split_globals(shlex.split(command)[1:])
    found: Any = typer.main.get_command(app)
    try:
        context = found.make_context("livetrader", list(rest), obj=options)
        while rest and hasattr(found, "resolve_command"):
            name, found, rest = found.resolve_command(context, rest)
            context = found.make_context(name, list(rest), parent=context)
    except typer.TyperException as problem:
        return problem.format_message()
    except typer.Exit as left:  # --help and --version
        return "" if left.exit_code == 0 else f"exit code {left.exit_code}"
    return ""


def test_the_pages_have_commands_of_both_kinds() -> None:
    """The extraction below is not vacuous."""
    assert sum(one.whole for one in COMMANDS) > 40
    assert sum(not one.whole for one in COMMANDS) > 10
    assert {one.page for one in COMMANDS} >= {"README.md", "first-steps.md", "strategies.md", "data.md"}


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: f"{one.page}: {one.command}")
def test_every_command_exists_with_its_options(one: Said) -> None:
    problem = problem_of(one.command)
    # A sentence may name a command without what it needs.
    assert not problem or (not one.whole and problem.startswith("Missing")), problem


@pytest.mark.parametrize("wrong", ["bogus", "run --bogus", "data import --interval 5m", "data bogus"])
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert problem_of(f"livetrader {wrong}")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, nse: Calendar) -> Iterator[Path]:
    """A folder as a reader of the pages has it: candles, the example strategies, and a replayed day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pandas-ta says while it is imported is not ours
        importlib.import_module("pandas_ta_classic")
    folder = tmp_path_factory.mktemp("desk")
    sessions = nse.before(LAST, 90) + nse.sessions(LAST, LAST)
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:
        store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, seed=2))
    (folder / "my").mkdir()
    for i, example in enumerate(strategies()):
        (folder / "my" / f"example{i}.py").write_text(example)
    (folder / "signals.csv").write_text(_with("strategies.md", "csv", "time,symbol,action"))
    (folder / "actions.csv").write_text(_with("data.md", "csv", "symbol,ex_date"))
    (folder / "config.yaml").write_text(
        f"symbols: {','.join(SYMBOLS)}\n"
        "market: {corporate_actions: actions.csv}\n"
        "candles: {url: 'sqlite:///candles.db'}\n"
        "state: {url: 'sqlite:///state.db'}\n"
        "strategies: {paths: [my]}\n"
    )
    before = os.getcwd()
    os.chdir(folder)
    try:
        for name in ("candles.csv", "more.parquet", "second_vendor.parquet", "RELIANCE.csv"):
            only = ["--symbols", "RELIANCE"] if name == "RELIANCE.csv" else []
            assert run(["data", "export", name, "--interval", "5m", *only]) == 0
        assert run(["replay", "--date", str(LAST)]) == 0
        yield folder
    finally:
        os.chdir(before)


def strategies() -> list[str]:
    (short,) = blocks("README.md", "python")
    return [IMPORTS + short, *blocks("strategies.md", "python")]


def _with(page: str, language: str, head: str) -> str:
    return next(block for block in blocks(page, language) if block.startswith(head))


def runnable() -> list[str]:
    """Commands to be typed that need nothing but the desk; not those that wait, or need a paper state or a broker."""
    kinds = ("strategies", "signals", "scan", "data", "calendar", "config", "backtest", "replay")
    typed = {one.command for one in COMMANDS if one.whole}
    return sorted(
        command
        for command in typed
        if (command.split()[1] in kinds or "--mode replay" in command)
        and not re.search(r"--speed|--config|--interval 1m|SYMBOL|momentum_long|data fetch", command)
    )


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("command", runnable())
def test_a_command_of_the_pages_runs(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(shlex.split(command)[1:])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert shown.out + shown.err


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("name", ["range_break", "range_break_fast", "kama_cross", "breakaway"])
def test_an_example_strategy_passes_the_check_and_trades(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategies", "check", name]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert traded(name, capsys)


def traded(name: str, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    """The trades of one strategy in February, without what names it."""
    code = run(["backtest", "--from", "2026-02-02", "--to", str(LAST), "--strategies", name, "--json", *options])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    trades = json.loads(shown.out)["trades"]
    return [{key: value for key, value in one.items() if key not in ("trade_id", "strategy")} for one in trades]


@pytest.mark.usefixtures("desk")
def test_the_example_with_pandas_and_the_one_without_trade_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert traded("range_break", capsys) == traded("range_break_fast", capsys) != []


def test_the_example_of_a_signals_file_is_traded(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (desk / "config.yaml").read_text().replace("strategies: {paths: [my]}\n", "")
    (desk / "signals.yaml").write_text(text + _with("strategies.md", "yaml", "strategies:\n  signals_file"))
    trades = {one["symbol"]: one for one in traded("signals_file", capsys, "--config", "signals.yaml")}
    assert trades.keys() == {"RELIANCE", "TCS"}
    assert trades["RELIANCE"]["entry_at"] == "2026-02-27T04:45:00Z"
    assert (trades["TCS"]["side"], trades["TCS"]["entry_at"]) == ("short", "2026-02-27T05:35:00Z")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_an_example_of_configuration_is_valid(page: str, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        (tmp_path / "config.yaml").write_text(text)
        load(None, environ={}, directory=tmp_path)


def test_the_configuration_page_is_current() -> None:
    """When this fails, run docs/write_configuration.py."""
    assert PAGES["configuration.md"] == runpy.run_path(str(DOCS / "write_configuration.py"))["render"]()


def test_every_setting_that_a_page_names_exists() -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", PAGES["configuration.md"], re.M))
    sections = "market|candles|state|capital|constraints|schedule|feed|venue|strategies|logging|reports"
    named = {
        (page, setting)
        for page, text in PAGES.items()
        for setting in re.findall(rf"`(?:{sections})\.([a-z_]+)[`:]", text)
    }
    assert len(named) > 15
    assert [(page, setting) for page, setting in named if setting not in known | {"entries", "realistic"}] == []


def test_the_list_of_ta_functions_is_current() -> None:
    found = dict(re.findall(r"^\| `ta\.(\w+)(\([^`]*\))` \|", PAGES["strategies.md"], re.M))
    assert found.keys() == set(ta.__all__)
    for name, call in found.items():
        parameters = inspect.signature(getattr(ta, name)).parameters.values()
        plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        plain = [one.replace(default=str(one.default)) if isinstance(one.default, str) else one for one in plain]
        assert call == str(inspect.Signature(plain)), name


def test_the_table_of_presets_is_current(desk: Path) -> None:
    table = PAGES["strategies.md"].split("| `original` | `large_cap` |\n")[1].split("\n\n")[0]
    shown: dict[tuple[str, str], tuple[float, float]] = {}
    name = ""
    for row in table.split("\n")[1:]:
        strategy, parameter, original, large_cap = (cell.strip(" `") for cell in row.strip("|").split("|"))
        name = strategy or name
        shown[name, parameter] = float(original), float(large_cap)
    with Workspace(load(None, directory=desk), read_only=True) as workspace:
        names = tuple(dict.fromkeys(name for name, _ in shown))
        made = {preset: workspace.strategies(names, preset) for preset in ("original", "large_cap")}
    is_so = {
        (one.name, parameter): (value, getattr(other, parameter))
        for one, other in zip(*made.values(), strict=True)
        for parameter, value in vars(one).items()
        if parameter != "trend_symbol"
    }
    assert shown == is_so


def test_the_page_on_errors_has_every_error_and_its_code() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", PAGES["errors.md"], re.M)
    shown = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    is_so = {
        name: one.exit_code
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, errors.LiveTraderError)
    }
    assert shown == is_so


def test_the_messages_of_the_page_on_errors_are_the_programs() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "livetrader").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a message may run over several lines
    rows = re.findall(r"^\| (`.+?) \| ", PAGES["errors.md"].split("## What you may meet")[1], re.M)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 12
    for message in messages:
        # Between what changes from case to case.
        for part in re.split(r"…|\d+m?\b|\b[A-Z]{3,}\b", message.removeprefix("warning: ")):
            assert part.strip(" ?") in source, message


def test_the_page_on_constraints_has_the_rules_in_their_order(desk: Path) -> None:
    """All of them: those that are off by default are switched on."""
    (desk / "sectors.csv").write_text("symbol,sector\nTCS,software\n")
    limits = {"preset": "nse_intraday", "max_sector_pct": 30, "sectors": "sectors.csv", "max_position_pct": 30}
    flags = {f"constraints.{name}": ("test", value) for name, value in limits.items()}
    flags["market.only_while_closed"] = ("test", "nse")
    with Workspace(load(None, directory=desk, flags=flags), read_only=True) as workspace:
        session = workspace.sessions(LAST, LAST)[0]
        at = session.opens + 300
        signal = Signal("momentum_long", "11", "TCS", Side.LONG, Interval.M5, session.opens, at, 100.0, 1.0)
        intent = workspace.sizer("test", ("momentum_long",)).entry(signal, workspace.settings.capital.amount)
        leverage, worth = workspace.settings.capital.leverage, Portfolio(workspace.settings.capital.amount)
        exposure = Exposure(at, session, (), (), (), 0, {}, intent.value, leverage, portfolio=worth)
        rules = workspace.rules(lambda *_: None, {"TCS": Instrument("TCS")})
    names = [rule.check(intent, exposure).rule for rule in rules]
    table = PAGES["constraints.md"].split("## Presets")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == names


def test_the_page_on_constraints_has_the_presets_as_they_are() -> None:
    table = PAGES["constraints.md"].split("## Presets")[1].split("\n\n")[3]
    head, _, *rows = ([cell.strip(" `") for cell in row.strip("|").split("|")] for row in table.splitlines())
    shown = {
        preset: {row[0]: float(row[column]) for row in rows if row[column]}
        for column, preset in enumerate(head)
        if column
    }
    assert shown == PRESETS


def test_the_page_on_data_has_every_kind_of_finding() -> None:
    table = PAGES["data.md"].split("| kind | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {kind.value for kind in Kind}
    assert len(Flaw) == 7, "docs/data.md, `Dirt`, has a row for each flaw: bring it up to date"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    here = ROOT if page == "README.md" else DOCS
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (here / name) if name else here / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text("utf-8"))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_that_a_page_names_exist(page: str) -> None:
    text = PAGES[page]
    files = re.findall(r"`(?:\./)?((?:scripts|livetrader/\w+|tests|docs|benchmarks)/[\w./]+)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    for name in re.findall(r"^from (livetrader[\w.]+) import", text, re.M):
        importlib.import_module(name)


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", PAGES["index.md"]))
    assert linked == {page for page in PAGES if page not in ("README.md", "index.md")}
