"""Where quotes come from: an address that is one, and a key that nobody reads on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livetrader.bootstrap.trader import warn_in_clear
from livetrader.config import load
from livetrader.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("ws://127.0.0.1:8765", False),
        ("ws://localhost:8765", False),
        ("ws://[::1]:8765", False),
        ("wss://trade.example/ws", False),
        ("ws://192.168.1.7:8765", True),
        ("ws://127.0.0.1.evil.example", True),
    ],
)
def test_a_key_that_crosses_the_network_in_clear_is_warned_of(url: str, warned: bool) -> None:
    with capture_logs() as logs:
        warn_in_clear(url)
    assert bool(logs) == warned


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765", "wss://trade.example/ws", "ws://[::1]:8765"])
def test_an_address_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    (tmp_path / "config.yaml").write_text(f"feed: {{websocket_url: '{url}'}}\n")
    assert load(tmp_path / "config.yaml", environ={}).settings.feed.websocket_url == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765", "127.0.0.1:8765", "ws://", "ws://user:pw@host", "ws://host?key=1", "ws://host/a b"]
)
def test_what_is_no_address_is_refused_and_no_password_is_shown(tmp_path: Path, url: str) -> None:
    (tmp_path / "config.yaml").write_text(f"feed: {{websocket_url: '{url}'}}\n")
    with pytest.raises(ConfigError) as told:
        load(tmp_path / "config.yaml", environ={})
    assert "feed.websocket_url" in str(told.value) or "secrets do not belong here" in str(told.value)
    assert "pw" not in str(told.value)
