"""Database URLs, and what they leave to the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from livetrader.config import load
from livetrader.config.secrets import redact

STATE = {"STATE_DB_USER": "trader", "STATE_DB_PASSWORD": "p@ss:/#w?rd"}
CODED = "p%40ss%3A%2F%23w%3Frd"
TIMESCALE = {
    "TIMESCALE_DB_USER": "reader",
    "TIMESCALE_DB_PASSWORD": "hunter2secret",
    "TIMESCALE_DB_HOST": "db.example",
    "TIMESCALE_DB_PORT": "5433",
    "TIMESCALE_DB_NAME": "ticks",
}


@pytest.mark.parametrize(
    ("url", "environ", "whole"),
    [
        ("postgresql://host/db", {}, "postgresql://host/db"),
        ("postgresql://host/db", STATE, f"postgresql://trader:{CODED}@host/db"),
        ("postgres://me@host:5432/db?sslmode=require", STATE, f"postgres://me:{CODED}@host:5432/db?sslmode=require"),
        ("postgresql://me@[::1]:5432/db", STATE, f"postgresql://me:{CODED}@[::1]:5432/db"),
        ("postgresql:///db?host=/run", STATE, f"postgresql://trader:{CODED}@/db?host=/run"),
        ("postgresql://", TIMESCALE, "postgresql://reader:hunter2secret@db.example:5433/ticks"),
        ("postgresql://", TIMESCALE | {"STATE_DB_HOST": "other"}, "postgresql://other/"),
        ("postgresql://host/db", TIMESCALE, "postgresql://host/db"),
        ("postgresql://host:port/db", STATE, "postgresql://host:port/db"),
        ("sqlite:////var/state.db", STATE, "sqlite:////var/state.db"),
    ],
    ids=[
        "nothing_set", "user_and_password", "what_is_said_stands", "ipv6", "socket", "where_the_candles_are",
        "or_elsewhere", "not_the_candles_password", "unreadable", "sqlite",
    ],
)  # fmt: skip
def test_what_the_url_of_the_state_leaves_out_comes_from_the_environment(
    tmp_path: Path, url: str, environ: dict[str, str], whole: str
) -> None:
    (tmp_path / "config.yaml").write_text(f"state: {{url: '{url}'}}\n")
    found = load(environ=environ | {"XDG_CONFIG_HOME": str(tmp_path)}, directory=tmp_path)
    assert found.settings.state.url == whole
    if whole != url:
        shown = redact(f"state.url {found.settings.state.url}: {environ.get('STATE_DB_PASSWORD', '')}")
        assert "hunter2secret" not in shown
        assert STATE["STATE_DB_PASSWORD"] not in shown
        assert CODED not in shown


def test_the_folder_of_the_lock_starts_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("state: {directory: run}\n")
    found = load(environ={"XDG_CONFIG_HOME": str(tmp_path)}, directory=tmp_path)
    assert found.settings.state.directory == tmp_path / "run"
