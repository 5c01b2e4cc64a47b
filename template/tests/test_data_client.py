"""The shared client is right against the real protocol, tries again where that helps, and never shows the key."""

from __future__ import annotations

import email.utils
import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest

from quant_team_data import cache, data_client, errors, limits, lock, markets
from quant_team_data.data_client import (
    RateLimitError,
    TickDBError,
    fetch_bars,
    fetch_klines,
    fetch_latest_price,
    fetch_many,
    get_api_key,
    handle_api_response,
    notice,
    source,
)
from quant_team_data.markets import milliseconds
from quant_team_utils import roster
from quant_team_utils.log import RedactingFormatter

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
KEY = "tk_live_0123456789abcdef"
START = datetime(2024, 1, 1, tzinfo=UTC)


class Service:
    """A TickDB under test: answers with `reply`, and remembers the requests and the client's waits."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.waits: list[float] = []
        self.reply: Callable[[httpx2.Request], httpx2.Response] = lambda request: ok({"klines": []})

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.reply(request)

    def replies(self, *replies: httpx2.Response | Exception) -> None:
        """Answer with these in turn, and with the last one from then on."""
        waiting = list(replies)

        def reply(request: httpx2.Request) -> httpx2.Response:
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, Exception):
                raise answer
            return httpx2.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )

        self.reply = reply

    def params(self, number: int = -1) -> dict[str, str]:
        return dict(self.requests[number].url.params)


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test an empty cache and an unused budget."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setattr(limits, "folder", lambda: tmp_path / "budget")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Stand in for https://api.tickdb.ai, with a key set and nobody waiting or counting."""
    fake = Service()
    monkeypatch.setattr(limits, "limiter", lambda key, plan: None)
    with httpx2.Client(
        base_url="https://api.tickdb.ai", transport=httpx2.MockTransport(fake.handle)
    ) as http:
        monkeypatch.setattr(data_client, "_http", lambda url: http)
        monkeypatch.setattr(data_client, "sleep", fake.waits.append)
        monkeypatch.setenv("TICKDB_BASE_URL", "https://api.tickdb.ai")
        monkeypatch.setenv("TICKDB_API_KEY", KEY)
        yield fake


def ok(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"code": 0, "message": "success", "data": data})


def fault(status: int, code: int | str, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "message": "m"}, headers=headers)


def kline(opened: datetime, **changes: Any) -> dict[str, Any]:
    """Return a bar as TickDB sends it."""
    prices = {"open": "10.5", "high": "11", "low": "10", "close": "10.75", "volume": "1200"}
    return {"time": milliseconds(opened), **prices, **changes}


def hourly(count: int) -> list[dict[str, Any]]:
    return [kline(START + hour * timedelta(hours=1)) for hour in range(count)]


# What is asked, what comes back


def test_klines_are_asked_as_the_protocol_wants(service: Service) -> None:
    """One symbol, an interval and a limit, the key in its header and nowhere in the address."""
    service.replies(ok({"klines": hourly(3)}))
    fetch_klines("AAPL.US", "1h", 2)
    (request,) = service.requests
    assert request.url.path == "/v1/market/kline"
    assert service.params() == {
        "symbol": "AAPL.US",
        "interval": "1h",
        "limit": "3",
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
    now = datetime.now(UTC)
    service.replies(ok({"klines": [kline(now - timedelta(seconds=age)) for age in (121, 61, 30)]}))
    assert len(fetch_klines("AAPL.US", "1m", 5)) == 2
    assert len(fetch_klines("AAPL.US", "1m", 1)) == 1
    assert fetch_klines("AAPL.US", "3m", 5) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"open": ""},
        {"close": "NaN"},
        {"high": "9"},
        {"volume": None},
        {"low": "1,000"},
        {"high": "inf"},
        {"time": "x"},
    ],
)
def test_a_damaged_bar_is_an_error_that_names_it(service: Service, changes: dict[str, Any]) -> None:
    """Nothing is computed with a bar whose numbers are missing or impossible."""
    service.replies(ok({"klines": [kline(START, **changes)]}))
    with pytest.raises(errors.DecodeError, match=r"AAPL\.US at (2024-01-01T00:00|an unreadable)"):
        fetch_klines("AAPL.US")


@pytest.mark.parametrize("data", [{}, [], "klines", {"klines": {}}])
def test_an_answer_without_bars_is_an_error(service: Service, data: Any) -> None:
    """An answer of another shape is not taken for "no bars"."""
    service.replies(ok(data))
    with pytest.raises(errors.DecodeError):
        fetch_klines("AAPL.US")


@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(200, content=b"<html>log in</html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(200, json={"code": 0}),
        httpx2.Response(200, content=b"\xff\xfe"),
    ],
)
def test_an_answer_that_is_not_the_protocol_is_an_error(
    service: Service, reply: httpx2.Response
) -> None:
    """A proxy's page on HTTP 200 is no market data, and asking again does not help."""
    service.replies(reply)
    with pytest.raises(errors.DecodeError, match="proxy"):
        fetch_klines("AAPL.US")
    assert len(service.requests) == 1


