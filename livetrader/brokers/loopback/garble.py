"""Answers that no client should believe, made from answers that it would."""

from __future__ import annotations

import json
from typing import Any

from livetrader.brokers.loopback.faults import Fault

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


def garble(fault: Fault, body: bytes) -> tuple[int, bytes, str]:
    """HTTP status, body and content type of what `fault` makes of a sound JSON `body`."""
    document = json.loads(body)
    json_type = "application/json"
    match fault:
        case Fault.HTTP_500:
            # As tempting as can be: it looks like a parsed no, but nobody knows what happened before the crash.
            return 500, b'{"error": {"code": "internal", "reason": "try again"}}', json_type
        case Fault.HTML_502:
            return 502, HTML, "text/html"
        case Fault.EMPTY_BODY:
            return 200, b"", json_type
        case Fault.MALFORMED:
            return 200, body[: len(body) // 2], json_type
        case Fault.WRONG_TYPES:
            return 200, json.dumps(_mistyped(document)).encode(), json_type
        case Fault.MISSING_FIELDS:
            return 200, json.dumps(_shortened(document)).encode(), json_type
        case Fault.UNACKNOWLEDGED:
            return 201, body, json_type
        case _:
            raise ValueError(f"{fault} does not garble an answer")


def _mistyped(value: Any) -> Any:
    """Every leaf of another type; an empty container becomes the other kind."""
    if isinstance(value, dict):
        return {key: _mistyped(item) for key, item in value.items()} if value else []
    if isinstance(value, list):
        return [_mistyped(item) for item in value] if value else {}
    return 17 if isinstance(value, str) else "seventeen"


def _shortened(document: Any) -> Any:
    """The first field of every line is missing; of an answer without lines, its own first."""
    found = _without_firsts(document)
    return dict(list(document.items())[1:]) if found == document else found


def _without_firsts(value: Any) -> Any:
    """`value`, where each object in a list lacks its first field."""
    if isinstance(value, dict):
        return {key: _without_firsts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dict(list(item.items())[1:]) if isinstance(item, dict) else item for item in value]
    return value
