"""Symbols, boards and intervals are those of the real markets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quant_team_data.errors import AmbiguousSymbolError, BadRequestError, SymbolNotFoundError
from quant_team_data.markets import (
    bar_end,
    canonical,
    check_interval,
    market_of,
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
        ("EURUSD", "forex", "24/5", "USD", 260, False),
        ("USDJPY", "forex", "24/5", "JPY", 260, False),
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


@pytest.mark.parametrize(
    ("symbol", "currency", "lot", "same_day_sale", "price_limit"),
    [
        ("AAPL.US", "USD", 1, True, None),
        ("700.HK", "HKD", None, True, None),
        ("8001.HK", "HKD", None, True, None),  # GEM
        ("80700.HK", "CNY", None, True, None),  # Tencent's renminbi counter
        ("600519.SH", "CNY", 100, False, 0.1),
        ("688981.SH", "CNY", 100, False, 0.2),  # STAR
        ("900901.SH", "USD", 100, False, 0.1),  # B share
        ("000001.SZ", "CNY", 100, False, 0.1),
        ("300750.SZ", "CNY", 100, False, 0.2),  # ChiNext
        ("200002.SZ", "HKD", 100, False, 0.1),  # B share
        ("830799.BJ", "CNY", 100, False, 0.3),
    ],
)
def test_the_board_decides_the_rules(
    symbol: str,
    currency: str,
    lot: int | None,
    same_day_sale: bool,
    price_limit: float | None,
) -> None:
    """Not the suffix alone. [currency]"""
    market = market_of(symbol)
    found = (market.currency, market.lot, market.same_day_sale, market.price_limit)
    assert found == (currency, lot, same_day_sale, price_limit)