@pytest.mark.parametrize("interval", ["1H", "7m", "", "1min"])
def test_an_unknown_interval_is_refused_before_any_request(service: Service, interval: str) -> None:
    """Nobody is asked for an interval that does not exist."""
    with pytest.raises(errors.BadRequestError, match="There is no interval"):
        fetch_klines("AAPL.US", interval)
    with pytest.raises(errors.BadRequestError, match="There is no interval"):
        fetch_bars("AAPL.US", interval, "2024-01-01", "2024-01-02")
    assert not service.requests


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
    """The sandbox, as the service, does not know a misspelt symbol; the error says how to spell it."""
    with pytest.raises(errors.SymbolNotFoundError, match=r"'AAPL'.*AAPL\.US") as caught:
        fetch_latest_price("AAPL")
    assert (caught.value.code, caught.value.symbol) == ("2002", "AAPL")
    assert caught.value.endpoint == "/v1/market/kline/latest"


def test_an_ambiguous_symbol_can_be_settled() -> None:
    """The error names the types; one of them passed as `type` gives bars."""
    with pytest.raises(errors.AmbiguousSymbolError) as caught:
        fetch_bars("000001", "1d", "2024-01-01", "2024-01-31")
    kind = caught.value.available_types[0]
    assert fetch_bars("000001", "1d", "2024-01-01", "2024-01-31", type=kind).height == 22


# Ranges


def test_a_frame_has_utc_times_and_floats() -> None:
    """The columns are the same for every answer, an empty one included."""
    expected = {"time": pl.Datetime("ms", "UTC")} | dict.fromkeys(
        ("open", "high", "low", "close", "volume"), pl.Float64
    )
    for start, height in (("2024-07-01", 4), ("2009-07-01", 0)):
        frame = fetch_bars("AAPL.US", "1d", start, f"{start[:4]}-07-05")
        assert dict(frame.schema) == expected
        assert frame.height == height


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (date(2024, 7, 6), date(2024, 7, 7), "2024-07-06 00:00", "2024-07-07 23:00"),
        ("2024-07-06", "2024-07-06", "2024-07-06 00:00", "2024-07-06 23:00"),
        (
            datetime(2024, 7, 6, 1, tzinfo=UTC),
            datetime(2024, 7, 6, 3, tzinfo=UTC),
            "2024-07-06 01:00",
            "2024-07-06 02:00",
        ),
        ("2024-07-06T03:00+02:00", "2024-07-06T03:00Z", "2024-07-06 01:00", "2024-07-06 02:00"),
    ],
)
def test_the_ends_of_a_range(start: Any, end: Any, first: str, last: str) -> None:
    """The start is included; an end is a whole day as a date, and left out as a time."""
    times = fetch_bars("BTCUSDT", "1h", start, end)["time"].dt.strftime("%Y-%m-%d %H:%M").to_list()
    assert (times[0], times[-1]) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (datetime(2024, 7, 1), "2024-07-02", "no time zone"),
        ("2024-07-01", "2024-07-02T10:00", "no time zone"),
        ("yesterday", "2024-07-02", "no date"),
        ("2024-07-03", "2024-07-02", "empty"),
    ],
)
def test_a_range_that_would_be_guessed_is_refused(start: Any, end: Any, words: str) -> None:
    """No time zone is assumed and no end is swapped."""
    with pytest.raises(errors.BadRequestError, match=words):
        fetch_bars("BTCUSDT", "1h", start, end)


class Ranged:
    """A service with many bars that cuts an overflowing range at one end."""

    def __init__(
        self,
        bars: list[dict[str, Any]],
        cut: str,
        cap: int,
        end_included: bool = True,
        deaf: str = "",
    ) -> None:
        self.bars, self.cut, self.cap, self.end_included, self.deaf = (
            bars,
            cut,
            cap,
            end_included,
            deaf,
        )

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        start = 0 if self.deaf == "start" else int(params["start_time"])
        end = 1 << 60 if self.deaf == "end" else int(params["end_time"]) + self.end_included
        inside = [bar for bar in self.bars if start <= bar["time"] < end]
        cap = min(self.cap, int(params["limit"]))
        return ok({"klines": inside[-cap:] if self.cut == "oldest" else inside[:cap]})


