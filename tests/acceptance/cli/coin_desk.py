"""A desk with a strategy of the user's, on a market that never closes."""

from __future__ import annotations

from pathlib import Path

from calls import away_from_midnight

from livetrader.cli.main import run


def make(folder: Path, config: str, name: str, strategy: str) -> Path:
    """The folder as such a desk, with NAME.py and today's candles."""
    away_from_midnight(5)
    (folder / "config.yaml").write_text(config)
    (folder / f"{name}.py").write_text(strategy)
    assert run(["data", "simulate", "--sessions", "2", "--config", str(folder / "config.yaml"), "--quiet"]) == 0
    return folder
