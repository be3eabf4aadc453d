"""Finding strategies by name: the built-in ones, users' files, and packages that declare an entry point."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from livetrader.domain.candles import Interval
from livetrader.errors import StrategyError
from livetrader.strategies import crypto, equity_intraday
from livetrader.strategies.base import Strategy

ENTRY_POINT = "livetrader.strategies"
_BUILT_IN: tuple[ModuleType, ...] = (equity_intraday, crypto)
_ACCEPTS = {
    "float": (int, float),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "str | None": (str, type(None)),
}


class Registry:
    """All strategies that there are. `paths` are users' files, or folders of them."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.classes: dict[str, type[Strategy]] = {}
        for module in _BUILT_IN:
            self._add(module, module.__name__)
        for point in entry_points(group=ENTRY_POINT):
            self._add_class(_loaded(point), point.value)
        for path in paths:
            for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
                self._add(_load(file), str(file))

    def find(self, name: str) -> type[Strategy]:
        """The strategy with this name or number."""
        for known, found in self.classes.items():
            if name and name in (known, found.id):
                return found
        near = get_close_matches(name, self.classes, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self.classes)}"
        raise StrategyError(f"unknown strategy {name!r}: {hint}")

    def make(
        self,
        name: str,
        *,
        preset: str = "original",
        params: Mapping[str, object] | None = None,
        trend_symbol: str | None = None,
        interval: Interval | None = None,
    ) -> Strategy:
        """The strategy with a preset's parameters, then `params` over them; on its own bars, or those of `interval`."""
        found = self.find(name)
        chosen: dict[str, Any] = {
            "trend_symbol": trend_symbol,
            **found.presets.get(preset, {}),
            **(params or {}),
        }
        problems = _problems(found, chosen)
        if problems:
            raise StrategyError("\n".join(problems))
        return _on(found, interval)(**chosen)

    def _add(self, module: ModuleType, where: str) -> None:
        for one in vars(module).values():
            own = inspect.isclass(one) and issubclass(one, Strategy) and one.__module__ == module.__name__
            # A leading underscore marks a base that several strategies share.
            if own and not one.__name__.startswith("_"):
                self._add_class(one, where)

    def _add_class(self, one: type[Strategy], where: str) -> None:
        for needed in ("name", "interval", "side"):
            if not hasattr(one, needed):
                raise StrategyError(f"{where}: strategy {one.__name__} lacks the class variable `{needed}`")
        known = self.classes.get(one.name)
        if known is not None and known is not one:
            raise StrategyError(f"{where}: a strategy named {one.name!r} is there already ({known.__module__})")
        self.classes[one.name] = one


def _on(found: type[Strategy], interval: Interval | None) -> type[Strategy]:
    """The strategy on bars of `interval`: the interval is the class's, so a class of its own."""
    if interval in (None, found.interval):
        return found
    described = {"__module__": found.__module__, "__qualname__": f"{found.__qualname__}[{interval}]"}
    return type(found.__name__, (found,), {**described, "__doc__": found.__doc__, "interval": interval})


def _problems(found: type[Strategy], params: Mapping[str, object]) -> list[str]:
    """What is wrong with the parameters, a line each."""
    fields = {field.name: field for field in dataclasses.fields(found)}
    problems = []
    for name, value in params.items():
        field = fields.get(name)
        if field is None:
            near = get_close_matches(name, fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(fields)}"
            problems.append(f"strategy {found.name}: unknown parameter {name!r}; {hint}")
            continue
        # A class, or its name in a module with `from __future__ import annotations`.
        type_ = getattr(field.type, "__name__", str(field.type))
        accepted = _ACCEPTS.get(type_)
        if accepted and (not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted)):
            problems.append(f"strategy {found.name}: parameter {name} must be {type_}, got {value!r}")
    return problems


def _load(file: Path) -> ModuleType:
    """A user's file as a module; whatever goes wrong in it is a StrategyError that names the file."""
    digest = hashlib.blake2b(str(file.resolve()).encode(), digest_size=4).hexdigest()
    spec = importlib.util.spec_from_file_location(f"livetrader_user_{file.stem}_{digest}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise StrategyError(f"{file}: no such strategy file; check strategies.paths")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and `inspect` look a class's module up by its name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise StrategyError(f"{file}: {type(error).__name__}: {error}") from error
    return module


def _loaded(point: EntryPoint) -> type[Strategy]:
    """The strategy that an installed package declares."""
    try:
        found = point.load()
    except Exception as error:
        raise StrategyError(f"{point.value}: {type(error).__name__}: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, Strategy)):
        raise StrategyError(f"{point.value}: the entry point {point.name!r} is not a Strategy class")
    return found


def source_digest(strategies: Sequence[Strategy]) -> dict[str, str]:
    """Identity of each strategy's code and parameters: 16 hex digits by name."""
    digests = {}
    for one in strategies:
        text = inspect.getsource(inspect.getmodule(type(one)) or type(one)) + repr(one)
        digests[one.name] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return digests
