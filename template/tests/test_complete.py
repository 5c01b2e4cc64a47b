"""A range is complete, whatever a page holds; what is missing is confirmed first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from quant_team_data import errors
from quant_team_data.data_client import fetch_bars
from quant_team_data.markets import milliseconds
from tests.service import HOUR, START, Ranged, Service, hourly, kline, ok, times

pytestmark = pytest.mark.usefixtures("sandbox")

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
Reply = Callable[[httpx2.Request], httpx2.Response]


def without(bars: list[dict[str, Any]], begin: int, end: int) -> list[dict[str, Any]]:
    return bars[:begin] + bars[end:]


def fetched(hours: int) -> list[int]:
    return times(fetch_bars("BTCUSDT", "1h", START, START + hours * HOUR))


@pytest.mark.parametrize("cap", [33, 97, 250, 333, 720, 999])
@pytest.mark.parametrize("cut", ["oldest", "newest"])
def test_the_size_of_a_page_is_learnt(service: Service, cap: int, cut: str) -> None:
    """Whatever a service gives a request, all bars come, and little more is asked than it takes."""
    bars = hourly(1036)
    service.reply = Ranged(bars, cut, cap)
    assert fetched(1036) == [bar["time"] for bar in bars]
    assert len(service.requests) <= 1036 // (cap - 10) + 3


def test_a_page_with_a_bar_twice_is_a_full_page(service: Service) -> None:
    """1,000 rows with one of them twice are 999 bars, and not the end."""
    bars = hourly(1036)
    page = Ranged(bars, "newest", 999)

    def reply(request: httpx2.Request) -> httpx2.Response:
        rows = page(request).json()["data"]["klines"]
        return ok({"klines": [*rows, rows[-1]] if len(rows) == 999 else rows})

    service.reply = reply
    assert fetched(1036) == [bar["time"] for bar in bars]


def test_a_full_page_at_the_close_is_not_the_end(service: Service) -> None:
    """Bars after hours, which no calendar expects, are asked for after a full page."""
    friday = datetime(2024, 1, 5, 20, 30, tzinfo=UTC)
    bars = [kline(friday + number * MINUTE) for number in range(150)]
    service.reply = Ranged(bars, "newest", 100)
    found = fetch_bars("AAPL.US", "1m", friday, friday + 2 * DAY)
    assert len(found) == 150


def test_a_service_that_gives_no_more_ends_the_loop(service: Service) -> None:
    """The same bars for every question are no more bars, and what is after them is not proven."""
    service.reply = lambda request: ok({"klines": hourly(24)[:10]})
    with pytest.raises(errors.DecodeError, match="not those of the request"):
        fetched(24)
    service.reply = Ranged(hourly(24)[:10], "newest", 10)
    assert len(fetched(24)) == 10
    assert len(service.requests) < 10
    service.reply = Ranged(hourly(24), "newest", 10)
    assert len(fetched(24)) == 24


def test_too_few_bars_a_request_are_an_error(service: Service) -> None:
    """A service that gives one bar at a time would be asked for ever."""
    service.reply = Ranged(hourly(3000), "newest", 1)
    with pytest.raises(errors.DecodeError, match="too few to go on"):
        fetched(3000)
    assert len(service.requests) < 200


def once_short(bars: list[dict[str, Any]], page: list[dict[str, Any]]) -> Reply:
    """Return a service whose first answer is a given one."""
    good = Ranged(bars, "oldest", 1000)
    answers: list[int] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        answers.append(1)
        return ok({"klines": page}) if len(answers) == 1 else good(request)

    return reply


@pytest.mark.parametrize(
    ("begin", "end"),
    [(0, 1), (0, 400), (399, 400), (10, 400), (100, 101), (50, 300), (0, 399)],
)
def test_what_one_answer_lacks_is_asked_for_again(
    service: Service,
    begin: int,
    end: int,
) -> None:
    """Bars missing at its beginning, at its end or in its middle."""
    bars = hourly(400)
    service.reply = once_short(bars, without(bars, begin, end))
    assert fetched(400) == [bar["time"] for bar in bars]


@pytest.mark.parametrize(("begin", "end"), [(0, 100), (150, 151), (100, 250), (250, 300)])
def test_a_real_hole_is_confirmed_and_proven(service: Service, begin: int, end: int) -> None:
    """Before a listing, in a halt, after the last trade: few requests, and once if bars follow."""
    bars = without(hourly(300), begin, end)
    service.reply = Ranged(bars, "oldest", 1000)
    assert fetched(300) == [bar["time"] for bar in bars]
    first = len(service.requests)
    assert first <= 4
    assert fetched(300) == [bar["time"] for bar in bars]
    again = len(service.requests) - first
    assert again == 0 if end < 300 else 1 <= again <= 4


def test_seldom_traded_symbols_cost_no_request_for_each_gap(service: Service) -> None:
    """A bar in every third hour is how they trade."""
    bars = hourly(900)[::3]
    service.reply = Ranged(bars, "oldest", 1000)
    assert fetched(900) == [bar["time"] for bar in bars]
    assert len(service.requests) <= 4


def test_answers_that_contradict_each_other_are_an_error(service: Service) -> None:
    """Bars that were there are gone when what is after them is asked for."""
    bars = hourly(400)
    pages = [ok({"klines": bars[:200]}), ok({"klines": []})]
    service.replies(*pages)
    with pytest.raises(errors.DecodeError, match="which was there before"):
        fetched(400)


def test_a_plan_that_ends_where_the_range_begins_is_no_error(service: Service) -> None:
    """The bars before the range, which only confirm that it was answered, are not needed."""
    bars = hourly(300)[100:]
    good = Ranged(bars, "oldest", 1000)

    def reply(request: httpx2.Request) -> httpx2.Response:
        if int(request.url.params["start_time"]) < milliseconds(START):
            return httpx2.Response(403, json={"code": 3007, "message": "m"})
        return good(request)

    service.reply = reply
    assert fetched(300) == [bar["time"] for bar in bars]


def test_of_a_few_bars_a_missing_one_is_asked_for_again(service: Service) -> None:
    """Four of six do not tell a symbol that trades seldom from an answer with a hole."""
    bars = hourly(6)
    page = Ranged(bars, "newest", 1000)
    answers: list[int] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        answers.append(1)
        rows = page(request).json()["data"]["klines"]
        return ok({"klines": without(rows, 2, 4) if len(answers) == 1 else rows})

    service.reply = reply
    assert fetched(6) == [bar["time"] for bar in bars]
