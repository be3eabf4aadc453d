"""The folders of a trader."""

from __future__ import annotations

from pathlib import Path

from livetrader.config import Settings
from livetrader.marketdata.location import file_of
from livetrader.servers import on_server
from livetrader.store.location import state_path


def folders(settings: Settings) -> list[Path]:
    """Where a trader writes: candles, state, tape, logs and reports."""
    found = [settings.logging.directory, settings.reports.directory]
    if settings.candles.tape is not None:
        found.append(settings.candles.tape)
    if not on_server(settings.candles.url) and (file := file_of(settings.candles.url)):
        found.append(Path(file).absolute().parent)
    # The instrument master is kept in state.directory wherever the state is.
    found.append(settings.state.directory)
    if not on_server(settings.state.url):
        found.append(state_path(settings.state.url, settings.state_name()).absolute().parent)
    return sorted(set(found))
