"""Nothing is an answer only where bars of a longer interval say so, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from quant_team_data import errors
from quant_team_data.cache import load
from quant_team_data.data_client import fetch_bars
from quant_team_data.markets import milliseconds
from quant_team_data.series import Series
from tests.service import NOW, Ranged, Service, fault, kline, ok

pytestmark = pytest.mark.usefixtures("sandbox")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LISTED = datetime(2024, 6, 3, tzinfo=UTC)
GONE = datetime(2024, 11, 4, tzinfo=UTC)


class Listed:
    """A service with bars of all intervals, from a listing to the last trade."""

    def __init__(self, first: datetime = LISTED, last: datetime = GONE) -> None:
        days = [first + number * DAY for number in range((last - first) // DAY)]
        months = {day.replace(day=1) for day in days}
        hours = [day + number * HOUR for day in days for number in range(24)]
        self.times = {"1h": hours, "1d": days, "1M": sorted(months)}
        self.empty: set[str] = set()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        interval = request.url.params["interval"]
        if interval in self.empty:
            return ok({"klines": []})
        bars = [kline(time) for time in self.times[interval]]
        return Ranged(bars, "oldest", 1000)(request)


@pytest.mark.parametrize("interval", ["1h", "1d", "1M"])
def test_before_a_listing_there_is_nothing_and_it_is_asked_once(
    service: Service,
    interval: str,
) -> None:
    """A few requests, and then the range is proven, for the service has later bars."""
    service.reply = Listed()
    counts = set()
    for _ in range(2):
        assert fetch_bars("BTCUSDT", interval, "2024-01-01", "2024-03-31").is_empty()
        counts.add(len(service.requests))
    assert len(counts) == 1
    assert max(counts) <= 10
    assert load(Series.of("tickdb", "BTCUSDT", interval)).proven


@pytest.mark.parametrize("interval", ["1h", "1d"])
def test_just_before_a_listing_there_is_nothing(service: Service, interval: str) -> None:
    """The month of the listing has bars, the days before it have none."""
    service.reply = Listed(LISTED.replace(day=20))
    found = fetch_bars("BTCUSDT", interval, "2024-06-10", "2024-06-19")
    assert found.is_empty()


@pytest.mark.parametrize("interval", ["1h", "1d"])
def test_after_the_last_trade_there_is_nothing_and_that_is_not_proven(
    service: Service,
    interval: str,
) -> None:
    """It may trade again, so it is fetched again."""
    service.reply = Listed()
    for number in range(2):
        before = len(service.requests)
        assert fetch_bars("BTCUSDT", interval, "2024-11-10", "2024-11-20").is_empty()
        assert 0 < len(service.requests) - before <= 10, number


@pytest.mark.parametrize("empty", [{"1h"}, {"1h", "1d"}, {"1h", "1d", "1M"}])
def test_an_empty_answer_is_an_error_where_there_must_be_bars(
    service: Service,
    empty: set[str],
) -> None:
    """Bars of a longer interval are there, or none at all; afterwards, all are fetched."""
    listed = Listed()
    service.reply = listed
    listed.empty = empty
    with pytest.raises(errors.NoBarsError, match="though the market was open"):
        fetch_bars("BTCUSDT", "1h", "2024-07-01", "2024-07-05")
    assert not load(Series.of("tickdb", "BTCUSDT", "1h")).proven
    listed.empty = set()
    assert len(fetch_bars("BTCUSDT", "1h", "2024-07-01", "2024-07-05")) == 5 * 24


def test_one_empty_answer_loses_nothing(service: Service) -> None:
    """The next one is right."""
    listed = Listed()
    answers: list[int] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        answers.append(1)
        return ok({"klines": []}) if len(answers) == 1 else listed(request)

    service.reply = reply
    assert len(fetch_bars("BTCUSDT", "1h", "2024-07-01", "2024-07-05")) == 5 * 24


def test_an_empty_answer_about_today_is_not_believed(service: Service) -> None:
    """The day is not over, so its longer bar is missing: that of yesterday is reason enough."""
    today = NOW.replace(hour=0, minute=0, second=0)
    listed = Listed(LISTED, today)
    listed.times["1h"] += [today + number * HOUR for number in range(12)]
    answers: list[int] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        answers.append(1)
        return ok({"klines": []}) if len(answers) == 1 else listed(request)

    service.reply = reply
    assert len(fetch_bars("BTCUSDT", "1h", today, NOW)) == 12


def test_a_weekend_needs_no_reason(service: Service) -> None:
    """Where no bar is due, nothing is the answer, and it is proven."""
    for _ in range(2):
        assert fetch_bars("AAPL.US", "1h", "2024-07-06", "2024-07-07").is_empty()
    assert len(service.requests) == 1


def test_bars_that_are_merely_late_need_no_reason(service: Service) -> None:
    """Within an hour after a close, a bar may be on its way."""
    start = NOW.replace(minute=0, second=0) - HOUR
    assert fetch_bars("BTCUSDT", "1h", start, NOW).is_empty()
    assert len(service.requests) == 1
    assert not load(Series.of("tickdb", "BTCUSDT", "1h")).proven


def test_a_plan_that_does_not_reach_the_reason_proves_nothing(service: Service) -> None:
    """The longer bars before the range are refused: nothing is given, and fetched again."""
    low = milliseconds(datetime(2024, 7, 1, tzinfo=UTC))

    def reply(request: httpx2.Request) -> httpx2.Response:
        early = int(request.url.params["start_time"]) < low
        return fault(403, 3007) if early else ok({"klines": []})

    service.reply = reply
    for count in (2, 4):
        assert fetch_bars("BTCUSDT", "1h", "2024-07-01", "2024-07-05").is_empty()
        assert len(service.requests) == count
