"""OpenAlgo over HTTP: one call, one connection, one answer. Nothing here is tried again.

The API key goes into the body; the one GET takes it in its query. It is in no log, message or representation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from livetrader.brokers.calls import connection
from livetrader.brokers.openalgo.answers import Answer, answer_of

# A server that is there takes a connection at once.
CONNECT_SECONDS = 3.0

# A key that is shorter than this is none, and cutting it out would tear holes into ordinary words.
SHORTEST_KEY = 8


class _WithoutQuery(logging.Filter):
    """httpx logs the URL of every call, and the key may be in the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(one.copy_with(query=None) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


_WITHOUT_QUERY = _WithoutQuery()


class Wire:
    """The server at `base_url` (http://HOST:PORT). `api_key` gives the key for the one moment that needs it.

    Calls raise httpx.HTTPError where there is no answer. `transport` stands in for the sockets in tests.
    """

    def __init__(
        self, base_url: str, api_key: Callable[[], str], *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.base_url = base_url
        self._key = api_key
        self._http = connection(f"{base_url}/api/v1/", transport)
        logging.getLogger("httpx").addFilter(_WITHOUT_QUERY)

    def post(self, endpoint: str, body: Mapping[str, Any], seconds: float) -> Answer:
        """POST `body` and the key; `seconds` is how long the answer may take."""
        document = {"apikey": self._key(), **body}
        return self._answer(self._http.post(endpoint, json=document, timeout=_patience(seconds)))

    def get(self, endpoint: str, query: Mapping[str, str], seconds: float) -> Answer:
        """GET with the key in the query: the endpoint takes it nowhere else."""
        params = {"apikey": self._key(), **query}
        return self._answer(self._http.get(endpoint, params=params, timeout=_patience(seconds)))

    def close(self) -> None:
        self._http.close()

    def _answer(self, response: httpx.Response) -> Answer:
        body, key = response.content, self._key().encode()
        if len(key) >= SHORTEST_KEY:
            body = body.replace(key, b"***")  # a server that repeats the request must not get it into our messages
        return answer_of(response.status_code, body)


def _patience(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
