"""A clock that is far off hides no bar, lets none in, and is reported."""

from __future__ import annotations

import email.utils
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from quant_team_data import errors
from quant_team_data.data_client import fetch_bars, fetch_klines
from tests.service import HOUR, NOW, START, Ranged, Service, hourly, kline, ok

pytestmark = pytest.mark.usefixtures("sandbox")

MINUTE = timedelta(minutes=1)
YEAR = timedelta(days=365)


def dated(bars: list[dict[str, Any]], moment: datetime) -> Any:
    """Return a service whose `Date` is another time."""
    good = Ranged(bars)

    def reply(request: httpx2.Request) -> httpx2.Response:
        headers = {"Date": email.utils.format_datetime(moment, usegmt=True)}
        found = good(request) if "start_time" in request.url.params else ok({"klines": bars})
        return httpx2.Response(200, headers=headers, content=found.content)

    return reply


@pytest.mark.parametrize("moment", [START - YEAR, START + 10 * HOUR, START + 2 * YEAR])
def test_a_wrong_date_of_the_service_drops_no_bar(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    moment: datetime,
) -> None:
    """Bars that opened after it show that it is wrong: all come, and both clocks are named."""
    service.reply = dated(hourly(48), moment)
    for _ in range(2):
        assert len(fetch_bars("BTCUSDT", "1h", "2024-01-01", "2024-01-02")) == 48
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    words = record.getMessage()
    assert f"This machine's clock says {NOW:%Y-%m-%d %H:%M} UTC" in words
    assert f"TickDB's {moment:%Y-%m-%d %H:%M}" in words


def test_what_a_small_difference_drops_is_fetched_later(service: Service) -> None:
    """By the service's clock, the last minute is not over: it is left out, and not proven."""
    last = NOW.replace(second=0) - MINUTE
    bars = [kline(last - 2 * MINUTE), kline(last - MINUTE), kline(last)]
    start = last - 2 * MINUTE
    service.reply = dated(bars, NOW - MINUTE)
    assert len(fetch_bars("BTCUSDT", "1m", start, NOW)) == 2
    service.reply = dated(bars, NOW)
    assert len(fetch_bars("BTCUSDT", "1m", start, NOW)) == 3


def test_a_clock_of_ours_that_is_ahead_lets_no_forming_bar_in(service: Service) -> None:
    """The service's newest bar is not over by its clock, but by ours: an error names both."""
    hour = NOW.replace(minute=0, second=0)
    bars = [kline(hour - number * HOUR) for number in (4, 3, 2)]
    service.reply = dated(bars, hour - HOUR - 20 * MINUTE)
    with pytest.raises(errors.ClockError, match=r"12:00 .* 10:40, so nobody knows"):
        fetch_klines("BTCUSDT", "1h")
    with pytest.raises(errors.ClockError, match="set the clock"):
        fetch_bars("BTCUSDT", "1h", hour - 4 * HOUR, hour)
    service.reply = dated(bars, NOW)
    assert len(fetch_bars("BTCUSDT", "1h", hour - 4 * HOUR, hour - HOUR)) == 3


def test_a_date_that_is_none_says_nothing(service: Service) -> None:
    """Junk in the header is not a clock."""
    found = ok({"klines": hourly(24)})
    service.replies(httpx2.Response(200, headers={"Date": "soon"}, content=found.content))
    assert len(fetch_bars("BTCUSDT", "1h", "2024-01-01", "2024-01-01")) == 24
