"""The dashboard's loop: frames come from one thread, requests are carried out in another, keys are never kept waiting.

A database that hangs, or a command that waits for its answer, stops neither the clock on the screen nor `q`.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import SimpleQueue
from types import FrameType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from livetrader.dashboard.data import Frame
from livetrader.dashboard.keys import HELP, Dialogue, Request
from livetrader.dashboard.lists import ALARM
from livetrader.dashboard.screen import View, draw, wrapped
from livetrader.dashboard.terminal import Keys, keyboard
from livetrader.errors import LiveTraderError

REFRESH_SECONDS = 1.0
KEYS = "h halt  r resume  c close  f flatten all  ? help  q quit"

Act = Callable[[Request], str]


class Screen:
    """One sitting at the dashboard. `frames` makes frames, in a thread of its own that it is called in first and last;
    `act` carries a request out and says what was done. Either raises LiveTraderError in one line."""

    def __init__(
        self, frames: Callable[[], Frame], close: Callable[[], None], act: Act, dialogue: Dialogue, console: Console
    ) -> None:  # fmt: skip
        self._frames, self._close, self._act = frames, close, act
        self._dialogue, self._console = dialogue, console
        self._news: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = os.pipe()
        self._leave = threading.Event()
        self._acting: threading.Thread | None = None
        self._frame: Frame | None = None
        self._problem = ""

    def run(self, descriptor: int) -> None:
        """Show until the operator quits, with the keys of the terminal at `descriptor`.

        Ctrl+C, SIGTERM and a terminal that is closed quit too; a request in flight is waited for.
        """
        keys = Keys(descriptor)
        reader = threading.Thread(target=self._read, name="frames", daemon=True)
        with ExitStack() as stack:
            stack.callback(self._leave.set)
            stack.enter_context(_signals(self._interrupted))
            stack.enter_context(keyboard(descriptor))
            live = stack.enter_context(Live(console=self._console, screen=True, auto_refresh=False))
            reader.start()
            while not (self._dialogue.quit or self._leave.is_set()):
                live.update(self._drawn(), refresh=True)
                self._wait(keys, descriptor)
        reader.join(REFRESH_SECONDS)
        self._finish()

    def _wait(self, keys: Keys, descriptor: int) -> None:
        """Until a key is pressed, or there is news."""
        ready, _, _ = select.select([descriptor, self._wake[0]], [], [], REFRESH_SECONDS)
        if self._wake[0] in ready:
            os.read(self._wake[0], 1024)
            while not self._news.empty():
                self._news.get()()
        if descriptor in ready:
            for key in keys.read():
                request = self._dialogue.press(key, self._frame)
                if request is not None:
                    self._begin(request)

    def _begin(self, request: Request) -> None:
        if self._acting is not None and self._acting.is_alive():
            self._dialogue.said = "not done: the last command has no answer yet"
            return
        self._dialogue.said = f"{request.kind} {request.text}".strip() + " …"
        self._acting = threading.Thread(target=self._carry_out, args=(request,), name="command")
        self._acting.start()

    def _carry_out(self, request: Request) -> None:
        try:
            said = self._act(request)
        except LiveTraderError as error:
            said = f"error: {error}"
        except Exception as error:  # noqa: BLE001 - the fence of a thread: nobody else would hear of it
            said = f"error: {type(error).__name__}: {error}"
        self._tell(lambda: setattr(self._dialogue, "said", said))

    def _read(self) -> None:
        while not self._leave.is_set():
            try:
                frame, problem = self._frames(), ""
            except LiveTraderError as error:
                frame, problem = None, str(error)
            except Exception as error:  # noqa: BLE001 - the fence of a thread: the screen says it, and tries again
                frame, problem = None, f"{type(error).__name__}: {error}"
            self._tell(lambda seen=frame, why=problem: self._seen(seen, why))  # type: ignore[misc]
            self._leave.wait(REFRESH_SECONDS)
        self._close()

    def _seen(self, frame: Frame | None, problem: str) -> None:
        self._frame, self._problem = frame or self._frame, problem

    def _tell(self, news: Callable[[], None]) -> None:
        self._news.put(news)
        with suppress(OSError):
            os.write(self._wake[1], b".")

    def _interrupted(self) -> None:
        self._leave.set()
        self._tell(lambda: None)

    def _finish(self) -> None:
        """What was asked for is brought to its end, where one can see it."""
        if self._acting is not None:
            if self._acting.is_alive():
                self._console.print(f"waiting for the answer to: {self._dialogue.said}", markup=False)
            self._acting.join()
            while not self._news.empty():
                self._news.get()()
            self._console.print(self._dialogue.said, markup=False, highlight=False)

    def _drawn(self) -> Group:
        said = self._dialogue.said
        width, height = self._console.size
        foot = [*wrapped(said, ALARM if "error:" in said else "bold", width), self._keys()]
        helped = [Text(line) for line in HELP] if self._dialogue.help else []
        problem = self._problem or ("" if self._frame else "not yet, one moment")
        return draw(View(self._frame, problem, foot, helped), width, height)

    def _keys(self) -> Text:
        prompt = self._dialogue.prompt
        if prompt is None:
            return Text(KEYS, "reverse")
        line = Text.assemble((f" {prompt.question} ", "bold black on yellow"), " ", prompt.typed, ("█", "blink"))
        return line.append("   Esc cancels", "dim")


@contextmanager
def _signals(leave: Callable[[], None]) -> Iterator[None]:
    """Signals that would end the process end the sitting, and a new size is drawn at once. A second Ctrl+C is at once.

    They wake the wait only if they have a handler, and one that raised could come at any line.
    """
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        leave()

    before = {number: signal.signal(number, end) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
