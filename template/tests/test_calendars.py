"""Sessions, and the bars that there should be, are those of the real markets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from quant_team_data import calendars, trading_days
from quant_team_data.calendars import bar_opens, sessions, trading_dates
from quant_team_data.markets import market_of, milliseconds
from quant_team_utils.paths import user_cache


def hours(symbol: str, day: date) -> list[str]:
    """Return a day's sessions as UTC clock times."""
    found = sessions(market_of(symbol), day, day)
    return [f"{begin:%H:%M}-{end:%H:%M}" for session in found for begin, end in session.hours]


@pytest.mark.parametrize(
    ("symbol", "day", "expected"),
    [
        ("AAPL.US", date(2024, 7, 2), ["13:30-20:00"]),
        ("AAPL.US", date(2024, 7, 3), ["13:30-17:00"]),  # half day
        ("AAPL.US", date(2024, 7, 4), []),  # holiday
        ("AAPL.US", date(2024, 3, 8), ["14:30-21:00"]),  # the Friday before New York's summer time
        ("AAPL.US", date(2024, 3, 11), ["13:30-20:00"]),
        ("700.HK", date(2024, 7, 3), ["01:30-04:00", "05:00-08:00"]),  # lunch
        ("700.HK", date(2024, 2, 9), ["01:30-04:00"]),  # the eve of the lunar new year
        ("700.HK", date(2024, 2, 12), []),
        ("600519.SH", date(2024, 7, 3), ["01:30-03:30", "05:00-07:00"]),
        ("600519.SH", date(2024, 10, 2), []),  # the golden week
        ("BTCUSDT", date(2024, 7, 6), ["00:00-00:00"]),  # a Saturday
        ("EURUSD", date(2024, 7, 5), ["21:00-21:00"]),  # from the evening before
        ("EURUSD", date(2024, 7, 6), []),
    ],
)
def test_sessions_are_those_of_the_exchange(
    symbol: str,
    day: date,
    expected: list[str],
) -> None:
    """Half days, holidays, lunch breaks and summer time are real. [calendar]"""
    assert hours(symbol, day) == expected


def test_bars_count_from_the_opening_and_from_the_lunch_break() -> None:
    """Hong Kong's hours open at 9:30, 10:30, 11:30, 13:00, 14:00, 15:00 of its clock."""
    (session,) = sessions(market_of("700.HK"), date(2024, 7, 3), date(2024, 7, 3))
    opens = [datetime.fromtimestamp(at / 1000, UTC) for at in bar_opens(session, "1h")]
    assert [f"{at:%H:%M}" for at in opens] == ["01:30", "02:30", "03:30", "05:00", "06:00", "07:00"]
    assert bar_opens(session, "1w") == [milliseconds(datetime(2024, 7, 1, tzinfo=UTC))]
    assert bar_opens(session, "1M") == [milliseconds(datetime(2024, 7, 1, tzinfo=UTC))]


def test_a_calendar_that_ends_is_an_error_only_once_its_end_has_passed() -> None:
    """Days to come may be unknown; a day of the past that nobody knows is one sentence."""
    market = market_of("AAPL.US")
    end = trading_days.known_until(market)
    beyond = end + timedelta(days=1)
    assert sessions(market, end, beyond, today=end)[-1].day == end
    told = f"ends on {end}.*pip install --upgrade exchange_calendars"
    with pytest.raises(calendars.CalendarError, match=told):
        sessions(market, end, beyond, today=beyond)
    low = milliseconds(datetime(end.year, end.month, end.day, tzinfo=UTC))
    with pytest.raises(calendars.CalendarError):
        calendars.due(market, "1d", low, low + 3 * 86_400_000, today=date.max)


@pytest.mark.parametrize(
    ("symbol", "interval", "stamp", "expected"),
    [
        ("AAPL.US", "1d", "2024-03-07T00:00Z", "2024-03-07"),
        ("AAPL.US", "1d", "2024-03-07T05:00Z", "2024-03-07"),  # New York's midnight
        ("AAPL.US", "1d", "2024-03-11T04:00Z", "2024-03-11"),  # in summer time
        ("AAPL.US", "1d", "2024-03-07T14:30Z", "2024-03-07"),  # the open
        ("AAPL.US", "1d", "2024-03-07T21:00Z", "2024-03-07"),  # the close
        ("700.HK", "1d", "2024-03-06T16:00Z", "2024-03-07"),  # Hong Kong's midnight
        ("700.HK", "1d", "2024-03-07T08:00Z", "2024-03-07"),  # the close
        ("600519.SH", "1d", "2024-03-07T00:00Z", "2024-03-07"),
        ("BTCUSDT", "1d", "2024-03-07T23:59Z", "2024-03-07"),
        ("EURUSD", "1d", "2024-03-10T21:00Z", "2024-03-11"),  # Sunday, 17:00 in New York
        ("EURUSD", "1d", "2024-03-11T20:59Z", "2024-03-11"),
        ("EURUSD", "1d", "2024-03-11T00:00Z", "2024-03-11"),
        ("AAPL.US", "1w", "2024-03-08T21:00Z", "2024-03-04"),
        ("700.HK", "1w", "2024-03-03T16:00Z", "2024-03-04"),
        ("AAPL.US", "1M", "2024-03-28T20:00Z", "2024-03-01"),
        ("700.HK", "1M", "2024-02-29T16:00Z", "2024-03-01"),
    ],
)
def test_a_bar_of_a_day_or_longer_is_a_trading_date(
    symbol: str,
    interval: str,
    stamp: str,
    expected: str,
) -> None:
    """Whatever its stamp: midnight of UTC or the exchange, open or close. [date]"""
    times = np.array([milliseconds(datetime.fromisoformat(stamp))])
    (found,) = trading_dates(times, market_of(symbol), interval).tolist()
    assert datetime.fromtimestamp(found / 1000, UTC) == datetime.fromisoformat(f"{expected}T00:00Z")


def test_currencies_trade_from_sunday_to_friday() -> None:
    """From 17:00 to 17:00 in New York, Christmas and New Year's Day left out. [calendar]"""
    market = market_of("EURUSD")
    days = sessions(market, date(2024, 12, 20), date(2025, 1, 3))
    assert [session.day.day for session in days] == [20, 23, 24, 26, 27, 30, 31, 2, 3]
    assert (days[0].open, days[0].close) == (
        datetime(2024, 12, 19, 22, tzinfo=UTC),
        datetime(2024, 12, 20, 22, tzinfo=UTC),
    )
    first = milliseconds(days[0].close)
    weekend = calendars.due(market, "1h", first, first + 48 * 3_600_000)
    assert len(weekend.opens) == 0


def test_a_calendar_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user's cache holds is what the package says; a damaged file is built again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    market = market_of("700.HK")
    trading_days.forget()
    built = sessions(market, date(2024, 2, 1), date(2024, 3, 1))
    (file,) = user_cache().glob("calendars/XHKG-*.parquet")
    trading_days.forget()
    assert sessions(market, date(2024, 2, 1), date(2024, 3, 1)) == built
    file.write_bytes(b"PAR1")
    trading_days.forget()
    assert sessions(market, date(2024, 2, 1), date(2024, 3, 1)) == built
    assert file.read_bytes() != b"PAR1"
