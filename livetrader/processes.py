"""Worker processes that end with this one, and when it says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.resource_tracker import ensure_running
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from threading import Thread


@contextmanager
def workers(count: int, begin: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """`count` processes, each of which does `begin` first. Leaving by an exception ends them at once.

    They do not hear Ctrl+C, which a terminal sends to all: this process ends them.
    """
    ensure_running()  # whoever needs it first starts it, and that unblocks Ctrl+C
    # spawn: a forked child would share the parent's open database files.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin, initargs=(begin,))
    try:
        before = pthread_sigmask(SIG_BLOCK, {SIGINT})
        try:
            for _ in range(count):
                pool.submit(int)  # each makes the pool start one more, which inherits which signals are blocked
        finally:
            pthread_sigmask(SIG_SETMASK, before)  # here a Ctrl+C of meanwhile is raised
        yield pool
    except BaseException:
        for child in active_children():
            child.terminate()  # first: a worker whose queue is closed before it would complain
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin(begin: Callable[[], None] | None) -> None:
    """A worker whose parent was killed would wait for work for ever."""
    Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker has one"
    parent.join()
    os._exit(1)
