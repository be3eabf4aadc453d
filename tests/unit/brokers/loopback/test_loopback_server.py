"""The server as a process: what it guards, what it keeps, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.brokers.permit import LivePermit
from livetrader.domain.order import OrderType
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerUnavailable
from livetrader.market.clock import SystemClock
from tests.threads import PATIENCE, soon
from tests.unit.brokers.loopback.loopback_samples import START, approved, intent

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
S = OrderState
CALL = (sys.executable, "-m", "livetrader.brokers.loopback.server", "--profile", "kite", "--port", "0")
ORDER = """
import sys
from livetrader.brokers.loopback.client import LoopbackClient
from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.brokers.permit import LivePermit
from livetrader.market.clock import SystemClock
from tests.unit.brokers.loopback.loopback_samples import approved
client = LoopbackClient(sys.argv[1], TAG_SCAN, SystemClock(), LivePermit("live"))
print("sending", flush=True)
client.place(approved("killed"))
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str
    token: str

    def control(self, name: str, **asked: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(f"{self.url}/control/{name}", json=asked, headers=headers, trust_env=False)

    def state(self) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.url}/control/state", headers=headers, trust_env=False).json()

    def client(self, **changes: Any) -> LoopbackClient:
        return LoopbackClient(self.url, TAG_SCAN, SystemClock(), LivePermit("live"), attempts=1, **changes)


@pytest.fixture
def running() -> Iterator[Running]:
    call = [*CALL, "--listing", "INFY:0.05:1:1000", "--start", str(START)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Running(process, told["url"], told["control_token"])
        process.terminate()


def test_the_account_outlives_clients_that_are_killed_and_ends_with_sigterm(running: Running) -> None:
    """A client dies by SIGKILL while its order is under way: the order is there, under its tag, for the next one."""
    assert running.control("quote", symbol="INFY", price="1000", at=None).json() == {"ok": True}
    slow = {"operation": "place", "nth": 1, "fault": "slow", "seconds": 0.5}
    assert running.control("faults", script=[slow]).json() == {"ok": True}
    with subprocess.Popen([sys.executable, "-c", ORDER, running.url], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "sending\n"
        while not running.state()["orders"]:
            SystemClock().sleep(0.01)
        client.send_signal(signal.SIGKILL)
    running.control("time", now=START + 60)
    (order,) = running.client().orders()
    assert (order.tag, order.state) == (intent("killed").intent_id, S.FILLED)
    assert Decimal(running.state()["cash"]) == running.client().funds() == 990_000
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0
    with pytest.raises(BrokerUnavailable, match="is the broker up"):
        running.client().positions()


def test_people_and_faults_come_through_control(running: Running) -> None:
    client = running.client()
    running.control("quote", symbol="INFY", price=1000.0, at=START)
    resting = client.place(approved(order_type=OrderType.LIMIT, limit_price=Decimal(990)))
    for name, asked in (
        ("trade", {"symbol": "INFY", "quantity": "-7", "product": "MIS", "price": None}),
        ("cancel", {"order_id": resting.broker_order_id}),
        ("withdraw", {"amount": "1000"}),
        ("time", {"now": START + 30}),
        ("end_of_day", {"square_off": True}),
    ):
        assert running.control(name, **asked).json() == {"ok": True}, name
    assert [order.state for order in client.orders()] == [S.CANCELLED, S.FILLED, S.FILLED]
    assert (client.positions(), client.funds()) == ((), 999_000)
    running.control("begin", fault="outage", seconds=None)
    assert client.place(approved("lost")).state is S.UNKNOWN
    running.control("heal")
    assert running.state()["calls"]["place"] == 2
    running.control("refuse", seconds=5.0)
    assert client.place(approved("refused")).state is S.INTENT


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("nothing", {}, "'nothing' is none of quote, "),
        ("quote", {"symbol": "INFY"}, "'price' is missing"),
        ("quote", {"symbol": "NOSUCH", "price": "1"}, "NOSUCH"),
        ("time", {"now": START - 1}, "time does not go back"),
        ("cancel", {"order_id": "L9"}, "order L9 is not known"),
        ("faults", {"script": [{"operation": "funds", "nth": 1, "fault": "partial"}]}, "cannot strike 'funds'"),
        ("faults", {"script": [{"operation": "place", "nth": 1, "fault": "refused"}]}, "use /control/refuse"),
        ("faults", {"script": ["x"]}, "is missing"),
        ("begin", [1], "is missing"),
    ],
)
def test_a_wrong_control_request_is_told_what_is_wrong(running: Running, name: str, asked: Any, says: str) -> None:
    headers = {"Authorization": f"Bearer {running.token}"}
    answer = httpx.post(f"{running.url}/control/{name}", json=asked, headers=headers, trust_env=False)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["reason"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", "/orders", {"Host": "evil.example"}, 403, id="x2-dns-rebinding"),
        pytest.param("POST", "/orders", {"Origin": "http://evil.example"}, 403, id="x1-a-web-page"),
        pytest.param("POST", "/control/withdraw", {}, 403, id="no-control-token"),
        pytest.param("POST", "/control/withdraw", {"Authorization": "Bearer x"}, 403, id="wrong-control-token"),
        pytest.param("POST", "/orders", {}, 400, id="no-ticket"),
        pytest.param("DELETE", "/orders", {}, 404, id="no-order-named"),
        pytest.param("GET", "/nowhere", {}, 404, id="no-such-path"),
    ],
)
def test_x1_the_door_is_for_programs_on_this_machine(
    running: Running, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = httpx.request(method, running.url + path, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "reason"}
    assert running.state()["orders"] == []


@pytest.mark.parametrize("length", ["99999999", "-1", "many"])
def test_a_body_of_no_sane_length_is_not_read(running: Running, length: str) -> None:
    with closing(HTTPConnection(running.url.removeprefix("http://"), timeout=PATIENCE)) as connection:
        connection.putrequest("POST", "/orders")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == 400


def test_b2_an_answer_that_comes_too_late_is_unknown_though_the_order_is_there(running: Running) -> None:
    running.control("faults", script=[{"operation": "place", "nth": 1, "fault": "slow", "seconds": 5.0}])
    outcome = running.client(timeout_seconds=0.2).place(approved())
    assert (outcome.state, outcome.reason) == (S.UNKNOWN, "no answer (ReadTimeout)")
    soon(lambda: len(running.state()["orders"]) == 1)
