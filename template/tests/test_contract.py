"""What the client asks and what the sandbox answers is TickDB's protocol, as tickdb.yaml states it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from quant_team_data import data_client, errors, sandbox
from quant_team_data.data_client import TickDBClient
from quant_team_data.markets import INTERVALS, milliseconds

CONTRACT = Path(__file__).parent / "tickdb.yaml"
START, STOP = datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 8, tzinfo=UTC)
NOW = milliseconds(datetime(2024, 7, 5, 15, 10, 30, tzinfo=UTC))
# Everything that the client can ask, by the name of the method.
CALLS: dict[str, Callable[[TickDBClient], object]] = {
    "klines": lambda client: [
        client.klines("AAPL.US", interval, 5, include_open=True) for interval in INTERVALS
    ],
    "newest": lambda client: client.newest("000001", "1d", type="stock"),
    "frame": lambda client: client.frame("AAPL.US", "1m", START, STOP),
    "frames": lambda client: client.frames(["AAPL.US", "BTCUSDT"], "1h", START, STOP),
    "latest": lambda client: client.latest(["AAPL.US", "00700.HK", "EURUSD"], "5m"),
    "ticker": lambda client: client.ticker(["AAPL.US", "000001.SH"] + ["BTCUSDT", "ETHUSDT"] * 3),
    "depth": lambda client: client.depth("700.HK", type="stock"),
    "trades": lambda client: client.trades("BTCUSDT", 1000),
    "factors": lambda client: client.factors("AAPL.US"),
    "adjusted": lambda client: client.adjusted(
        client.frame("AAPL.US", "1d", START, STOP), "AAPL.US", "1d", "forward"
    ),
    "symbols": lambda client: client.symbols(type="stock", market="US"),
    "intervals": lambda client: client.intervals(),
    "trading_days": lambda client: client.trading_days("US", date(2024, 6, 3), date(2024, 8, 20)),
    "trading_sessions": lambda client: [client.trading_sessions(), client.trading_sessions("HK")],
    "key_status": lambda client: client.key_status(),
    "plan": lambda client: client.plan(),
}
REFUSED: list[tuple[str, dict[str, str]]] = [
    ("/v1/market/kline", {"interval": "1h"}),
    ("/v1/market/kline", {"symbol": "AAPL.US", "interval": "7m"}),
    ("/v1/market/kline", {"symbol": "AAPL.US", "interval": "1h", "limit": "x"}),
    (
        "/v1/market/kline",
        {"symbol": "AAPL.US", "interval": "1h", "start_time": "2", "end_time": "1"},
    ),
    ("/v1/market/kline", {"symbol": "NOSUCHTHING.US", "interval": "1h"}),
    ("/v1/market/kline", {"symbol": "000001", "interval": "1h"}),
    ("/v1/market/kline", {"symbol": "AAPL.US", "interval": "1h", "type": "crypto"}),
    ("/v1/market/kline/latest", {"symbols": ",".join(["AAPL.US"] * 51), "interval": "1m"}),
    ("/v1/market/ticker", {"symbols": "?"}),
    ("/v1/market/trade-days", {"market": "US", "beg_day": "today", "end_day": "20240101"}),
    ("/v1/market/trade-days", {"market": "XX", "beg_day": "20240101", "end_day": "20240101"}),
]


@cache
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return document


def check(schema: dict[str, Any], value: object) -> None:
    """Raise unless a value fits a schema of the contract."""
    Draft202012Validator({"components": contract()["components"], **schema}).validate(value)


def check_request(request: httpx2.Request) -> None:
    """Raise unless the contract knows the path and every parameter, and none that is required is missing."""
    assert request.method == "GET"
    known = {}
    for one in contract()["paths"][request.url.path]["get"].get("parameters", []):
        while "$ref" in one:
            one = contract()["components"]["parameters"][one["$ref"].rpartition("/")[2]]
        known[one["name"]] = one
    given = request.url.params
    assert given.keys() <= known.keys()
    for name, parameter in known.items():
        if parameter.get("required") or name in given:
            number = parameter["schema"].get("type") == "integer" and given[name].isdecimal()
            check(parameter["schema"], int(given[name]) if number else given[name])


def check_answer(path: str, status: int, body: object) -> None:
    """Raise unless the contract knows that answer of that path."""
    answers = contract()["paths"][path]["get"]["responses"]
    answer = answers.get(str(status), answers["default"])
    if "$ref" in answer:
        answer = contract()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    check(answer["content"]["application/json"]["schema"], body)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hold every request to the contract on its way to the sandbox, every answer on its way back; collect the paths."""
    paths: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        check_request(request)
        path = request.url.path
        status, body = sandbox.answer(path, dict(request.url.params), request.headers, now=NOW)
        check_answer(path, status, json.loads(json.dumps(body)))
        paths.append(path)
        return httpx2.Response(status, json=body)

    with httpx2.Client(base_url="http://sandbox", transport=httpx2.MockTransport(answer)) as http:
        monkeypatch.setattr(data_client, "_http", lambda url: http)
        yield paths


