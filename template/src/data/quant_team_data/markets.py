"""What a symbol is: its market, calendar and currency; trading sessions; bar intervals."""

from __future__ import annotations

import bisect
import calendar
import re
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from quant_team_data.errors import AmbiguousSymbolError, BadRequestError, SymbolNotFoundError
from quant_team_utils.errors import QuantError, did_you_mean, nearest

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
MILLISECONDS_OF_A_DAY = 1000 * SECONDS_OF_A_DAY


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
    """One trading day.

    Attributes:
        day: its date, at the exchange.
        hours: the UTC times between which it trades, in order; two pairs around a lunch break.
    """

    day: date
    hours: tuple[tuple[datetime, datetime], ...]

    @property
    def open(self) -> datetime:
        """When the first bar opens, UTC."""
        return self.hours[0][0]

    @property
    def close(self) -> datetime:
        """When the last bar closes, UTC."""
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


def bar_opens(session: Session, interval: str) -> list[int]:
    """Return when the bars of a trading day open, in milliseconds UTC.

    Intraday bars count from the opening and from the end of a lunch break, so the last one before
    a pause may be shorter. A day, week or month carries 00:00 UTC of its first date.
    """
    seconds = INTERVALS[interval]
    if seconds is not None and seconds < SECONDS_OF_A_DAY:
        opens: list[int] = []
        for begin, end in session.hours:
            opens += range(milliseconds(begin), milliseconds(end), 1000 * seconds)
        return opens
    first = session.day
    if interval == "1w":
        first -= first.weekday() * DAY
    if interval == "1M":
        first = first.replace(day=1)
    return [milliseconds(_midnight(first))]


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

_MONEY = (
    "USD EUR JPY GBP CHF AUD NZD CAD CNH CNY HKD SGD SEK NOK DKK PLN CZK HUF MXN ZAR TRY INR "
    "KRW THB XAU XAG"
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
    (re.compile(r"0*[1-9][0-9]{0,4}\.HK"), _HK),
    (re.compile(r"[0-9]{6}\.(SH|SZ|BJ)"), _CN),
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
        return Market("forex", "24/5", "UTC", pair[2])
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


def sessions(
    market: Market,
    start: date,
    end: date,
    *,
    today: date | None = None,
) -> list[Session]:
    """Return the trading days from `start` to `end`, both included, in order.

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
        count = max((end - start).days + 1, 0)
        return [_whole_day(start + number * DAY) for number in range(count)]
    last = known_until(market)
    if last < end <= (today or datetime.now(UTC).date()):
        raise CalendarError(
            f"The {market.calendar} calendar ends on {last}: "
            "get more with `pip install --upgrade exchange_calendars`."
        )
    days, known = _calendar(market.calendar)
    begin = bisect.bisect_left(days, start)
    return known[begin : bisect.bisect_right(days, end)]


def gaps(
    market: Market,
    interval: str,
    opens: Iterable[int],
    low: int,
    high: int,
    *,
    today: date | None = None,
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
        today: in UTC; default: the clock. See `sessions`.

    Raises:
        CalendarError: the installed calendars end before the range does.
    """
    known = set(opens)
    if shortest(interval) >= SECONDS_OF_A_DAY:
        known = {round(at / MILLISECONDS_OF_A_DAY) * MILLISECONDS_OF_A_DAY for at in known}
    days = sessions(market, _utc(low).date() - DAY, _utc(high).date(), today=today)
    found: list[Gap] = []
    before: list[int] = []
    was_whole = False  # the trading day before this one is missing
    for session in days:
        due = [at for at in bar_opens(session, interval) if low <= at < high]
        if not due or due == before:  # a week or a month has several days
            continue
        before = due
        missing = [at for at in due if at not in known]
        is_whole = missing == due
        if is_whole and was_whole:
            found[-1] = _longer(found[-1], due)
        elif is_whole:
            found.append(_gap(due, days=1))
        else:
            found += [_gap(run, days=0) for run in _runs(due, missing)]
        was_whole = is_whole
    return found


def _gap(opens: list[int], days: int) -> Gap:
    return Gap(_utc(opens[0]), _utc(opens[-1]), len(opens), days)


def _longer(gap: Gap, opens: list[int]) -> Gap:
    """Return a gap of whole days with one day more."""
    return Gap(gap.first, _utc(opens[-1]), gap.bars + len(opens), gap.days + 1)


def _runs(due: list[int], missing: list[int]) -> list[list[int]]:
    """Return the missing bars of a day by runs without a bar between them."""
    runs: list[list[int]] = []
    lost = set(missing)
    previous_is_lost = False
    for at in due:
        if at in lost and previous_is_lost:
            runs[-1].append(at)
        elif at in lost:
            runs.append([at])
        previous_is_lost = at in lost
    return runs


def _whole_day(day: date) -> Session:
    midnight = _midnight(day)
    return Session(day, ((midnight, midnight + DAY),))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


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
    import exchange_calendars  # slow: it brings pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what the newest pandas deprecates
        schedule = exchange_calendars.get_calendar(name, start="2000-01-01").schedule
    days = [stamp.date() for stamp in schedule.index]
    columns = [_utc_times(schedule[name]) for name in ("open", "break_start", "break_end", "close")]
    found: list[Session] = []
    for day, opened, pause, resume, closed in zip(days, *columns, strict=True):
        hours = ((opened, pause), (resume, closed)) if pause else ((opened, closed),)
        found.append(Session(day, hours))
    return days, found


def _utc_times(column: Any) -> list[Any]:
    """Return a column of pandas times; "not a time", where there is no lunch break, is None."""
    stamps = column.dt.tz_convert(None).to_numpy().astype("datetime64[s]")
    return [moment and moment.replace(tzinfo=UTC) for moment in stamps.tolist()]
