"""The sandbox speaks TickDB's protocol, and its bars are the same whoever asks, and however."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quant_team_data import data_client, sandbox
from quant_team_data.calendars import trading_dates
from quant_team_data.frames import SCHEMA, times_of
from quant_team_data.markets import (
    INTERVALS,
    SECONDS_OF_A_DAY,
    market_of,
    milliseconds,
    shortest,
)

NOW = milliseconds(
    datetime(2024, 7, 5, 15, 10, 30, tzinfo=UTC)
)  # a Friday, New York open, Hong Kong closed


GOLDEN_DAY = {
    "time": 1719964800000,
    "open": "201.93",
    "high": "204.29",
    "low": "201.20",
    "close": "203.21",
    "volume": "417905",
}
GOLDEN_MINUTE = {
    "time": 1719964800000,
    "open": "36737.99",
    "high": "36739.75",
    "low": "36707.83",
    "close": "36713.36",
    "volume": "1.6169",
}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def ask(path: str, now: int = NOW, **params: object) -> Any:
    """Return the data of an answer, which must be a success."""
    texts = {name: str(value) for name, value in params.items()}
    status, body = sandbox.answer(f"/v1/{path}", texts, {}, now=now)
    assert (status, body["code"]) == (200, 0), body
    return body["data"]


def klines(
    symbol: str,
    interval: str,
    start: str,
    end: str,
    limit: int = 1000,
    now: int = NOW,
) -> list[dict[str, Any]]:
    """Return the bars that open between two UTC times, both included."""
    found = ask(
        "market/kline",
        now,
        symbol=symbol,
        interval=interval,
        limit=limit,
        start_time=at(start),
        end_time=at(end),
    )
    bars: list[dict[str, Any]] = found["klines"]
    return bars


def at(text: str) -> int:
    """Return a UTC time in milliseconds."""
    return milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def clock(bar: dict[str, Any]) -> str:
    """Return a bar's UTC time."""
    return f"{datetime.fromtimestamp(bar['time'] / 1000, UTC):%Y-%m-%d %H:%M}"


def test_the_series_is_frozen() -> None:
    """The bars of a past day never change: results and locks of every team rest on them."""
    (bar,) = klines("AAPL.US", "1d", "2024-07-03", "2024-07-03")
    assert bar == GOLDEN_DAY
    assert klines("BTCUSDT", "1m", "2024-07-03", "2024-07-03")[0] == GOLDEN_MINUTE


@cache
def june_minutes(symbol: str) -> pl.DataFrame:
    """Return all minutes of June 2024, and those of the day after."""
    return data_client.fetch_bars(symbol, "1m", "2024-06-01", "2024-07-01")


