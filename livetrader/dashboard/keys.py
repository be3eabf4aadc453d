"""What keys mean: a question, an answer, a confirmation, and then a request. No terminal and no trading here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from livetrader.dashboard.data import KILL, Frame

ESCAPE, ENTER, BACKSPACE = "escape", "enter", "backspace"
FLATTEN = "flatten"
CANCELLED = "cancelled: nothing was done"
MOST_TYPED = 120

HELP = (
    "KEYS",
    "  h   halt entries: asks why, and for a yes; exits and stops go on",
    "  r   resume: take off halt, kill and mismatch, and settle alerts",
    "  c   close one position at market, by its number or symbol",
    "  f   flatten: kill all entries and close every position; asks for a typed word",
    "  q   quit: the trader goes on as it is",
    "  ?   this help; any key leaves it",
    "",
    "Prices are the last closed bars; P&L is net of the charges so far.",
    "R is the distance to the first stop: what a position was to lose at most.",
    "An UNKNOWN order was sent and nobody knows what became of it: it is looked",
    "for, and never sent again.",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asks for: `text` is the reason of a halt, or the symbol to close."""

    kind: Literal["halt", "resume", "close", "flatten"]
    text: str = ""


@dataclass(slots=True)
class Prompt:
    """A question at the foot of the screen. `settle` takes what was typed, or with `at_once` the key that was pressed:
    it gives the next question, the request, or what to say."""

    question: str
    settle: Callable[[str], Prompt | Request | str]
    at_once: bool = False
    typed: str = ""


class Dialogue:
    """Where the operator is: looking, in the help, or at a question. `said` is the last thing said to him.

    `commands` is False where there is no trader to ask: a replay.
    """

    def __init__(self, *, commands: bool = True) -> None:
        self.prompt: Prompt | None = None
        self.help = False
        self.quit = False
        self.said = ""
        self._commands = commands

    def press(self, key: str, frame: Frame | None) -> Request | None:
        """Take a key, a character or one of the names above; what is to be done now, if anything is."""
        if self.help:
            self.help = False
        elif self.prompt is not None:
            return self._answer(self.prompt, key)
        elif key == "q":
            self.quit = True
        elif key == "?":
            self.help = True
        elif key in "hrcf":
            self._ask(key, frame)
        return None

    def _ask(self, key: str, frame: Frame | None) -> None:
        if not self._commands:
            self.said = "a replay takes no commands"
            return
        asked = {"h": _halt, "r": _resume, "c": _close, "f": _flatten}[key](frame)
        if isinstance(asked, str):
            self.said = asked
        else:
            self.prompt, self.said = asked, ""

    def _answer(self, prompt: Prompt, key: str) -> Request | None:
        if key == ESCAPE:
            self.prompt, self.said = None, CANCELLED
        elif key == BACKSPACE:
            prompt.typed = prompt.typed[:-1]
        elif prompt.at_once or key == ENTER:
            return self._settled(prompt.settle(key if prompt.at_once else prompt.typed.strip()))
        elif len(key) == 1 and key.isprintable():
            prompt.typed = (prompt.typed + key)[:MOST_TYPED]
        return None

    def _settled(self, outcome: Prompt | Request | str) -> Request | None:
        self.prompt = outcome if isinstance(outcome, Prompt) else None
        if isinstance(outcome, str):
            self.said = outcome
        return outcome if isinstance(outcome, Request) else None


def _sure(question: str, request: Request) -> Prompt:
    return Prompt(f"{question} [y/n]", lambda key: request if key in ("y", "Y") else CANCELLED, at_once=True)


def _halt(frame: Frame | None) -> Prompt:  # noqa: ARG001 - it works without a frame, too
    def why(typed: str) -> Prompt:
        reason = typed or "by hand"
        return _sure(f"Halt all entries ({reason})?", Request("halt", reason))

    return Prompt("Halt entries. Why?", why)


def _resume(frame: Frame | None) -> Prompt | str:
    if frame is None:
        return "there is no state to resume"
    halts = [name for name, _ in frame.halts]
    if KILL in halts:
        ask = Request("resume")
        return Prompt(
            "A kill is on. Type 'resume' to go on:", lambda typed: ask if typed == "resume" else CANCELLED
        )  # fmt: skip
    on = f"takes off {', '.join(halts)}" if halts else "settles alerts"
    return _sure(f"Resume ({on})?", Request("resume"))


def _close(frame: Frame | None) -> Prompt | str:
    symbols = [] if frame is None else [one.position.symbol for one in frame.holdings]
    if not symbols:
        return "there is no position to close"

    # The numbers of this moment: a position that closes meanwhile must not give its number to another.
    def which(typed: str) -> Prompt | str:
        symbol = typed.upper()
        if typed.isdecimal() and 1 <= int(typed) <= len(symbols):
            symbol = symbols[int(typed) - 1]
        if symbol not in symbols:
            return f"{typed or 'nothing'}: is no position here; nothing was done"
        return _sure(f"Close {symbol} at market?", Request("close", symbol))

    return Prompt(f"Close which? Number (1-{len(symbols)}) or symbol:", which)


def _flatten(frame: Frame | None) -> Prompt:
    held = 0 if frame is None else len(frame.holdings)
    ask = Request("flatten")
    return Prompt(
        f"KILL entries and close all positions ({held})? Type '{FLATTEN}':",
        lambda typed: ask if typed == FLATTEN else CANCELLED,
    )
