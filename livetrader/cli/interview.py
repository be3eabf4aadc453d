"""What `livetrader init` asks on a terminal, and what becomes of the answers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from livetrader import files


@dataclass(frozen=True, slots=True)
class Answers:
    """Settings by section and name, as config.yaml writes them, and the broker's key, which is none of them."""

    settings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    key: str = field(default="", repr=False)


def interview() -> Answers:
    """Ask for the broker, its address and its key. An empty answer takes what stands in brackets."""
    broker = typer.prompt("broker (none, openalgo)", default="none", value_proc=_broker, err=True)
    if broker == "none":
        return Answers()
    address = typer.prompt("address of OpenAlgo", default="http://127.0.0.1:5000", value_proc=_address, err=True)
    sandbox = typer.confirm("rehearse in its sandbox (Analyzer) before it trades live?", default=True, err=True)
    feed = typer.confirm("take candles and quotes from it?", default=True, err=True)
    key = typer.prompt("its API key (empty: later)", default="", hide_input=True, show_default=False, err=True)
    settings = {
        ("broker", "kind"): "openalgo",
        ("broker", "base_url"): address,
        ("broker", "expect"): "analyze" if sandbox else "live",
        ("feed", "kind"): "openalgo" if feed else "null",
    }
    return Answers(settings, key.strip())


def with_answers(config: str, answers: Mapping[tuple[str, str], str]) -> str:
    """The text of config.yaml with these settings; its comments stay where they are."""
    for (section, name), value in answers.items():
        line = re.compile(rf"^({section}:.*?^  {name}: )(\S+ *)", re.MULTILINE | re.DOTALL)
        found = line.search(config)
        assert found is not None, f"{section}.{name} stands in the template"
        config = f"{config[: found.end(1)]}{value:<{len(found[2]) - 1}} {config[found.end() :]}"
    return config


def keep_key(path: Path, key: str) -> str:
    """Write the key to a new file that nobody else may read. Returns what was done, in a line."""
    from livetrader.bootstrap.trader import OPENALGO_KEY

    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as env:
            env.write(f"{OPENALGO_KEY}={key}\n")
    except FileExistsError:
        return f"kept     {path}; write {OPENALGO_KEY} into it"
    except OSError as error:
        raise files.unwritable(path, error) from error
    return f"written  {path} (the key; nobody else may read it)"


def _broker(text: str) -> str:
    if text not in ("none", "openalgo"):
        raise typer.BadParameter("write none or openalgo")
    return text


def _address(text: str) -> str:
    """An address that the settings take; asked for again otherwise."""
    from livetrader.config import Settings

    try:
        return Settings.model_validate({"broker": {"base_url": text}}, context={"directory": Path()}).broker.base_url
    except ValueError as error:
        raise typer.BadParameter("write it like http://127.0.0.1:5000 or https://HOST") from error
