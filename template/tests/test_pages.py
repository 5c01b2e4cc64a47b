"""A range of bars is complete, whatever the service cuts, and a damaged bar is an error."""

from __future__ import annotations

import email.utils
import threading
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest

from quant_team_data import calendars, data_client, errors, frames, markets
from quant_team_data.data_client import (
    TickDBClient,
    fetch_bars,
    fetch_klines,
)
from quant_team_data.markets import DAY
from tests.service import (
    HOUR,
    NOW,
    START,
    Clock,
    Ranged,
    Service,
    fault,
    hourly,
    kline,
    ok,
    times,
)

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.mark.parametrize(
    "changes",
    [
        {"open": ""},
        {"close": "NaN"},
        {"high": "9"},
        {"volume": None},
        {"low": "1,000"},
        {"high": "inf"},
        {"open": "9.99"},
        {"close": "11.01"},
        {"low": "0", "open": "0"},
        {"volume": "-1"},
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


@pytest.mark.parametrize("count", [1, 99, 100, 999, 1000, 1001, 2000, 3456])
@pytest.mark.parametrize("end_included", [True, False])
@pytest.mark.parametrize(
    ("cut", "cap"), [("oldest", 1000), ("newest", 1000), ("oldest", 500), ("newest", 100)]
)
def test_a_long_range_is_complete(
    service: Service, count: int, cut: str, cap: int, end_included: bool
) -> None:
    """Every bar comes once, whichever end is cut, however low the cap, the end counted or not."""
    bars = hourly(count)
    service.reply = Ranged(bars, cut, cap, end_included)
    frame = fetch_bars("BTCUSDT", "1h", START, START + 4000 * timedelta(hours=1))
    assert times(frame) == [bar["time"] for bar in bars]
    assert len(service.requests) <= 4 + 2 * (count // cap)


def test_holes_do_not_hide_bars(service: Service) -> None:
    """Nights and weekends between the bars, and a hole at the cut, lose nothing."""
    bars = [
        bar for number, bar in enumerate(hourly(9000)) if number % 24 < 7 and number % 168 < 120
    ]
    service.reply = Ranged(bars, "oldest", 1000)
    frame = fetch_bars("AAPL.US", "1h", START, START + 9000 * timedelta(hours=1))
    assert times(frame) == [bar["time"] for bar in bars]


@pytest.mark.parametrize("deaf", ["start", "end"])
def test_a_service_that_ignores_the_range_is_an_error(service: Service, deaf: str) -> None:
    """Bars from before or after the range are the answer to another question."""
    service.reply = Ranged(hourly(5000), "oldest", 1000, deaf=deaf)
    words = "times of BTCUSDT that are not those of the request"
    with pytest.raises(errors.DecodeError, match=words):
        fetch_bars("BTCUSDT", "1h", START + 500 * HOUR, START + 1200 * HOUR)


def test_the_clock_of_the_service_counts_where_ours_is_ahead(service: Service) -> None:
    """A bar that still forms by the service's clock is left out, though ours says it is over."""
    body = ok({"klines": [kline(NOW - timedelta(seconds=age)) for age in (300, 90)]})
    behind = email.utils.format_datetime(NOW - timedelta(seconds=60), usegmt=True)
    service.replies(body)
    assert len(fetch_klines("AAPL.US", "1m")) == 2
    service.replies(httpx2.Response(200, content=body.content, headers={"Date": behind}))
    assert len(fetch_klines("AAPL.US", "1m")) == 1
    assert len(data_client.client().klines("AAPL.US", "1m", include_open=True)) == 2


def test_a_thousand_calls_with_faults_lose_and_double_no_bar(service: Service) -> None:
    """One answer in five is a fault; what still fails is named, and a second try completes it."""
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
        assert times(frame) == [bar["time"] for bar in bars]
    assert len(first.data | second.data) == 40


WEEKS = [
    date(2024, 3, 7),  # New York's clocks go forward
    date(2024, 10, 31),  # and back
    date(2024, 12, 23),  # half days, holidays, the end of a year
]


@pytest.mark.parametrize("symbol", ["AAPL.US", "700.HK", "600519.SH", "EURUSD", "BTCUSDT"])
@pytest.mark.parametrize("first", WEEKS, ids=str)
def test_a_closed_bar_is_closed_and_stays_as_it_is(symbol: str, first: date) -> None:
    """At every open and close of a market, to the second: no bar that later changes is given."""
    market = markets.market_of(symbol)
    clock = Clock()
    then = TickDBClient("sandbox", clock=clock)
    final = TickDBClient("sandbox", clock=lambda: datetime(2025, 3, 3, tzinfo=UTC))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    for interval in ("1m", "1h", "1d"):
        whole = final.frame(symbol, interval, begin - 10 * DAY, begin + 10 * DAY)
        known = frames.bars_of(whole)
        for moment in edges(market, first):
            clock.now = moment
            found = then.klines(symbol, interval, 3)
            closes = datetime.fromtimestamp(found[-1].time / 1000, UTC)
            assert markets.bar_end(closes, interval) <= moment
            place = known.index(found[0])
            assert known[place : place + 3] == found


def edges(market: markets.Market, first: date) -> list[datetime]:
    """Return the seconds around every open, pause and close of a week."""
    found = []
    for session in calendars.sessions(market, first, first + 8 * DAY):
        for hours in session.hours:
            for edge in hours:
                found += [edge + timedelta(seconds=seconds) for seconds in (-1, 0, 1, 60)]
    return found
