"""The environment: process variables, systemd credentials, and the .env file beside config.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from livetrader.errors import ConfigError

PREFIX = "LIVETRADER__"
PORTFOLIO = "LIVETRADER_PORTFOLIO"
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable and where it was found. The value may be a secret, and is not in the representation."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Variable({self.origin})"


def read_environment(environ: Mapping[str, str], directory: Path) -> dict[str, Variable]:
    """All variables by name. The process's own win over credentials, those over `directory`/.env.

    A systemd credential `kite_api_key` is the variable KITE_API_KEY.
    """
    variables = _env_file(directory / ".env")
    if credentials := environ.get("CREDENTIALS_DIRECTORY"):
        variables |= _credentials(Path(credentials))
    return variables | {name: Variable(value, f"environment {name}") for name, value in environ.items()}


def setting_path(name: str) -> str | None:
    """`LIVETRADER__CAPITAL__AMOUNT` is the setting `capital.amount`; other variables are none."""
    if not name.startswith(PREFIX) or len(name) == len(PREFIX):
        return None
    return name.removeprefix(PREFIX).lower().replace("__", ".")


def variable_name(path: str) -> str:
    """The variable that sets `path`."""
    return PREFIX + path.upper().replace(".", "__")


def _credentials(directory: Path) -> dict[str, Variable]:
    try:
        files = [file for file in sorted(directory.iterdir()) if file.is_file()]
        return {
            file.name.upper(): Variable(file.read_text("utf-8").rstrip("\n"), f"credential {file.name}")
            for file in files
        }
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{directory}: the systemd credentials cannot be read; check LoadCredential=") from None


def _env_file(path: Path) -> dict[str, Variable]:
    try:
        shared = path.stat().st_mode & 0o077
        if shared:
            raise ConfigError(f"{path}: others may read it; run `chmod 600 {path}`")
        lines = path.read_text("utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    return dict(_assignments(lines, path))


def _assignments(lines: list[str], path: Path) -> list[tuple[str, Variable]]:
    found, problems = [], []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if match := _ASSIGNMENT.fullmatch(text):
            found.append((match[1], Variable(_unquoted(match[2]), f"{path.name}:{number}")))
        else:
            problems.append(f"{path}:{number}: expected NAME=value")
    if problems:
        raise ConfigError(problems)
    return found


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
