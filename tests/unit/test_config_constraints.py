"""Promises of the section `constraints`: presets, and what makes up a configuration's identity."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.config import Configuration, Settings, load
from livetrader.config.constraints import PRESETS, Constraints
from livetrader.errors import ConfigError


def loaded(folder: Path, text: str) -> Configuration:
    (folder / "config.yaml").write_text(text, "utf-8")
    return load(directory=folder, environ={})


def constraints(folder: Path, text: str) -> Constraints:
    return loaded(folder, f"constraints: {text}\n").settings.constraints


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_its_limits_and_leaves_the_others(tmp_path: Path, name: str) -> None:
    usual, found = Settings().constraints, constraints(tmp_path, f"{{preset: {name}}}").model_dump()
    for limit, value in usual.model_dump().items():
        expected = PRESETS[name].get(limit, name if limit == "preset" else value)
        # Money is exact: 0.7 is 0.7.
        assert found[limit] == (Decimal(str(expected)) if isinstance(expected, float) else expected)


def test_a_limit_of_ones_own_wins_over_the_preset(tmp_path: Path) -> None:
    found = constraints(tmp_path, "{preset: conservative, max_position_pct: 7.5, max_open_positions: 9}")
    assert (found.max_position_pct, found.max_open_positions, found.max_leverage) == (Decimal("7.5"), 9, 1)


def test_null_is_the_presets_and_without_a_preset_off(tmp_path: Path) -> None:
    with_preset = constraints(tmp_path, "{preset: conservative, max_daily_loss_pct: null, max_open_positions: null}")
    assert (with_preset.max_daily_loss_pct, with_preset.max_open_positions) == (1, 3)
    without = constraints(tmp_path, "{max_daily_loss_pct: null, max_open_positions: null}")
    assert (without.max_daily_loss_pct, without.max_open_positions) == (None, None)


def test_a_preset_can_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("constraints: {max_position_pct: null}\n")
    found = load(directory=tmp_path, environ={"LIVETRADER__CONSTRAINTS__PRESET": "crypto"}).settings.constraints
    assert (found.preset, found.max_position_pct) == ("crypto", 10)


def test_a_preset_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"constraints\.preset: must be one of nse_intraday, .* did you mean crypto"):
        constraints(tmp_path, "{preset: cripto}")


def test_the_identity_is_that_of_the_limits_however_they_are_set(tmp_path: Path) -> None:
    """Limits that came later leave it as it was where they are off: what was reckoned then is reckoned now."""
    spelt = ", ".join(f"{name}: {value}" for name, value in PRESETS["crypto"].items())
    assert loaded(tmp_path, f"constraints: {{{spelt}}}\n").settings.digest() == (
        loaded(tmp_path, "constraints: {preset: crypto}\n").settings.digest()
    )
    plain = loaded(tmp_path, "mode: paper\n").settings
    assert plain.digest() != loaded(tmp_path, "constraints: {max_leverage: 2}\n").settings.digest()
    assert plain.digest() == loaded(tmp_path, "constraints: {max_leverage: null, sectors: x.csv}\n").settings.digest()
