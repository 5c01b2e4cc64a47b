"""What a symbol is: its market, currency and the rules of its board; bar intervals."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from quant_team_data.errors import AmbiguousSymbolError, BadRequestError, SymbolNotFoundError
from quant_team_utils.errors import did_you_mean, nearest

# Length of a bar in seconds; a month has none (`bar_end` knows).
INTERVALS: dict[str, int | None] = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14400,
    "1d": 86400,
    "1w": 604800,
    "1M": None,
}
DAY = timedelta(days=1)
SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True)
class Market:
    """Where a symbol trades, and by which rules.

    Attributes:
        type: asset class: "stock", "crypto", "forex", "indices" or "futures", in TickDB's words.
        calendar: name in `exchange_calendars`, "24/5" for currencies, or None for a market that
            never closes.
        timezone: IANA name of the time zone in which its trading dates are read.
        currency: ISO code of the currency that prices are in; USDT and USDC count as USD.
        periods_per_year: days to annualise with: 252, 260 (currencies) or 365.
        fractional: a fraction of one unit can be traded.
        lot: units in which it is bought; None where each issuer sets its own.
        same_day_sale: what was bought may be sold on the same day.
        buy_duty: stamp duty of a purchase, a fraction of its notional, at today's rate.
        sell_duty: the same of a sale.
        price_limit: how far the price may move from the last close in a day, as a fraction, or
            None; unknown here for shares under special treatment (ST), whose limit is narrower.
    """

    type: str
    calendar: str | None
    timezone: str
    currency: str
    periods_per_year: int = 252
    fractional: bool = False
    lot: int | None = 1
    same_day_sale: bool = True
    buy_duty: float = 0.0
    sell_duty: float = 0.0
    price_limit: float | None = None


def check_interval(interval: str) -> str:
    """Return the interval, if TickDB has it.

    Raises:
        BadRequestError: it has not; the sentence names the nearest one (1m is a minute, 1M a
            month).
    """
    if interval in INTERVALS:
        return interval
    # A month is listed but never suggested: who types 1min or 1mo may mean a minute.
    guesses = [name for name in INTERVALS if name != "1M"]
    near = nearest(interval, guesses, cutoff=0.3)
    hint = did_you_mean(interval, guesses if near else INTERVALS, cutoff=0.3)
    raise BadRequestError(f"There is no interval {str(interval)!r}: {hint}")


def shortest(interval: str) -> int:
    """Return the least length of a bar in seconds: a month has 28 days."""
    return INTERVALS[interval] or 28 * SECONDS_OF_A_DAY


def longest(interval: str) -> int:
    """Return the greatest length of a bar in seconds: a month has 31 days."""
    return INTERVALS[interval] or 31 * SECONDS_OF_A_DAY


def bar_end(opened: datetime, interval: str) -> datetime:
    """Return the UTC time at which the period of a bar is over."""
    seconds = INTERVALS[interval]
    if seconds is not None:
        return opened + timedelta(seconds=seconds)
    # A month that starts at an exchange's midnight may carry the last UTC day of the month before.
    month = opened + DAY
    return opened + calendar.monthrange(month.year, month.month)[1] * DAY


def milliseconds(moment: datetime) -> int:
    """Return an aware datetime as TickDB writes times: whole milliseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_US = Market("stock", "XNYS", "America/New_York", "USD")
_INDEX_US = Market("indices", "XNYS", "America/New_York", "USD")
# HKEX, Rules of the Exchange, chapter 5: the board lot is each issuer's own choice. Stamp Duty
# Ordinance (cap. 117): 0.1% on each side since 2023-11-17.
_HK = Market(
    "stock",
    "XHKG",
    "Asia/Hong_Kong",
    "HKD",
    lot=None,
    buy_duty=0.001,
    sell_duty=0.001,
)
_HK_YUAN = replace(_HK, currency="CNY")  # counters that trade in renminbi: 80000 to 89999
_INDEX_HK = Market("indices", "XHKG", "Asia/Hong_Kong", "HKD")
# SSE Trading Rules and SZSE Trading Rules (2023): lots of 100, no sale on the day of the purchase,
# 10% a day, 20% on STAR and ChiNext. Ministry of Finance and State Taxation Administration, notice
# 39 of 2023: 0.05% of sales since 2023-08-28. BSE Trading Rules (trial, 2021): 30% a day.
_CN = Market(
    "stock",
    "XSHG",
    "Asia/Shanghai",
    "CNY",
    lot=100,
    same_day_sale=False,
    sell_duty=0.0005,
    price_limit=0.1,
)
_GROWTH = replace(_CN, price_limit=0.2)
_BEIJING = replace(_CN, price_limit=0.3)
_B_SHANGHAI = replace(_CN, currency="USD")
_B_SHENZHEN = replace(_CN, currency="HKD")
_INDEX_CN = Market("indices", "XSHG", "Asia/Shanghai", "CNY")
_FUTURES_CN = Market("futures", "XSHG", "Asia/Shanghai", "CNY")

