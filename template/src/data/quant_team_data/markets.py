"""What a symbol is: its market, calendar and currency; trading sessions; and the one table of bar intervals."""

from __future__ import annotations

import bisect
import calendar
import difflib
import itertools
import operator
import re
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from quant_team_data.errors import AmbiguousSymbolError, BadRequestError, SymbolNotFoundError
from quant_team_utils.errors import QuantError

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


@dataclass(frozen=True)
class Market:
    """Where a symbol trades.

    Attributes:
        type: asset class: "stock", "crypto", "forex", "indices" or "futures", in TickDB's words.
        calendar: name in `exchange_calendars`, or None for a market that never closes.
        timezone: IANA name of the exchange's time zone.
        currency: ISO code of the currency that prices are in; USDT and USDC count as USD.
        periods_per_year: days to annualise with, 252 or 365.
        fractional: a fraction of one unit can be traded.
    """

    type: str
    calendar: str | None
    timezone: str
    currency: str
    periods_per_year: int = 252
    fractional: bool = False


class Session(NamedTuple):
    """One trading day: its date, and the UTC times between which it trades, a lunch break left out."""

    day: date
    hours: tuple[tuple[datetime, datetime], ...]

    @property
    def open(self) -> datetime:
        return self.hours[0][0]

    @property
    def close(self) -> datetime:
        return self.hours[-1][1]


class Gap(NamedTuple):
    """Bars in a row that the calendar expects and that are not there.

    Attributes:
        first: open of the first of them, UTC.
        last: open of the last of them.
        bars: how many.
        days: whole trading days, or weeks or months for bars of such a length; 0 for bars within
            one day.
    """

    first: datetime
    last: datetime
    bars: int
    days: int


class CalendarError(QuantError):
    """The installed exchange calendars do not reach that far."""


def check_interval(interval: str) -> str:
    """Return the interval, if TickDB has it.

    Raises:
        BadRequestError: it has not; the sentence names the nearest one (1m is a minute, 1M a
            month).
    """
    if interval in INTERVALS:
        return interval
    name = str(interval)
    near = [known for known in INTERVALS if known == name.lower()] or difflib.get_close_matches(
        name, INTERVALS, n=1, cutoff=0.3
    )
    hint = f"did you mean {near[0]}? " if near else ""
    raise BadRequestError(
        f"There is no interval {name!r}: {hint}TickDB has {', '.join(INTERVALS)}."
    )


def shortest(interval: str) -> int:
    """Return the least length of a bar in seconds: a month has 28 days."""
    return INTERVALS[interval] or 28 * 86400


def longest(interval: str) -> int:
    """Return the greatest length of a bar in seconds: a month has 31 days."""
    return INTERVALS[interval] or 31 * 86400


def bar_end(opened: datetime, interval: str) -> datetime:
    """Return the UTC time at which the period of a bar is over."""
    seconds = INTERVALS[interval]
    if seconds is not None:
        return opened + timedelta(seconds=seconds)
    # A month that starts at an exchange's midnight may carry the last UTC day of the month before.
    month = opened + DAY
    return opened + calendar.monthrange(month.year, month.month)[1] * DAY


def bar_opens(session: Session, interval: str) -> list[int]:
    """Return when the bars of a trading day open, in milliseconds UTC.

    Intraday bars count from the opening and from the end of a lunch break, so the last one before
    a pause may be shorter. A day, week or month carries 00:00 UTC of its first date.
    """
    seconds = INTERVALS[interval]
    if seconds is not None and seconds < 86400:
        step = 1000 * seconds
        return [
            at
            for begin, end in session.hours
            for at in range(milliseconds(begin), milliseconds(end), step)
        ]
    day = session.day
    first = {"1d": day, "1w": day - day.weekday() * DAY, "1M": day.replace(day=1)}[interval]
    return [milliseconds(datetime(first.year, first.month, first.day, tzinfo=UTC))]


