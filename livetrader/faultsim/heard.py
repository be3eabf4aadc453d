"""A broker that remembers what its engine has heard: an engine that did not ask cannot know what has happened."""

from __future__ import annotations

from collections.abc import Sequence

from livetrader.brokers.polled import PolledBroker
from livetrader.domain.books import BrokerOrder
from livetrader.ports import OrderUpdate


class HeardBroker(PolledBroker):
    """`heard`: it was asked for news in this step, and had them. The world puts it back before each."""

    heard = False
    _known: Sequence[BrokerOrder] | None = None

    def updates(self, now: int) -> Sequence[OrderUpdate]:
        news = super().updates(now)
        self.heard = True
        return news

    def knows(self, book: Sequence[BrokerOrder], *, undisturbed: bool) -> bool:
        """Whether the engine has heard of all that is in `book`, at the end of a step.

        A bar's close and the next one's open are one instant, in which late books are asked for news once. Where they
        were not asked, it is known what was heard before, unless a fault was at that.
        """
        if not undisturbed:
            self._known = None
        elif self.heard:
            self._known = book
        return self._known == book