@pytest.mark.parametrize("count", [0, 1, 99, 100, 999, 1000, 1001, 2000, 3456])
@pytest.mark.parametrize("end_included", [True, False])
@pytest.mark.parametrize(
    ("cut", "cap"), [("oldest", 1000), ("newest", 1000), ("oldest", 500), ("newest", 100)]
)
def test_a_long_range_is_complete(
    service: Service, count: int, cut: str, cap: int, end_included: bool
) -> None:
    """Every bar comes once, whichever end is cut, however low the cap is, and whether the end counts or not."""
    bars = hourly(count)
    service.reply = Ranged(bars, cut, cap, end_included)
    frame = fetch_bars("BTCUSDT", "1h", START, START + 4000 * timedelta(hours=1))
    assert frame["time"].dt.epoch("ms").to_list() == [bar["time"] for bar in bars]
    assert len(service.requests) <= 3 + 2 * (count // cap)


def test_holes_do_not_hide_bars(service: Service) -> None:
    """Nights and weekends between the bars, and a hole at the cut, lose nothing."""
    bars = [
        bar for number, bar in enumerate(hourly(9000)) if number % 24 < 7 and number % 168 < 120
    ]
    service.reply = Ranged(bars, "oldest", 1000)
    frame = fetch_bars("AAPL.US", "1h", START, START + 9000 * timedelta(hours=1))
    assert frame["time"].dt.epoch("ms").to_list() == [bar["time"] for bar in bars]


def test_a_service_that_ignores_the_start_is_understood(service: Service) -> None:
    """Pages that reach back before the range are cut to it."""
    bars = hourly(5000)
    service.reply = Ranged(bars, "oldest", 1000, deaf="start")
    frame = fetch_bars(
        "BTCUSDT", "1h", START + timedelta(hours=2500), START + timedelta(hours=4200)
    )
    assert frame["time"].dt.epoch("ms").to_list() == [bar["time"] for bar in bars[2500:4200]]


def test_a_service_that_ignores_the_end_is_an_error(service: Service) -> None:
    """The newest bars for every question would never end; they are refused."""
    service.reply = Ranged(hourly(5000), "oldest", 1000, deaf="end")
    with pytest.raises(errors.DecodeError, match="its times, which are not those asked for"):
        fetch_bars("BTCUSDT", "1h", START, START + timedelta(hours=2000))


# Trying again


def test_a_rate_limit_is_waited_for_and_tried_again(service: Service) -> None:
    """The request is really sent again, after as long as the service asks."""
    header = {"Retry-After": "2"}
    service.replies(
        fault(429, 3001, **header), fault(200, "3001", **header), ok({"klines": hourly(1)})
    )
    assert len(fetch_klines("AAPL.US")) == 1
    assert len(service.requests) == 3
    assert service.waits == [2.0, 2.0]
    assert service.params(0) == service.params(2)


@pytest.mark.parametrize(("seconds", "told"), [("2", False), ("30", True)])
def test_only_a_long_wait_is_told(
    service: Service, caplog: pytest.LogCaptureFixture, seconds: str, told: bool
) -> None:
    """A user sees why nothing happens for half a minute, and is not bothered by two seconds."""
    service.replies(fault(429, 3001, **{"Retry-After": seconds}), ok({"klines": []}))
    with caplog.at_level(logging.WARNING):
        fetch_klines("AAPL.US")
    assert ("trying again in 30.0 s" in caplog.text) is told


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("7", 7, 7),
        ("2.5", 2.5, 2.5),
        ("0", 0, 0),
        (lambda: email.utils.formatdate(time.time() + 30, usegmt=True), 28, 30),
        (lambda: email.utils.formatdate(time.time() - 99, usegmt=True), 0, 0),
        ("Fri, 31 Dec 1999 23:59:59", 0, 0),
        ("soon", 0, 1),
        ("-1", 0, 1),
        ("nan", 0, 1),
        ("9" * 400, 0, 1),
        ("", 0, 1),
    ],
)
def test_retry_after_in_every_spelling(
    service: Service, text: Any, low: float, high: float
) -> None:
    """Seconds, decimals and dates are obeyed; nonsense counts as no word from the service."""
    service.replies(
        fault(429, 3001, **{"Retry-After": text if isinstance(text, str) else text()}),
        ok({"klines": []}),
    )
    fetch_klines("AAPL.US")
    (wait,) = service.waits
    assert low <= wait <= high


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_wait_that_is_too_long_is_raised(service: Service, where: str) -> None:
    """An hour is not slept away: the caller gets the error with the seconds in it."""
    if where == "header":
        service.replies(fault(429, 3001, **{"Retry-After": "3600"}))
    else:
        data = {"limit": 60, "plan": "starter", "reset_at": time.time() + 3600}
        service.replies(httpx2.Response(429, json={"code": 3001, "message": "m", "data": data}))
    with pytest.raises(RateLimitError) as caught:
        fetch_klines("AAPL.US")
    assert caught.value.retry_after == pytest.approx(3600, abs=5)
    assert not service.waits
    assert len(service.requests) == 1


