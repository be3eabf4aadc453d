"""Promises of livetrader.config."""

from __future__ import annotations

import os
import pickle
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from livetrader.config import Secret, Settings, load, resolve_symbols
from livetrader.config.document import parse
from livetrader.config.secrets import redact
from livetrader.errors import ConfigError, UsageError

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "livetrader" / "cli" / "templates"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(directory=folder, environ=environ or {})
    return caught.value.problems


def test_the_shipped_configuration_is_the_defaults() -> None:
    shipped = load(ROOT / "config.yaml", environ={}).settings
    assert shipped == Settings.model_validate({}, context={"directory": ROOT})


def test_the_shipped_configuration_names_every_setting() -> None:
    def paths(values: dict[str, object], prefix: str = "") -> set[str]:
        found = set()
        for key, value in values.items():
            found.add(prefix + key)
            if isinstance(value, dict) and prefix + key != "strategies.entries":
                found |= paths(value, f"{prefix}{key}.")
        return found

    lines = parse((ROOT / "config.yaml").read_text("utf-8"), "config.yaml").lines
    assert paths(Settings().model_dump()) <= set(lines)
    entry = "strategies.entries.breakdown_fade_long"
    assert paths(Settings().strategies.entries["momentum_long"].model_dump(), f"{entry}.") <= set(lines)


@pytest.mark.parametrize("name", ["config.yaml", "live.csv", "nifty200.csv", "test.csv", "crypto.csv"])
def test_init_writes_the_files_that_the_repository_shows(name: str) -> None:
    shown = ROOT / name if name == "config.yaml" else ROOT / "symbol_lists" / name
    assert (TEMPLATES / name).read_bytes() == shown.read_bytes()


def test_without_any_file_the_defaults_hold_and_paths_start_here(tmp_path: Path) -> None:
    found = load(directory=tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path / "none")})
    assert found.file is None
    assert found.settings.logging.directory == tmp_path / "logs"
    assert found.settings.candles.url == f"sqlite:///{tmp_path}/data/candles.db"
    assert found.where("capital.amount") == "default"


def test_the_equity_strategies_are_on_in_their_order_of_precedence() -> None:
    assert Settings().strategies.enabled == (
        "breakdown_fade_long",
        "momentum_long",
        "breakout_fade_short",
        "momentum_short",
        "exhaustion_short",
    )


