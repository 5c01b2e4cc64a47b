"""Symbols, sessions and intervals are those of the real markets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from quant_team_data import markets
from quant_team_data.errors import AmbiguousSymbolError, BadRequestError, SymbolNotFoundError
from quant_team_data.markets import (
    bar_end,
    bar_opens,
    canonical,
    check_interval,
    market_of,
    milliseconds,
    sessions,
)


@pytest.mark.parametrize(
    ("symbol", "type", "calendar", "currency", "periods", "fractional"),
    [
        ("AAPL.US", "stock", "XNYS", "USD", 252, False),
        ("BRK.B.US", "stock", "XNYS", "USD", 252, False),
        ("700.HK", "stock", "XHKG", "HKD", 252, False),
        ("00700.HK", "stock", "XHKG", "HKD", 252, False),
        ("600519.SH", "stock", "XSHG", "CNY", 252, False),
        ("000001.SZ", "stock", "XSHG", "CNY", 252, False),
        ("000001.SH", "indices", "XSHG", "CNY", 252, False),
        ("HSI.HK", "indices", "XHKG", "HKD", 252, False),
        ("SPX", "indices", "XNYS", "USD", 252, False),
        ("BTCUSDT", "crypto", None, "USD", 365, True),
        ("BTC.BITSTAMP", "crypto", None, "USD", 365, True),
        ("BTCUSDT.BINANCE", "crypto", None, "USD", 365, True),
        ("ETHBTC", "crypto", None, "BTC", 365, True),
        ("EURUSD", "forex", "24/5", "USD", 252, False),
        ("USDJPY", "forex", "24/5", "JPY", 252, False),
        ("BU2609", "futures", "XSHG", "CNY", 252, False),
    ],
)
def test_a_symbol_says_its_market(
    symbol: str,
    type: str,
    calendar: str | None,
    currency: str,
    periods: int,
    fractional: bool,
) -> None:
    """The spelling alone tells kind, calendar, currency and how to annualise."""
    market = market_of(symbol)
    found = (
        market.type,
        market.calendar,
        market.currency,
        market.periods_per_year,
        market.fractional,
    )
    assert found == (type, calendar, currency, periods, fractional)


@pytest.mark.parametrize(
    "symbol", ["AAPL", "aapl.us", "TOOLONG.US", "AAPL.XX", "", "0.HK", "60051.SH", "AAPL.US\n"]
)
def test_a_spelling_of_no_market_is_refused(symbol: str) -> None:
    """A symbol that fits no market gets a sentence with examples."""
    with pytest.raises(SymbolNotFoundError, match=r"AAPL\.US, 700\.HK"):
        market_of(symbol)


def test_six_digits_alone_are_ambiguous() -> None:
    """000001 is a stock in Shenzhen and an index in Shanghai."""
    with pytest.raises(AmbiguousSymbolError, match=r"000001\.SZ or 000001\.SH"):
        market_of("000001")


def test_only_hong_kong_drops_leading_zeros() -> None:
    """00700.HK is 700.HK; the zeros of an A-share are its name."""
    assert canonical("00700.HK") == canonical("700.HK") == "700.HK"
    assert canonical("000001.SZ") == "000001.SZ"


@pytest.mark.parametrize(
    ("wrong", "near"), [("1H", "1h"), ("1D", "1d"), ("1min", "1m"), ("4hr", "4h"), ("1mo", "1m")]
)
def test_an_unknown_interval_suggests_the_nearest(wrong: str, near: str) -> None:
    """A near miss is named."""
    with pytest.raises(BadRequestError, match=f"did you mean {near}"):
        check_interval(wrong)


def test_a_minute_is_not_a_month() -> None:
    """1m and 1M are both intervals and stay apart."""
    assert check_interval("1m") == "1m"
    assert check_interval("1M") == "1M"


@pytest.mark.parametrize(
    ("opened", "interval", "end"),
    [
        (datetime(2024, 7, 3, 13, 30), "1m", datetime(2024, 7, 3, 13, 31)),
        (datetime(2024, 7, 3), "1d", datetime(2024, 7, 4)),
        (datetime(2024, 7, 1), "1w", datetime(2024, 7, 8)),
        (datetime(2024, 2, 1), "1M", datetime(2024, 3, 1)),
        (datetime(2023, 12, 1), "1M", datetime(2024, 1, 1)),
        # Hong Kong's midnight of 1 March.
        (datetime(2024, 2, 29, 16), "1M", datetime(2024, 3, 31, 16)),
    ],
)
def test_a_bar_ends_with_its_period(
    opened: datetime,
    interval: str,
    end: datetime,
) -> None:
    """A month is as long as it is, whatever midnight it starts at."""
    assert bar_end(opened.replace(tzinfo=UTC), interval) == end.replace(tzinfo=UTC)


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
        ("EURUSD", date(2024, 7, 5), ["00:00-00:00"]),
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


# Gaps

FIRST = datetime(2024, 1, 2, tzinfo=UTC)
STOP = datetime(2024, 1, 31, tzinfo=UTC)
HOUR = 3_600_000
Found = tuple[str, str, int, int]


def opens(symbol: str, interval: str) -> list[int]:
    """Return the opens of all bars of January 2024, in ms UTC."""
    found: set[int] = set()
    for session in sessions(market_of(symbol), FIRST.date(), STOP.date()):
        found.update(bar_opens(session, interval))
    low, high = milliseconds(FIRST), milliseconds(STOP)
    return sorted(at for at in found if low <= at < high)


def january(day: float) -> int:
    """Return a time in ms UTC; 11.5 is noon of the eleventh."""
    first = datetime(2024, 1, 1, tzinfo=UTC)
    return milliseconds(first + timedelta(days=day - 1))


def gaps(
    symbol: str,
    interval: str,
    there: list[int],
) -> list[markets.Gap]:
    low, high = milliseconds(FIRST), milliseconds(STOP)
    return markets.gaps(market_of(symbol), interval, there, low, high)


ALL_HOURS = ("01-11 14:30", "01-11 20:30", 7, 1)
A_WEEKEND_AND_A_HOLIDAY_BETWEEN = ("01-11 14:30", "01-16 20:30", 21, 3)
TWO_DAYS = [
    ("01-11 00:00", "01-11 00:00", 1, 1),
    ("01-17 00:00", "01-18 00:00", 2, 2),
]
AN_AFTERNOON_AND_A_DAY = [
    ("01-11 19:30", "01-11 20:30", 2, 0),
    ("01-12 14:30", "01-12 20:30", 7, 1),
]
TWICE_IN_A_DAY = [
    ("01-11 15:30", "01-11 15:30", 1, 0),
    ("01-11 18:30", "01-11 19:30", 2, 0),
]
UP_TO_LUNCH = ("01-11 01:30", "01-11 03:30", 3, 0)
A_SATURDAY = ("01-13 00:00", "01-13 20:00", 6, 1)


@pytest.mark.parametrize(
    ("symbol", "interval", "lost", "expected"),
    [
        ("AAPL.US", "1h", [], []),
        ("AAPL.US", "1h", [(11, 12)], [ALL_HOURS]),
        ("AAPL.US", "1h", [(11, 17)], [A_WEEKEND_AND_A_HOLIDAY_BETWEEN]),
        ("AAPL.US", "1h", [(11.61, 11.7)], [("01-11 15:30", "01-11 16:30", 2, 0)]),
        ("AAPL.US", "1h", [(11.8, 13)], AN_AFTERNOON_AND_A_DAY),
        ("AAPL.US", "1h", [(11.62, 11.66), (11.75, 11.83)], TWICE_IN_A_DAY),
        ("AAPL.US", "1d", [(11, 12), (17, 19)], TWO_DAYS),
        ("AAPL.US", "1w", [(8, 9)], [("01-08 00:00", "01-08 00:00", 1, 1)]),
        ("700.HK", "1h", [(11, 11.2)], [UP_TO_LUNCH]),
        ("BTCUSDT", "4h", [(13, 14)], [A_SATURDAY]),
    ],
)
def test_gaps_are_those_of_the_calendar(
    symbol: str,
    interval: str,
    lost: list[tuple[float, float]],
    expected: list[Found],
) -> None:
    """Whole days in a row are one gap, weekends and holidays are not; parts of a day are apart."""
    there = opens(symbol, interval)
    for low, high in lost:
        there = [at for at in there if not january(low) <= at < january(high)]
    found = gaps(symbol, interval, there)
    texts = [(f"{gap.first:%m-%d %H:%M}", f"{gap.last:%m-%d %H:%M}") for gap in found]
    counts = [(gap.bars, gap.days) for gap in found]
    assert texts == [row[:2] for row in expected]
    assert counts == [row[2:] for row in expected]


@pytest.mark.parametrize(("symbol", "hours"), [("AAPL.US", 5), ("700.HK", -8)])
def test_daily_bars_may_carry_the_midnight_of_their_exchange(symbol: str, hours: int) -> None:
    """Neither UTC's nor the exchange's midnight makes a gap."""
    there = [at + hours * HOUR for at in opens(symbol, "1d")]
    assert gaps(symbol, "1d", there) == []


def test_a_calendar_that_ends_is_an_error_only_once_its_end_has_passed() -> None:
    """Days to come may be unknown; a day of the past that nobody knows is one sentence."""
    market = market_of("AAPL.US")
    end = markets.known_until(market)
    beyond = end + timedelta(days=1)
    assert sessions(market, end, beyond, today=end)[-1].day == end
    told = f"ends on {end}.*pip install --upgrade exchange_calendars"
    with pytest.raises(markets.CalendarError, match=told):
        sessions(market, end, beyond, today=beyond)
    low = milliseconds(datetime(end.year, end.month, end.day, tzinfo=UTC))
    with pytest.raises(markets.CalendarError):
        markets.gaps(market, "1d", [], low, low + 3 * 24 * HOUR, today=date.max)
