"""A YAML file as plain values, with the line of every key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from livetrader.config.secrets import has_password, is_secret_key
from livetrader.errors import ConfigError

_LARGEST = 1_000_000


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars: `15:20` is text and not 920 seconds, `ON` and `NO` are symbols."""


_Loader.yaml_implicit_resolvers = {}

_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$|^[-+]?\.inf$|^\.nan$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a configuration file.

    `lines` has the line of every key by its dotted path; `problems` what is wrong with the text itself
    (duplicate keys, secrets). Secrets are left out of `values`.
    """

    name: str
    values: Mapping[str, object]
    lines: Mapping[str, int]
    problems: tuple[str, ...] = ()


def read(path: Path, name: str) -> Document:
    """The document at `path`, called `name` in messages; ConfigError if it cannot be read as YAML."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except IsADirectoryError:
        raise ConfigError(f"{name}: is a directory; name the file in it") from None
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file; write one with `livetrader init`") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None
    if len(content) > _LARGEST:
        raise ConfigError(f"{name}: is larger than 1 MB; that is no configuration")
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """`text` as a document; ConfigError where it is not YAML, empty, or not a mapping."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise ConfigError(f"{name}: is empty; delete it for the defaults, or see `livetrader init`")
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{name}:1: is not a configuration; expected lines such as `mode: paper`")
        walk = _Walk(loader, name)
        values = walk.value(node, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: is not YAML: {str(error).splitlines()[0]}") from None
    assert isinstance(values, dict)
    return Document(name, values, walk.lines, tuple(walk.problems))


def scalar(text: str) -> object:
    """The value of an environment variable, read as config.yaml would; text that is no YAML is itself."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text


class _Walk:
    """Builds values from YAML nodes, and notes lines and problems on the way."""

    def __init__(self, loader: _Loader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._open: set[int] = set()
        self._left = 20_000
        self.lines: dict[str, int] = {}
        self.problems: list[str] = []

    def value(self, node: yaml.Node, path: str) -> object:
        self._left -= 1
        if self._left < 0 or id(node) in self._open:
            raise yaml.MarkedYAMLError(problem="its aliases never end", problem_mark=node.start_mark)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._pairs(node, path))
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, f"{path}.{i}") for i, item in enumerate(node.value)]
            return self._loader.construct_object(node)
        finally:
            self._open.discard(id(node))

    def _pairs(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, object]]:
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(line, path or "configuration", "has a key that is not a word")
                continue
            key = key_node.value
            full = f"{path}.{key}" if path else key
            if full in self.lines:
                self._problem(line, full, f"is set twice; it is already set in line {self.lines[full]}")
                continue
            self.lines[full] = line
            value = self.value(value_node, full)
            if _is_secret(key, value):
                self._problem(line, full, _SECRETS_GO)
            else:
                yield key, value

    def _problem(self, line: int, path: str, text: str) -> None:
        self.problems.append(f"{self._name}:{line}: {path}: {text}")


_SECRETS_GO = (
    "secrets do not belong here; put it into the environment, a systemd credential, "
    "or a .env file of mode 0600 beside this file"
)


def _is_secret(key: str, value: object) -> bool:
    if isinstance(value, str) and has_password(value):
        return True
    return is_secret_key(key) and not isinstance(value, dict)
