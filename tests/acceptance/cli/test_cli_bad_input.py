"""Wrong calls and wrong configurations: one line for each mistake, and the exit code of ORDERS.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told

from livetrader.config.settings import EQUITY_STRATEGIES

Call = Callable[..., Told]

DAY = ("--from", "2026-02-27", "--to", "2026-02-27")
NOTHING_YET = [
    *(
        ((name,), 74, "there is no state yet: `livetrader run` makes it")
        for name in ("status", "positions", "orders", "trades", "report")
    ),
    (("why", "TCS"), 74, "there is no state yet"),
    (("report", "--mode", "replay"), 74, "`livetrader replay --date DATE` makes it"),
    *(
        (call, 74, "no candle store there; fill one with `livetrader data import`")
        for call in (
            ("scan",), ("signals", *DAY), ("backtest", *DAY), ("replay", "--date", "2026-02-27"), ("run",),
            ("replay", "--date", "2026-02-27", "--resume"), ("run", "--once"), ("run", "--dry-run"), ("data", "check"),
            ("data", "export", "x.csv", "--interval", "5m"),
        )
    ),
    (("run", "--mode", "live", "--yes-live"), 78, "no broker is configured"),
    (("config", "check", "--config", "none.yaml"), 78, "none.yaml: no such file; write one with `livetrader init`"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "told"), NOTHING_YET, ids=[" ".join(case[0]) for case in NOTHING_YET])
def test_before_anything_exists_every_command_says_what_to_do(
    arguments: tuple[str, ...], code: int, told: str, empty: Path, call: Call
) -> None:
    call(*arguments).fails(code, told)
    assert not list(empty.glob("data/state.*.db")), "a failed call leaves no state behind"


OUT = ("--out", "config.yaml/x")
REPORT = ("report", "--mode", "replay")
WRONG_CALLS = [
    ("an impossible date", ("backtest", "--from", "2026-02-30", "--to", "2026-03-01"), 2, "there is no such date"),
    ("dates swapped", ("signals", "--from", "2026-02-27", "--to", "2026-02-26"), 2, "swap them"),
    ("no session", ("backtest", "--from", "2026-02-28", "--to", "2026-02-28"), 2, "2026-02-28: no session"),
    ("no session to replay", ("replay", "--date", "2026-02-28"), 2, "2026-02-28: no session in this period"),
    ("before the calendar", ("replay", "--date", "2014-11-21"), 78, "outside the nse calendar"),
    ("after the calendar", ("backtest", "--from", "2026-12-20", "--to", "2027-01-30"), 78, "outside the nse calendar"),
    ("before the candles", ("replay", "--date", "2015-01-30"), 2, "no candles of these symbols"),
    ("after the candles", ("replay", "--date", "2026-03-02"), 2, "those stored are of"),
    ("an unknown symbol", ("backtest", *DAY, "--symbols", "NOPE"), 2, "no candles of NOPE"),
    ("an unknown list", ("signals", *DAY, "--symbols", "nope"), 2, "there is no list 'nope'"),
    ("no symbols", ("signals", *DAY, "--symbols", ""), 2, "there is no list ''"),
    ("a small symbol", ("scan", "--symbols", "tcs,INFY"), 78, "'tcs' is no symbol; write it in capitals"),
    ("only an index", ("scan", "--symbols", "NIFTY"), 2, "holds indices only"),
    ("an unknown strategy", ("backtest", *DAY, "--strategies", "momentum_lnog"), 2, "did you mean momentum_long?"),
    ("an empty strategy", ("signals", *DAY, "--strategies", ","), 2, "has an empty name"),
    ("an unknown strategy shown", ("strategies", "show", "nope"), 2, "unknown strategy 'nope': there are: "),
    ("an unknown strategy checked", ("strategies", "check", "nope"), 2, "unknown strategy 'nope'"),
    ("no bar's close", ("scan", "--at", "2026-02-27 10:17"), 2, "closes then; the nearest does at 10:15"),
    ("a Saturday's bar", ("scan", "--at", "2026-02-28 10:15"), 2, "no session on 2026-02-28"),
    ("no time", ("scan", "--at", ""), 2, "is no time"),
    ("a time to come", ("replay", "--date", "2026-02-27", "--until", "25:00"), 2, "--until 25:00: is no time"),
    ("a replay backwards", ("replay", "--date", "2026-02-27", "--speed", "-1"), 2, "greater than or equal to 0"),
    ("another replay resumed", ("replay", "--date", "2026-02-26", "--resume"), 2, "the last replay had other dates"),
    ("a report of another day", (*REPORT, "--date", "2026-02-26"), 2, "nothing is recorded between"),
    ("a report of a Saturday", (*REPORT, "--date", "2026-02-28"), 2, "no session between"),
    ("a mode without state", ("status",), 74, "there is one of replay: say --mode replay"),
    ("an unknown mode", ("status", "--mode", "real"), 2, "must be one of paper, dry-run, live, replay"),
    ("why of nothing", ("why", ""), 2, "SYMBOL: is empty"),
    ("why of a stranger", ("why", "TCSS", "--mode", "replay"), 2, "did you mean TCS?"),
    ("a calendar to come", ("calendar", "show", "--from", "2030-01-01"), 78, "outside the nse calendar"),
    ("results in a file", ("backtest", *DAY, *OUT), 2, "cannot be written (Not a directory)"),
    ("signals in a file", ("signals", *DAY, *OUT), 2, "cannot be written (Not a directory)"),
    ("a report in a file", (*REPORT, "--format", "csv", *OUT), 2, "Not a directory"),
    ("a demo over a desk", ("demo", "--dir", "."), 2, "is no empty folder, nor one of an earlier demo"),
    ("an unknown command", ("bakctest",), 2, "No such command 'bakctest'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "told"), [case[1:] for case in WRONG_CALLS], ids=[case[0] for case in WRONG_CALLS]
)
def test_a_wrong_call_is_one_line_and_changes_nothing(
    arguments: tuple[str, ...], code: int, told: str, desk: Path, call: Call
) -> None:
    before = {path.name: path.read_bytes() for path in desk.glob("*.*") if path.suffix in (".db", ".yaml")}
    call(*arguments).fails(code, told)
    assert {path.name: path.read_bytes() for path in desk.glob("*.*") if path.suffix in (".db", ".yaml")} == before


MISTAKES = """\
symbols: nope
market: {square_off: "08:00", corporate_actions: none.csv}
candles: {url: "mysql://host/candles"}
strategies:
  entries:
    momentum_lnog: {}
    momentum_long: {params: {zone_mn: 1}}
  signals_file: {path: none.csv}
