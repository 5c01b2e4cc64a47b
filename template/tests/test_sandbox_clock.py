"""Whatever the clock says, the sandbox keeps one contract.

A fake clock runs through whole weeks, hour by hour, with half days, holidays, both changes of the
clock and the end of a year; and over every open, close, lunch break and midnight to the second.
"""

from __future__ import annotations

import bisect
import itertools
import operator
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from quant_team_data import sandbox
from quant_team_data.calendars import Session, bar_opens, sessions
from quant_team_data.markets import (
    DAY,
    INTERVALS,
    SECONDS_OF_A_DAY,
    market_of,
    milliseconds,
    shortest,
)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

# One of each asset class, and one of each calendar.
SYMBOLS = ["AAPL.US", "700.HK", "600519.SH", "BTCUSDT", "EURUSD", "HSI.HK", "BU2609"]
HOURLY_SYMBOLS = SYMBOLS[:5]
# One of each board, metals and indices included.
MARKETS = [
    "SPY.US",
    "SPX",
    "80700.HK",
    "HSI",
    "900901.SH",
    "300750.SZ",
    "920799.BJ",
    "000300.SH",
    "USDJPY",
    "XAUUSD",
    "ETHBTC",
    "BTC.BITSTAMP",
    "CU2612",
]

# First and last day, both included.
PERIODS = {
    "a week with a half day and holidays": (date(2024, 6, 29), date(2024, 7, 7)),
    "the week in which summer time begins": (date(2024, 3, 8), date(2024, 3, 12)),
    "the week in which summer time ends": (date(2024, 11, 1), date(2024, 11, 5)),
    "the Chinese New Year": (date(2024, 2, 8), date(2024, 2, 10)),
    "the end of a year": (date(2024, 12, 30), date(2025, 1, 2)),
}
EDGES = {
    "a half day and a holiday": (date(2024, 7, 3), date(2024, 7, 5)),
    "summer time begins": (date(2024, 3, 8), date(2024, 3, 11)),
    "summer time ends": (date(2024, 11, 1), date(2024, 11, 4)),
    "the end of a year": (date(2024, 12, 31), date(2025, 1, 1)),
}


def ask(path: str, now: datetime, **params: object) -> Any:
    """Return the data of an answer, which must be a success."""
    texts = {name: str(value) for name, value in params.items()}
    status, body = sandbox.answer(f"/v1/{path}", texts, {}, now=milliseconds(now))
    assert (status, body["code"]) == (200, 0), body
    return body["data"]


def klines(
    symbol: str,
    interval: str,
    now: datetime,
    limit: int,
) -> list[dict[str, Any]]:
    found = ask("market/kline", now, symbol=symbol, interval=interval, limit=limit)
    bars: list[dict[str, Any]] = found["klines"]
    return bars


@cache
def opens(symbol: str, interval: str) -> list[tuple[int, int]]:
    """Return when each bar of 2023 to 2025 begins to exist, and its open; ms UTC, in order."""
    found: dict[int, int] = {}
    for session in _sessions(symbol, date(2023, 6, 1), date(2025, 1, 31)):
        first = milliseconds(session.open)
        is_long = shortest(interval) >= SECONDS_OF_A_DAY
        for at in bar_opens(session, interval):
            found.setdefault(at, first if is_long else at)
    return sorted((begun, at) for at, begun in found.items())


def expected_times(
    symbol: str,
    interval: str,
    now: datetime,
    limit: int,
) -> list[int]:
    """Return the opens of the newest bars of which a minute has begun, by the calendar alone."""
    known = opens(symbol, interval)
    count = bisect.bisect_right(known, milliseconds(now), key=operator.itemgetter(0))
    return [at for _, at in known[count - limit : count]]


def _sessions(
    symbol: str,
    first: date,
    last: date,
) -> list[Session]:
    return sessions(market_of(symbol), first, last, today=last)


def check_bars(
    symbol: str,
    interval: str,
    now: datetime,
    limit: int,
) -> None:
    """As many bars as asked for, those of the calendar, the newest the same on both routes."""
    bars = klines(symbol, interval, now, limit)
    times = [bar["time"] for bar in bars]
    assert times == expected_times(symbol, interval, now, limit), (symbol, interval, now)
    assert len(times) == limit
    assert times == sorted(set(times))
    for bar in bars:
        assert float(bar["low"]) <= float(bar["open"]) <= float(bar["high"])
        assert float(bar["low"]) <= float(bar["close"]) <= float(bar["high"])
        assert float(bar["volume"]) > 0
    (latest,) = ask("market/kline/latest", now, symbols=symbol, interval=interval)
    assert latest["klines"] == bars[-1:], (symbol, interval, now)


def check_prices(symbol: str, now: datetime) -> None:
    """Quote, order book and trades agree with the bars."""
    before, today = klines(symbol, "1d", now, 2)
    (minute,) = klines(symbol, "1m", now, 1)
    (quote,) = ask("market/ticker", now, symbols=symbol)
    assert quote["timestamp"] == milliseconds(now)
    assert float(quote["last_price"]) == float(today["close"]) == float(minute["close"])
    assert quote["high_24h"] == today["high"]
    assert quote["low_24h"] == today["low"]
    assert quote["volume_24h"] == today["volume"]
    change = float(today["close"]) - float(before["close"])
    assert float(quote["price_change_24h"]) == pytest.approx(change, abs=1e-5)
    if market_of(symbol).type in ("forex", "indices"):
        return  # without order book and trades
    book = ask("market/depth", now, symbol=symbol)
    best_bid = float(book["bids"][0][0])
    best_ask = float(book["asks"][0][0])
    assert best_bid < float(minute["close"]) < best_ask
    assert book["timestamp"] == milliseconds(now)
    trades = ask("market/trades", now, symbol=symbol, limit=3)["trades"]
    stamps = [trade["timestamp"] for trade in trades]
    assert len(stamps) == 3
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= milliseconds(now)
    assert trades[-1]["price"] == minute["close"]