_MONEY = (
    "USD EUR JPY GBP CHF AUD NZD CAD CNH CNY HKD SGD SEK NOK DKK PLN CZK HUF MXN ZAR TRY INR "
    "KRW THB XAU XAG XPT XPD"
)
_CODE = "|".join(_MONEY.split())
_FOREX = re.compile(f"({_CODE})({_CODE})")
_CRYPTO = re.compile(r"([A-Z0-9]{2,12}?)(USDT|USDC|USD|EUR|BTC|ETH)")
_VENUE = re.compile(r"([A-Z0-9]{2,16})\.(BITSTAMP|BINANCE|COINBASE|KRAKEN|BITFINEX|OKX|BYBIT)")
_DOLLARS = ("USDT", "USDC")
# The order decides: the first pattern that fits the whole symbol wins.
_PATTERNS = (
    (re.compile(r"(SPX|NDX|DJI|RUT|VIX)(\.US)?"), _INDEX_US),
    (re.compile(r"(HSI|HSCEI|HSTECH)(\.HK)?"), _INDEX_HK),
    (re.compile(r"(000[0-9]{3}\.SH|399[0-9]{3}\.SZ)"), _INDEX_CN),
    (re.compile(r"[A-Z][A-Z0-9]{0,4}([.-][A-Z]{1,2})?\.US"), _US),
    (re.compile(r"8[0-9]{4}\.HK"), _HK_YUAN),
    (re.compile(r"0*[1-9][0-9]{0,4}\.HK"), _HK),
    (re.compile(r"900[0-9]{3}\.SH"), _B_SHANGHAI),
    (re.compile(r"20[01][0-9]{3}\.SZ"), _B_SHENZHEN),
    (re.compile(r"(68[89][0-9]{3}\.SH|30[0-9]{4}\.SZ)"), _GROWTH),
    (re.compile(r"[0-9]{6}\.BJ"), _BEIJING),
    (re.compile(r"[0-9]{6}\.(SH|SZ)"), _CN),
    (re.compile(r"[A-Z]{1,2}[0-9]{3,4}"), _FUTURES_CN),
)


def canonical(symbol: str) -> str:
    """Return the one spelling of symbols that mean the same: 00700.HK is 700.HK.

    The zeros of A-shares are part of their names: 000001.SZ.
    """
    return symbol.lstrip("0") if symbol.endswith(".HK") else symbol


@lru_cache(maxsize=1024)
def market_of(symbol: str) -> Market:
    """Return the market of a symbol in TickDB's spelling.

    Such as AAPL.US, 700.HK, 600519.SH, BTCUSDT, BTC.BITSTAMP, EURUSD.

    Raises:
        AmbiguousSymbolError: six digits without an exchange, such as 000001.
        SymbolNotFoundError: the spelling fits no market.
    """
    for pattern, market in _PATTERNS:
        if pattern.fullmatch(symbol):
            return market
    pair = _FOREX.fullmatch(symbol)
    if pair:
        return Market("forex", "24/5", "America/New_York", pair[2], 260)
    venue = _VENUE.fullmatch(symbol)
    coin = _CRYPTO.fullmatch(venue[1] if venue else symbol)
    if coin or venue:
        return _crypto(coin[2] if coin else "USD")
    if re.fullmatch(r"[0-9]{6}", symbol):
        raise AmbiguousSymbolError(
            f"The symbol {symbol!r} is ambiguous: add its exchange, as in {symbol}.SZ or "
            f"{symbol}.SH.",
            symbol=symbol,
            available_types=("stock", "indices"),
        )
    raise SymbolNotFoundError(
        f"There is no market for the symbol {symbol!r}: spell it as in AAPL.US, 700.HK, "
        "600519.SH, BTCUSDT or EURUSD.",
        symbol=symbol,
    )


def _crypto(quote: str) -> Market:
    return Market(
        type="crypto",
        calendar=None,
        timezone="UTC",
        currency="USD" if quote in _DOLLARS else quote,
        periods_per_year=365,
        fractional=True,
    )