def test_backoff_doubles_with_full_jitter(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word from the service, the waits are random below 1, 2 and 4 seconds."""
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return high / 2

    monkeypatch.setattr("random.uniform", uniform)
    service.replies(fault(503, 5001))
    with pytest.raises(errors.ServerError):
        fetch_klines("AAPL.US")
    assert asked == [(0, 1), (0, 2), (0, 4)]
    assert service.waits == [0.5, 1, 2]
    assert len(service.requests) == 4


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2001), (404, 2002), (401, 1001), (403, 3002), (403, 3008), (400, "AMBIGUOUS_SYMBOL")],
)
def test_what_cannot_succeed_is_not_tried_again(
    service: Service, status: int, code: int | str
) -> None:
    """One request, no wait: the same question has the same answer."""
    service.replies(fault(status, code, **{"Retry-After": "1"}))
    with pytest.raises(TickDBError):
        fetch_klines("AAPL.US")
    assert (len(service.requests), service.waits) == (1, [])


def test_a_gateway_fault_is_tried_again(service: Service) -> None:
    """HTTP 502 with a page instead of JSON passes."""
    service.replies(
        httpx2.Response(502, content=b"<html>bad gateway</html>"), ok({"klines": hourly(1)})
    )
    assert len(fetch_klines("AAPL.US")) == 1


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (httpx2.ConnectError("refused"), "cannot be reached"),
        (httpx2.ReadTimeout("slow"), "took too long"),
        (httpx2.RemoteProtocolError("cut"), "cannot be reached"),
    ],
)
def test_a_lost_connection_is_tried_again_then_said(
    service: Service, broken: Exception, words: str
) -> None:
    """One fault passes unnoticed; without a network the sentence says what to do."""
    service.replies(broken, ok({"klines": hourly(1)}))
    assert len(fetch_klines("AAPL.US")) == 1
    service.replies(broken)
    with pytest.raises(
        errors.TransportError, match=rf"api\.tickdb\.ai {words}.*TICKDB_BASE_URL=sandbox"
    ):
        fetch_klines("AAPL.US")
    assert len(service.requests) == 2 + 4


class Plain:
    """A response of another library: no more than status, headers and json."""

    def __init__(self, status: int, body: Any) -> None:
        self.status_code, self.body, self.headers = status, body, {"Retry-After": "3"}

    def json(self) -> Any:
        if self.body is None:
            raise ValueError
        return self.body


def test_a_response_alone_is_checked_and_not_waited_for(service: Service) -> None:
    """Without the means to send again, the error comes at once and says how long to wait."""
    assert handle_api_response(Plain(200, {"code": 0, "data": {"a": 1}})) == {"a": 1}
    with pytest.raises(RateLimitError) as caught:
        handle_api_response(Plain(429, None))
    assert caught.value.retry_after == 3.0
    assert not service.waits


def test_resend_is_the_means_to_try_again(service: Service) -> None:
    """`handle_api_response` sends again at most `max_retries` times."""
    answers = [Plain(503, None), Plain(200, {"code": 0, "data": "good"})]
    assert handle_api_response(Plain(429, None), resend=lambda: answers.pop(0)) == "good"
    sent: list[int] = []

    def resend() -> Plain:
        sent.append(1)
        return Plain(429, {"code": 3001})

    with pytest.raises(RateLimitError):
        handle_api_response(resend(), max_retries=2, base_delay=0.1, resend=resend)
    assert len(sent) == 3


def test_the_clients_own_response_carries_the_means(service: Service) -> None:
    """A response of `TickDBClient.request` can be handed over as it is."""
    service.replies(fault(429, 3001), ok({"intervals": []}))
    response = data_client.client().request("/v1/market/intervals/kline", {})
    assert handle_api_response(response) == {"intervals": []}
    assert len(service.requests) == 2


# Settings and the key


@pytest.mark.parametrize(
    ("url", "key", "error", "words"),
    [
        (
            "",
            KEY,
            errors.ConfigError,
            r"TICKDB_BASE_URL=sandbox .* or TICKDB_BASE_URL=https://api\.tickdb\.ai",
        ),
        ("Sandbox", KEY, errors.ConfigError, "neither `sandbox` nor an https address"),
        ("http://api.tickdb.ai", KEY, errors.ConfigError, "show your key"),
        ("https://user:pw@api.tickdb.ai", KEY, errors.ConfigError, "neither"),
        ("https://api.tickdb.ai?key=x", KEY, errors.ConfigError, "neither"),
        ("https://", KEY, errors.ConfigError, "neither"),
        ("https://[", KEY, errors.ConfigError, "neither"),
        ("https://a b", KEY, errors.ConfigError, "neither"),
        ("https://a.b:port", KEY, errors.ConfigError, "neither"),
        ("https://api.tickdb.ai", "", errors.AuthError, "TICKDB_API_KEY is not set"),
        (
            "https://api.tickdb.ai",
            "tk_live_your_key_here",
            errors.AuthError,
            "TICKDB_API_KEY is not set",
        ),
        ("https://api.tickdb.ai", "two words", errors.AuthError, "characters"),
        ("https://api.tickdb.ai", "schlüssel", errors.AuthError, "characters"),
        ("http://127.0.0.1:1", "", errors.AuthError, "TICKDB_API_KEY is not set"),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(
    url: str,
    key: str,
    error: type[TickDBError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Nothing but the literal `sandbox` is the sandbox; anything else needs a key and keeps it off plain http."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("TICKDB_BASE_URL", url)
    monkeypatch.setenv("TICKDB_API_KEY", key)
    with pytest.raises(error, match=words) as caught:
        fetch_latest_price("AAPL.US")
    assert "\n" not in str(caught.value)
    assert not key or key not in str(caught.value)


def test_settings_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is set later is used, without a new import."""
    with pytest.raises(errors.AuthError):
        get_api_key()
    monkeypatch.setenv("TICKDB_API_KEY", KEY)
    assert get_api_key() == KEY


def test_the_source_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox is the sandbox in the process and on this machine; the rest is TickDB."""
    found = []
    for url in (
        "sandbox",
        "http://127.0.0.1:8765",
        "https://localhost:1",
        "https://api.tickdb.ai/",
    ):
        monkeypatch.setenv("TICKDB_BASE_URL", url)
        found.append(source())
    assert found == ["sandbox", "sandbox", "sandbox", "tickdb"]


def test_a_key_beside_the_sandbox_is_not_used_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sandbox stays sandbox; one line tells."""
    assert notice() is None
    monkeypatch.setenv("TICKDB_API_KEY", KEY)
    assert (
        notice() == "TICKDB_BASE_URL is sandbox: prices are synthetic, TICKDB_API_KEY is not used."
    )
    assert source() == "sandbox"
    assert fetch_latest_price("AAPL.US") is not None


@pytest.mark.parametrize(
    "reply",
    [
        ok({"klines": []}),
        fault(401, 1001),
        fault(429, 3001),
        httpx2.ConnectError("no"),
        fault(500, 5000),
    ],
)
def test_the_key_is_never_shown(
    service: Service, caplog: pytest.LogCaptureFixture, reply: httpx2.Response | Exception
) -> None:
    """No log line down to DEBUG, no exception, no response and no client holds the key, though it was sent."""
    caplog.set_level(logging.DEBUG)
    service.replies(reply)
    shown = ""
    try:
        response = data_client.client().request(
            "/v1/market/kline", {"symbol": "AAPL.US", "interval": "1h"}
        )
        shown = f"{response.request.headers!r} {response!r} {response.extensions!r}"
        fetch_klines("AAPL.US")
    except TickDBError as error:
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert service.requests
    assert KEY not in shown + caplog.text + repr(data_client.client())


def test_the_key_is_sent_in_its_header(service: Service) -> None:
    """The service gets the key as `X-API-Key`."""
    seen: list[str] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["X-API-Key"])
        return ok({"klines": []})

    service.reply = reply
    fetch_klines("AAPL.US")
    assert seen == [KEY]


