"""An answer is compared with its request: symbol, interval, unit, range, dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from quant_team_data import data_client, errors
from quant_team_data.data_client import fetch_bars, fetch_klines
from tests.service import HOUR, START, Service, fault, hourly, kline, ok, times

pytestmark = pytest.mark.usefixtures("sandbox")

DAY = timedelta(days=1)


def fetch_day(symbol: str = "BTCUSDT", **options: Any) -> Any:
    return fetch_bars(symbol, "1h", "2024-01-01", "2024-01-01", **options)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"symbol": "ETHUSDT"}, "'ETHUSDT' instead of 'BTCUSDT'"),
        ({"interval": "1d"}, "'1d' bars of 'BTCUSDT' instead of '1h' bars"),
        ({"symbol": "BTCUSDT", "interval": "1H"}, "'1H' bars"),
    ],
)
def test_an_answer_for_something_else_is_an_error(
    service: Service,
    said: dict[str, str],
    words: str,
) -> None:
    """Bars of another symbol or interval are never taken, from a range or from the newest."""
    service.replies(ok({"klines": hourly(24), **said}))
    with pytest.raises(errors.DecodeError, match=words):
        fetch_day()
    with pytest.raises(errors.DecodeError, match=words):
        fetch_klines("BTCUSDT", "1h")


def test_another_type_is_an_error(service: Service) -> None:
    """Six digits that are a stock and an index: the answer must be for the one asked for."""
    service.replies(ok({"klines": hourly(2), "symbol": "000001.SH", "type": "indices"}))
    with pytest.raises(errors.DecodeError, match="type 'indices' instead of 'stock'"):
        fetch_day("000001", type="stock")


@pytest.mark.parametrize(
    ("asked", "said"),
    [("00700.HK", "700.HK"), ("700.HK", "00700.HK"), ("000001", "000001.SZ")],
)
def test_another_spelling_is_the_same_symbol(service: Service, asked: str, said: str) -> None:
    """An alias, and six digits that come back with their exchange."""
    service.replies(ok({"klines": [], "symbol": said, "interval": "1d"}))
    assert fetch_klines(asked, "1d") == []


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-3, "in seconds, not in milliseconds"),
        (1e3, "microseconds or nanoseconds, not in milliseconds"),
        (1e6, "microseconds or nanoseconds, not in milliseconds"),
    ],
)
def test_times_in_another_unit_are_an_error_that_says_so(
    service: Service,
    factor: float,
    words: str,
) -> None:
    """Seconds are not bars of 1970, and nothing is proven by them."""
    bars = [{**bar, "time": int(bar["time"] * factor)} for bar in hourly(24)]
    service.replies(ok({"klines": bars}))
    for _ in range(2):
        with pytest.raises(errors.DecodeError, match=words):
            fetch_day()
    with pytest.raises(errors.DecodeError, match=words):
        fetch_klines("BTCUSDT", "1h")
    service.replies(ok({"klines": hourly(24)}))
    assert len(fetch_day()) == 24


@pytest.mark.parametrize(
    "time",
    [-1, 0, True, 1.5, "1_704_067_200_000", "x", "", None, 10**13, 10**18, 10**30, 9.9e307],
)
def test_a_time_that_is_none_is_an_error(service: Service, time: Any) -> None:
    """No time, however strange, is an exception of a library."""
    bars = hourly(24)
    bars[3]["time"] = time
    service.replies(ok({"klines": bars}))
    with pytest.raises(errors.DecodeError):
        fetch_day()


@pytest.mark.parametrize("value", [True, False, "1_00", "1,0", " 1", "0x10", "nan", "inf", [], {}])
@pytest.mark.parametrize("field", ["open", "volume"])
def test_a_number_that_is_none_is_an_error(service: Service, field: str, value: Any) -> None:
    """Neither true nor 1_00 is a number."""
    bars = hourly(24)
    bars[3][field] = value
    service.replies(ok({"klines": bars}))
    with pytest.raises(errors.DecodeError, match=field):
        fetch_day()


@pytest.mark.parametrize("hours", [-24, -1, 25, 24 * 365])
def test_a_bar_of_another_time_is_an_error(service: Service, hours: int) -> None:
    """A bar before or after the range says that the answer is for another one."""
    service.replies(ok({"klines": [*hourly(24), kline(START + hours * HOUR)]}))
    with pytest.raises(errors.DecodeError, match="not those of the request"):
        fetch_day()


def test_a_bar_off_the_grid_is_an_error(service: Service) -> None:
    """Ten past is not the open of an hour."""
    bars = hourly(24)
    bars[5]["time"] += 600_000
    service.replies(ok({"klines": bars}))
    with pytest.raises(errors.DecodeError, match="05:10Z: time is not the open of a 1h bar"):
        fetch_day()


def test_two_different_bars_of_one_time_are_an_error(service: Service) -> None:
    """Which of them is right, nobody knows; the same bar twice is one."""
    bars = hourly(24)
    service.replies(ok({"klines": [*bars, bars[7]]}))
    assert len(fetch_day()) == 24
    service.replies(ok({"klines": [*bars, {**bars[7], "volume": "7"}, bars[7]]}))
    with pytest.raises(errors.DecodeError, match=r"two different bars of .* 2024-01-01T07:00Z"):
        fetch_day(refresh=True)


# 00:00 UTC, the exchange's midnight, its open and its close, in hours from 00:00 UTC.
STAMPS = [
    ("AAPL.US", (0, 5, 14.5, 21)),
    ("700.HK", (0, -8, 1.5, 8)),
    ("600519.SH", (0, -8, 1.5, 7)),
    ("EURUSD", (0, -2)),
    ("BTCUSDT", (0,)),
]


@pytest.mark.parametrize(("symbol", "stamps"), STAMPS)
def test_days_are_trading_dates_whatever_their_stamps(
    service: Service,
    symbol: str,
    stamps: tuple[float, ...],
) -> None:
    """Midnight, open or close of the exchange: the date is kept at 00:00 UTC. [date]"""
    dates = [datetime(2024, 1, day, tzinfo=UTC) for day in (9, 10, 11)]
    for hours in stamps:
        bars = [kline(date + hours * HOUR) for date in dates]
        service.replies(ok({"klines": bars}))
        found = fetch_bars(symbol, "1d", "2024-01-09", "2024-01-11", refresh=True)
        assert found["time"].to_list() == dates, hours


def test_weeks_and_months_begin_on_their_first_day(service: Service) -> None:
    """Whether stamped with the open or the close of their exchange. [date]"""
    monday = datetime(2024, 1, 8, tzinfo=UTC)
    for stamp in (monday, monday + 5 * HOUR, monday + 4 * DAY + 21 * HOUR):
        service.replies(ok({"klines": [kline(stamp)]}))
        found = fetch_bars("AAPL.US", "1w", "2024-01-08", "2024-01-14", refresh=True)
        assert found["time"].to_list() == [monday]
    first = datetime(2024, 2, 1, tzinfo=UTC)
    for stamp in (first, first + 5 * HOUR, first + 28 * DAY + 21 * HOUR):
        service.replies(ok({"klines": [kline(stamp)]}))
        found = fetch_bars("AAPL.US", "1M", "2024-02-01", "2024-02-29", refresh=True)
        assert found["time"].to_list() == [first]


def test_two_rows_for_one_date_are_an_error_unless_they_are_the_same(service: Service) -> None:
    """00:00 UTC and the exchange's midnight of one date. [date]"""
    date = datetime(2024, 1, 9, tzinfo=UTC)
    row, again = kline(date), kline(date + 5 * HOUR)
    service.replies(ok({"klines": [row, again]}))
    assert len(fetch_bars("AAPL.US", "1d", "2024-01-09", "2024-01-09")) == 1
    service.replies(ok({"klines": [row, {**again, "volume": "7"}]}))
    with pytest.raises(errors.DecodeError, match=r"two different bars of 'AAPL\.US' at 2024-01-09"):
        fetch_bars("AAPL.US", "1d", "2024-01-09", "2024-01-09", refresh=True)


