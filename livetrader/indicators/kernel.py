"""Compiling the recursions.

A kernel is `f(inputs…, [new_session,] outputs…, state, params…)`. Inputs and outputs are (rows, symbols),
`new_session` (rows,) is true on each session's first row, `state` (k, symbols) is all that it remembers. It
loops `for t in rows: for s in symbols`; where an input is NaN the symbol did not trade: its output is NaN and
its state stays. It never looks at an earlier row, so one call over many rows, many calls over one row each,
and anything between give the same bits. Python's own `+ − × ÷` under NUMBA_DISABLE_JIT=1 gives them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from livetrader.indicators.operations import Kernel

_ARRAYS = {"f": "float64[:, ::1]", "b": "boolean[:, ::1]"}


def kernel(
    inputs: str, outputs: str, params: int = 0, by_session: bool = False, fill: float = np.nan
) -> Callable[[Callable[..., None]], Kernel]:
    """Compile a function as a kernel.

    `inputs` and `outputs` have a letter for each array: f for numbers, b for truth values. `fill` is what the
    state holds before the first row. The signature is explicit, so a start-up loads machine code from the
    cache and compiles nothing.
    """
    arrays = [_ARRAYS[letter] for letter in inputs]
    arrays += ["boolean[::1]"] * by_session
    arrays += [_ARRAYS[letter] for letter in outputs]
    signature = f"void({', '.join([*arrays, _ARRAYS['f'], *['float64'] * params])})"

    def compile(function: Callable[..., None]) -> Kernel:
        compiled = _compiled(function, signature)
        flags = tuple(letter == "b" for letter in outputs)
        return Kernel(function.__name__.strip("_"), compiled, flags, by_session, fill)

    return compile


def _compiled(function: Callable[..., None], signature: str) -> Callable[..., None]:
    # The numpy error model divides by zero as arrays do; the default raises, and cannot be vectorised.
    options: dict[str, Any] = {"error_model": "numpy"}
    try:
        made: Callable[..., None] = numba.njit(signature, cache=True, **options)(function)
    except RuntimeError:  # no directory to cache in: a read-only installation without a home
        made = numba.njit(signature, **options)(function)
    return made
