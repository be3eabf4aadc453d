"""PostgreSQL as the candles and the state both reach it: what its URLs say, and what a connection is made with.

psycopg is imported only where there is a connection to make: it takes longer than all else of a reading command.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from livetrader.errors import ConfigError

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")

# What the URL says comes before these. A server that has gone without a word is noticed within ten seconds.
_CONNECTING: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "utf8",
}


def on_server(url: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return url.partition("://")[0] in SCHEMES


def parts_of(url: str, refusal: str) -> SplitResult:
    """The parts of a PostgreSQL URL. ConfigError with `refusal`, which shows nothing of it, for one that cannot be
    read."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port, parts = -1, urlsplit("")
    # What follows the host must not be the rest of a password: it would be shown.
    if port == -1 or "@" in f"{parts.path}{parts.query}{parts.fragment}" or parts.fragment:
        raise ConfigError(refusal)
    return parts


def parameters(url: str, name: str, refusal: str) -> dict[str, Any]:
    """What to connect with, as the application `name`. ConfigError with `refusal` for a URL that cannot be read."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    _, _, rest = url.partition("://")
    try:
        return {**_CONNECTING, "application_name": name, **conninfo_to_dict(f"postgresql://{rest}")}
    except ProgrammingError:
        # What it complains of may be part of a password.
        raise ConfigError(refusal) from None


def first_line(error: psycopg.Error) -> str:
    """What the server says first; its lines beyond that quote the statement, with values."""
    return " ".join((error.diag.message_primary or str(error).strip().partition("\n")[0]).split())


def advisory(name: str) -> int:
    """The key of the advisory lock of that name."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
