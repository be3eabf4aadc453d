"""OpenAlgo's answers, read without believing a word of them: JSON, its six forms of error, and plain values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

# What a float may be worth: beyond it, arithmetic on an amount could fail.
LARGEST = Decimal(10) ** 15
SMALLEST_EXPONENT = -12

# The server's words in a line of ours are no longer than this.
LONGEST_WORDS = 200

# What some brokers' plugins make of an id that is not there.
NO_ID = frozenset({"", "none", "null"})


class Unreadable(Exception):
    """What came is not what was agreed on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, and the object in the body (None: there was none that could be read)."""

    status: int
    document: dict[str, Any] | None

    @property
    def says_no(self) -> bool:
        """It is one of OpenAlgo's error bodies: an object with a message that does not call itself a success."""
        document = self.document
        if document is None or document.get("status", "error") != "error":
            return False
        return isinstance(document.get("message"), str | dict)

    @property
    def said(self) -> str:
        """The server's own words, in one line."""
        if self.document is None:
            return "no JSON object in the answer"
        message = self.document.get("message", "no reason is given")
        if isinstance(message, dict):
            message = "; ".join(f"{key}: {_shown(value)}" for key, value in message.items())
        return in_a_line(message if isinstance(message, str) else _shown(message))


def answer_of(status: int, body: bytes) -> Answer:
    """An answer as it came. Floats become Decimals as they were written; NaN and infinity, which are no JSON, null."""
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=lambda _word: None)
    except (ValueError, RecursionError):  # bad JSON, bad UTF-8, a thousand brackets, a mile of digits
        document = None
    return Answer(status, document if isinstance(document, dict) else None)


def in_a_line(words: str) -> str:
    """Somebody else's words as a part of a line of ours."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"


def member(document: Any, key: str) -> Any:
    """`document[key]`; Unreadable if it is no object, or lacks it."""
    if not isinstance(document, dict) or key not in document:
        raise Unreadable(f"{key!r} is missing")
    return document[key]


def rows(document: Any, key: str) -> list[Any]:
    """The list that `document[key]` has to be."""
    found = member(document, key)
    if not isinstance(found, list):
        raise Unreadable(f"{key!r} is no list")
    return found


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{_shown(value)} is no text")
    return value


def identifier(value: Any) -> str:
    """An id: text, or a number with some brokers. Unreadable where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = text(value).strip()
    if found.lower() in NO_ID or len(found) > 64 or not found.isprintable() or " " in found:
        raise Unreadable(f"{_shown(value)} is no id")
    return found


def amount(value: Any) -> Decimal:
    """A quantity, a price or money: a number, or a text with one. Whole numbers lose their zeros: 65.0 is 65."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unreadable(f"{_shown(value)} is no amount")
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise Unreadable(f"{_shown(value)} is no amount") from error
    if not number.is_finite() or abs(number) > LARGEST or (number and number.adjusted() < SMALLEST_EXPONENT):
        raise Unreadable(f"{_shown(value)} is no amount")
    whole = number.to_integral_value()
    return Decimal(int(whole)) if number == whole else number


def optional(read: Callable[[Any], Decimal], document: dict[str, Any], key: str) -> Decimal | None:
    """`document[key]` as `read` has it; None where it is absent, null or zero, as OpenAlgo says "none"."""
    value = document.get(key)
    return None if value is None or value == "" else read(value) or None


def _shown(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # the schema's complaints come in lists of one
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"  # it may be nested deeper than repr goes
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
