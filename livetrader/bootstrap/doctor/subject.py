"""What the checks look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from livetrader.bootstrap.trader import connect
from livetrader.bootstrap.workspace import Workspace
from livetrader.brokers.dry_run import Reader, ReadingDryRun
from livetrader.config import Configuration, Settings
from livetrader.errors import ConfigError
from livetrader.ports import Clock, wall_time


@dataclass(frozen=True)
class Subject:
    """A configuration, and what there is of its parts. `live`: it is meant to trade live, whatever its mode is."""

    workspace: Workspace
    clock: Clock
    live: bool = False

    @property
    def configuration(self) -> Configuration:
        return self.workspace.configuration

    @property
    def settings(self) -> Settings:
        return self.workspace.settings

    @cached_property
    def now(self) -> datetime:
        """When the checks began, in exchange time."""
        return wall_time(self.clock).astimezone(self.workspace.calendar.timezone)

    @property
    def today(self) -> date:
        return self.now.date()

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return self.workspace.symbols()

    @cached_property
    def reader(self) -> Reader:
        """The broker, through a client that has nothing to send with. ConfigError where there is none."""
        return reader(self.configuration, self.clock)


def reader(configuration: Configuration, clock: Clock) -> Reader:
    """The configured broker as a dry run sees it; ConfigError where there is none, or its key is missing."""
    settings = configuration.settings.model_copy(update={"mode": "dry-run"})
    found = connect(settings, clock, configuration.secret)
    if not isinstance(found, ReadingDryRun):
        where = configuration.where("broker.kind", "broker")
        raise ConfigError(f"{where}: broker.kind: no broker is configured; set it to openalgo in config.yaml")
    return found.reader