"""


def test_a_configuration_full_of_mistakes_is_told_whole(empty: Path, call: Call) -> None:
    (empty / "config.yaml").write_text(
        "mode: papr\nmarket: {calender: nse}\ncapital: {amount: -5, allocation_pct: lots}\n"
        "mode: live\napi_key: hunter22\n"
    )
    told = call("config", "check")
    assert told.code == 78
    assert told.out == ""
    assert [line.split(": ", 3)[1:3] for line in told.err] == [
        ["config.yaml:1", "mode"],
        ["config.yaml:2", "market.calender"],
        ["config.yaml:3", "capital.amount"],
        ["config.yaml:3", "capital.allocation_pct"],
        ["config.yaml:4", "mode"],
        ["config.yaml:5", "api_key"],
    ]
    assert "hunter22" not in "".join(told.err)


def test_what_the_settings_name_is_looked_at_as_well(empty: Path, call: Call) -> None:
    (empty / "config.yaml").write_text(MISTAKES)
    told = call("config", "check")
    assert told.code == 78
    said = dict(line.removeprefix("error: ").split(": ", 1) for line in sorted(told.err, reverse=True))
    assert set(said) == {f"config.yaml:{line}" for line in (1, 2, 3, 6, 7, 8)}
    assert len(told.err) == 7, "line 2 has two of them"
    assert said["config.yaml:1"] == "symbols: there is no list 'nope'; there are crypto, live, nifty200, test"
    assert said["config.yaml:6"] == "unknown strategy 'momentum_lnog': did you mean momentum_long?"
    assert "did you mean zone_min?" in said["config.yaml:7"]


UNUSABLE = {
    "not YAML": ("a: [1, 2\n", "is not YAML"),
    "a tab": ("\t- x\n", "is not YAML"),
    "empty": ("", "is empty"),
    "text": ("just text\n", "is not a configuration"),
    "a list": ("- a\n- b\n", "is not a configuration"),
    "all strategies off": (
        "strategies: {entries: {"
        + ", ".join(f"{name}: {{enabled: false}}" for name in EQUITY_STRATEGIES)
        + "}}\n",
        "config.yaml:1: every strategy is switched off",
    ),
    "a strategy file that is not there": ("strategies: {paths: [none.py]}\n", "no such strategy file"),
    "a strategy file that fails": ("strategies: {paths: [bad.py]}\n", "bad.py: ZeroDivisionError"),
    "a strategy file that is no Python": ("strategies: {paths: [broken.py]}\n", "broken.py: SyntaxError"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
@pytest.mark.parametrize("command", [("config", "check"), ("run", "--once")], ids=" ".join)
def test_an_unusable_configuration_stops_every_command(
    command: tuple[str, ...], case: str, desk: Path, call: Call
) -> None:
    content, told = UNUSABLE[case]
    (desk / "bad.py").write_text("1 / 0\n")
    (desk / "broken.py").write_text("def x(:\n")
    (desk / "config.yaml").write_text(content)
    call(*command).fails(78, told)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LIVETRADER__CAPITAL__AMOUNT", "much", "capital.amount: must be a number, not 'much'"),
        ("LIVETRADER__CAPITAL__AMUONT", "5", "did you mean LIVETRADER__CAPITAL__AMOUNT?"),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, value: str, told: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    call("config", "check").fails(78, f"environment {name}: ", told)


def test_secrets_that_others_may_read_are_refused(desk: Path, call: Call) -> None:
    (desk / ".env").write_text("KITE_API_KEY=hunter22\n")
    (desk / ".env").chmod(0o644)
    call("status", "--mode", "replay").fails(78, "others may read it; run `chmod 600")
