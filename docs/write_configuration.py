"""Write docs/configuration.md from the settings' JSON schema: `python docs/write_configuration.py`.

What a setting means is said once, in livetrader/config/settings.py; tests/acceptance/test_docs.py fails when the
page is older than that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livetrader.config import Settings

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """\
# Configuration

<!-- Written by `python docs/write_configuration.py`. Do not edit. -->

Every setting of `config.yaml`, with its default. A file holds only what you change; `livetrader init` writes one with
everything in it, explained.

```sh
livetrader config check              # ok, or every mistake at once, with its line
livetrader config show               # each setting, its value, and where that comes from
livetrader config schema             # the JSON schema, for an editor that completes and checks
```

## Where a value comes from

A flag wins over the environment, that over the file, that over the default.

| | example |
|---|---|
| flag | `livetrader run --mode paper` |
| environment | `LIVETRADER__CAPITAL__AMOUNT=500000`: the path of the setting, in capitals, joined by `__` |
| file | `--config PATH`, else `./config.yaml`, else `livetrader/config.yaml` in `$XDG_CONFIG_HOME` (`~/.config`) |
| default | below |

With several [portfolios](portfolios.md), a portfolio's part of the file is laid over the rest of it, and a variable
such as `LIVETRADER__PORTFOLIOS__CRYPTO__CAPITAL__AMOUNT` wins over the general one.

Relative paths, those in database URLs included, start at the folder of the file. A key that does not exist is an error,
not a silent nothing. `null` switches a limit off.

**Secrets** never stand in the file and are refused there: put them into the environment, a systemd credential
(`LoadCredential=`), or a `.env` file of mode 0600 beside `config.yaml`. They are printed nowhere. A name with the
portfolio's behind it, such as `LIVETRADER_OPENALGO_KEY_CRYPTO`, is that portfolio's own.

`symbols`, like every `--symbols`, takes the name of a list (`live` is `symbol_lists/live.csv` beside `config.yaml`),
the path of a CSV file with a column `symbol`, or symbols separated by commas.
"""

Schema = Mapping[str, Any]


def render() -> str:
    """The whole page."""
    schema = Settings.model_json_schema()
    places = {"": ""}
    for name, path in _places(schema, schema["$defs"], ""):
        places.setdefault(name, path)
    tables = [_section(path, schema["$defs"].get(name, schema), places) for name, path in places.items()]
    return "\n".join([HEAD, *tables])


def _places(section: Schema, definitions: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The name and path of every section below, outer ones first; `NAME` in a path is a strategy's, `[]` a list's."""
    for field_name, field in section["properties"].items():
        name, below = _inner(field)
        if name is not None:
            place = f"{path}.{field_name}{below}".lstrip(".")
            yield name, place
            yield from _places(definitions[name], definitions, place)


def _inner(field: Schema) -> tuple[str | None, str]:
    """The section that a field holds, and what stands between in its path: nothing, or a name of the user's."""
    by_name = field.get("additionalProperties")
    candidates = [(field, ""), *((one, "") for one in field.get("anyOf", ()))]
    if isinstance(by_name, Mapping):
        candidates.append((by_name, ".NAME"))
    if isinstance(field.get("items"), Mapping):
        candidates.append((field["items"], "[]"))
    for one, below in candidates:
        if "$ref" in one:
            return one["$ref"].rsplit("/", 1)[-1], below
    return None, ""


def _section(path: str, section: Schema, places: Mapping[str, str]) -> str:
    rows = [row for name, field in section["properties"].items() if (row := _row(path, name, field, section, places))]
    about = f"{section['description']}\n\n" if path else ""
    title = f"## `{path}`" if path else "## The top level"
    return "\n".join([f"{title}\n\n{about}| setting | default | allowed | |\n|---|---|---|---|", *rows, ""])


def _row(path: str, name: str, field: Schema, section: Schema, places: Mapping[str, str]) -> str:
    """A setting's line; none for a section that has its own table right below."""
    if "$ref" in field:
        place = places[field["$ref"].rsplit("/", 1)[-1]]
        return "" if place == f"{path}.{name}".lstrip(".") else f"| `{name}` | | a section | As `{place}`. |"
    default = _default(field, name in section.get("required", ()))
    return f"| `{name}` | {default} | {_allowed(field)} | {field.get('description', '')} |"


def _default(field: Schema, required: bool) -> str:
    if required:
        return "none: must be given"
    return f"`{json.dumps(field['default'], ensure_ascii=False)}`"


def _allowed(field: Schema) -> str:
    """What a value may be, in words."""
    options = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    (option,) = options if len(options) == 1 else (field,)
    if "enum" in option:
        words = ", ".join(f"`{one}`" for one in option["enum"])
    elif "const" in option:
        words = f"`{json.dumps(option['const'])}`"
    elif "pattern" in option and option["pattern"].startswith("^([01]"):
        words = "a time, `HH:MM`"
    else:
        words = _kind(option) + _limits(option)
    return words + (" or `null`" if len(options) < len(field.get("anyOf", options)) else "")


def _kind(option: Schema) -> str:
    if option.get("format") == "path":
        return "a path"
    kinds = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true`, `false`",
        "string": "text",
        "array": "a list",
        "object": "names to values",
    }
    return kinds.get(option.get("type", ""), "a section")


def _limits(option: Schema) -> str:
    limits = (
        ("exclusiveMinimum", "above"),
        ("minimum", "from"),
        ("exclusiveMaximum", "below"),
        ("maximum", "up to"),
    )
    found = [f"{word} {option[key]:g}" for key, word in limits if key in option]
    return f", {', '.join(found)}" if found else ""


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