def milliseconds(moment: datetime) -> int:
    """Return an aware datetime as TickDB writes times: whole milliseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_READING = threading.Lock()  # warnings are silenced for the whole process meanwhile
_US = Market("stock", "XNYS", "America/New_York", "USD")
_HK = Market("stock", "XHKG", "Asia/Hong_Kong", "HKD")
_CN = Market("stock", "XSHG", "Asia/Shanghai", "CNY")
_INDEX_US = Market("indices", "XNYS", "America/New_York", "USD")
_INDEX_HK = Market("indices", "XHKG", "Asia/Hong_Kong", "HKD")
_INDEX_CN = Market("indices", "XSHG", "Asia/Shanghai", "CNY")
_FUTURES_CN = Market("futures", "XSHG", "Asia/Shanghai", "CNY")

_MONEY = "USD EUR JPY GBP CHF AUD NZD CAD CNH CNY HKD SGD SEK NOK DKK PLN CZK HUF MXN ZAR TRY INR KRW THB XAU XAG"
_FOREX = re.compile("({0})({0})".format("|".join(_MONEY.split())))
_CRYPTO = re.compile(r"([A-Z0-9]{2,12}?)(USDT|USDC|USD|EUR|BTC|ETH)")
_VENUE = re.compile(r"([A-Z0-9]{2,16})\.(BITSTAMP|BINANCE|COINBASE|KRAKEN|BITFINEX|OKX|BYBIT)")
# The order decides: the first pattern that fits the whole symbol wins.
_PATTERNS = (
    (re.compile(r"(SPX|NDX|DJI|RUT|VIX)(\.US)?"), _INDEX_US),
    (re.compile(r"(HSI|HSCEI|HSTECH)(\.HK)?"), _INDEX_HK),
    (re.compile(r"(000[0-9]{3}\.SH|399[0-9]{3}\.SZ)"), _INDEX_CN),
    (re.compile(r"[A-Z][A-Z0-9]{0,4}([.-][A-Z]{1,2})?\.US"), _US),
    (re.compile(r"0*[1-9][0-9]{0,4}\.HK"), _HK),
    (re.compile(r"[0-9]{6}\.(SH|SZ|BJ)"), _CN),
    (re.compile(r"[A-Z]{1,2}[0-9]{3,4}"), _FUTURES_CN),
)


def canonical(symbol: str) -> str:
    """Return the one spelling of symbols that mean the same: 00700.HK is 700.HK. Never for A-shares: 000001.SZ."""
    return symbol.lstrip("0") if symbol.endswith(".HK") else symbol


@lru_cache(maxsize=1024)
def market_of(symbol: str) -> Market:
    """Return the market of a symbol in TickDB's spelling (AAPL.US, 700.HK, 600519.SH, BTCUSDT,
    BTC.BITSTAMP, EURUSD).

    Raises:
        AmbiguousSymbolError: six digits without an exchange, such as 000001.
        SymbolNotFoundError: the spelling fits no market.
    """
    for pattern, market in _PATTERNS:
        if pattern.fullmatch(symbol):
            return market
    if pair := _FOREX.fullmatch(symbol):
        return Market("forex", "24/5", "UTC", pair[2])
    venue = _VENUE.fullmatch(symbol)
    base = venue[1] if venue else symbol
    if (coin := _CRYPTO.fullmatch(base)) or venue:
        quote = coin[2] if coin else "USD"
        return Market(
            "crypto",
            None,
            "UTC",
            "USD" if quote in {"USDT", "USDC"} else quote,
            365,
            fractional=True,
        )
    if re.fullmatch(r"[0-9]{6}", symbol):
        raise AmbiguousSymbolError(
            f"The symbol {symbol!r} is ambiguous: add its exchange, as in {symbol}.SZ or {symbol}.SH.",
            symbol=symbol,
            available_types=("stock", "indices"),
        )
    raise SymbolNotFoundError(
        f"There is no market for the symbol {symbol!r}: spell it as in AAPL.US, 700.HK, 600519.SH, BTCUSDT or EURUSD.",
        symbol=symbol,
    )


def sessions(
    market: Market,
    start: date,
    end: date,
    *,
    today: date | None = None,
) -> list[Session]:
    """Return the trading days from `start` to `end`, both included, in order, with their real
    hours.

    Half days are short, Hong Kong and China pause for lunch; a market without a calendar trades
    whole UTC days. The calendars start in 2000.

    Args:
        market: whose calendar counts.
        start: the first day.
        end: the last day.
        today: in UTC; default: the clock. Only days after it may be unknown.

    Raises:
        CalendarError: `end` has passed, but the installed `exchange_calendars` does not know that
            year yet.
    """
    if market.calendar is None:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
        count = max((end - start).days + 1, 0)
        return [
            Session(start + n * DAY, ((midnight + n * DAY, midnight + (n + 1) * DAY),))
            for n in range(count)
        ]
    last = known_until(market)
    if last < end <= (today or datetime.now(UTC).date()):
        raise CalendarError(
            f"The {market.calendar} calendar ends on {last}: `pip install --upgrade exchange_calendars` brings more."
        )
    days, all_sessions = _calendar(market.calendar)
    return all_sessions[bisect.bisect_left(days, start) : bisect.bisect_right(days, end)]


def gaps(
    market: Market,
    interval: str,
    opens: Iterable[int],
    low: int,
    high: int,
) -> list[Gap]:
    """Return what is missing among bars, against the market's calendar, in order.

    Whole trading days in a row are one gap; so are bars in a row within a day that has others.
    Bars of a day or longer may be stamped with UTC midnight or the exchange's.

    Args:
        market: whose calendar counts.
        interval: one of `INTERVALS`.
        opens: when the bars open, in milliseconds UTC.
        low: first open that may be missing, in milliseconds UTC.
        high: the first that may not.
    """
    long = (INTERVALS[interval] or 86400) >= 86400
    known = {round(at / 86_400_000) * 86_400_000 if long else at for at in opens}
    found: list[Gap] = []
    before: list[int] = []
    whole = False  # the trading day before this one is missing
    for session in sessions(market, _utc(low).date() - DAY, _utc(high).date()):
        due = [at for at in bar_opens(session, interval) if low <= at < high]
        if not due or due == before:  # a week or a month has several days
            continue
        lost = [at not in known for at in due]
        if all(lost):
            run = found.pop() if whole else Gap(_utc(due[0]), _utc(due[0]), 0, 0)
            found.append(Gap(run.first, _utc(due[-1]), run.bars + len(due), run.days + 1))
        else:
            for missing, group in itertools.groupby(
                zip(lost, due, strict=True), key=operator.itemgetter(0)
            ):
                at = [opened for _, opened in group]
                found += [Gap(_utc(at[0]), _utc(at[-1]), len(at), 0)] if missing else []
        before, whole = due, all(lost)
    return found


def _utc(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND


def known_until(market: Market) -> date:
    """Return the last day that the installed calendar of a market knows."""
    return date.max if market.calendar is None else _calendar(market.calendar)[0][-1]


def _calendar(name: str) -> tuple[list[date], list[Session]]:
    """Return all days and sessions of a calendar, read once, whichever threads ask for it."""
    with _READING:
        return _read_calendar(name)


@cache
def _read_calendar(name: str) -> tuple[list[date], list[Session]]:
    """Return all days and sessions; "not a time", where there is no lunch break, comes out as None."""
    import exchange_calendars  # slow: it brings pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what the newest pandas deprecates
        schedule = exchange_calendars.get_calendar(name, start="2000-01-01").schedule
    days = [stamp.date() for stamp in schedule.index]
    columns = [
        [moment and moment.replace(tzinfo=UTC) for moment in stamps.tolist()]
        for name in ("open", "break_start", "break_end", "close")
        for stamps in [schedule[name].dt.tz_convert(None).to_numpy().astype("datetime64[s]")]
    ]
    found = [
        Session(day, ((opened, pause), (resume, closed)) if pause else ((opened, closed),))
        for day, opened, pause, resume, closed in zip(days, *columns, strict=True)
    ]
    return days, found
