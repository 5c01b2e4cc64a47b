"""The sandbox behind a port: the same answers, behind a key, and nothing breaks a connection."""

from __future__ import annotations

import functools
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from quant_team_data import cache, commands, data_client, sandbox
from quant_team_data.errors import AuthError, ConfigError, TransportError
from quant_team_data.markets import milliseconds
from quant_team_data.sandbox_server import Answer, PortError, Server

NOW = milliseconds(datetime(2024, 7, 5, 15, 10, 30, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


@contextmanager
def serving(answer: Answer | None = None) -> Iterator[str]:
    """Serve on a free port of this machine and yield the address."""
    with Server(0, answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def served() -> Iterator[str]:
    with serving() as address:
        yield address


def get(
    address: str,
    path: str,
    method: str = "GET",
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.request(method, path, headers={"X-API-Key": "sandbox-key"})
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def test_served_and_in_process_are_the_same(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server gives the bars of the process, takes any key `sandbox...`, and is the sandbox."""
    expected = data_client.fetch_bars("AAPL.US", "1h", "2024-07-01", "2024-07-03")
    monkeypatch.setenv("TICKDB_BASE_URL", served)
    monkeypatch.setenv("TICKDB_API_KEY", "sandbox-key")
    assert data_client.source() == "sandbox"
    found = data_client.fetch_bars("AAPL.US", "1h", "2024-07-01", "2024-07-03", refresh=True)
    assert found.equals(expected)
    assert data_client.fetch_latest_price("BTCUSDT") is not None


class Foreign(http.server.BaseHTTPRequestHandler):
    """Another server of this machine, which gives the sandbox's bars as its own."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        _, body = sandbox.answer(url.path, dict(parse_qsl(url.query)), {})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_another_local_server_is_not_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bars are never kept as the sandbox's; the sandbox itself says what it is. [source]"""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("TICKDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("TICKDB_API_KEY", "sandbox-key")
        with pytest.raises(ConfigError, match="is not `quant sandbox`"):
            data_client.fetch_bars("AAPL.US", "1h", "2024-07-01", "2024-07-03")
        server.shutdown()
        thread.join()
    assert cache.stored_series() == []


def test_the_clock_of_a_server_can_be_set() -> None:
    """A server that is given an answer at a fixed time gives that time's quote."""
    with serving(functools.partial(sandbox.answer, now=NOW, key_needed=True)) as address:
        status, body = get(address, "/v1/market/ticker?symbols=AAPL.US,700.HK")
    assert status == 200
    assert {quote["timestamp"] for quote in body["data"]} == {NOW}


@pytest.mark.parametrize("failure", [ValueError("x"), KeyError("x"), RecursionError(), "no JSON"])
def test_a_failure_behind_the_port_is_an_internal_error(failure: Exception | str) -> None:
    """Whatever goes wrong is 500 with code 5000, and the server goes on."""
    calls: list[str] = []

    def answer(path: str, *rest: object) -> tuple[int, dict[str, Any]]:
        calls.append(path)
        if len(calls) > 1:
            return 200, {"code": 0}
        if isinstance(failure, Exception):
            raise failure
        return 200, {"code": object()}

    with serving(answer) as address:
        status, body = get(address, "/v1/market/kline")
        assert (status, body["code"]) == (500, 5000)
        assert get(address, "/v1/market/kline") == (200, {"code": 0})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/market/kline?symbol=AAPL.US&interval=1d&start_time=" + "9" * 400, 400),
        ("/v1/market/kline?symbol=AAPL.US&interval=1d&start_time=-" + "9" * 25, 200),
        ("/v1/market/kline?symbol=AAPL.US&interval=1d&end_time=" + "9" * 25, 200),
        ("/v1/market/kline?symbol=AAPL.US&interval=1d&end_time=-" + "9" * 25, 400),
        ("/v1/market/kline?symbol=AAPL.US&interval=1d&limit=" + "9" * 25, 200),
        ("/v1/market/trade-days?market=US&beg_day=00010101&end_day=99991231", 400),
        ("/v1/market/trade-days?market=US&beg_day=99991230&end_day=99991231", 400),
        ("/v1/symbols/available?offset=" + "9" * 25, 200),
        ("/%00", 404),
    ],
)
def test_strange_requests_are_answered(
    served: str,
    path: str,
    status: int,
) -> None:
    """Numbers beyond all bounds and broken addresses get JSON with a status."""
    found, body = get(served, path)
    assert found == status
    assert "code" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_allowed(served: str, method: str) -> None:
    """Other methods are rejected as the service does, in JSON."""
    status, body = get(served, "/v1/market/kline", method)
    assert (status, body["code"]) == (405, 405)


@pytest.mark.parametrize(("key", "code"), [("wrong-key", "1001"), (None, "1002")])
def test_the_server_wants_a_key(
    served: str,
    key: str | None,
    code: str,
) -> None:
    """Served, a missing or a wrong key is the real error."""
    with pytest.raises(AuthError) as caught:
        data_client.TickDBClient(served, key).klines("AAPL.US")
    assert (caught.value.http_status, caught.value.code) == (401, code)


def test_a_taken_port_is_one_sentence(served: str) -> None:
    """`quant sandbox` on a port in use names another one."""
    port = served.rpartition(":")[2]
    result = CliRunner().invoke(commands.sandbox, ["--port", port])
    assert isinstance(result.exception, PortError)
    assert f"Port {port} " in str(result.exception)
    assert "--port" in str(result.exception)


@pytest.mark.skipif(os.name != "posix", reason="no other process can be sent Ctrl-C")
def test_the_command_prints_the_lines_for_env_and_stops_on_ctrl_c() -> None:
    """`quant sandbox` says what to put into .env; Ctrl-C is a normal end."""
    program = "from quant_team_data.commands import sandbox; sandbox()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--port", "0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    head = [process.stdout.readline() for _ in range(4)]
    assert "SYNTHETIC" in head[0]
    assert head[2].startswith("TICKDB_BASE_URL=http://127.0.0.1:")
    assert head[3] == "TICKDB_API_KEY=sandbox-key\n"
    assert get(head[2].strip().partition("=")[2], "/v1/market/intervals/kline")[0] == 200
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert "Sandbox stopped." in rest
    assert process.returncode == 0


def test_the_probe_of_a_service_names_address_and_source(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes in the sandbox, with or without a key, and at an address that takes the key."""
    assert commands.probe_service() == ("sandbox", "sandbox")
    monkeypatch.setenv("TICKDB_API_KEY", "sandbox-key")
    assert commands.probe_service() == ("sandbox", "sandbox")
    monkeypatch.setenv("TICKDB_BASE_URL", served)
    assert commands.probe_service() == (served, "sandbox")


@pytest.mark.parametrize(
    ("url", "key", "error"),
    [
        ("", "", ConfigError),
        ("http://prices.example", "k", ConfigError),
        ("served", "", AuthError),
        ("served", "wrong-key", AuthError),
        ("http://127.0.0.1:9", "k", TransportError),
    ],
)
def test_the_probe_raises_what_is_wrong(
    served: str,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    key: str,
    error: type[Exception],
) -> None:
    """A missing setting, a wrong key and a dead address are told apart, without a second try."""
    monkeypatch.setenv("TICKDB_BASE_URL", served if url == "served" else url)
    monkeypatch.setenv("TICKDB_API_KEY", key)
    with pytest.raises(error):
        commands.probe_service()
