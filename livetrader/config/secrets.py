"""Secrets: values that are used and never shown."""

from __future__ import annotations

import re
from html import escape
from typing import ClassVar, NoReturn

HIDDEN = "***"
_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:password|passwd|secret|token|api_?key|access_?key|private_?key)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)|([?&](?:password|passwd|token)=)[^&\s]+", re.IGNORECASE)
_SHORTEST = 4


class Secret:
    """A secret text. Prints as `***`, and its value is cut out of every log line from its creation on."""

    __slots__ = ("__value",)

    _registered: ClassVar[set[str]] = set()

    def __init__(self, value: str) -> None:
        self.__value = value
        # A shorter one would tear holes into ordinary words.
        if len(value) >= _SHORTEST:
            Secret._registered |= {value, escape(value)}  # in a report of HTML it stands escaped

    def reveal(self) -> str:
        """The value, for the one call that needs it."""
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied to files or other processes")


def is_secret_key(name: str) -> bool:
    """Whether something of this name is a secret: api_key, access_token, DB_PASSWORD."""
    return _SECRET_KEY.search(name) is not None


def has_password(text: str) -> bool:
    """Whether `text` has a URL with a password in it."""
    return _URL_PASSWORD.search(text) is not None


def redact(text: str) -> str:
    """`text` without the values of secrets, and without passwords in URLs."""
    # Longest first: a secret may be part of another one.
    for value in sorted(Secret._registered, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _URL_PASSWORD.sub(lambda m: f"{m[1] or m[3]}{HIDDEN}{m[2] or ''}", text)
