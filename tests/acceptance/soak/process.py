"""A process of the soak, asked by lines on its stdin, answering by lines on its stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Process:
    """`python -m tests.acceptance.soak.MODULE`; what it says on stderr goes into `log`. It ends with its stdin."""

    def __init__(self, module: str, *arguments: object, log: Path) -> None:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", f"tests.acceptance.soak.{module}", *map(str, arguments)]
        with log.open("a") as told:
            self._process = subprocess.Popen(
                command, cwd=log.parent, env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True,
            )  # fmt: skip

    def fileno(self) -> int:
        """For a selector: readable when there is an answer, or an end."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def ask(self, question: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its end is its answer
            self._process.stdin.write(f"{json.dumps(question)}\n")
            self._process.stdin.flush()

    def answer(self) -> Any:
        """What it says next; None when it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def end(self) -> int:
        """Let it end; its exit code."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        code = self._process.wait(120)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
