"""Field types of the settings: what a value in config.yaml may look like, and the value it becomes.

Every conversion takes the plain YAML value. Relative paths and SQLite files become absolute against the
validation context's `directory` (the folder of config.yaml).
"""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from livetrader.domain.instrument import is_symbol

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_SQLITE_FILE = re.compile(r"sqlite:///(?!/|:memory:)(.+)")
_URL = re.compile(r"[a-z][a-z0-9+]*://\S*")
# A variable's name, or what cannot be a service with a token in its URL.
_SERVICE = re.compile(r"env:[A-Za-z_]\w*|[a-z]+://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/\S*)?", re.ASCII)
_GATEWAY = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_SOCKET = re.compile(r"wss?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._/-]*)?")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?/?")


def _decimal(value: object) -> object:
    """Exact: a YAML float is read as it was written (0.05, not 0.05000000000000000277)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number", "must be a number")
    number = Decimal(str(value))
    if not number.is_finite():
        raise PydanticCustomError("number", "must be a finite number")
    return number


def _clock_time(value: object) -> object:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (match := _CLOCK_TIME.fullmatch(value)):
        return time(int(match[1]), int(match[2]))
    raise PydanticCustomError("clock_time", 'must be a time of day such as "15:20"')


def _directory(info: ValidationInfo) -> Path:
    given = (info.context or {}).get("directory")
    return given if isinstance(given, Path) else Path.cwd()


def _absolute(value: str | Path, info: ValidationInfo) -> Path:
    return _directory(info) / Path(value).expanduser()


def _text_path(value: object) -> object:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value.strip():
        return Path(value)
    raise PydanticCustomError("path", "must be the path of a file or folder")


def _symbol(value: str) -> str:
    if not is_symbol(value):
        raise PydanticCustomError("symbol", "must be a symbol such as RELIANCE (capitals, digits, & - _ . : /)")
    return value


def _table_name(value: str) -> str:
    if not 1 <= len(parts := value.split(".")) <= 2 or not all(parts):
        raise PydanticCustomError("table", "must be a table such as ohlc_5m or public.ohlc_5m")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("time_zone", "must be a time zone such as Asia/Kolkata") from None
    return value


def _database_url(value: str, info: ValidationInfo) -> str:
    if not _URL.fullmatch(value):
        raise PydanticCustomError("url", "must be a database URL such as sqlite:///data/candles.db")
    if match := _SQLITE_FILE.fullmatch(value):
        return f"sqlite:///{_directory(info) / match[1]}"
    return value


def _loopback_url(value: str) -> str:
    if not _LOOPBACK.fullmatch(value):
        raise PydanticCustomError("loopback", "must be a server on this machine, such as http://127.0.0.1:8800")
    return value.rstrip("/")


def _service(value: str) -> str:
    if not _SERVICE.fullmatch(value):
        raise PydanticCustomError(
            "service", "must be env:NAME, with the URL in the variable NAME, or a server on this machine"
        )
    return value


def _gateway_url(value: str) -> str:
    """The server alone: the path of its API is ours to add, and a password has no place in it."""
    server = value.rstrip("/").removesuffix("/api/v1")
    if not _GATEWAY.fullmatch(server):
        raise PydanticCustomError("gateway", "must be a server such as http://127.0.0.1:5000, without user or path")
    return server


def _socket_url(value: str) -> str:
    if not _SOCKET.fullmatch(value):
        raise PydanticCustomError("socket", "must be a WebSocket such as ws://127.0.0.1:8765, without user or query")
    return value


class _WrittenAsNumber:
    """Pydantic's schema of a Decimal is a number or a text; config.yaml has numbers, with their limits."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler(schema)
        return next((one for one in whole.get("anyOf", ()) if one.get("type") == "number"), whole)


_exact = (
    BeforeValidator(_decimal),
    _WrittenAsNumber(),
    PlainSerializer(lambda value: format(value.normalize(), "f"), return_type=str, when_used="json"),
)
Number = Annotated[Decimal, *_exact]
# For optional settings: a limit beside `| None` gets lost on its way to the JSON schema.
Positive = Annotated[Decimal, Field(gt=0), *_exact]
Percent = Annotated[Decimal, Field(gt=0, le=100), *_exact]
Share = Annotated[Decimal, Field(gt=0, le=1), *_exact]
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str, when_used="json"),
]
FilePath = Annotated[
    Path,
    BeforeValidator(_text_path),
    AfterValidator(_absolute),
    WithJsonSchema({"type": "string", "format": "path"}),
]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
ServiceUrl = Annotated[str, AfterValidator(_service)]
GatewayUrl = Annotated[str, AfterValidator(_gateway_url)]
SocketUrl = Annotated[str, AfterValidator(_socket_url)]
LoopbackUrl = Annotated[str, AfterValidator(_loopback_url)]
TableName = Annotated[str, AfterValidator(_table_name)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Symbol = Annotated[str, AfterValidator(_symbol)]


def setting(default: Any, description: str | None, **limits: Any) -> Any:
    """A field of a section: its default as config.yaml would have it, what it means, its limits."""
    return Field(default, description=description, **limits)