def hours(first: date, last: date) -> Iterator[datetime]:
    """Yield every full hour of some days."""
    now = _midnight(first)
    while now < _midnight(last + DAY):
        yield now
        now += HOUR


def edges(
    symbol: str,
    first: date,
    last: date,
) -> list[datetime]:
    """Return each open, close, lunch break and midnight of some days, a second early to late."""
    days = (last - first).days + 1
    moments = {_midnight(first + number * DAY) for number in range(days)}
    for session in _sessions(symbol, first, last):
        moments |= set(itertools.chain(*session.hours))
    return sorted(moment + n * SECOND for moment in moments for n in (-1, 0, 1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.parametrize("symbol", HOURLY_SYMBOLS)
@pytest.mark.parametrize("period", PERIODS)
def test_every_hour_of_a_week_has_its_bars_and_a_quote(symbol: str, period: str) -> None:
    """Bars of an hour, a day, a week and a month are complete, and the quote fits, at any hour."""
    for now in hours(*PERIODS[period]):
        check_bars(symbol, "1d", now, 2)
        check_prices(symbol, now)
        for interval, step in (("1h", 2), ("1w", 3), ("1M", 12)):
            if now.hour % step == 0:
                check_bars(symbol, interval, now, 2)


@pytest.mark.parametrize("symbol", MARKETS)
def test_every_market_has_a_price_at_every_hour_of_a_week(symbol: str) -> None:
    """Before the open, at night and at the weekend, too: the last daily bar and its quote."""
    for now in hours(date(2024, 9, 28), date(2024, 10, 4)):
        (latest,) = ask("market/kline/latest", now, symbols=symbol, interval="1d")
        (quote,) = ask("market/ticker", now, symbols=symbol)
        (bar,) = latest["klines"]
        assert float(quote["last_price"]) == float(bar["close"]), now


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("period", EDGES)
def test_every_open_and_close_is_kept_to_the_second(symbol: str, period: str) -> None:
    """All intervals and prices, a second before and after each open, close, break and midnight."""
    for now in edges(symbol, *EDGES[period]):
        for interval in INTERVALS:
            check_bars(symbol, interval, now, 1 if interval == "1M" else 3)
        check_prices(symbol, now)


@pytest.mark.parametrize("symbol", HOURLY_SYMBOLS)
def test_a_range_that_ends_in_the_past_is_full_at_any_hour(symbol: str) -> None:
    """`end_time` takes the newest bars that open before it, whatever the clock says."""
    for now in hours(date(2024, 7, 3), date(2024, 7, 5)):
        end = now - 30 * HOUR
        params = {"symbol": symbol, "interval": "1d", "limit": 3, "end_time": milliseconds(end)}
        times = [bar["time"] for bar in ask("market/kline", now, **params)["klines"]]
        labels = [at for at in _labels(symbol, now) if at <= milliseconds(end)]
        assert times == labels[-3:], now


def _labels(symbol: str, now: datetime) -> list[int]:
    """Return the opens of the daily bars that exist at some time."""
    return [at for begun, at in opens(symbol, "1d") if begun <= milliseconds(now)]


@pytest.mark.parametrize("symbol", HOURLY_SYMBOLS)
def test_a_clock_that_is_set_wrong_is_a_documented_error(symbol: str) -> None:
    """In 1970, and in the first days of the prices, every route answers, if only with an error."""
    starts = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2009, 12, 30, tzinfo=UTC)]
    for now in (start + number * 6 * HOUR for start in starts for number in range(40)):
        for path, name in (("ticker", "symbols"), ("depth", "symbol"), ("trades", "symbol")):
            params = {name: symbol}
            status, body = sandbox.answer(f"/v1/market/{path}", params, {}, now=milliseconds(now))
            expected: list[tuple[int, int | str]] = [(200, 0), (500, 5000)]
            if market_of(symbol).type == "forex" and path != "ticker":
                expected = [(400, "2001")]
            assert (status, body["code"]) in expected
        assert isinstance(klines(symbol, "1M", now, 3), list)


def test_the_routes_without_prices_answer_at_any_hour() -> None:
    """Symbols, intervals, factors, hours and the key do not depend on the time of day."""
    for now in hours(*PERIODS["a week with a half day and holidays"]):
        assert len(ask("symbols/available", now)["products"]) > 10
        assert ask("market/intervals/kline", now)["intervals"] == list(INTERVALS)
        assert ask("market/kline/ex-factors", now, symbols="AAPL.US") == {"data": {"AAPL.US": []}}
        assert len(ask("market/trading-sessions", now)) == 3
        assert ask("apikeys/subscriptions", now)["server_time"] == milliseconds(now)
        asked = {"market": "US", "beg_day": "20240701", "end_day": "20240705"}
        days = ask("market/trade-days", now, **asked)
        assert days["trade_days"] == ["20240701", "20240702", "20240703", "20240705"]
        assert days["half_trade_days"] == ["20240703"]


def test_no_route_is_left_out() -> None:
    """Every route of the sandbox is asked above."""
    here = {
        "market/kline",
        "market/kline/latest",
        "market/ticker",
        "market/depth",
        "market/trades",
        "symbols/available",
        "market/intervals/kline",
        "market/kline/ex-factors",
        "market/trading-sessions",
        "market/trade-days",
        "apikeys/subscriptions",
    }
    assert {f"/v1/{path}" for path in here} == sandbox.ROUTES.keys()
