"""Workers end with the process that has begun them, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.threads import PATIENCE, soon

PARENT = """
import os, sys, time
from livetrader.processes import workers

if __name__ == "__main__":
    with workers(2) as pool:
        found = [job.result() for job in [pool.submit(os.getpid) for _ in range(20)]]
        for _ in range(4):
            pool.submit(time.sleep, 600)
        print(*sorted(set(found)), flush=True)
        time.sleep(600)
"""

ASKING = """
from signal import SIG_BLOCK, SIGINT, pthread_sigmask
from livetrader.processes import workers

if __name__ == "__main__":
    with workers(2) as pool:
        blocked = [job.result() for job in [pool.submit(pthread_sigmask, SIG_BLOCK, ()) for _ in range(6)]]
    print(all(SIGINT in one for one in blocked), SIGINT in pthread_sigmask(SIG_BLOCK, ()))
"""

GIVEN_UP = """
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children
from signal import SIGINT
from livetrader.processes import workers

submit = ProcessPoolExecutor.submit

def interrupted(pool, job):
    os.kill(os.getpid(), SIGINT)
    return submit(pool, job)

if __name__ == "__main__":
    ProcessPoolExecutor.submit = interrupted
    try:
        with workers(2):
            print("went on")
    except KeyboardInterrupt:
        for child in active_children():
            child.join()
        print("given up")
"""


def test_workers_that_are_only_just_begun_end_without_a_word_at_ctrl_c(tmp_path: Path) -> None:
    """It comes while they are started: what they were to be given is gone before they ask for it."""
    script = tmp_path / "given_up.py"
    script.write_text(GIVEN_UP)
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (told.stdout, told.stderr) == ("given up\n", "")


def test_workers_do_not_hear_ctrl_c_and_their_parent_does(tmp_path: Path) -> None:
    """A terminal sends it to all of them: each would have its own last words."""
    script = tmp_path / "asking.py"
    script.write_text(ASKING)
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert told.stdout.split() == ["True", "False"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_workers_of_a_process_that_is_killed_end_at_once(tmp_path: Path, how: signal.Signals) -> None:
    """Without it they would go on with what they have, and then wait for more for ever."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(one) for one in parent.stdout.readline().split()]
        assert children
        assert all(lives(child) for child in children)
        parent.send_signal(how)
        parent.wait(PATIENCE)
    soon(lambda: not any(lives(child) for child in children))


def lives(process: int) -> bool:
    """Whether it runs; one that has ended may be waiting to be collected by whoever begot it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