def test_the_onboarding_line_works() -> None:
    """The line of the onboarding checklist prints a price, in a fresh interpreter."""
    line = "from quant_team_data.data_client import fetch_latest_price; print(fetch_latest_price('AAPL.US'))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) > 0


# Many symbols


def quotes(request: httpx2.Request) -> httpx2.Response:
    """Answer a ticker request for all its symbols but those that are refused or left out."""
    symbols = request.url.params["symbols"].split(",")
    assert len(symbols) <= 50
    if "BAD.US" in symbols:
        return fault(400, 2005)
    found = [
        {"symbol": name, "last_price": "1.5", "bid_price": "", "timestamp": 1720000000}
        for name in symbols
    ]
    return ok([quote for quote in found if quote["symbol"] != "GONE.US"])


def test_batches_hold_fifty_symbols_and_answer_in_the_spelling_of_the_request(
    service: Service,
) -> None:
    """120 symbols are three requests; both spellings of one Hong Kong stock get its quote."""
    service.reply = quotes
    asked = [f"S{number}.US" for number in range(118)] + ["700.HK", "00700.HK"]
    result = data_client.client().ticker(asked)
    assert (list(result.data), result.errors) == (asked, {})
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (404, 2002, "SymbolNotFoundError"),
        (400, "2005", "BadRequestError"),
        (400, 2006, "BadRequestError"),
        (403, 3006, "PlanError"),
        (400, "AMBIGUOUS_SYMBOL", "AmbiguousSymbolError"),
    ],
)
def test_one_bad_symbol_never_loses_the_others(
    service: Service, status: int, code: int | str, name: str
) -> None:
    """A batch refused for one symbol is halved until it stands alone; so is one left out, or spelled impossibly."""
    service.reply = lambda request: (
        fault(status, code) if "BAD.US" in str(request.url) else quotes(request)
    )
    good = [f"S{number}.US" for number in range(60)]
    result = data_client.client().ticker(["BAD.US", *good, "GONE.US", "two words"])
    assert sorted(result.data) == sorted(good)
    kinds = {symbol: type(error).__name__ for symbol, error in result.errors.items()}
    assert kinds == {
        "BAD.US": name,
        "GONE.US": "SymbolNotFoundError",
        "two words": "BadRequestError",
    }
    assert len(service.requests) < 30
    with pytest.raises(TickDBError):
        result.complete()


def test_numbers_that_are_none_are_none_and_a_quote_without_a_price_is_an_error(
    service: Service,
) -> None:
    """An empty bid is no bid; a last price that is no number loses that symbol only. Seconds become milliseconds."""
    service.reply = quotes
    (quote,) = data_client.client().ticker(["AAPL.US"]).data.values()
    assert quote == {
        "symbol": "AAPL.US",
        "last_price": 1.5,
        "bid_price": None,
        "timestamp": 1_720_000_000_000,
    }
    last = [
        {"symbol": name, "last_price": price, "timestamp": 1}
        for name, price in (("A.US", "NaN"), ("B.US", "2"))
    ]
    service.replies(ok(last))
    result = data_client.client().ticker(["A.US", "B.US"])
    assert result.data["B.US"]["last_price"] == 2.0
    assert isinstance(result.errors["A.US"], errors.DecodeError)


def test_a_key_that_is_wrong_is_no_partial_result(service: Service) -> None:
    """What is true for every symbol is raised at once."""
    service.replies(fault(401, 1001))
    with pytest.raises(errors.AuthError):
        data_client.client().ticker(["A.US", "B.US"])
    assert len(service.requests) == 1
    with pytest.raises(errors.AuthError):
        fetch_many([f"S{number}.US" for number in range(50)], "1h", "2024-01-01", "2024-01-02")


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


