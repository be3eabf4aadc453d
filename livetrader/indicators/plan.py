"""From expressions to an order of work and as few buffers as it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from livetrader.errors import StrategyError
from livetrader.indicators.graph import Node, Series
from livetrader.indicators.operations import Call, Constant, Field, LastSession, Output

Array: TypeAlias = npt.NDArray[Any]

_LEAVES = (Field, Constant, LastSession)


def ordered(nodes: Iterable[Node]) -> list[Node]:
    """Each node once, after its inputs. A `LastSession` stands for its input, which runs elsewhere."""
    done: dict[Node, None] = {}
    stack = list(nodes)[::-1]
    while stack:
        top = stack[-1]
        waiting = [one for one in nodes_read(top) if one not in done]
        if waiting:
            stack.extend(reversed(waiting))
        else:
            done[stack.pop()] = None
    return list(done)


def nodes_read(node: Node) -> list[Node]:
    """The nodes that have to be calculated before `node`, in the same series."""
    return [] if isinstance(node.op, LastSession) else [one for one in node.inputs if isinstance(one, Node)]


def series_of(nodes: Iterable[Node]) -> tuple[Series, ...]:
    """Every series that the nodes need a window of, through `last_session` too, in order of appearance."""
    found: dict[Series, None] = {}
    for node in ordered(nodes):
        if node.series is not None:
            found[node.series] = None
        if isinstance(node.op, LastSession):
            found.update(dict.fromkeys(series_of(one for one in node.inputs if isinstance(one, Node))))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Step:
    """One call: the node to run, and where its outputs go, in the kernel's order."""

    node: Node
    writes: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`loads` are leaves, filled before the first step; `buffers` holds each node's array, shared in time.

    Arrays of named nodes have `keep` rows in front of the `rows` that a run fills.
    """

    loads: tuple[Node, ...]
    steps: tuple[Step, ...]
    buffers: Mapping[Node, Array]


def plan(named: Mapping[str, Node], symbols: int, rows: int, keep: int) -> Plan:
    """Order the graph of the `named` nodes, and give each node a buffer that is reused after its last reader.

    Few buffers are a small working set: a chunk of rows stays in the cache.
    Raises StrategyError where the nodes run along different series.
    """
    order = ordered(named.values())
    _one_series(order)
    loads = [node for node in order if isinstance(node.op, _LEAVES)]
    work = [node for node in order if not isinstance(node.op, (*_LEAVES, Output))]
    taken = {(nodes_read(node)[0], node.op.index): node for node in order if isinstance(node.op, Output)}
    buffers = _Buffers(set(named.values()), _last_readers(work), (symbols, rows, keep))
    for leaf in loads:
        buffers.take(leaf)
    steps = []
    for i, node in enumerate(work):
        writes: list[Array] = []
        for one, boolean in _made(node, taken):
            writes.append(buffers.scratch(boolean) if one is None else buffers.take(one))
        steps.append(Step(node, tuple(writes)))
        buffers.release(i, nodes_read(node))
    return Plan(tuple(loads), tuple(steps), buffers.held)


def _made(node: Node, taken: Mapping[tuple[Node, int], Node]) -> list[tuple[Node | None, bool]]:
    """What a step writes: nodes (None: an output that nobody takes), and whether they are truth values."""
    if not isinstance(node.op, Call):
        return [(node, node.boolean)]
    return [(taken.get((node, i)), boolean) for i, boolean in enumerate(node.op.kernel.outputs)]


def _one_series(order: Iterable[Node]) -> None:
    series = {node.series for node in order if node.series is not None}
    if len(series) > 1:
        raise StrategyError(f"one set of indicators runs along {len(series)} series: use ta.last_session")


def _last_readers(work: Iterable[Node]) -> dict[Node, int]:
    return {one: i for i, node in enumerate(work) for one in nodes_read(node)}


class _Buffers:
    """Hands out arrays and takes them back once their last reader has run."""

    def __init__(self, named: set[Node], last_reader: dict[Node, int], shape: tuple[int, int, int]) -> None:
        self.held: dict[Node, Array] = {}
        self._named = named
        self._last_reader = last_reader
        self._symbols, self._rows, self._keep = shape
        self._free: dict[bool, list[Array]] = {False: [], True: []}
        self._scratch: list[Array] = []

    def take(self, node: Node) -> Array:
        if node in self._named:
            array = _blank(self._rows + self._keep, self._symbols, node.boolean)
        elif isinstance(node.op, Constant):
            array = _blank(self._rows, self._symbols, False)
        else:
            array = self._free_one(node.boolean)
        self.held[node] = array
        return array

    def scratch(self, boolean: bool) -> Array:
        """For an output that nobody reads: free again after this step."""
        self._scratch.append(self._free_one(boolean))
        return self._scratch[-1]

    def release(self, step: int, read: Iterable[Node]) -> None:
        """Free what step number `step` was the last to read. A constant is written once, so never freed."""
        done = [
            self.held[one]
            for one in dict.fromkeys(read)
            if self._last_reader[one] == step and one not in self._named and not isinstance(one.op, Constant)
        ]
        for array in (*done, *self._scratch):
            self._free[array.dtype == np.bool_].append(array)
        self._scratch.clear()

    def _free_one(self, boolean: bool) -> Array:
        free = self._free[boolean]
        return free.pop() if free else _blank(self._rows, self._symbols, boolean)


def _blank(rows: int, symbols: int, boolean: bool) -> Array:
    return np.zeros((rows, symbols), np.bool_) if boolean else np.full((rows, symbols), np.nan)
