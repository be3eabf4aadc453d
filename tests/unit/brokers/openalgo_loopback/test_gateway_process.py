"""The loopback OpenAlgo as a process: what it says, what it guards, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from livetrader.brokers.openalgo.loopback.__main__ import main
from tests.threads import PATIENCE

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
CALL = (sys.executable, "-m", "livetrader.brokers.openalgo.loopback", "--listing", "INFY:0.05:1:1000")


@dataclass
class Running:
    process: subprocess.Popen[str]
    told: dict[str, str]

    def post(self, path: str, **asked: Any) -> httpx.Response:
        body = {"apikey": self.told["key"], **asked}
        return httpx.post(f"{self.told['url']}/api/v1/{path}", json=body, trust_env=False)

    def control(self, name: str, **asked: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.told['control_token']}"}
        return httpx.post(f"{self.told['url']}/control/{name}", json=asked, headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    call = [*CALL, "--cash", "50000", "--mode", "analyze", "--start", "1795152780", "--api-limit", ""]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Running(process, json.loads(process.stdout.readline()))
        process.terminate()


def test_the_accounts_of_both_modes_have_the_cash(running: Running) -> None:
    assert running.post("funds").json()["data"]["availablecash"] == 50_000.0
    assert running.post("analyzer/toggle", mode=False).json()["data"]["mode"] == "live"
    assert running.post("funds").json()["data"]["availablecash"] == "50000.00"


def test_prices_and_faults_come_through_control(running: Running) -> None:
    assert running.control("quote", symbol="INFY", price="1000", at=None).json() == {"ok": True}
    assert running.control("time", now=1795152840).json() == {"ok": True}
    script = [{"operation": "quotes", "nth": 1, "fault": "bad_price", "price": 0}]
    assert running.control("faults", script=script).json() == {"ok": True}
    prices = [running.post("quotes", symbol="INFY", exchange="NSE").json()["data"]["ltp"] for _ in range(2)]
    assert prices == [0.0, 1000.0]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/api/v1/funds", {"Host": "evil.example"}, id="x2-dns-rebinding"),
        pytest.param("/api/v1/funds", {"Origin": "http://evil.example"}, id="x1-a-web-page"),
        pytest.param("/control/switch", {}, id="no-control-token"),
    ],
)
def test_x1_x2_the_door_is_for_programs_on_this_machine(running: Running, path: str, headers: dict[str, str]) -> None:
    answer = httpx.post(running.told["url"] + path, headers=headers, json={}, trust_env=False)
    assert answer.status_code == 403


def test_it_ends_with_sigterm_though_a_socket_is_open() -> None:
    with subprocess.Popen(CALL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert len(told["key"]) == 64
        with connect(told["ws_url"], proxy=None) as socket:
            socket.send(json.dumps({"action": "authenticate", "api_key": told["key"]}))
            assert json.loads(socket.recv())["status"] == "success"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("wrong", [["--mode", "paper"], ["--listing", "INFY"], []])
def test_a_wrong_call_is_a_usage_error(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*(["--listing", "INFY:0.05:1"] if wrong else []), *wrong])
    assert ended.value.code == 2
    assert "usage: openalgo-loopback" in capsys.readouterr().err