def test_the_newest_bar_of_something_else_is_an_error(service: Service) -> None:
    """A price is never that of another symbol or interval."""
    bar = {"symbol": "MSFT.US", "interval": "1m", "klines": [kline(START)]}
    service.replies(ok([bar]))
    with pytest.raises(errors.DecodeError, match=r"'MSFT.US' instead of 'AAPL.US'"):
        data_client.fetch_latest_price("AAPL.US")
    service.replies(ok([{**bar, "symbol": "AAPL.US", "interval": "1d"}]))
    with pytest.raises(errors.DecodeError, match=r"'1d' bars of 'AAPL\.US'"):
        data_client.fetch_latest_price("AAPL.US")


def test_aliases_are_one_symbol(service: Service) -> None:
    """Both spellings get the bars, from one request."""
    service.reply = lambda request: (
        ok({"klines": []}) if "HK" in str(request.url) else fault(404, 2002)
    )
    asked = ["700.HK", "00700.HK", "NO.US"]
    result = data_client.fetch_many(asked, "1d", "2024-01-06", "2024-01-07")
    assert list(result.data) == asked[:2]
    assert list(result.errors) == asked[2:]
    assert len(service.requests) == 2

    def quote(request: httpx2.Request) -> httpx2.Response:
        names = request.url.params["symbols"].split(",")
        return ok([{"symbol": name, "last_price": "1", "timestamp": 1} for name in names])

    service.reply = quote
    assert list(data_client.client().ticker(asked[:2]).data) == asked[:2]
    assert service.params()["symbols"] in asked[:2]


def test_times_are_those_of_the_answer(service: Service) -> None:
    """Nothing is moved that is not a date."""
    service.replies(ok({"klines": hourly(24)}))
    assert times(fetch_day()) == [bar["time"] for bar in hourly(24)]