def test_one_strategy_switched_off_leaves_the_others_on(tmp_path: Path) -> None:
    write(tmp_path, "strategies:\n  entries:\n    momentum_long: {enabled: false}\n    sma_cross:\n")
    enabled = load(directory=tmp_path, environ={}).settings.strategies.enabled
    assert "momentum_long" not in enabled
    assert {"momentum_short", "sma_cross"} <= set(enabled)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "mode: paper\nconstraints:\n  max_open_positons: 3\n",
            "config.yaml:3: constraints.max_open_positons: unknown key; did you mean max_open_positions?",
            id="misspelt",
        ),
        pytest.param(
            "max_trades_per_day: 3\n",
            "config.yaml:1: max_trades_per_day: unknown key; did you mean constraints.max_trades_per_day?",
            id="wrong-section",
        ),
        pytest.param("xyzzy: 3\n", "config.yaml:1: xyzzy: unknown key", id="unknown"),
        pytest.param(
            "strategies:\n  entries:\n    mine: {exit: {gap_pc: 2}}\n",
            "config.yaml:3: strategies.entries.mine.exit.gap_pc: unknown key; did you mean gap_pct?",
            id="deep",
        ),
        pytest.param(
            "mode: papper\n",
            "config.yaml:1: mode: must be one of paper, dry-run, live, not 'papper'; did you mean paper?",
            id="choice",
        ),
        pytest.param(
            "constraints:\n  max_open_positions: 2.5\n",
            "config.yaml:2: constraints.max_open_positions: must be a whole number, not 2.5",
            id="whole",
        ),
        pytest.param(
            "constraints:\n  max_open_positions: true\n",
            "config.yaml:2: constraints.max_open_positions: must be a whole number, not true",
            id="bool-is-no-number",
        ),
        pytest.param(
            "capital:\n  amount: lots\n",
            "config.yaml:2: capital.amount: must be a number, not 'lots'",
            id="money",
        ),
        pytest.param(
            "capital: {amount: .nan}\n",
            "config.yaml:1: capital.amount: must be a finite number, not nan",
            id="nan",
        ),
        pytest.param(
            "schedule:\n  scan_seconds: 0\n",
            "config.yaml:2: schedule.scan_seconds: must be greater than 0, not 0",
            id="bound",
        ),
        pytest.param(
            "market: {square_off: 1520}\n",
            'config.yaml:1: market.square_off: must be a time of day such as "15:20", not 1520',
            id="time",
        ),
        pytest.param(
            "market: [nse]\n",
            "config.yaml:1: market: must be a section of its own (a mapping), not a list",
            id="section",
        ),
        pytest.param("symbols: 500\n", "config.yaml:1: symbols: must be text (put it in quotes), not 500", id="text"),
        pytest.param(
            "constraints: {one_position_per_symbol: false}\n",
            "config.yaml:1: constraints.one_position_per_symbol: must be true, not false",
            id="always-on",
        ),
        pytest.param(
            "strategies:\n  signals_file: {}\n",
            "config.yaml:2: strategies.signals_file.path: is missing; it has no default",
            id="missing",
        ),
        pytest.param(
            "venue:\n  realistic: {slippage_cap_bps: 1}\n",
            "config.yaml:2: venue.realistic.slippage_cap_bps: must be at least slippage_floor_bps, not 1",
            id="cap",
        ),
        pytest.param(
            "mode: paper\nmode: live\n",
            "config.yaml:2: mode: is set twice; it is already set in line 1",
            id="twice",
        ),
    ],
)
def test_a_mistake_is_one_line_with_path_line_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == (expected,)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "mode: x\nmode: paper\nvenue:\n  lot: 0\n  charges: some\napi_key: abcdef\n"
    lines = [int(problem.split(":")[1]) for problem in problems(tmp_path, text)]
    assert lines == [1, 2, 4, 5, 6]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "config.yaml: is empty", id="empty"),
        pytest.param(b"# nothing\n", "config.yaml: is empty", id="comments"),
        pytest.param(b"- a\n", "config.yaml:1: is not a configuration", id="list"),
        pytest.param(b"mode: paper\n\tx: 1\n", "config.yaml:2: is not YAML", id="tab"),
        pytest.param(b"mode: [paper\n", "config.yaml:2: is not YAML", id="open"),
        pytest.param(b"mode: paper\nname: \xff\n", "config.yaml:2: is not UTF-8", id="encoding"),
        pytest.param(b"mode: !!python/name:os.system\n", "config.yaml:1: is not YAML", id="tag"),
        pytest.param(b"a: &a [*a]\n", "config.yaml:1: is not YAML: its aliases never end", id="loop"),
        pytest.param(b"mode: \x00\n", "config.yaml: is not YAML", id="control"),
        pytest.param(b"x: 1\n" * 250_000, "config.yaml: is larger than 1 MB", id="huge"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_clear_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(directory=tmp_path, environ={})
    (problem,) = caught.value.problems
    assert problem.startswith(expected)


def test_aliases_that_explode_end_in_an_error(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "its aliases never end" in problems(tmp_path, "\n".join(levels))[0]


def test_a_folder_or_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    with pytest.raises(ConfigError, match=r"^conf: is a directory"):
        load("conf", directory=tmp_path, environ={})
    with pytest.raises(ConfigError, match=r"^no\.yaml: no such file"):
        load("no.yaml", directory=tmp_path, environ={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_one_clear_line(tmp_path: Path) -> None:
    write(tmp_path, "mode: paper\n").chmod(0)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(directory=tmp_path, environ={})


def test_clock_times_need_no_quotes_and_on_and_no_are_symbols(tmp_path: Path) -> None:
    write(tmp_path, "market: {square_off: 15:10, trend_symbol: ON, indices: [NO, YES]}\n")
    market = load(directory=tmp_path, environ={}).settings.market
    assert (market.square_off, market.trend_symbol, market.indices) == (time(15, 10), "ON", ("NO", "YES"))


def test_money_is_read_as_it_is_written(tmp_path: Path) -> None:
    write(tmp_path, "venue: {tick: 0.05}\ncapital: {amount: 1_000_000.10}\n")
    settings = load(directory=tmp_path, environ={}).settings
    assert settings.venue.tick == Decimal("0.05")
    assert settings.capital.amount == Decimal("1000000.1")


def test_a_section_without_keys_is_its_defaults(tmp_path: Path) -> None:
    write(tmp_path, "constraints:\nstrategies:\n  entries:\n")
    context = {"directory": tmp_path}
    assert load(directory=tmp_path, environ={}).settings == Settings.model_validate({}, context=context)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, "mode: live\nsymbols: a\ncapital:\n  amount: 1\n")
    environ = {"LIVETRADER__SYMBOLS": "b", "LIVETRADER__MODE": "dry-run", "OTHER": "x"}
    found = load(directory=tmp_path, environ=environ, flags={"mode": ("--mode", "paper")})
    assert (found.settings.mode, found.settings.symbols) == ("paper", "b")
    assert found.where("mode") == "flag --mode"
    assert found.where("symbols") == "environment LIVETRADER__SYMBOLS"
    assert found.where("capital.amount") == "config.yaml:4"
    assert found.where("capital.currency") == "default"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("LIVETRADER__CONSTRAINTS__MAX_OPEN_POSITIONS", "null", None),
        ("LIVETRADER__CONSTRAINTS__MAX_OPEN_POSITIONS", "7", 7),
        ("LIVETRADER__CONSTRAINTS", "{max_open_positions: 8}", 8),
    ],
)
def test_a_variable_is_read_as_the_file_would_read_it(
    tmp_path: Path, variable: str, value: str, expected: int | None
) -> None:
    found = load(directory=tmp_path, environ={variable: value})
    assert found.settings.constraints.max_open_positions == expected
    assert found.where("constraints.max_open_positions") == f"environment {variable}"


def test_a_misspelt_variable_is_an_error_with_the_right_one(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "mode: paper\n", {"LIVETRADER__CAPITAL__AMOUT": "1"})
    assert problem.endswith("unknown key; did you mean LIVETRADER__CAPITAL__AMOUNT?")


@pytest.mark.parametrize(
    "line",
    [
        "api_key: hunter2secret",
        "strategies: {entries: {mine: {params: {access_token: hunter2secret}}}}",
        "state: {url: 'postgresql://trader:hunter2secret@db/trader'}",
        "candles: {url: 'postgresql://db/c?password=hunter2secret'}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, line: str) -> None:
    (problem,) = problems(tmp_path, f"{line}\n")
    assert "secrets do not belong here" in problem
    assert "hunter2secret" not in problem


def test_a_wrong_value_with_a_password_is_not_shown(tmp_path: Path) -> None:
    environ = {"LIVETRADER__MODE": "postgresql://u:hunter2secret@db/x"}
    (problem,) = problems(tmp_path, "mode: paper\n", environ)
    assert "hunter2secret" not in problem


def test_a_secret_is_found_in_environment_then_credential_then_private_file(tmp_path: Path) -> None:
    write(tmp_path, "mode: paper\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "kite_api_key").write_text("from-credential\n")
    private = tmp_path / ".env"
    private.write_text("# keys\nexport KITE_API_KEY='from-file'\nLIVETRADER__CAPITAL__AMOUNT=5\n")
    private.chmod(0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "KITE_API_KEY": "from-environment"}
    assert load(directory=tmp_path, environ=environ).secret("KITE_API_KEY").reveal() == "from-environment"
    del environ["KITE_API_KEY"]
    assert load(directory=tmp_path, environ=environ).secret("KITE_API_KEY").reveal() == "from-credential"
    found = load(directory=tmp_path, environ={})
    assert found.secret("KITE_API_KEY").reveal() == "from-file"
    assert found.where("capital.amount") == ".env:3"
    assert "from-file" not in repr(found)


def test_a_secret_that_is_not_there_says_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"KITE_API_KEY: is not set; put it into the environment"):
        load(directory=tmp_path, environ={}).secret("KITE_API_KEY")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_private_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    write(tmp_path, "mode: paper\n")
    (tmp_path / ".env").write_text("A=b\n")
    (tmp_path / ".env").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(directory=tmp_path, environ={})


def test_a_bad_line_of_the_private_file_is_named_and_not_shown(tmp_path: Path) -> None:
    write(tmp_path, "mode: paper\n")
    (tmp_path / ".env").write_text("A=b\nhunter2secret\n")
    (tmp_path / ".env").chmod(0o600)
    with pytest.raises(ConfigError, match=r"\.env:2: expected NAME=value") as caught:
        load(directory=tmp_path, environ={})
    assert "hunter2secret" not in str(caught.value)


def test_a_secret_is_never_printed_nor_pickled() -> None:
    secret = Secret("s3cret-canary")
    assert "s3cret-canary" not in f"{secret} {secret!r} {[secret]}"
    assert redact("token=s3cret-canary;") == "token=***;"
    with pytest.raises(TypeError, match="not copied"):
        pickle.dumps(secret)


@given(st.text("abc:/@?&=.", max_size=40), st.text("xyz123", min_size=4, max_size=12))
def test_no_password_of_a_url_survives_redaction(before: str, password: str) -> None:
    assert f":{password}@" not in redact(f"{before} postgresql://user:{password}@host/db")


def test_settings_are_frozen_and_travel_to_worker_processes() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.capital.amount = Decimal(2)
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_digest_depends_on_what_decides_results_alone(tmp_path: Path) -> None:
    def digest(text: str, folder: str) -> str:
        place = tmp_path / folder
        place.mkdir()
        write(place, text)
        return load(directory=place, environ={}).settings.digest()

    base = digest("mode: paper\n", "a")
    assert digest("mode: live\nlogging: {directory: x, level: debug}\ncapital: {amount: 1000000.0}\n", "b") == base
    assert digest("capital: {leverage: 2}\n", "c") != base
    assert digest("capital: {lots: average}\n", "h") == base
    assert digest("capital: {lots: fifo}\n", "i") != base
    assert digest("venue: {realistic: {latency_ms: 9}}\n", "e") == base, "the fixed model asks none of it"
    realistic = digest("venue: {model: realistic}\n", "f")
    assert realistic != base
    assert digest("venue: {model: realistic, realistic: {latency_ms: 9}}\n", "g") not in (base, realistic)
    assert digest("strategies: {entries: {momentum_long: {params: {zone_min: 0.2}}}}\n", "d") != base


def test_the_schema_documents_every_setting() -> None:
    schema = Settings.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        assert section["description"]
        for name, setting in section["properties"].items():
            assert setting.get("description") or "$ref" in setting, name


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("RELIANCE,TCS", ("RELIANCE", "TCS")),
        ("RELIANCE", ("RELIANCE",)),
        ("M&M, BAJAJ-AUTO,", ("M&M", "BAJAJ-AUTO")),
        ("mine", ("A", "B")),
        ("lists/other.csv", ("C",)),
    ],
)
def test_symbols_may_be_a_list_a_file_or_names(tmp_path: Path, spec: str, expected: tuple[str, ...]) -> None:
    (tmp_path / "symbol_lists").mkdir()
    (tmp_path / "symbol_lists" / "mine.csv").write_text("# mine\nsymbol\nA\n# not this\nB  # a note\n\n")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "other.csv").write_text('name,Symbol\n"x, y",C\n')
    assert resolve_symbols(spec, tmp_path) == expected


