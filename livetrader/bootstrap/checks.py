"""Everything that is wrong with a configuration, beyond what its own text shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from livetrader.bootstrap.feeding import require_feed
from livetrader.bootstrap.notifying import outside
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import Configuration
from livetrader.errors import ConfigError, StrategyError
from livetrader.market.calendar import load
from livetrader.marketdata.location import check_url
from livetrader.marketdata.signals_file import read_signals
from livetrader.store.location import place
from livetrader.strategies.from_file import FROM_FILE


def problems(configuration: Configuration) -> list[str]:
    """One line for each mistake in what the settings name: lists, files, strategies, their parameters, databases."""
    workspace = Workspace(configuration, read_only=True)
    settings = configuration.settings
    calendar = "nse" if settings.market.calendar == "observed" else settings.market.calendar
    found: list[str] = []

    def attempt(path: str, look: Callable[[], object]) -> None:
        """Note what `look` raises, with the origin of the setting `path` unless the lines name it themselves."""
        where = f"{configuration.where(path)}: " if path else ""
        try:
            look()
        except (ConfigError, StrategyError) as error:
            lines = error.problems if isinstance(error, ConfigError) else str(error).splitlines()
            found.extend(f"{where}{line}" for line in lines)

    attempt("", workspace.symbols)
    attempt("market.square_off", lambda: load(calendar, square_off=settings.market.square_off))
    attempt("market.corporate_actions", lambda: workspace.ex_dates)
    attempt("constraints.sectors", lambda: workspace.limits.sectors)
    attempt("", workspace.limits.require_sound)
    attempt("candles.url", lambda: check_url(settings.candles.url))
    attempt("state.url", lambda: place(settings.state.url, settings.state_name()))
    attempt("", lambda: outside(configuration))
    attempt("", lambda: require_feed(configuration))
    attempt("strategies.paths", lambda: workspace.registry)
    if "registry" in workspace.__dict__:
        for name in settings.strategies.entries:
            attempt("", partial(_plan, workspace, name))
    file = settings.strategies.signals_file
    if file is not None:
        attempt("strategies.signals_file.path", lambda: read_signals(file.path, load(calendar).timezone))
    elif not settings.strategies.enabled:
        attempt("", workspace.strategies)
    return found


def _plan(workspace: Workspace, name: str) -> None:
    if name != FROM_FILE:
        workspace.plans((workspace.strategy(name),))