@pytest.mark.parametrize("name", CALLS)
def test_every_call_keeps_to_the_contract(name: str, seen: list[str]) -> None:
    """The client's requests have no wrong, unknown or missing parameter; the sandbox's answers have the shape."""
    CALLS[name](data_client.client())
    assert seen


def test_every_method_and_every_path_is_tried(seen: list[str]) -> None:
    """No call of the client, no path of the contract and no route of the sandbox is left out above."""
    methods = {
        name
        for name, value in vars(TickDBClient).items()
        if callable(value) and not name.startswith("_")
    }
    assert methods - {"request", "get"} == CALLS.keys()
    for call in CALLS.values():
        call(data_client.client())
    assert set(seen) == contract()["paths"].keys() == sandbox.ROUTES.keys()


@pytest.mark.parametrize(("path", "params"), REFUSED)
def test_every_refusal_keeps_to_the_contract(path: str, params: dict[str, str]) -> None:
    """The sandbox refuses in the shapes that the contract knows, and the client has a class for each."""
    status, body = sandbox.answer(path, params, {}, now=NOW)
    assert status >= 400
    check_answer(path, status, body)
    error = errors.error_of(status, body)
    assert error is not None
    assert type(error) is not errors.TickDBError


@pytest.mark.parametrize(
    "url",
    [
        "/v1/market/kline/latest?symbol=AAPL.US",  # the article's call
        "/v1/market/kline?symbol=AAPL.US",
        "/v1/market/kline?symbol=AAPL.US&interval=7m",
        "/v1/market/kline?symbol=AAPL.US&interval=1h&limit=many",
        "/v1/market/kline?symbol=AAPL.US&interval=1h&limit=1001",
        "/v1/market/kline?symbol=AAPL.US&interval=1h&page=2",
        "/v1/market/kline?symbol=AAPL.US&interval=1h&start_time=2024-01-01",
        "/v1/market/ticker?symbols=" + ",".join(["A.US"] * 51),
        "/v1/market/klines?symbol=AAPL.US&interval=1h",
    ],
)
def test_the_contract_refuses_a_wrong_request(url: str) -> None:
    """The check above can fail."""
    with pytest.raises((AssertionError, KeyError, ValidationError)):
        check_request(httpx2.Request("GET", "https://api.tickdb.ai" + url))


@pytest.mark.parametrize(
    ("path", "status", "data"),
    [
        ("/v1/market/kline", 200, []),
        ("/v1/market/kline", 200, {"symbol": "A.US", "interval": "1h", "klines": [{"time": 1}]}),
        ("/v1/market/kline", 404, {}),
        ("/v1/market/ticker", 200, [{"symbol": "A.US", "last_price": 1.5, "timestamp": 1}]),
        ("/v1/market/depth", 200, {"symbol": "A.US", "timestamp": 1, "bids": [["1"]], "asks": []}),
        ("/v1/market/kline/ex-factors", 200, {"data": {"A.US": [{"timestamp": 1}]}}),
    ],
)
def test_the_contract_refuses_a_wrong_answer(path: str, status: int, data: object) -> None:
    """The check above can fail."""
    with pytest.raises(ValidationError):
        check_answer(path, status, {"code": 0, "message": "success", "data": data})
