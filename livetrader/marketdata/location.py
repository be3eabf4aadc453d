"""Where candles are: what the URL of a store names."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

from livetrader.errors import ConfigError
from livetrader.servers import on_server, parts_of


def place_of(url: str) -> str:
    """A candle store as messages name it: a PostgreSQL database by host and name, never with a user or a password.

    ConfigError, which shows nothing of it, for a URL that cannot be read.
    """
    if not on_server(url):
        return url
    parts = parts_of(
        url,
        "candles.url: cannot be read; write postgresql://user@host:5432/database, "
        "with %40 for @, %2F for /, %3A for : and %23 for # in a password",
    )
    port = "" if parts.port is None else f":{parts.port}"
    host = unquote(parts.hostname or "") or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"postgresql://{host}{port}{parts.path}"


def check_url(url: str) -> None:
    """ConfigError for a URL that names no candle store; the store itself is not looked at."""
    place_of(url) if on_server(url) else file_of(url)


def file_of(url: str) -> str:
    """The file that a candle store's URL names, empty for one in memory; ConfigError for another kind of URL."""
    scheme, separator, path = url.partition("://")
    if scheme != "sqlite" or not separator or (path and not path.startswith("/")):
        # The rest of the URL may hold a password, so only its scheme is shown.
        raise ConfigError(
            f"candles.url: {scheme!r} is not a candle store; write sqlite:///path/to/candles.db, or "
            "postgresql://user@host:5432/database"
        )
    return path[1:]
