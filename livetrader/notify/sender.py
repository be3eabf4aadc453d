"""Apprise: the one door through which text leaves, and where secrets are masked in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from livetrader.errors import ConfigError
from livetrader.notify.backlog import Message
from livetrader.notify.events import Severity

if TYPE_CHECKING:
    from apprise import Apprise

# A broker's reason may be a page of HTML.
LONGEST_LINE = 300


class AppriseSender:
    """Sends to the service of one Apprise URL, on the calling thread, within the service's own time limits.

    `redact` masks secrets in a text. ConfigError, without the URL, where Apprise is missing or knows no such service;
    `name` is what messages call the target.
    """

    def __init__(self, url: str, name: str, redact: Callable[[str], str]) -> None:
        try:
            import apprise
        except ImportError:
            raise ConfigError(
                "notify.targets: Apprise is not installed; run `pip install 'livetrader[notify]'`, or remove them"
            ) from None
        # What it has to say comes with each result; its own lines would repeat a failure with every attempt.
        logging.getLogger("apprise").propagate = False
        # Without a limit of its own it starts no threads, which would keep a process from ending.
        asset = apprise.AppriseAsset(app_id="livetrader", async_mode=False, service_timeout=0)
        self._service: Apprise = apprise.Apprise(asset=asset)
        self._redact = redact
        self._types = {
            Severity.INFO: apprise.NotifyType.INFO,
            Severity.WARNING: apprise.NotifyType.WARNING,
            Severity.CRITICAL: apprise.NotifyType.FAILURE,
        }
        self._text = apprise.NotifyFormat.TEXT
        if not self._service.add(url):
            raise ConfigError(f"{name}: is no URL of a service that Apprise knows; see docs/notifications.md")

    def __call__(self, message: Message) -> str:
        """Send; "" if the service took it, else why not, in one line."""
        result = self._service.notify(
            title=self._clean(message.title),
            body="\n".join(map(self._clean, message.lines)),
            notify_type=self._types[message.severity],
            body_format=self._text,
            attach=None if message.attachment is None else str(message.attachment),
        )
        if result:
            return ""
        said = [entry.message for entry in result.logs()]
        return self._clean(said[-1]) if said else "the service did not take it"

    def _clean(self, text: str) -> str:
        """One line without secrets. They are masked first: half of one that was cut would not be found."""
        line = " ".join(self._redact(text).split())
        return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
