"""Running a graph over rows of candles: a block in chunks, or one row at a time, with the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import CandleWindow, Floats
from livetrader.indicators.graph import Node
from livetrader.indicators.operations import Call, Constant, Elementwise, Field, PerSymbol
from livetrader.indicators.per_symbol import History
from livetrader.indicators.plan import Array, Step, ordered, plan

Context = Mapping[Node, Floats]
"""For each `last_session` node, its values, (sessions, symbols)."""


class Evaluator:
    """Calculates named nodes, rows in order, remembering between runs what the kernels remember.

    `symbols` and `rows` are the width and the most rows of one run. With `keep` > 0 a result also holds the
    last `keep` rows of the runs before, in front (NaN or false where there were none).
    """

    def __init__(self, nodes: Mapping[str, Node], symbols: int, rows: int, keep: int = 0) -> None:
        self.nodes = dict(nodes)
        self.symbols, self.rows, self.keep = symbols, rows, keep
        self._plan = plan(self.nodes, symbols, rows, keep)
        self._named = dict.fromkeys(self.nodes.values())
        self._new_session = np.zeros(rows, np.bool_)
        self._ts = np.zeros(rows, np.int64)
        self._memory = [self._remember(step.node) for step in self._plan.steps]
        self._bound: dict[int, _Bound] = {}
        self._last_rows = 0

    def run(
        self, window: CandleWindow, new_session: npt.NDArray[np.bool_], context: Context | None = None
    ) -> Mapping[str, Array]:
        """The named values on the rows of `window`, which follow those of the last run.

        `new_session` is true on each session's first row (`session_starts` of the block, cut like it).
        `context` comes from `context_of` and is indexed by `window.session`; it is needed if the graph has a
        `last_session`. Returns views of shape (keep + rows, symbols), valid until the next run.
        """
        rows, symbols = window.shape
        if rows > self.rows or symbols != self.symbols:
            raise ValueError(f"a window of {window.shape} for an evaluator of {(self.rows, self.symbols)}")
        bound = self._bound.get(rows)
        if bound is None:
            bound = self._bound[rows] = self._bind(rows)
        self._shift()
        self._new_session[:rows] = new_session
        self._ts[:rows] = window.ts
        for node, view in bound.loads:
            _load(node, view, window, context)
        with np.errstate(all="ignore"):
            for function, arguments in bound.steps:
                function(*arguments)
        self._last_rows = rows
        return bound.results

    @classmethod
    def join(cls, tiles: Sequence[Evaluator], rows: int = 1) -> Evaluator:
        """One evaluator, of at most `rows` rows a run, that goes on where the `tiles` stopped.

        The tiles are of adjoining groups of symbols, share nodes and `keep`, and have run the same rows.
        """
        first = tiles[0]
        whole = cls(first.nodes, sum(tile.symbols for tile in tiles), rows, first.keep)
        for i, parts in enumerate(zip(*(tile._memory for tile in tiles), strict=True)):
            if isinstance(parts[0], History):
                whole._memory[i] = History.join(list(parts))
            elif parts[0] is not None:
                whole._memory[i] = np.concatenate(parts, axis=1)
        for tile in tiles:
            tile._shift()
            tile._last_rows = 0
        for node in whole._named:
            kept = [tile._plan.buffers[node][: first.keep] for tile in tiles]
            np.concatenate(kept, axis=1, out=whole._plan.buffers[node][: first.keep])
        return whole

    def _remember(self, node: Node) -> Any:
        match node.op:
            case Call(kernel, _, memory):
                return np.full((memory, self.symbols), kernel.fill)
            case PerSymbol(function):
                return History(function, next(name for name, one in self.nodes.items() if node in set(ordered([one]))))
        return None

    def _shift(self) -> None:
        """Move the last `keep` rows in front of the next ones."""
        if self.keep and self._last_rows:
            for node in self._named:
                buffer = self._plan.buffers[node]
                buffer[: self.keep] = buffer[self._last_rows : self._last_rows + self.keep]

    def _bind(self, rows: int) -> _Bound:
        """The calls for a run of this many rows, with every argument in place."""
        views = {node: self._view(buffer, rows) for node, buffer in self._plan.buffers.items()}
        for node in self._plan.loads:
            if isinstance(node.op, Constant):
                views[node][:] = node.op.value
        loads = [(node, views[node]) for node in self._plan.loads if not isinstance(node.op, Constant)]
        steps = [
            self._call(step, memory, views, rows) for step, memory in zip(self._plan.steps, self._memory, strict=True)
        ]
        kept = {name: self._plan.buffers[node][: self.keep + rows] for name, node in self.nodes.items()}
        return _Bound(loads, steps, kept)

    def _view(self, buffer: Array, rows: int) -> Array:
        start = len(buffer) - self.rows  # behind the kept rows, if it has any
        return buffer[start : start + rows]

    def _call(self, step: Step, memory: Any, views: Mapping[Node, Array], rows: int) -> _BoundCall:
        op = step.node.op
        inputs = [views[one] if isinstance(one, Node) else np.asarray(one) for one in step.node.inputs]
        writes = [self._view(array, rows) for array in step.writes]
        if isinstance(op, Elementwise):
            return op.function, (*inputs, *writes)
        if isinstance(op, PerSymbol):
            return memory.run, (self._ts[:rows], inputs, *writes)
        assert isinstance(op, Call)
        session = [self._new_session[:rows]] * op.kernel.by_session
        return op.kernel.function, (*inputs, *session, *writes, memory, *op.params)


_BoundCall: TypeAlias = tuple[Callable[..., object], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Bound:
    loads: list[tuple[Node, Array]]
    steps: list[_BoundCall]
    results: Mapping[str, Array]


def session_starts(window: CandleWindow) -> npt.NDArray[np.bool_]:
    """True on each session's first row, of a window that starts with a session."""
    starts: npt.NDArray[np.bool_] = np.diff(window.session, prepend=-1) != 0
    return starts


def _load(node: Node, view: Array, window: CandleWindow, context: Context | None) -> None:
    # Copied: the kernels then see one layout whatever the window's, and the copy is what brings the chunk
    # into the cache.
    if isinstance(node.op, Field):
        values = getattr(window, node.op.name)
        np.copyto(view, values[:, None] if node.op.name == "minute" else values)
    elif context is None or node not in context:
        raise ValueError(f"no context for {node!r}: pass what context_of returns")
    elif len(window.session):
        values, session = context[node], window.session
        np.copyto(view, values[session[0]] if session[0] == session[-1] else values[session])
