"""Where a mode's state lives. The mode is part of its name, so paper and live never share one.

`sqlite:///data/state.db` is a file for each mode, with its lock and its kill file beside it. The state of a portfolio
has its name before the mode: here, and all through this package, `mode` may be `crypto.paper`.
`postgresql://host/database` is a schema for each mode in that database; the lock and the kill file of each lie in a
folder on this host.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs

from livetrader.errors import ConfigError
from livetrader.servers import on_server, parts_of

SCHEME = "sqlite:///"

_LOCAL = "localhost"


def place(url: str, mode: str) -> str:
    """The place of `mode`'s state as messages name it: the file, or the schema with its host and database.

    ConfigError for a URL that is neither. Never with a user or a password.
    """
    if not on_server(url):
        return str(state_path(url, mode))
    parts = server_of(url)
    host = parts.hostname or parse_qs(parts.query).get("host", [_LOCAL])[0]
    port = "" if parts.port is None else f":{parts.port}"
    return f"postgresql://{host}{port}{parts.path}, schema {schema_name(mode)}"


def server_of(url: str) -> SplitResult:
    """The parts of a PostgreSQL URL. ConfigError, which shows nothing of it, for one that cannot be read."""
    return parts_of(
        url,
        "state.url cannot be read: write postgresql://user@host:5432/database, with %40 for @, %2F for /, "
        "%3A for :, %3F for ? and %23 for # in a password",
    )


def schema_name(mode: str) -> str:
    """The PostgreSQL schema of `mode`'s state."""
    return f"livetrader_{mode.replace('-', '_').replace('.', '_')}"


def mode_of(name: str) -> str:
    """The mode itself, without a portfolio."""
    return name.rpartition(".")[2]


def state_path(url: str, mode: str) -> Path:
    """The file of `mode`'s state: `sqlite:///data/state.db` in paper mode is data/state.paper.db.

    ConfigError for a URL that does not name a SQLite file.
    """
    name = url.removeprefix(SCHEME)
    if not url.startswith(SCHEME) or not name or name.startswith(":") or "?" in name:
        raise ConfigError(
            f"state.url {url!r} names no database for the state: write sqlite:///path/to/state.db, "
            "or postgresql://host/database"
        )
    path = Path(name)
    return path.with_name(f"{path.stem}.{mode}{path.suffix}")


def has_state(path: Path) -> bool:
    """Whether anything was ever committed to a file; a process killed at its start leaves an empty one."""
    return path.exists() and path.stat().st_size > 0


def lock_path(url: str, mode: str, directory: Path | None = None) -> Path:
    """The file that whoever trades on this state holds the lock of; `directory` is that of `kill_path`."""
    return _beside(url, mode, directory, "lock")


def kill_path(url: str, mode: str, directory: Path | None = None) -> Path:
    """The file that stops whoever trades on this state, as long as it is there.

    It lies beside a SQLite file, and in `directory` (setting state.directory) for a state in PostgreSQL.
    """
    return _beside(url, mode, directory, "kill")


def ballast_path(url: str, mode: str) -> Path | None:
    """The file that keeps room on the state's disk; None where the disk is another machine's business."""
    return None if on_server(url) else ballast_of(state_path(url, mode))


def ballast_of(path: Path) -> Path:
    """The ballast of a SQLite file."""
    return path.with_name(f"{path.name}.ballast")


def _beside(url: str, mode: str, directory: Path | None, kind: str) -> Path:
    if not on_server(url):
        path = state_path(url, mode)
        return path.with_name(f"{path.name}.{kind}")
    if directory is None:
        raise ValueError(f"a state in PostgreSQL has its {kind} file in a directory of its own, which was not given")
    return directory / f"{schema_name(mode)}.{kind}"
