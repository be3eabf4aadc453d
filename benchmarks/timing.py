"""What the scripts share: clocks in turns, peers in their own environments, and the row that a script prints."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import structlog

HERE = Path(__file__).parent
PEERS = HERE / ".peers"


def quiet() -> None:
    """Log warnings only, as `livetrader run` does in its console."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def clocked(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each, all of them once a round, so that a busy minute hits them alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(clocked(work))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def installed(peer: str) -> bool:
    """Whether `peers.sh` has made the peer's environment."""
    return (PEERS / peer / "bin" / "python").exists()


def peer(name: str, script: str, *arguments: str) -> dict[str, float]:
    """Run a peer's script once; what it measured of itself, imports and compilation left out."""
    command = [str(PEERS / name / "bin" / "python"), "-W", "ignore", str(HERE / "peers" / script), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds(value: float) -> str:
    """Three digits, in the unit that suits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def millions(value: float) -> str:
    return f"{value / 1e6:.3g} M"


def spread(values: Sequence[float]) -> str:
    """Median and p99."""
    return f"{seconds(float(np.median(values)))} (p99 {seconds(float(np.percentile(values, 99)))})"


def row(work: str, ours: str, peers: str = "–", ratio: str = "–", goal: str = "–") -> None:
    print(f"| {work} | {ours} | {peers} | {ratio} | {goal} |", flush=True)
