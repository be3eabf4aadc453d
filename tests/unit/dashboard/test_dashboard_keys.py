"""Keys ask before they do anything, and do what the commands do."""

from __future__ import annotations

import pytest

from livetrader.dashboard.keys import BACKSPACE, CANCELLED, ENTER, ESCAPE, Dialogue, Request
from livetrader.store.journal import SqlJournal
from tests.unit.dashboard.conftest import FrameMaker
from tests.unit.dashboard.desk import NOON, OPENS, busy_day, hold


def pressed(dialogue: Dialogue, keys: list[str], frame: object) -> list[Request]:
    found = [dialogue.press(key, frame) for key in keys]  # type: ignore[arg-type]
    return [one for one in found if one is not None]


def typed(text: str) -> list[str]:
    return [*text, ENTER]


@pytest.mark.parametrize(
    ("keys", "request_"),
    [
        pytest.param(["h", *typed("noon"), "y"], Request("halt", "noon"), id="halt with a reason"),
        pytest.param(["h", ENTER, "y"], Request("halt", "by hand"), id="halt without one"),
        pytest.param(["h", *"noom", BACKSPACE, "n", ENTER, "y"], Request("halt", "noon"), id="a mistyped reason"),
        pytest.param(["c", *typed("2"), "y"], Request("close", "TCS"), id="close by number"),
        pytest.param(["c", *typed("infy"), "y"], Request("close", "INFY"), id="close by symbol"),
        pytest.param(["f", *typed("flatten")], Request("flatten"), id="flatten by its word"),
        pytest.param(["r", "y"], Request("resume"), id="resume"),
    ],
)
def test_a_confirmed_question_becomes_a_request(
    journal: SqlJournal, frame: FrameMaker, keys: list[str], request_: Request
) -> None:
    """With the last key, and not before."""
    busy_day(journal)
    seen, dialogue = frame(), Dialogue()
    assert pressed(dialogue, keys[:-1], seen) == []
    assert dialogue.prompt is not None
    assert pressed(dialogue, keys[-1:], seen) == [request_]
    assert dialogue.prompt is None


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(["h", *typed("noon"), "n"], id="no"),
        pytest.param(["h", *typed("noon"), ENTER], id="Enter is no yes"),
        pytest.param(["h", *typed("noon"), "q"], id="nor is q"),
        pytest.param(["h", *"noon", ESCAPE], id="Esc at the reason"),
        pytest.param(["c", "1", ESCAPE], id="Esc at the number"),
        pytest.param(["f", *typed("y")], id="flatten wants its word"),
        pytest.param(["r", ESCAPE], id="Esc at resume"),
    ],
)
def test_anything_else_cancels(journal: SqlJournal, frame: FrameMaker, keys: list[str]) -> None:
    busy_day(journal)
    dialogue = Dialogue()
    assert pressed(dialogue, keys, frame()) == []
    assert (dialogue.prompt, dialogue.said, dialogue.quit) == (None, CANCELLED, False)


def test_a_kill_is_taken_off_by_a_typed_word_only(journal: SqlJournal, frame: FrameMaker) -> None:
    journal.latch("kill", "by hand", NOON)
    assert pressed(Dialogue(), ["r", "y", ENTER], frame()) == []
    assert pressed(Dialogue(), ["r", *typed("resume")], frame()) == [Request("resume")]


def test_the_numbers_are_those_of_the_moment_of_the_question(journal: SqlJournal, frame: FrameMaker) -> None:
    """A position that closes while one types must not give its number to another."""
    hold(journal, "INFY", OPENS, "1500", "1490")
    hold(journal, "TCS", OPENS, "3600", "3590")
    dialogue, before = Dialogue(), frame()
    dialogue.press("c", before)
    hold(journal, "ABB", OPENS, "5000", "4990")
    assert pressed(dialogue, [*typed("2"), "y"], frame()) == [Request("close", "TCS")]


def test_what_is_not_held_is_not_closed(journal: SqlJournal, frame: FrameMaker) -> None:
    dialogue = Dialogue()
    dialogue.press("c", frame())
    assert dialogue.said == "there is no position to close"
    hold(journal, "INFY", OPENS, "1500", "1490")
    assert pressed(dialogue, ["c", *typed("7"), "y"], frame()) == []
    assert "7: is no position here" in dialogue.said


def test_halt_and_flatten_work_before_anything_was_read() -> None:
    """Where the database hangs they are needed most."""
    assert pressed(Dialogue(), ["h", ENTER, "y"], None) == [Request("halt", "by hand")]
    assert pressed(Dialogue(), ["f", *typed("flatten")], None) == [Request("flatten")]


def test_a_replay_takes_no_commands(journal: SqlJournal, frame: FrameMaker) -> None:
    busy_day(journal)
    dialogue = Dialogue(commands=False)
    assert pressed(dialogue, ["f", *typed("flatten"), "h", "c", "r"], frame()) == []
    assert (dialogue.said, dialogue.prompt) == ("a replay takes no commands", None)


def test_help_is_left_by_any_key_and_q_quits() -> None:
    dialogue = Dialogue()
    dialogue.press("?", None)
    assert dialogue.help
    dialogue.press("q", None)
    assert (dialogue.help, dialogue.quit) == (False, False)
    dialogue.press("q", None)
    assert dialogue.quit
