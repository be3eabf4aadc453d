"""Portfolios in config.yaml: each one is a whole configuration, and a mistake in it is found like any other."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livetrader.config import Configuration, load
from livetrader.errors import ConfigError, UsageError

TWO = """\
symbols: "A,B"
capital: {amount: 500000, leverage: 2}
constraints:
  max_open_positions: 4
  max_trades_per_day: 9
portfolios:
  nse:
    constraints: {max_open_positions: 7}
  crypto:
    symbols: "BTCUSDT,"
    market: {calendar: 24x7, trend_symbol: null, indices: []}
    capital: {currency: USDT}
    strategies:
      entries: {sma_cross: {}, momentum_long: {enabled: false}}
"""


def loaded(folder: Path, text: str, portfolio: str | None = None, **more: Any) -> Configuration:
    (folder / "config.yaml").write_text(text)
    return load(directory=folder, portfolio=portfolio, **{"environ": {}, **more})


def problems(folder: Path, text: str, **more: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **more)
    return caught.value.problems


def test_without_a_name_the_settings_are_those_outside_of_the_portfolios(tmp_path: Path) -> None:
    found = loaded(tmp_path, TWO)
    assert (found.settings.portfolio, found.portfolios) == ("", ("nse", "crypto"))
    plain = loaded(tmp_path, TWO.partition("portfolios:")[0])
    assert found.settings.digest() == plain.settings.digest()
    assert plain.settings.state_name() == "paper"


OVERLAID = {
    "what it does not name is inherited": ("nse", "constraints.max_trades_per_day", 9),
    "what it names is its own": ("nse", "constraints.max_open_positions", 7),
    "symbols": ("crypto", "symbols", "BTCUSDT,"),
    "a deeper section": ("crypto", "market.calendar", "24x7"),
    "null is a value": ("crypto", "market.trend_symbol", None),
    "a list is replaced": ("crypto", "market.indices", ()),
    "an amount in the same currency is inherited": ("nse", "capital.amount", Decimal(500_000)),
    "one in another currency is not": ("crypto", "capital.amount", Decimal(100_000)),
    "the rest of the section is": ("crypto", "capital.leverage", Decimal(2)),
}


@pytest.mark.parametrize(("portfolio", "path", "expected"), OVERLAID.values(), ids=OVERLAID)
def test_a_portfolio_is_laid_over_the_rest_of_the_file(
    tmp_path: Path, portfolio: str, path: str, expected: object
) -> None:
    value: Any = loaded(tmp_path, TWO, portfolio).settings
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected


def test_strategies_are_laid_over_one_by_one(tmp_path: Path) -> None:
    enabled = loaded(tmp_path, TWO, "crypto").settings.strategies.enabled
    assert ("sma_cross" in enabled, "momentum_long" in enabled, "momentum_short" in enabled) == (True, False, True)


def test_a_portfolio_decides_as_the_same_settings_do_without_one(tmp_path: Path) -> None:
    """The identity of what decides results knows no portfolio: a backtest of it is comparable with any other."""
    crypto = loaded(tmp_path, TWO, "crypto").settings
    text = TWO.partition("portfolios:")[2].partition("crypto:\n")[2]
    alone = "capital: {currency: USDT, leverage: 2}\nconstraints: {max_open_positions: 4, max_trades_per_day: 9}\n"
    alone += "\n".join(line[4:] for line in text.splitlines() if "capital" not in line)
    assert crypto.digest() == loaded(tmp_path, alone).settings.digest()


def test_the_name_is_in_the_names_of_states(tmp_path: Path) -> None:
    settings = loaded(tmp_path, TWO, "crypto").settings
    assert (settings.state_name(), settings.state_name("replay")) == ("crypto.paper", "crypto.replay")


ORIGINS = {
    "its own line": ("capital.currency", "config.yaml:12"),
    "an inherited line": ("capital.leverage", "config.yaml:2"),
}


@pytest.mark.parametrize(("path", "origin"), ORIGINS.values(), ids=ORIGINS)
def test_each_value_says_where_it_is_from(tmp_path: Path, path: str, origin: str) -> None:
    assert loaded(tmp_path, TWO, "crypto").where(path) == origin


WRONG = {
    "a value": (
        "portfolios:\n  a:\n    capital: {amount: -1}\n",
        "config.yaml:3: portfolios.a.capital.amount: must be greater than 0, not -1",
    ),
    "a key": (
        "portfolios:\n  a:\n    constraints:\n      max_open_positons: 1\n",
        "config.yaml:4: portfolios.a.constraints.max_open_positons: unknown key; did you mean max_open_positions?",
    ),
    "a shared section": (
        "portfolios:\n  a: {logging: {level: info}}\n",
        "config.yaml:2: portfolios.a.logging: unknown key; did you mean logging?",
    ),
    "no section": (
        "portfolios:\n  a:\n    market: nse\n",
        "config.yaml:3: portfolios.a.market: must be a section of its own (a mapping), not 'nse'",
    ),
    "a name": (
        "portfolios:\n  My-Coins: {}\n",
        "config.yaml:1: portfolios: My-Coins is no name: use up to 24 small letters, digits and _, not a section",
    ),
    "what is outside of it is told once": (
        "mode: papper\nportfolios:\n  a: {}\n  b: {}\n",
        "config.yaml:1: mode: must be one of paper, dry-run, live, not 'papper'; did you mean paper?",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line_with_path_and_line(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == (expected,)


def test_mistakes_in_other_portfolios_are_told_too(tmp_path: Path) -> None:
    text = "portfolios:\n  a: {symbols: 1}\n  b: {mode: x}\n"
    assert [line.split(": ")[1] for line in problems(tmp_path, text, portfolio="a")] == [
        "portfolios.a.symbols",
        "portfolios.b.mode",
    ]


def test_a_name_that_there_is_not_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--portfolio coins: there is none of this name in config.yaml; it has nse, c"
    ):
        loaded(tmp_path, TWO, "coins")
    with pytest.raises(UsageError, match=r"LIVETRADER_PORTFOLIO coins: .* it has no portfolios"):
        loaded(tmp_path, "mode: paper\n", environ={"LIVETRADER_PORTFOLIO": "coins"})


def test_the_environment_names_a_portfolio_and_wins_over_the_file(tmp_path: Path) -> None:
    environ = {
        "LIVETRADER_PORTFOLIO": "crypto",
        "LIVETRADER__CONSTRAINTS__MAX_OPEN_POSITIONS": "1",
        "LIVETRADER__PORTFOLIOS__CRYPTO__CAPITAL__AMOUNT": "777",
        "LIVETRADER__PORTFOLIOS__NSE__CAPITAL__AMOUNT": "888",
    }
    found = loaded(tmp_path, TWO, environ=environ)
    settings = found.settings
    assert (settings.portfolio, settings.capital.amount, settings.constraints.max_open_positions) == ("crypto", 777, 1)
    assert found.where("capital.amount") == "environment LIVETRADER__PORTFOLIOS__CRYPTO__CAPITAL__AMOUNT"
    flags = {"capital.amount": ("--amount", 5)}
    assert loaded(tmp_path, TWO, environ=environ, flags=flags).settings.capital.amount == 5


def test_a_secret_of_its_own_comes_before_the_shared_one(tmp_path: Path) -> None:
    environ = {"LIVETRADER_OPENALGO_KEY": "shared", "LIVETRADER_OPENALGO_KEY_CRYPTO": "of crypto"}
    keys = {
        name: loaded(tmp_path, TWO, name, environ=environ).secret("LIVETRADER_OPENALGO_KEY").reveal()
        for name in ("nse", "crypto")
    }
    assert keys == {"nse": "shared", "crypto": "of crypto"}


LIVE = "mode: live\nbroker: {kind: openalgo}\nportfolios:\n"
APART = {
    "one account": (f"{LIVE}  a: {{}}\n  b: {{}}\n", False),
    "another server": (f'{LIVE}  a: {{}}\n  b: {{broker: {{base_url: "http://127.0.0.1:5001"}}}}\n', True),
    "another broker": (f"{LIVE}  a: {{}}\n  b: {{broker: {{kind: loopback}}}}\n", True),
    "one in paper": (f"{LIVE}  a: {{}}\n  b: {{mode: paper}}\n", True),
}


@pytest.mark.parametrize(("text", "sound"), APART.values(), ids=APART)
def test_two_portfolios_do_not_trade_one_account_live(tmp_path: Path, text: str, sound: bool) -> None:
    if sound:
        assert loaded(tmp_path, text).portfolios == ("a", "b")
        return
    (line,) = problems(tmp_path, text)
    assert line.startswith("config.yaml:1: portfolios a and b would trade the same account of openalgo, live")


def test_a_flag_is_about_the_portfolio_that_is_named(tmp_path: Path) -> None:
    """`--portfolio a --mode live` does not take b live; without a name, it does."""
    text = "broker: {kind: loopback}\nportfolios:\n  a: {}\n  b: {}\n"
    flags = {"mode": ("--mode", "live")}
    assert loaded(tmp_path, text, "a", flags=flags).settings.mode == "live"
    (line,) = problems(tmp_path, text, flags=flags)
    assert line.startswith("flag --mode: portfolios a and b would trade the same account")


DOLLARS = {"USDT": 100_000, "USD": 100_000, "INR": 1_000_000, "EUR": 1_000_000}


@pytest.mark.parametrize(("currency", "amount"), DOLLARS.items(), ids=DOLLARS)
def test_what_paper_starts_with_depends_on_the_currency(tmp_path: Path, currency: str, amount: int) -> None:
    assert loaded(tmp_path, f"capital: {{currency: {currency}}}\n").settings.capital.amount == amount
