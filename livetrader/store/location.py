"""Where a mode's state lives. The mode is part of the file's name, so paper and live never share one."""

from __future__ import annotations

from pathlib import Path

from livetrader.errors import ConfigError, StoreError

SCHEME = "sqlite:///"


def state_path(url: str, mode: str) -> Path:
    """The file of `mode`'s state: `sqlite:///data/state.db` in paper mode is data/state.paper.db.

    ConfigError for a URL that does not name a SQLite file.
    """
    name = url.removeprefix(SCHEME)
    if not url.startswith(SCHEME) or not name or name.startswith(":") or "?" in name:
        raise ConfigError(f"state.url {url!r} does not name a SQLite file: write sqlite:///path/to/state.db")
    path = Path(name)
    return path.with_name(f"{path.stem}.{mode}{path.suffix}")


def state_url(url: str, mode: str) -> str:
    """The URL of `mode`'s state."""
    return f"{SCHEME}{state_path(url, mode)}"


def has_state(path: Path) -> bool:
    """Whether anything was ever committed to it; a process killed at its start leaves an empty file."""
    return path.exists() and path.stat().st_size > 0


def lock_path(url: str, mode: str) -> Path:
    """The file that whoever trades on this state holds the lock of."""
    path = state_path(url, mode)
    return path.with_name(f"{path.name}.lock")


def kill_path(url: str, mode: str) -> Path:
    """The file that stops whoever trades on this state, as long as it is there."""
    path = state_path(url, mode)
    return path.with_name(f"{path.name}.kill")


def wipe(url: str, mode: str) -> None:
    """Delete a replay's state, so that the same days can be replayed again. No other mode's ever is."""
    path = state_path(url, mode)
    if mode != "replay":
        raise StoreError(f"{path}: only a replay's state can be wiped; this is {mode}'s, move it away by hand")
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