def test_a_thousand_calls_with_faults_lose_and_double_no_bar(service: Service) -> None:
    """One answer in five is a fault of some kind; what still fails is named, and asking for it again completes it."""
    bars = hourly(2500)
    tries: dict[str, int] = {}
    lock = threading.Lock()

    def reply(request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        with lock:
            tries[url] = tries.get(url, 0) + 1
        number = zlib.crc32(f"{url} {tries[url]}".encode())
        if number % 5 == 0:
            kind = number // 5 % 6
            if kind == 0:
                raise httpx2.ReadError("cut")
            if kind == 1:
                raise httpx2.ReadTimeout("slow")
            return (
                fault(429, 3001, **{"Retry-After": "1"}),
                fault(200, "3001"),
                fault(503, 5001),
                httpx2.Response(502, content=b"<html>"),
            )[kind - 2]
        return Ranged(bars, "oldest", 100)(request)

    service.reply = reply
    stop = START + 2500 * timedelta(hours=1)
    asked = [f"S{number}.US" for number in range(40)]
    first = data_client.client().frames(asked, "1h", START, stop)
    second = data_client.client().frames(list(first.errors), "1h", START, stop)
    assert not second.errors
    assert len(service.requests) > 1200
    for frame in (first.data | second.data).values():
        assert frame["time"].dt.epoch("ms").to_list() == [bar["time"] for bar in bars]
    assert len(first.data | second.data) == 40


# What else can be asked


def test_the_clock_of_the_service_counts_where_ours_is_ahead(service: Service) -> None:
    """A bar that is still forming by the service's clock is left out, even if this machine thinks it is over."""
    now = datetime.now(UTC)
    body = ok({"klines": [kline(now - timedelta(seconds=age)) for age in (300, 90)]})
    behind = email.utils.format_datetime(now - timedelta(seconds=60), usegmt=True)
    service.replies(body)
    assert len(fetch_klines("AAPL.US", "1m")) == 2
    service.replies(httpx2.Response(200, content=body.content, headers={"Date": behind}))
    assert len(fetch_klines("AAPL.US", "1m")) == 1
    assert len(data_client.client().klines("AAPL.US", "1m", include_open=True)) == 2


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


def test_trades_may_share_an_id_and_carry_seconds(service: Service) -> None:
    """No trade is dropped for its id, and a time in seconds becomes milliseconds."""
    trade = {"id": "0", "price": "1.5", "quantity": "2", "side": "buy"}
    service.replies(
        ok(
            {
                "symbol": "X",
                "trades": [trade | {"timestamp": at} for at in (1_720_000_060, 1_720_000_000)],
            }
        )
    )
    found = data_client.client().trades("AAPL.US")
    assert [one["timestamp"] for one in found] == [1_720_000_000_000, 1_720_000_060_000]
    assert found[0] == {
        "id": "0",
        "price": 1.5,
        "quantity": 2.0,
        "side": "buy",
        "timestamp": 1_720_000_000_000,
    }


@pytest.mark.parametrize(
    "data", [{}, None, [], {"trades": [{}]}, {"bids": 1}, {"data": []}, {"api_keys": []}]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.trades("AAPL.US"),
        lambda client: client.depth("AAPL.US"),
        lambda client: client.symbols(),
        lambda client: client.intervals(),
        lambda client: client.key_status(),
        lambda client: client.factors("AAPL.US"),
        lambda client: client.trading_days("US", date(2024, 1, 1), date(2024, 1, 2)),
    ],
)
def test_an_answer_of_another_shape_is_one_sentence(service: Service, call: Any, data: Any) -> None:
    """Nothing is read out of an answer that is not the protocol's."""
    service.replies(ok(data))
    with pytest.raises(errors.DecodeError, match="damaged"):
        call(data_client.client())


def test_symbols_come_from_all_pages_once_though_the_list_moves(service: Service) -> None:
    """Paging goes by what came and by the newest total; a symbol that slipped to the next page is not doubled."""
    names = [f"S{number}.US" for number in range(2500)]

    def reply(request: httpx2.Request) -> httpx2.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        if offset:  # a new symbol has moved the others
            names.insert(0, f"NEW{offset}.US")
        page = [
            {"symbol": name, "market": "US", "type": "stock"}
            for name in names[offset : offset + limit]
        ]
        return ok({"products": page, "pagination": {"total": len(names)}})

    service.reply = reply
    found = [one["symbol"] for one in data_client.client().symbols()]
    assert len(found) == len(set(found)) == 2500
    assert len(service.requests) == 3
    service.replies(ok({"products": [{"symbol": "A.US"}], "pagination": {"total": 9999}}))
    assert data_client.client().symbols() == [
        {"symbol": "A.US"}
    ]  # the same page for ever is no list
    assert len(service.requests) == 3 + 2


def test_trading_days_are_asked_month_by_month() -> None:
    """At most 31 days a query; half days are marked, and the calendar agrees."""
    days = data_client.client().trading_days("US", date(2024, 6, 1), date(2024, 8, 15))
    calendar = markets.sessions(markets.market_of("AAPL.US"), date(2024, 6, 1), date(2024, 8, 15))
    assert list(days) == [session.day for session in calendar]
    assert [day for day, half in days.items() if half] == [date(2024, 7, 3)]
    assert data_client.client().trading_sessions("HK")[0]["trading_sessions"][1] == {
        "begin_time": 1300,
        "end_time": 1600,
    }


def test_key_status_is_that_of_this_key_without_its_letters(service: Service) -> None:
    """Of an account's keys, the one in use; no part of the key is in the answer."""
    keys = [
        {"key_prefix": prefix, "plan": plan}
        for prefix, plan in (("tk_live_99", "free"), (KEY[:10], "pro"))
    ]
    service.replies(ok({"api_keys": keys}))
    assert data_client.client().key_status() == {"plan": "pro"}
    assert data_client.client().plan().rate == 600