@pytest.mark.parametrize("symbol", ["AAPL.US", "700.HK", "BTCUSDT", "EURUSD", "600519.SH"])
@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != "1m"])
def test_every_interval_is_made_of_the_same_minutes(symbol: str, interval: str) -> None:
    """A bar is made of the minutes between it and the next bar."""
    start = "2024-06-01" if interval == "1M" else "2024-06-03"  # a Monday
    bars = data_client.fetch_bars(symbol, interval, start, "2024-06-30")
    minutes = june_minutes(symbol)
    if shortest(interval) >= SECONDS_OF_A_DAY:
        dates = trading_dates(times_of(minutes), market_of(symbol), interval)
        label = pl.Series("bar", dates).cast(SCHEMA["time"])
        marked = minutes.with_columns(label).filter(pl.col("bar").is_in(bars["time"].implode()))
    else:
        length = pl.duration(seconds=shortest(interval))
        joined = minutes.join_asof(bars.select("time", bar="time"), on="time").drop_nulls("bar")
        marked = joined.filter(pl.col("time") < pl.col("bar") + length)
    expected = marked.group_by(time="bar", maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    assert bars.height > 0
    assert_frame_equal(bars, expected)


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_any_range_gives_the_same_bars(interval: str) -> None:
    """A bar does not depend on the range, the limit or the time of the request that shows it."""
    bars = klines("700.HK", interval, "2024-01-01", "2024-06-14")
    whole = {bar["time"]: bar for bar in bars}
    later = NOW + 40 * 86_400_000
    part = klines("700.HK", interval, "2024-05-01", "2024-06-12", limit=7, now=later)
    assert part
    for bar in part:
        assert bar == whole[bar["time"]]


def test_two_spellings_are_one_series_and_each_is_echoed() -> None:
    """00700.HK has the bars of 700.HK, under the name that was asked for."""
    short, long = (
        ask("market/kline", symbol=name, interval="1d") for name in ("700.HK", "00700.HK")
    )
    assert short["klines"] == long["klines"]
    assert (short["symbol"], long["symbol"]) == ("700.HK", "00700.HK")


def test_minutes_stand_only_where_the_market_trades() -> None:
    """The third of July is a half day, the fourth is closed; Hong Kong has no minute at lunch."""
    us = klines("AAPL.US", "1m", "2024-07-03", "2024-07-05 00:00")
    assert (len(us), clock(us[0]), clock(us[-1])) == (210, "2024-07-03 13:30", "2024-07-03 16:59")
    hk = [clock(bar)[11:] for bar in klines("700.HK", "1m", "2024-07-03", "2024-07-03 23:59")]
    assert len(hk) == 330
    assert not [time for time in hk if "04:00" <= time < "05:00"]


def test_summer_time_moves_the_session_not_the_count() -> None:
    """New York opens at 14:30 UTC before its summer time and at 13:30 after."""
    bars = klines("AAPL.US", "1h", "2024-03-08", "2024-03-11 23:59")
    opens = [clock(bar) for bar in bars]
    assert opens[0] == "2024-03-08 14:30"
    assert opens[7] == "2024-03-11 13:30"
    assert len(bars) == 14


def test_the_last_bar_may_be_forming_and_none_is_newer() -> None:
    """The running hour is there, made of the minutes so far; a later request completes it."""
    early, late = (
        klines("AAPL.US", "1h", "2024-07-05 14:30", "2024-07-05 20:00", now=NOW + n * 60_000)
        for n in (0, 19)
    )
    assert [clock(bar)[11:] for bar in early] == ["14:30"]
    assert clock(late[0]) == clock(early[0])
    assert float(early[0]["volume"]) < float(late[0]["volume"])
    assert not klines("AAPL.US", "1m", "2024-07-05 15:11", "2025-07-05")


@pytest.mark.parametrize(
    ("limit", "count"), [(5, 5), (1000, 1000), (5000, 1000), (0, 100), (-3, 100)]
)
def test_the_limit_is_capped_without_a_word(limit: int, count: int) -> None:
    """More than 1000 gives 1000, none gives 100, and what is given is the newest."""
    bars = ask("market/kline", symbol="BTCUSDT", interval="1h", limit=limit)["klines"]
    assert len(bars) == count
    assert clock(bars[-1]) == "2024-07-05 15:00"


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("market/kline", {"interval": "1h"}, 400, "2001"),
        ("market/kline", {"symbol": "AAPL.US"}, 400, "2001"),
        ("market/kline", {"symbol": "AAPL.US", "interval": "7m"}, 400, "2001"),
        ("market/kline", {"symbol": "AAPL.US", "interval": "1h", "limit": "many"}, 400, "2001"),
        (
            "market/kline",
            {"symbol": "AAPL.US", "interval": "1h", "start_time": "9", "end_time": "8"},
            400,
            2003,
        ),
        ("market/kline", {"symbol": "NOSUCHTHING.US", "interval": "1h"}, 404, 2002),
        ("market/kline", {"symbol": "what?", "interval": "1h"}, 400, 2005),
        ("market/kline", {"symbol": "A" * 33, "interval": "1h"}, 400, 2005),
        ("market/kline", {"symbol": "000001", "interval": "1h"}, 400, "AMBIGUOUS_SYMBOL"),
        ("market/kline", {"symbol": "AAPL.US", "interval": "1h", "type": "crypto"}, 400, 2006),
        ("market/kline/latest", {"symbol": "AAPL.US"}, 400, "2001"),  # the article's call
        (
            "market/kline/latest",
            {"symbols": ",".join(["AAPL.US"] * 51), "interval": "1m"},
            400,
            2004,
        ),
        ("market/ticker", {}, 400, "2001"),
        ("no/such/path", {}, 404, 404),
    ],
)
def test_documented_errors(
    path: str,
    params: dict[str, str],
    status: int,
    code: int | str,
) -> None:
    """A wrong request is refused with the documented status and code."""
    found, body = sandbox.answer(f"/v1/{path}", params, {}, now=NOW)
    assert (found, body["code"]) == (status, code)


def test_an_ambiguous_symbol_is_settled_by_its_type() -> None:
    """000001 names its types, and with one of them gives that series."""
    _, body = sandbox.answer(
        "/v1/market/kline", {"symbol": "000001", "interval": "1d"}, {}, now=NOW
    )
    assert body["data"] == {"available_types": ["stock", "indices"]}
    stock = ask("market/kline", symbol="000001", interval="1d", type="stock")
    assert stock["klines"] == ask("market/kline", symbol="000001.SZ", interval="1d")["klines"]
    assert (
        ask("market/kline", symbol="000001", interval="1d", type="indices")["klines"]
        != stock["klines"]
    )


