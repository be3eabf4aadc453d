"""OpenAlgo by configuration: which settings reach the adapter, where the key comes from, and who may send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from livetrader.bootstrap.trader import OPENALGO_KEY, account_of, connect
from livetrader.brokers.dry_run import ReadingDryRun
from livetrader.brokers.openalgo.client import OpenAlgoClient
from livetrader.brokers.openalgo.reader import OpenAlgoReader
from livetrader.brokers.polled import PolledBroker
from livetrader.config import Configuration, load
from livetrader.errors import ConfigError
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.openalgo.openalgo_samples import KEY, START


def configured(folder: Path, mode: str, broker: str = "", environ: dict[str, str] | None = None) -> Configuration:
    (folder / "config.yaml").write_text(f"mode: {mode}\nbroker: {{kind: openalgo{broker}}}\n", "utf-8")
    return load(directory=folder, environ={OPENALGO_KEY: KEY} if environ is None else environ)


def connected(made: Configuration) -> Any:
    return connect(made.settings, VirtualClock(START), made.secret)


def test_live_gets_a_client_and_dry_run_what_can_only_read(tmp_path: Path) -> None:
    live, dry = connected(configured(tmp_path, "live")), connected(configured(tmp_path, "dry-run"))
    assert isinstance(live, PolledBroker)
    assert isinstance(live.venue, OpenAlgoClient)
    assert isinstance(dry, ReadingDryRun)
    assert type(dry.reader) is OpenAlgoReader
    assert connected(configured(tmp_path, "paper")) is None
    assert account_of(configured(tmp_path, "live").settings) == "openalgo"


def test_the_key_is_a_secret_of_the_environment_and_missing_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{OPENALGO_KEY}={KEY}\n")
    (tmp_path / ".env").chmod(0o600)
    made = connected(configured(tmp_path, "live", environ={}))
    assert KEY not in repr(made)
    (tmp_path / ".env").unlink()
    for mode in ("live", "dry-run"):
        with pytest.raises(ConfigError, match="LIVETRADER_OPENALGO_KEY: is not set; put it into the environment"):
            connected(configured(tmp_path, mode, environ={}))


def test_a_key_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="secrets do not belong here"):
        configured(tmp_path, "live", ", api_key: 0123456789abcdef")


def test_what_is_set_reaches_the_adapter(tmp_path: Path) -> None:
    said = ", base_url: 'https://trade.example:8443/api/v1/', exchange: BSE, segments: [BFO], expect: analyze"
    venue = connected(configured(tmp_path, "live", said + ", order_timeout_seconds: 40")).venue
    assert venue._wire.base_url == "https://trade.example:8443"
    assert (venue.symbols.home, venue._exchanges) == ("BSE", ("BSE", "BFO"))
    assert (venue._reads.expect, venue._order_seconds) == ("analyze", 40.0)
    assert venue.symbols.wire("NIFTY") == ("NIFTY", "NSE_INDEX"), "the indices are market.indices"
    assert venue._file.path == tmp_path / "data" / "instruments.openalgo.json"
    assert venue._file.source == "https://trade.example:8443 BSE BFO"


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://127.0.0.1:5000", False),
        ("http://localhost:5000", False),
        ("http://[::1]:5000", False),
        ("https://trade.example", False),
        ("http://192.168.1.7:5000", True),
        ("http://127.0.0.1.evil.example", True),
    ],
)
def test_a_key_that_crosses_the_network_in_clear_is_warned_of(tmp_path: Path, url: str, warned: bool) -> None:
    with capture_logs() as logs:
        connected(configured(tmp_path, "live", f", base_url: '{url}'"))
    assert bool(logs) == warned


@pytest.mark.parametrize(
    "url", ["127.0.0.1:5000", "ftp://host", "http://user:pw@host", "http://host/path", "http://host?x=1", "http://"]
)
def test_the_address_is_a_server_and_no_more(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as told:
        configured(tmp_path, "live", f", base_url: '{url}'")
    assert "broker.base_url" in str(told.value) or "secrets do not belong here" in str(told.value)
    assert "pw" not in str(told.value)
