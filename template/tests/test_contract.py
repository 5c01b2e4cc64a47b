"""What the client asks and the sandbox answers is TickDB's protocol, as in tickdb.yaml."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from quant_team_data import errors, sandbox
from quant_team_data.data_client import TickDBClient
from quant_team_data.markets import INTERVALS, milliseconds
from quant_team_data.transport import Response, SandboxTransport
from tests.service import Clock

CONTRACT = Path(__file__).parent / "tickdb.yaml"
START, STOP = datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 8, tzinfo=UTC)
NOW = datetime(2024, 7, 5, 15, 10, 30, tzinfo=UTC)
# Everything that the client can ask, by the name of the method.
CALLS: dict[str, Callable[[TickDBClient], object]] = {
    "klines": lambda client: [
        client.klines("AAPL.US", interval, 5, include_open=True) for interval in INTERVALS
    ],
    "newest": lambda client: client.newest("000001", "1d", type="stock"),
    "frame": lambda client: client.frame("AAPL.US", "1m", START, STOP),
    "found": lambda client: client.found("AAPL.US", "1m", START, STOP),
    "frames": lambda client: client.frames(["AAPL.US", "BTCUSDT"], "1h", START, STOP),
    "latest": lambda client: client.latest(["AAPL.US", "00700.HK", "EURUSD"], "5m"),
    "ticker": lambda client: client.ticker(["AAPL.US", "000001.SH"] + ["BTCUSDT", "ETHUSDT"] * 3),
    "depth": lambda client: client.depth("700.HK", type="stock"),
    "trades": lambda client: client.trades("BTCUSDT", 1000),
    "factors": lambda client: client.factors("AAPL.US"),
    "adjusted_bar": lambda client: client.adjusted_bar(
        "AAPL.US", "1d", "forward", milliseconds(START)
    ),
    "symbols": lambda client: client.symbols(type="stock", market="US"),
    "intervals": lambda client: client.intervals(),
    "trading_days": lambda client: client.trading_days("US", date(2024, 6, 3), date(2024, 8, 20)),
    "trading_sessions": lambda client: [client.trading_sessions(), client.trading_sessions("HK")],
    "key_status": lambda client: client.key_status(),
    "plan": lambda client: client.plan(),
    "known_plan": lambda client: client.known_plan(),
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
    """Raise unless the contract knows the path and every parameter, and none is missing."""
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


class Contract:
    """The sandbox, with every request and every answer held to the contract on its way.

    Attributes:
        clock: the sandbox's time.
        paths: what was requested.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.paths: list[str] = []
        self.client = TickDBClient("sandbox", transport=self, clock=clock)

    def send(self, path: str, params: Any, headers: Any, timeout: Any) -> Response:
        check_request(httpx2.Request("GET", "http://sandbox" + path, params=params))
        response = SandboxTransport(self.clock).send(path, params, headers, timeout)
        check_answer(path, response.status_code, response.json())
        self.paths.append(path)
        return response


@pytest.fixture
def contract_client() -> Contract:
    return Contract(Clock(NOW))


@pytest.mark.parametrize("name", CALLS)
def test_every_call_keeps_to_the_contract(name: str, contract_client: Contract) -> None:
    """No request has a wrong, unknown or missing parameter; every answer has the shape."""
    CALLS[name](contract_client.client)
    assert contract_client.paths


def test_every_method_and_every_path_is_tried(contract_client: Contract) -> None:
    """No call of the client, no path of the contract and no route of the sandbox is left out."""
    methods = {
        name
        for name, value in vars(TickDBClient).items()
        if callable(value) and not name.startswith("_")
    }
    assert methods - {"request", "get", "require_source"} == CALLS.keys()
    for call in CALLS.values():
        call(contract_client.client)
    assert set(contract_client.paths) == contract()["paths"].keys() == sandbox.ROUTES.keys()


@pytest.mark.parametrize("name", ["klines", "latest", "ticker", "depth", "trades"])
@pytest.mark.parametrize(
    "week",
    [
        datetime(2024, 3, 8, tzinfo=UTC),  # New York's clocks go forward
        datetime(2024, 11, 1, tzinfo=UTC),  # and back
        datetime(2024, 12, 24, tzinfo=UTC),  # half days, and the end of a year
    ],
)
def test_the_contract_holds_at_any_hour(name: str, week: datetime) -> None:
    """Before the open, after the close, on a holiday and at a weekend, every call has an answer."""
    there = Contract(Clock(week))
    while there.clock.now < week + timedelta(days=8):
        CALLS[name](there.client)
        there.clock.now += timedelta(hours=5, minutes=29, seconds=30)
    assert there.paths


@pytest.mark.parametrize(("path", "params"), REFUSED)
def test_every_refusal_keeps_to_the_contract(path: str, params: dict[str, str]) -> None:
    """The sandbox refuses in shapes that the contract knows; the client has a class for each."""
    status, body = sandbox.answer(path, params, {}, now=milliseconds(NOW))
    assert status >= 400
    check_answer(path, status, body)
    error = errors.error_of(status, body)
    assert error is not None
    assert type(error) is not errors.TickDBError


@pytest.mark.parametrize(
    "url",
    [
        "/v1/market/kline/latest?symbol=AAPL.US",  # neither `symbols` nor `interval`
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