def test_latest_ticker_depth_and_trades_agree_on_the_last_price() -> None:
    """Every endpoint has the documented shape, prices as strings, and one idea of the price."""
    (latest,) = ask("market/kline/latest", symbols="AAPL.US", interval="1m")
    (ticker,) = ask("market/ticker", symbols="AAPL.US")
    depth, trades = (
        ask("market/depth", symbol="AAPL.US"),
        ask("market/trades", symbol="AAPL.US", limit=3),
    )
    close = latest["klines"][-1]["close"]
    assert isinstance(close, str)
    assert ticker["last_price"] == trades["trades"][-1]["price"] == close
    assert ticker["timestamp"] == depth["timestamp"] == NOW
    bids = [float(price) for price, _ in depth["bids"]]
    asks = [float(price) for price, _ in depth["asks"]]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < float(close) < asks[0]
    assert len({trade["id"] for trade in trades["trades"]}) == 3
    assert {trade["side"] for trade in trades["trades"]} <= {"buy", "sell", "neutral"}


@pytest.mark.parametrize("path", ["market/depth", "market/trades"])
@pytest.mark.parametrize("symbol", ["EURUSD", "XAUUSD", "SPX", "000001.SH"])
def test_what_has_no_order_book_is_refused(path: str, symbol: str) -> None:
    """The service has neither order book nor trades of currencies, metals and indices."""
    status, body = sandbox.answer(f"/v1/{path}", {"symbol": symbol}, {}, now=NOW)
    assert (status, body["code"]) == (400, "2001")
    assert "not available for type" in body["message"]


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (3, 3), (10, 10), (50, 10), (0, 10)])
def test_the_order_book_has_as_many_levels_as_asked_for(limit: int, count: int) -> None:
    """An older document has a `limit` of levels; the nearest to the price come first."""
    whole = ask("market/depth", symbol="700.HK")
    book = ask("market/depth", symbol="700.HK", limit=limit)
    for side in ("bids", "asks"):
        assert book[side] == whole[side][:count]
        assert len(book[side]) == count


@pytest.mark.parametrize(
    ("path", "name"), [("market/kline", "symbol"), ("market/kline/latest", "symbols")]
)
def test_an_unknown_adjustment_is_refused(path: str, name: str) -> None:
    """`adjust` is none, forward or backward; without splits these give the same bars."""
    params = {name: "AAPL.US", "interval": "1d", "adjust": "sideways"}
    status, body = sandbox.answer(f"/v1/{path}", params, {}, now=NOW)
    assert (status, body["code"]) == (400, "2001")
    answers = []
    for adjust in ("none", "forward", "backward"):
        params["adjust"] = adjust
        status, body = sandbox.answer(f"/v1/{path}", params, {}, now=NOW)
        assert status == 200
        answers.append(body["data"])
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(("first", "status"), [("20230705", 200), ("20230704", 400)])
def test_trade_days_reach_a_year_back(first: str, status: int) -> None:
    """The service knows the last year only."""
    params = {"market": "US", "beg_day": first, "end_day": "20230731"}
    found, _ = sandbox.answer("/v1/market/trade-days", params, {}, now=NOW)
    assert found == status


@pytest.mark.parametrize("path", ["intraday", "calc-index", "capital-flow", "stock-info"])
def test_what_the_sandbox_lacks_is_an_unknown_path(path: str) -> None:
    """Endpoints that docs/data.md names as missing get the answer of an unknown path."""
    status, body = sandbox.answer(f"/v1/market/{path}", {"symbols": "AAPL.US"}, {}, now=NOW)
    assert (status, body["code"]) == (404, 404)


def test_symbols_can_be_filtered_and_paged() -> None:
    """The list of symbols has the documented shape; every symbol in it has bars."""
    page = ask("symbols/available", market="US", limit=2, offset=1)
    assert page["pagination"] == {"limit": 2, "offset": 1, "total": 162, "count": 2}
    assert {product["market"] for product in page["products"]} == {"US"}
    for product in ask("symbols/available")["products"]:
        (bar,) = ask("market/kline", symbol=product["symbol"], interval="1d", limit=1)["klines"]
        assert float(bar["low"]) <= float(bar["close"]) <= float(bar["high"])
    assert ask("market/intervals/kline")["intervals"] == list(INTERVALS)
