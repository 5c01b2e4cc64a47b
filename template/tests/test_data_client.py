"""The functions that research needs: a price, the newest bars, a range, many symbols."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quant_team_data import data_client, errors
from quant_team_data.data_client import (
    RateLimitError,
    fetch_bars,
    fetch_klines,
    fetch_latest_price,
    fetch_many,
    handle_api_response,
)
from quant_team_data.markets import milliseconds
from tests.service import (
    KEY,
    NOW,
    START,
    Ranged,
    Service,
    fault,
    hourly,
    kline,
    ok,
)

pytestmark = pytest.mark.usefixtures("sandbox")

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class Plain:
    """A response of another library: no more than status, headers and json."""

    def __init__(self, status: int, body: Any) -> None:
        self.status_code = status
        self.body = body
        self.headers = {"Retry-After": "3"}

    def json(self) -> Any:
        if self.body is None:
            raise ValueError
        return self.body


def test_klines_are_asked_as_the_protocol_wants(service: Service) -> None:
    """One symbol, an interval and a limit, the key in its header and nowhere in the address."""
    service.replies(ok({"klines": hourly(3)}))
    fetch_klines("AAPL.US", "1h", 2)
    (request,) = service.requests
    assert request.url.path == "/v1/market/kline"
    assert service.params() == {
        "symbol": "AAPL.US",
        "interval": "1h",
        "limit": "4",
    }  # one may still be forming
    assert KEY not in str(request.url)


def test_the_latest_price_is_asked_with_symbols_and_interval(service: Service) -> None:
    """kline/latest takes `symbols` and `interval`, and the price is the close of its newest bar."""
    service.replies(
        ok([{"symbol": "AAPL.US", "interval": "1m", "klines": [kline(START, close="10.8")]}])
    )
    assert fetch_latest_price("AAPL.US") == 10.8
    assert service.requests[0].url.path == "/v1/market/kline/latest"
    assert service.params() == {"symbols": "AAPL.US", "interval": "1m"}


@pytest.mark.parametrize(
    "data", [[], None, [{"symbol": "AAPL.US", "interval": "1m", "klines": []}]]
)
def test_no_data_is_none(service: Service, data: Any) -> None:
    """None means that there is no data, and nothing else."""
    service.replies(ok(data))
    assert fetch_latest_price("AAPL.US") is None


def test_a_wrong_key_is_never_none(service: Service) -> None:
    """An authentication error is raised at once."""
    service.replies(fault(401, 1001))
    with pytest.raises(errors.AuthError, match=r"TICKDB_API_KEY"):
        fetch_latest_price("AAPL.US")
    assert len(service.requests) == 1


def test_klines_are_numbers_in_time_order_each_once(service: Service) -> None:
    """Strings become floats, the order is time, a repeated bar is one."""
    bars = hourly(3)
    service.replies(ok({"klines": [bars[2], bars[0], bars[1], bars[0]]}))
    found = fetch_klines("AAPL.US")
    assert [bar["time"] for bar in found] == [bar["time"] for bar in bars]
    expected = {
        "time": 1704067200000,
        "open": 10.5,
        "high": 11.0,
        "low": 10.0,
        "close": 10.75,
        "volume": 1200.0,
    }
    assert found[0] == expected
    assert isinstance(found[0]["time"], int)


def test_a_forming_bar_is_left_out(service: Service) -> None:
    """A bar counts once its period is over."""
    opened = [NOW - timedelta(seconds=age) for age in (121, 61, 30)]
    service.replies(ok({"klines": [kline(time) for time in opened]}))
    assert len(fetch_klines("AAPL.US", "1m", 5)) == 2
    assert len(fetch_klines("AAPL.US", "1m", 1)) == 1
    assert fetch_klines("AAPL.US", "3m", 5) == []


def test_numbers_may_come_as_numbers(service: Service) -> None:
    """A price without quotes is the same price."""
    plain = {
        "time": milliseconds(START),
        "open": 10.5,
        "high": 11,
        "low": 10,
        "close": 10.75,
        "volume": 0,
    }
    service.replies(ok({"klines": [plain]}))
    assert fetch_klines("AAPL.US")[0]["close"] == 10.75


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_that_the_service_would_change_is_refused(service: Service, limit: int) -> None:
    """More than 1000 is silently cut by the service, so the client says no."""
    with pytest.raises(errors.BadRequestError, match="between 1 and 1000"):
        fetch_klines("AAPL.US", limit=limit)
    assert not service.requests


@pytest.mark.parametrize("symbol", ["", "AAPL.US,MSFT.US", "AAPL US", "AAPL.US\n"])
def test_one_symbol_is_one_symbol(service: Service, symbol: str) -> None:
    """A comma would ask for two."""
    with pytest.raises(errors.BadRequestError, match="not one symbol"):
        fetch_latest_price(symbol)
    assert not service.requests


def test_an_unknown_symbol_is_a_sentence() -> None:
    """The sandbox does not know a misspelt symbol either; the error says how to spell it."""
    with pytest.raises(errors.SymbolNotFoundError, match=r"^AAPL is not.*AAPL\.US\?$") as caught:
        fetch_latest_price("AAPL")
    assert (caught.value.code, caught.value.symbol) == ("2002", "AAPL")
    assert caught.value.endpoint == "/v1/market/kline/latest"


@pytest.mark.parametrize("interval", ["1H", "7m", "", "1min"])
def test_an_unknown_interval_is_refused_before_any_request(service: Service, interval: str) -> None:
    """Nobody is asked for an interval that does not exist."""
    with pytest.raises(errors.BadRequestError, match="There is no interval"):
        fetch_klines("AAPL.US", interval)
    with pytest.raises(errors.BadRequestError, match="There is no interval"):
        fetch_bars("AAPL.US", interval, "2024-01-01", "2024-01-02")
    assert not service.requests


def test_many_ranges_are_partial_in_order_and_concurrent(service: Service) -> None:
    """A symbol that fails is an error of the result; the data come in the order of the request."""
    service.reply = lambda request: (
        fault(404, 2002) if "BAD" in str(request.url) else Ranged(hourly(5), "oldest", 9)(request)
    )
    asked = [f"S{number}.US" for number in range(20)] + ["BAD.US"]
    result = fetch_many(asked, "1h", "2024-01-01", "2024-01-02")
    assert list(result.data) == asked[:-1]
    assert {len(frame) for frame in result.data.values()} == {5}
    assert isinstance(result.errors["BAD.US"], errors.SymbolNotFoundError)


def test_a_response_alone_is_checked_and_not_waited_for(service: Service) -> None:
    """Without the means to send again, the error comes at once and says how long to wait."""
    assert handle_api_response(Plain(200, {"code": 0, "data": {"a": 1}})) == {"a": 1}
    with pytest.raises(RateLimitError) as caught:
        handle_api_response(Plain(429, None))
    assert caught.value.retry_after == 3.0
    assert not service.waits


def test_resend_is_the_means_to_try_again(service: Service) -> None:
    """`handle_api_response` sends again at most `max_retries` times."""
    answers = [Plain(503, {}), Plain(200, {"code": 0, "data": "good"})]
    sleep = service.clock.sleep
    found = handle_api_response(Plain(429, None), resend=lambda: answers.pop(0), sleep=sleep)
    assert found == "good"
    assert service.waits == [3.0, 3.0]
    sent: list[int] = []

    def resend() -> Plain:
        sent.append(1)
        return Plain(429, {"code": 3001})

    with pytest.raises(RateLimitError):
        handle_api_response(
            resend(), max_retries=2, base_delay=0.1, resend=resend, sleep=service.clock.sleep
        )
    assert len(sent) == 3


def test_the_clients_own_response_carries_the_means(service: Service) -> None:
    """A response of `TickDBClient.request` can be handed over as it is."""
    service.replies(fault(429, 3001), ok({"intervals": []}))
    response = data_client.client().request("/v1/market/intervals/kline", {})
    assert handle_api_response(response, sleep=service.clock.sleep) == {"intervals": []}
    assert len(service.requests) == 2


def test_the_onboarding_line_works() -> None:
    """The line of the onboarding checklist prints a price, in a fresh interpreter."""
    line = (
        "from quant_team_data.data_client import fetch_latest_price; "
        "print(fetch_latest_price('AAPL.US'))"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) > 0


def test_bars_become_pandas() -> None:
    """Times are the index, in UTC, and nothing else is needed for it."""
    bars = fetch_bars("AAPL.US", "1d", "2024-07-01", "2024-07-05")
    frame = data_client.to_pandas(bars)
    assert str(frame.index.tz) == "UTC"
    assert [stamp.isoformat() for stamp in frame.index[:1]] == ["2024-07-01T00:00:00+00:00"]
    assert frame["close"].tolist() == bars["close"].to_list()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]


def test_the_examples_of_the_page_run() -> None:
    """The blocks of docs/data.md run in the sandbox, one after the other."""
    assert len(EXAMPLES) > 4
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example, str(PAGE), "exec"), names)