def test_an_unknown_list_names_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "symbol_lists").mkdir()
    (tmp_path / "symbol_lists" / "mine.csv").write_text("symbol\nA\n")
    with pytest.raises(UsageError, match=r"no list 'nifty'; there are mine"):
        resolve_symbols("nifty", tmp_path)
    with pytest.raises(UsageError, match=r"no\.csv: no such file"):
        resolve_symbols("no.csv", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("symbol\nA\nb\n\nA\nC\n", [":3: 'b' is no symbol", ":4: is blank", ":5: A is there twice"]),
        ("name\nA\n", [":1: has no column `symbol`"]),
        ("", ["is empty"]),
        ("symbol\n", ["has no symbols"]),
    ],
    ids=["rows", "header", "empty", "none"],
)
def test_every_bad_line_of_a_list_is_told_at_once(tmp_path: Path, text: str, expected: list[str]) -> None:
    (tmp_path / "symbol_lists").mkdir()
    (tmp_path / "symbol_lists" / "mine.csv").write_text(text)
    with pytest.raises(ConfigError) as caught:
        resolve_symbols("mine", tmp_path)
    assert len(caught.value.problems) == len(expected)
    for problem, part in zip(caught.value.problems, expected, strict=True):
        assert part in problem


def test_without_lists_of_ones_own_the_shipped_ones_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(resolve_symbols("live", tmp_path)) == 50
    assert len(resolve_symbols("nifty200", tmp_path)) == 200


