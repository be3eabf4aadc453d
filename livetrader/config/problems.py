"""What is wrong with a setting, in one line: where, which setting, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, get_args, get_origin

from pydantic import BaseModel

from livetrader.config.environment import variable_name
from livetrader.config.secrets import redact
from livetrader.config.settings import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text (put it in quotes)",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list such as [A, B]",
    "dict_type": "must be a section of its own (a mapping)",
    "mapping_type": "must be a section of its own (a mapping)",
    "model_type": "must be a section of its own (a mapping)",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
}


def describe(error: ErrorDetails, origins: Mapping[str, str], document: str, moved: Mapping[str, str]) -> str:
    """One line for one finding of pydantic; `document` is named where no origin is known.

    `moved` has the paths that stand elsewhere in the file, with the path there.
    """
    location = tuple(str(part) for part in error["loc"])
    path = ".".join(location)
    nearest = _nearest(location, origins)
    origin = document if nearest is None else origins[nearest]
    if nearest is not None and nearest in moved:
        path = moved[nearest] + path.removeprefix(nearest)
    return f"{origin}: {path}: {_text(error, location, origin)}"


def _nearest(location: tuple[str, ...], origins: Mapping[str, str]) -> str | None:
    """The setting if its origin is known, else the innermost section around it of which it is."""
    paths = (".".join(location[:length]) for length in range(len(location), 0, -1))
    return next((path for path in paths if path in origins), None)


def _text(error: ErrorDetails, location: tuple[str, ...], origin: str) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        meant = _suggestion(location)
        if meant and origin.startswith("environment "):
            meant = variable_name(".".join((*location[:-1], meant)) if "." not in meant else meant)
        return "unknown key" + (f"; did you mean {meant}?" if meant else "")
    if kind == "missing":
        return "is missing; it has no default"
    # Where a URL belongs, any text may be one with a token in it.
    shown = "this text" if location[0] == "notify" and isinstance(error["input"], str) else _shown(error["input"])
    if kind == "literal_error":
        choices = context["expected"].replace("'", "").replace(" or ", ", ").replace("True", "true").split(", ")
        expected = f"must be {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
        close = difflib.get_close_matches(str(error["input"]), choices, 1)
        return f"{expected}, not {shown}" + (f"; did you mean {close[0]}?" if close else "")
    expected = _EXPECTED.get(kind, error["msg"]).format_map(context)
    return f"{expected}, not {shown}"


def _shown(value: object) -> str:
    """The value as config.yaml would have it, short, without secrets."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping | list | tuple):
        return "a section" if isinstance(value, Mapping) else "a list"
    text = redact(repr(value) if isinstance(value, str) else str(value))
    return text if len(text) <= 60 else f"{text[:56]}…"


def _suggestion(location: tuple[str, ...]) -> str | None:
    """The key of that section that was meant, or the path of the setting in another one."""
    *section, key = location
    sections = dict(_sections(Settings))
    keys = next((keys for path, keys in sections.items() if _matches(section, path)), ())
    if close := difflib.get_close_matches(key, keys, 1):
        return close[0]
    return next((".".join((*path, key)) for path, keys in sections.items() if key in keys and "*" not in path), None)


def _matches(section: list[str], path: tuple[str, ...]) -> bool:
    return len(section) == len(path) and all(step in ("*", part) for part, step in zip(section, path, strict=True))


def _sections(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every section's path and keys; `*` stands for a strategy's name."""
    yield path, list(model.model_fields)
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        step = (name, "*") if get_origin(field.annotation) in (Mapping, tuple) else (name,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _sections(kind, path + step)