def test_bars_become_pandas() -> None:
    """Times are the index, in UTC, and nothing else is needed for it."""
    bars = fetch_bars("AAPL.US", "1d", "2024-07-01", "2024-07-05")
    frame = data_client.to_pandas(bars)
    assert str(frame.index.tz) == "UTC"
    assert [stamp.isoformat() for stamp in frame.index[:1]] == ["2024-07-01T00:00:00+00:00"]
    assert frame["close"].tolist() == bars["close"].to_list()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]


# Adjusted prices


MIDNIGHT = {"UTC": 0, "New York": 5, "Hong Kong": -8}
EVENTS: list[dict[str, Any]] = [  # split 2:1 on the third, 1.00 dividend on the fifth
    {"day": 3, "forward": (0.5, 0.0), "backward": (2.0, 0.0)},
    {"day": 5, "forward": (1.0, -1.0), "backward": (1.0, 1.0)},
]


def corporate(zone: str, wrong: float = 0.0) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a service with daily bars at 100, then 50, then 49, and the factors of both events."""
    prices = {1: 100.0, 2: 100.0, 3: 50.0, 4: 50.0, 5: 49.0, 6: 49.0}
    theirs = {"none": prices, "forward": {1: 49.0}, "backward": {6: 100.0}}

    def reply(request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        if request.url.path.endswith("ex-factors"):
            found = []
            for event in EVENTS:
                at = START + timedelta(event["day"] - 1, 3600 * MIDNIGHT[zone])
                for kind in ("backward", "forward"):
                    row = dict(zip(("factor_a", "factor_b"), event[kind], strict=True))
                    found.append({"timestamp": milliseconds(at), "adjust": kind, **row})
            return ok({"data": {"AAPL.US": found}})
        adjust = params.get("adjust", "none")
        days = theirs[adjust]
        bars = []
        for day, price in days.items():
            price += wrong if adjust != "none" else 0.0
            bars.append(
                kline(START + timedelta(day - 1), open=price, high=price, low=price, close=price)
            )
        return ok(
            {
                "klines": [
                    bar
                    for bar in bars
                    if int(params["start_time"]) <= bar["time"] <= int(params["end_time"])
                ]
            }
        )

    return reply


@pytest.mark.parametrize("zone", MIDNIGHT)
@pytest.mark.parametrize(
    ("adjust", "closes"),
    [("forward", [49.0, 49, 49, 49, 49, 49]), ("backward", [100.0, 100, 100, 100, 100, 100])],
)
def test_adjusted_prices_come_from_raw_bars_and_factors(
    service: Service, zone: str, adjust: Any, closes: Any
) -> None:
    """A split and a dividend leave no jump, wherever the event's midnight is; the volume stays."""
    service.reply = corporate(zone)
    bars = fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust=adjust)
    assert bars["close"].to_list() == pytest.approx(closes)
    assert bars["volume"].to_list() == [1200.0] * 6
    service.requests.clear()
    raw = fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06")
    assert raw["close"].to_list() == [100, 100, 50, 50, 49, 49]
    assert not service.requests  # the cache holds raw bars


def test_factors_that_do_not_give_the_services_own_prices_are_refused(service: Service) -> None:
    """Nobody computes with factors that are read differently from how they are meant."""
    service.reply = corporate("UTC", wrong=1.0)
    with pytest.raises(errors.DecodeError, match="adjustment factors"):
        fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")