class TestCandlesOnAServer:
    """`candles.url` leaves to the environment what it does not say, and `candles.tables` maps tables by interval."""

    GIVEN: ClassVar = {"USER": "me", "PASSWORD": "hunter2/@secret", "HOST": "db", "PORT": "5433", "NAME": "market"}

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("postgresql://", "postgresql://me:hunter2%2F%40secret@db:5433/market"),
            ("postgresql://other@host:1/name", "postgresql://other:hunter2%2F%40secret@host:1/name"),
            ("sqlite:////tmp/candles.db", "sqlite:////tmp/candles.db"),
        ],
    )
    def test_a_url_is_completed_from_the_environment(self, tmp_path: Path, url: str, expected: str) -> None:
        environ = {f"TIMESCALE_DB_{name}": value for name, value in self.GIVEN.items()}
        found = load(directory=tmp_path, environ={**environ, "LIVETRADER__CANDLES__URL": url})
        assert found.settings.candles.url == expected
        assert "hunter2" not in redact(f"{expected} {self.GIVEN['PASSWORD']}") or url.startswith("sqlite")

    def test_tables_have_the_usual_names_of_columns_unless_they_say_others(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            "candles:\n  url: postgresql://db/market\n  timescale: off\n"
            "  tables: {5m: {table: public.ohlc_5m, time: bucket, timezone: UTC}}\n",
        )
        candles = load(directory=tmp_path, environ={}).settings.candles
        table = candles.tables["5m"]
        assert (candles.timescale, table.table, table.time, table.symbol, table.volume, table.timezone) == (
            "off", "public.ohlc_5m", "bucket", "symbol", "volume", "UTC",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("tables", "problem"),
        [
            ("{5m: {}}", "candles.tables.5m.table: is missing; it has no default"),
            ("{5m: {table: a.b.c}}", "candles.tables.5m.table: must be a table such as ohlc_5m or public.ohlc_5m"),
            ("{5m: {table: x, tme: t}}", "candles.tables.5m.tme: unknown key; did you mean time?"),
            ("{5m: {table: x, stamp: middle}}", "candles.tables.5m.stamp: must be one of open, close, not 'middle'"),
            ("{5m: {table: x, timezone: Mars}}", "candles.tables.5m.timezone: must be a time zone such as"),
            ("{7m: {table: x}}", "must be one of 1m, 5m, 15m, 1h, 1d, not '7m'"),
        ],
    )
    def test_a_wrong_table_is_named(self, tmp_path: Path, tables: str, problem: str) -> None:
        (found,) = problems(tmp_path, f"candles:\n  url: postgresql://db/market\n  tables: {tables}\n")
        assert problem in found
        assert found.startswith("config.yaml:")

    def test_tables_are_refused_where_candles_are_in_sqlite(self, tmp_path: Path) -> None:
        (found,) = problems(tmp_path, "candles: {tables: {5m: {table: x}}}\n")
        assert "has tables, which are PostgreSQL's: set url to postgresql://…" in found
