"""Real Apprise, real HTTP: what leaves this machine, and what never does."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livetrader.config.secrets import Secret, redact
from livetrader.errors import ConfigError
from livetrader.notify.backlog import Message
from livetrader.notify.events import Severity
from livetrader.notify.sender import LONGEST_LINE, AppriseSender
from tests.unit.notify.post_office import PostOffice

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Office = Callable[..., PostOffice]


def sender(office: PostOffice, options: str = "") -> AppriseSender:
    return AppriseSender(office.url + options, "HOOK", redact)


@pytest.mark.parametrize(
    ("severity", "kind"),
    [(Severity.INFO, "info"), (Severity.WARNING, "warning"), (Severity.CRITICAL, "failure")],
    ids=lambda value: str(value),
)
def test_a_message_arrives_with_its_title_text_and_severity(office: Office, severity: Severity, kind: str) -> None:
    there = office()
    assert sender(there)(Message(severity, "LIVE: fill", ("a < b & c", "second"))) == ""
    (post,) = there.posts
    assert (post["title"], post["message"], post["type"]) == ("LIVE: fill", "a < b & c\nsecond", kind)


def test_a_report_arrives_as_it_is(office: Office, tmp_path: Path) -> None:
    there = office()
    report = tmp_path / "paper_20260202.html"
    report.write_text("<p>₹1,00,000</p>")
    assert sender(there)(Message(Severity.INFO, "t", ("x",), report)) == ""
    (attached,) = there.posts[0]["attachments"]
    assert attached["filename"] == "paper_20260202.html"
    assert base64.b64decode(attached["base64"]) == report.read_bytes()


@pytest.mark.parametrize(
    ("manners", "options", "why"),
    [
        pytest.param({"status": 500}, "", "500", id="an error"),
        pytest.param({"status": 401}, "", "401", id="a token that is not good"),
        pytest.param({"hangs": True}, "?rto=0.2", "onnection", id="no answer"),
    ],
)
def test_a_service_that_does_not_take_it_is_a_reason_and_no_exception(
    office: Office, manners: dict[str, object], options: str, why: str
) -> None:
    said = sender(office(**manners), options)(Message(Severity.INFO, "t", ("x",)))
    assert why in said
    assert "\n" not in said


def test_i11_no_secret_leaves_in_a_title_a_line_or_a_reason(office: Office) -> None:
    for value in ("canary-token-1", "canary pass\nphrase-2", "canary-at-the-cut"):
        Secret(value)
    there = office()
    lines = (
        "rejected: bad canary-token-1 given",
        "Traceback: canary pass\nphrase-2",
        "x" * (LONGEST_LINE - 8) + "canary-at-the-cut",
        "postgresql://trader:canary-of-a-url@db/trader",
    )
    assert sender(there)(Message(Severity.INFO, "canary-token-1", lines)) == ""
    assert b"canary" not in there.wire
    assert there.posts[0]["title"] == "***"
    assert all(len(line) <= LONGEST_LINE for line in there.posts[0]["message"].split("\n"))


def test_text_from_outside_stays_one_line(office: Office) -> None:
    there = office()
    sender(there)(Message(Severity.INFO, "t", ("a\r\n\tLIVE: b",)))
    assert there.posts[0]["message"] == "a LIVE: b"


@pytest.mark.parametrize("url", ["bogus", "tgram://canary", "nosuchservice://canary-canary/x", ""])
def test_a_url_that_apprise_does_not_know_is_one_line_without_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AppriseSender(url, "HOOK", redact)
    (problem,) = caught.value.problems
    assert problem.startswith("HOOK: is no URL of a service that Apprise knows")
    assert "canary" not in problem


def test_without_apprise_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'livetrader\[notify\]'"):
        AppriseSender("json://127.0.0.1", "HOOK", redact)
