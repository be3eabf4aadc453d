"""Promises of livetrader.logs."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog

from livetrader import logs
from livetrader.config import Secret

IST = ZoneInfo("Asia/Kolkata")
# 2026-02-27 00:00:05 IST, still the 26th in UTC
MIDNIGHT = 1772130605.25

Start = Callable[..., tuple[Path, io.StringIO]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts logging to tmp_path and a text stream; undoes it afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    closers = []

    def begin(label: logs.Label = "PAPER", **changes: Any) -> tuple[Path, io.StringIO]:
        stream = io.StringIO()
        given: dict[str, Any] = {
            "directory": tmp_path, "level": "info", "keep_days": 3, "now": lambda: MIDNIGHT, "timezone": IST,
            "stream": stream,
        } | changes  # fmt: skip
        closers.append(logs.configure(label, **given))
        return tmp_path / f"livetrader_20260227_{label}.jsonl", stream

    yield begin
    for close in closers:
        close()
    assert root.handlers == before
    root.setLevel(level)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_is_json_in_the_file_of_the_exchange_date_and_text_on_stderr(start: Start) -> None:
    path, stream = start()
    structlog.get_logger().info("order sent", symbol="TCS", quantity=5)
    assert lines(path) == [
        {
            "at": "2026-02-26T18:30:05.250Z", "level": "info", "mode": "PAPER", "event": "order sent",
            "symbol": "TCS", "quantity": 5,
        }
    ]  # fmt: skip
    assert stream.getvalue() == "00:00:05 PAPER info     order sent  symbol=TCS quantity=5\n"


@pytest.mark.parametrize("label", ["PAPER", "DRY-RUN", "LIVE", "REPLAY", "BACKTEST"])
def test_every_line_carries_the_mode_even_against_the_callers_word(start: Start, label: logs.Label) -> None:
    path, stream = start(label)
    structlog.get_logger().bind(mode="other").warning("x")
    assert lines(path)[0]["mode"] == label
    assert f" {label} " in stream.getvalue()


def test_a_new_exchange_day_is_a_new_file_and_old_files_go(start: Start, tmp_path: Path) -> None:
    now = [MIDNIGHT]
    old = [tmp_path / f"livetrader_{day}_LIVE.jsonl" for day in ("20260223", "20260224")]
    other = tmp_path / "notes_20200101.jsonl"
    for file in (*old, other):
        file.touch()
    first, _ = start(now=lambda: now[0])
    structlog.get_logger().info("a")
    assert [file.exists() for file in (*old, other)] == [False, True, True]
    now[0] += 86400
    structlog.get_logger().info("b")
    assert [line["event"] for line in lines(first)] == ["a"]
    assert [line["event"] for line in lines(tmp_path / "livetrader_20260228_PAPER.jsonl")] == ["b"]
    assert not old[1].exists()


@pytest.mark.parametrize(
    ("options", "in_file", "shown"),
    [
        ({}, ["info", "warning"], ["info", "warning"]),
        ({"debug": True}, ["debug", "info", "warning"], ["debug", "info", "warning"]),
        ({"quiet": True}, ["info", "warning"], ["warning"]),
        ({"level": "warning"}, ["warning"], ["warning"]),
    ],
    ids=["default", "debug", "quiet", "level"],
)
def test_levels(start: Start, options: dict[str, Any], in_file: list[str], shown: list[str]) -> None:
    path, stream = start(**options)
    log = structlog.get_logger()
    log.debug("step")
    log.info("news")
    log.warning("care")
    assert [line["level"] for line in lines(path)] == in_file
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == shown


class Client:
    """Something whose text form leaks."""

    def __repr__(self) -> str:
        return "Client(key=canary-in-object)"


def test_no_secret_reaches_the_file_or_stderr(start: Start) -> None:
    for value in ("canary-in-object", "canary-registered", "canary-in-trace", 'canary-"quoted'):
        Secret(value)
    path, stream = start(debug=True)
    log = structlog.get_logger()
    log.info("login", api_key="canary-by-key", access_token="canary-by-key", headers={"X-Token": "canary-by-key"})
    log.info("sent canary-registered", body=["a", {"b": "x canary-registered y"}], client=Client())
    log.info("database", url="postgresql://user:canary-in-url@host/db", secret=Secret("canary-registered"))
    log.info("quoted", text='canary-"quoted')
    try:
        raise ValueError("bad canary-in-trace")
    except ValueError:
        log.exception("failed")
    written = path.read_text("utf-8") + stream.getvalue()
    assert "canary" not in written
    assert lines(path)[0]["api_key"] == "***"
    assert "ValueError: bad ***" in lines(path)[-1]["exception"]


def test_text_from_outside_cannot_fake_a_line(start: Start) -> None:
    path, stream = start()
    structlog.get_logger().info("reject", reason="no\n10:15:00 LIVE info filled\x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()
    assert len(lines(path)) == 1


def test_odd_values_are_written_as_valid_json(start: Start) -> None:
    path, _ = start()
    structlog.get_logger().info("odd", nan=float("nan"), path=Path("/x"), names={"a"}, nothing=None)
    (line,) = lines(path)
    assert (line["nan"], line["path"], line["names"], line["nothing"]) == ("nan", "/x", ["a"], None)


def test_a_full_disk_degrades_to_stderr_once_and_recovers(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stream = start(quiet=True)
    log, write = structlog.get_logger(), os.write
    log.info("before")

    def half(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:10])

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for fault in (half, full, full):
        monkeypatch.setattr(os, "write", fault)
        log.info("during")
    monkeypatch.setattr(os, "write", write)
    log.info("after")
    shown = stream.getvalue()
    assert shown.count("No space left on device") == 1
    assert shown.count("during") == 3, "what the file loses is shown, quiet or not"
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["event"] for line in whole] == ["before", "after"]


def test_a_folder_that_cannot_be_made_does_not_stop_anything(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _, stream = start(directory=tmp_path / "file" / "logs")
    structlog.get_logger().info("traded")
    assert "cannot be written" in stream.getvalue()
    assert "traded" in stream.getvalue()


def test_a_closed_stderr_does_not_stop_anything(start: Start) -> None:
    path, stream = start()
    stream.close()
    structlog.get_logger().info("traded")
    assert lines(path)[0]["event"] == "traded"


def test_libraries_warnings_come_too(start: Start) -> None:
    path, _ = start()
    logging.getLogger("apscheduler").warning("job %s missed", "scan")
    logging.getLogger("apscheduler").info("chatter")
    assert [(line["event"], line["library"]) for line in lines(path)] == [("job scan missed", "apscheduler")]
