"""Symbols, sessions and intervals are those of the real markets."""

from __future__ import annotations

from datetime import UTC, date, datetime

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
    symbol: str, type: str, calendar: str | None, currency: str, periods: int, fractional: bool
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
        (
            datetime(2024, 2, 29, 16),
            "1M",
            datetime(2024, 3, 31, 16),
        ),  # Hong Kong's midnight of 1 March
    ],
)
def test_a_bar_ends_with_its_period(opened: datetime, interval: str, end: datetime) -> None:
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
def test_sessions_are_those_of_the_exchange(symbol: str, day: date, expected: list[str]) -> None:
    """Half days, holidays, lunch breaks and summer time are real."""
    assert hours(symbol, day) == expected


def test_a_calendar_that_ends_too_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trading days that the installed calendar cannot know are an error, not an empty list."""
    monkeypatch.setattr(markets, "known_until", lambda market: date(2020, 12, 31))
    with pytest.raises(markets.CalendarError, match=r"ends on 2020-12-31.*exchange_calendars"):
        sessions(market_of("600519.SH"), date(2020, 1, 1), date(2021, 1, 5))


def test_bars_count_from_the_opening_and_from_the_lunch_break() -> None:
    """Hong Kong's hours open at 9:30, 10:30, 11:30, 13:00, 14:00, 15:00 of its clock."""
    (session,) = sessions(market_of("700.HK"), date(2024, 7, 3), date(2024, 7, 3))
    opens = [datetime.fromtimestamp(at / 1000, UTC) for at in bar_opens(session, "1h")]
    assert [f"{at:%H:%M}" for at in opens] == ["01:30", "02:30", "03:30", "05:00", "06:00", "07:00"]
    assert bar_opens(session, "1w") == [milliseconds(datetime(2024, 7, 1, tzinfo=UTC))]
    assert bar_opens(session, "1M") == [milliseconds(datetime(2024, 7, 1, tzinfo=UTC))]