def test_adjustment_factors_are_locked_too(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Factors that were used can be agreed on; a revised one is named by its month, and warned about when used."""
    monkeypatch.setattr(roster, "me", lambda root: "alice")
    service.reply = corporate("UTC")
    fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")
    new = lock.lock(cache.stored_series())
    assert [(line.type, line.interval, line.month, line.number) for line in new] == [
        ("factors", "forward", "2024-01", "2"),
        ("stock", "1d", "2024-01", "6"),
    ]
    monkeypatch.setitem(EVENTS[1], "forward", (1.0, -1.01))
    fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")
    assert "differ from data.lock in" in caplog.text
    assert [line.type for line, state in lock.verify() if state == "differs"] == ["factors"]
    lock.accept("AAPL.US", "2024-01", "a corrected dividend")
    assert {state for _, state in lock.verify()} == {"same"}


def test_a_plan_without_factors_offers_raw_prices(service: Service) -> None:
    """The sentence says what to pass."""
    service.reply = lambda request: (
        fault(403, 3009) if "ex-factors" in str(request.url) else corporate("UTC")(request)
    )
    with pytest.raises(errors.PlanError, match="adjust='none'"):
        fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")


@pytest.mark.parametrize(
    ("interval", "options"), [("1w", {}), ("1M", {}), ("1d", {"offline": True})]
)
def test_what_cannot_be_adjusted_is_refused(interval: str, options: Any) -> None:
    """A week may hold an event in its middle, and offline there are no factors."""
    with pytest.raises(errors.BadRequestError, match="adjust='none'"):
        fetch_bars("AAPL.US", interval, "2024-01-01", "2024-01-31", adjust="forward", **options)
    assert (
        fetch_bars("BTCUSDT", "1d", "2024-01-01", "2024-01-31", adjust="forward").height == 31
    )  # nothing to adjust


# Plans


def with_plan(
    plan: str, code: int, bars: list[dict[str, Any]], since: datetime
) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a service whose plan refuses ranges (3008), or those that start before a time (3007)."""

    def reply(request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        if "subscriptions" in str(request.url):
            return ok({"api_keys": [{"plan": plan}]})
        if "start_time" in params and (
            code == 3008 or int(params["start_time"]) < milliseconds(since)
        ):
            return fault(403, code)
        return (
            Ranged(bars, "oldest", 1000)(request)
            if "start_time" in params
            else ok({"klines": bars[-1000:]})
        )

    return reply


def test_a_free_plan_gives_its_newest_bars_and_says_so(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Without ranges, the newest bars fill what they can; the warning says what came and what the rest would take."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    bars = [kline(hour - number * timedelta(hours=1)) for number in range(168, -1, -1)]
    service.reply = with_plan("free", 3008, bars, hour)
    since = hour - 168 * timedelta(hours=1)
    frame = fetch_bars("BTCUSDT", "1h", since - timedelta(days=300), hour + timedelta(days=1))
    assert frame["time"].dt.epoch("ms").to_list() == [bar["time"] for bar in bars[:-1]]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    for words in (
        "(Free)",
        f"you get those from {since:%Y-%m-%d %H:%M} UTC on",
        "plan Starter and about 8 requests",
    ):
        assert words in warning
    with pytest.raises(errors.PlanError, match=r"you get none.*plan Professional"):
        fetch_bars("BTCUSDT", "1h", since - timedelta(days=700), since - timedelta(days=600))
    caplog.clear()
    assert (
        fetch_bars("BTCUSDT", "1h", since, hour - timedelta(hours=2)).height == 166
    )  # all of it: nothing to say
    assert not caplog.records


def test_history_that_a_plan_has_not_is_left_out_and_said(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A year is what Starter has: two years give the last one, with a warning."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    bars = [kline(today - timedelta(days=number)) for number in range(700, 0, -1)]
    service.reply = with_plan("Starter", 3007, bars, today - timedelta(days=365))
    frame = fetch_bars("BTCUSDT", "1d", today - timedelta(days=700), today)
    assert frame.height == 363
    assert "(Starter)" in caplog.text
    with pytest.raises(errors.PlanError, match=r"you get none.*Professional"):
        fetch_bars("BTCUSDT", "1d", today - timedelta(days=700), today - timedelta(days=500))


# The key, wherever it may be


class Echo(BaseHTTPRequestHandler):
    """A service that repeats the key in its answer, and breaks some connections."""

    def do_GET(self) -> None:
        if "depth" in self.path:
            self.connection.close()
            return
        body = json.dumps(
            {"code": 2001, "message": f"bad key {self.headers['X-API-Key']}"}
        ).encode()
        self.send_response(400)
        self.send_header("X-Echo", str(self.headers["X-API-Key"]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.mark.parametrize("place", ["environment", ".env", "argument"])
def test_a_key_is_nowhere_in_the_output_at_debug(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over a real connection, with every library at DEBUG: not in a log line, an error, a trace with locals, a repr."""
    key = KEY if place == "argument" else "plantedsecret4711"
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    monkeypatch.setattr(data_client, "sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("TICKDB_BASE_URL", url)
        if place == ".env":
            (tmp_path / ".env").write_text(f"TICKDB_API_KEY={key}\n", encoding="utf-8")
        elif place == "environment":
            monkeypatch.setenv("TICKDB_API_KEY", key)
        client = (
            data_client.TickDBClient(url, key, plan="free")
            if place == "argument"
            else data_client.client()
        )
        shown = repr(client) + repr(vars(client))
        for call in (lambda: client.klines("AAPL.US"), lambda: client.depth("AAPL.US")):
            try:
                call()
            except TickDBError as error:
                frames = (
                    error.__traceback__ and error.__traceback__.tb_next
                )  # without this test's, which has the key
                trace = traceback.TracebackException(
                    type(error), error, frames, capture_locals=True
                )
                shown += (
                    "".join(trace.format())
                    + repr(error)
                    + repr(vars(error))
                    + repr(error.__context__)
                )
                logging.getLogger("notebook").exception("failed")
        response = client.request("/v1/market/kline", {"symbol": "AAPL.US"})
        shown += f"{response!r} {response.request!r} {response.request.headers!r} {response.extensions!r}"
        server.shutdown()
    logged = stream.getvalue()
    assert "httpcore2" in logged  # the libraries did log
    assert re.search(r"bad key (tk_live_)?\*\*\*", shown)
    assert key[-11:] not in logged + shown


def test_a_stop_in_the_middle_of_a_request_shows_no_key(service: Service) -> None:
    """Ctrl-C ends in a traceback without the frames that hold the header."""

    def stop(request: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    service.reply = stop
    with pytest.raises(KeyboardInterrupt) as caught:
        data_client.client().klines("AAPL.US")
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [Path(frame.filename).name for frame in frames][-1] == "data_client.py"
    assert caught.value.__suppress_context__


# The documentation


def test_the_examples_of_the_page_run() -> None:
    """The blocks of docs/data.md run in the sandbox, one after the other."""
    assert len(EXAMPLES) > 4
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example, str(PAGE), "exec"), names)
