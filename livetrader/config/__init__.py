"""Configuration: config.yaml, the environment and flags become one frozen `Settings`.

The sole reader of both files and environment. `load` finds and checks everything, and says where each value
came from; below `bootstrap` nobody imports this package.
"""

from livetrader.config.capital import Capital
from livetrader.config.constraints import Constraints
from livetrader.config.load import Configuration, load
from livetrader.config.secrets import Secret
from livetrader.config.settings import Exit, Settings, SignalsFile, StrategyEntry
from livetrader.config.symbols import resolve_symbols

__all__ = [
    "Capital",
    "Configuration",
    "Constraints",
    "Exit",
    "Secret",
    "Settings",
    "SignalsFile",
    "StrategyEntry",
    "load",
    "resolve_symbols",
]
