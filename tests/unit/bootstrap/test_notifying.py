"""Notifications in the configuration: what is refused before anything starts, and that no token is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livetrader.bootstrap.checks import problems
from livetrader.bootstrap.notifying import outside
from livetrader.cli.main import run
from livetrader.config import Configuration, load
from livetrader.config.secrets import redact
from livetrader.errors import ConfigError
from livetrader.notify.events import Severity
from tests.unit.notify.post_office import load_plug_ins

TOKEN = "123456:canary-AAbbCC"


@pytest.fixture(scope="module", autouse=True)
def _apprise() -> None:
    load_plug_ins()


def configured(folder: Path, notify: str, **environ: str) -> Configuration:
    (folder / "config.yaml").write_text(f"symbols: INFY,TCS\nnotify:\n{notify}")
    return load(directory=folder, environ=environ)


def wrong(folder: Path, notify: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        outside(configured(folder, notify, **environ))
    return caught.value.problems


def test_targets_come_from_variables_or_are_on_this_machine(tmp_path: Path) -> None:
    world = outside(
        configured(
            tmp_path,
            "  targets:\n"
            "    - {url: env:MY_TELEGRAM, at_least: warning}\n"
            "    - {url: 'json://127.0.0.1:8080/hook'}\n"
            "  heartbeat_url: env:MY_HEART\n",
            MY_TELEGRAM=f"tgram://{TOKEN}/-1001234567890",
            MY_HEART="https://example.com/canary-heartbeat",
        )
    )
    found = [(outlet.name, outlet.at_least) for outlet in world.outlets]
    assert found == [("MY_TELEGRAM", Severity.WARNING), ("json://127.0.0.1:8080/hook", Severity.INFO)]
    assert world.heartbeat is not None
    assert "canary" not in repr(world)


def test_i11_every_part_of_a_url_that_may_be_a_token_is_masked_from_then_on(tmp_path: Path) -> None:
    outside(
        configured(
            tmp_path,
            "  targets: [{url: env:MY_MAIL}]\n",
            MY_MAIL="mailto://someone:canary%20pass@example.com?to=canary-to@example.com",
        )
    )
    for said in ("535 bad password: canary pass", "login canary%20pass", "to canary-to"):
        assert "canary" not in redact(said)


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        pytest.param(
            "  targets: [{url: env:MISSING}]\n", "config.yaml:3: MISSING: is not set; put it into", id="not set"
        ),
        pytest.param(
            "  targets: [{url: env:BAD}]\n", "config.yaml:3: BAD: is no URL of a service that Apprise", id="no service"
        ),
        pytest.param("  heartbeat_url: env:MISSING\n", "config.yaml:3: MISSING: is not set", id="heartbeat"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_line(tmp_path: Path, notify: str, expected: str) -> None:
    (problem,) = wrong(tmp_path, notify, BAD="canary://canary")
    assert problem.startswith(expected)
    assert "canary" not in problem


def test_everything_wrong_is_told_at_once_and_by_config_check(tmp_path: Path) -> None:
    text = "  targets: [{url: env:ONE}, {url: env:TWO}]\n  heartbeat_url: env:THREE\n"
    assert len(wrong(tmp_path, text)) == 3
    found = problems(configured(tmp_path, text))
    assert [name in "".join(found) for name in ("ONE", "TWO", "THREE")] == [True, True, True]


@pytest.mark.parametrize(
    ("notify", "setting", "expected"),
    [
        pytest.param(f"  targets: [{{url: 'tgram://{TOKEN}/1'}}]\n", "targets.0.url", "must be env:NAME", id="a token"),
        pytest.param(f"  targets: [tgram://{TOKEN}]\n", "targets.0", "must be a section", id="no section"),
        pytest.param(f"  targets: tgram://{TOKEN}\n", "targets", "must be a list", id="no list"),
        pytest.param(
            f"  targets: [{{url: env:A, at_least: {TOKEN}}}]\n", "targets.0.at_least", "one of", id="severity"
        ),
        pytest.param("  heartbeat_url: https://example.com/canary\n", "heartbeat_url", "must be env:NAME", id="heart"),
        pytest.param("  targets: [{url: env:A}, {url: env:A}]\n", "targets", "a target twice", id="twice"),
        pytest.param("  targets: [{urll: env:A, url: env:B}]\n", "targets.0.urll", "did you mean url?", id="misspelt"),
        pytest.param("  per_minute: 1\n", "per_minute", "must be at least 2, not 1", id="a minute"),
    ],
)
def test_a_mistake_is_one_line_and_shows_no_token(tmp_path: Path, notify: str, setting: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, notify)
    (problem,) = caught.value.problems
    assert problem.startswith(f"config.yaml:3: notify.{setting}: ")
    assert expected in problem
    assert "canary" not in problem


def test_config_show_has_the_names_and_not_what_they_stand_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, "  targets: [{url: env:MY_TELEGRAM, at_least: warning}]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_TELEGRAM", f"tgram://{TOKEN}/1")
    assert run(["config", "show", "--json"]) == 0
    shown = capsys.readouterr().out
    assert "canary" not in shown
    assert json.loads(shown)["notify.targets.0.url"] == {"value": "env:MY_TELEGRAM", "origin": "config.yaml:3"}
    assert run(["config", "show"]) == 0
    assert "canary" not in capsys.readouterr().out
