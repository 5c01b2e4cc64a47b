"""When markets trade: sessions, the dates of bars, and the bars that there should be.

Exchange calendars come from `exchange_calendars`, which needs pandas and a second to build one. So
each is built once for a version of that package and kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import io
import threading
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from quant_team_data.markets import DAY, INTERVALS, SECONDS_OF_A_DAY, Market, longest, shortest
from quant_team_utils import files
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import user_cache

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.int64]

FIRST = date(2000, 1, 1)  # what calendars begin with
LAST = date(2035, 12, 31)  # and end with, where the exchange's rules are known so far ahead
MILLISECONDS_OF_A_DAY = 1000 * SECONDS_OF_A_DAY
CURRENCIES = "24/5"  # currencies and metals: from Sunday to Friday, 17:00 in New York
ROLL = timedelta(hours=7)  # from 17:00 in New York to midnight


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


class CalendarError(QuantError):
    """The installed exchange calendars do not reach that far."""


def sessions(
    market: Market,
    start: date,
    end: date,
    *,
    today: date | None = None,
) -> list[Session]:
    """Return the trading days from `start` to `end`, both included, in order.

    Half days are short, Hong Kong and China pause for lunch; a market without a calendar trades
    whole UTC days; the day of a currency begins at 17:00 in New York on the day before.

    Args:
        market: whose calendar counts.
        start: the first day; calendars begin in 2000.
        end: the last day.
        today: in UTC; default: the clock. Only days after it may be unknown.

    Raises:
        CalendarError: `end` has passed, but the installed `exchange_calendars` does not know that
            year yet.
    """
    _require_known(market, end, today)
    rows = _rows(market, start, end)
    return [_session(day, spans) for day, spans in zip(rows.days, rows.spans, strict=True)]


def known_until(market: Market) -> date:
    """Return the last day that the calendar of a market knows."""
    if market.calendar is None:
        return date.max
    return _date(_calendar(market.calendar).days[-1])


def bar_opens(session: Session, interval: str) -> list[int]:
    """Return when the bars of a trading day open, in milliseconds UTC.

    Intraday bars count from the opening and from the end of a lunch break, so the last one before
    a pause may be shorter. A day, week or month carries 00:00 UTC of its first date.
    """
    spans = np.array([[_ms(begin), _ms(end)] for begin, end in session.hours])
    days = np.array([_number(session.day)])
    opens: list[int] = _opens(_Rows(days, spans[np.newaxis]), interval).opens.tolist()
    return opens


def trading_dates(times: Times, market: Market, interval: str) -> Times:
    """Return when bars of a day or longer open by this project's rule, in milliseconds UTC.

    That is 00:00 UTC of the trading date; of a week its Monday, of a month its first day. Vendors
    stamp such bars with the midnight of UTC or of the exchange, or with the open or the close. So
    00:00 UTC is the date itself; any other stamp is read in the market's own time zone, where the
    day of a currency begins at 17:00 in New York.

    Args:
        times: in milliseconds UTC.
        market: where the symbol trades.
        interval: "1d", "1w" or "1M".
    """
    local = _local(times, market.timezone)
    if market.calendar == CURRENCIES:
        local = local + round(ROLL.total_seconds() * 1000)
    is_a_date = times % MILLISECONDS_OF_A_DAY == 0
    days = np.where(is_a_date, times, local) // MILLISECONDS_OF_A_DAY
    return _first_days(days, interval) * MILLISECONDS_OF_A_DAY


class Due(NamedTuple):
    """The bars that a calendar expects.

    Attributes:
        opens: when they open, in milliseconds UTC, in order.
        day: for each the number of its trading day, or of its week or month.
    """

    opens: Times
    day: Times


def due(
    market: Market,
    interval: str,
    low: int,
    high: int,
    *,
    today: date | None = None,
) -> Due:
    """Return the bars that open in a range by the market's calendar.

    Args:
        market: whose calendar counts.
        interval: one of `markets.INTERVALS`.
        low: the first open, in milliseconds UTC, included.
        high: the first open left out.
        today: in UTC; default: the clock. See `sessions`.

    Raises:
        CalendarError: the installed calendars end before the range does.
    """
    first = _date(low // MILLISECONDS_OF_A_DAY)
    last = _date(max(high - 1, low) // MILLISECONDS_OF_A_DAY)
    _require_known(market, last, today)
    # A bar may open before its first trading day: a week at Christmas, the Monday of a currency.
    ahead = timedelta(seconds=max(longest(interval), SECONDS_OF_A_DAY))
    found = _opens(_rows(market, first, last + ahead), interval)
    inside = (found.opens >= low) & (found.opens < high)
    return Due(found.opens[inside], found.day[inside])


def forget() -> None:
    """Read calendars again when they are needed next; for tests."""
    _read.cache_clear()


# Details: what is due


class _Rows(NamedTuple):
    """Trading days: days since 1970, and an array (day, part, begin or end) in ms UTC.

    A day without a lunch break has one part; the other is empty (its begin is its end).
    """

    days: Times
    spans: Times


def _opens(rows: _Rows, interval: str) -> Due:
    """Return the opens of all bars of trading days, each once, in order."""
    if shortest(interval) >= SECONDS_OF_A_DAY:
        days, which = np.unique(_first_days(rows.days, interval), return_index=True)
        return Due(days * MILLISECONDS_OF_A_DAY, which)
    step = 1000 * (INTERVALS[interval] or 0)
    begins, ends = rows.spans[..., 0].ravel(), rows.spans[..., 1].ravel()
    counts = -((begins - ends) // step)
    part = np.repeat(np.arange(len(begins)), counts)
    number = np.arange(len(part)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Due(begins[part] + number * step, part // rows.spans.shape[1])


def _first_days(days: Times, interval: str) -> Times:
    """Return the first day of the bar that each day belongs to, as days since 1970."""
    if interval == "1w":
        return days - (days + 3) % 7  # 1970-01-01 was a Thursday
    if interval == "1M":
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        return months.astype("datetime64[D]").astype(np.int64)
    return days


# Details: trading days


def _require_known(market: Market, end: date, today: date | None) -> None:
    until = known_until(market)
    if until < end <= (today or datetime.now(UTC).date()):
        raise CalendarError(
            f"The {market.calendar} calendar ends on {until}: "
            "get more with `pip install --upgrade exchange_calendars`."
        )


def _rows(market: Market, start: date, end: date) -> _Rows:
    """Return the trading days from `start` to `end`, both included."""
    first, last = _number(start), _number(end)
    if market.calendar is None:
        days = np.arange(first, last + 1)
        begins = days * MILLISECONDS_OF_A_DAY
        spans = np.stack([begins, begins + MILLISECONDS_OF_A_DAY], axis=-1)
        return _Rows(days, spans[:, np.newaxis])
    known = _calendar(market.calendar)
    begin, stop = np.searchsorted(known.days, [first, last + 1]).tolist()
    return _Rows(known.days[begin:stop], known.spans[begin:stop])


def _session(day: int, spans: Times) -> Session:
    hours = [(_utc(begin), _utc(end)) for begin, end in spans.tolist() if begin < end]
    return Session(_date(day), tuple(hours))


_BUILDING = threading.Lock()


def _calendar(name: str) -> _Rows:
    """Return all days of a calendar, read once, whichever threads ask for it."""
    with _BUILDING:
        return _read(name, user_cache() / "calendars")


@cache
def _read(name: str, folder: Path) -> _Rows:
    """Return the days of a calendar from the user's cache, or build and keep them there."""
    if name == CURRENCIES:
        return _currencies()
    path = folder / f"{name}-{metadata.version('exchange_calendars')}.parquet"
    with contextlib.suppress(OSError, pl.exceptions.PolarsError, ValueError):
        return _rows_of(pl.read_parquet(path.read_bytes()))
    table = _build(name)
    content = io.BytesIO()
    table.write_parquet(content)
    with contextlib.suppress(OSError, QuantError):  # a cache that cannot be written costs time only
        files.replace(path, content.getvalue())
    return _rows_of(table)


def _build(name: str) -> pl.DataFrame:
    """Return the days of an exchange's calendar: day, open, pause, resume, close in ms UTC."""
    import warnings

    import exchange_calendars  # slow: it brings pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what the newest pandas deprecates
        try:
            known = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
        except ValueError:  # the exchange announces its holidays year by year
            last = type(exchange_calendars.get_calendar(name)).bound_max()
            known = exchange_calendars.get_calendar(name, start=FIRST, end=last)
    schedule = known.schedule
    days: list[int | None] = [_number(stamp.date()) for stamp in schedule.index]
    columns = {"day": days}
    names = {"open": "open", "pause": "break_start", "resume": "break_end", "close": "close"}
    for ours, theirs in names.items():
        columns[ours] = _milliseconds_of(schedule[theirs])
    return pl.DataFrame(columns).cast(pl.Int64)


def _milliseconds_of(column: Any) -> list[int | None]:
    """Return a column of pandas times; "not a time", where there is no lunch break, is None."""
    stamps = column.dt.tz_convert(None).to_numpy().astype("datetime64[ms]")
    numbers: list[int] = stamps.astype(np.int64).tolist()
    empty = np.isnat(stamps).tolist()
    return [None if missing else at for at, missing in zip(numbers, empty, strict=True)]


def _rows_of(table: pl.DataFrame) -> _Rows:
    """Return trading days from the columns that `_build` makes."""
    whole = table.with_columns(
        pause=pl.coalesce("pause", "close"),
        resume=pl.coalesce("resume", "close"),
    )
    ends = [whole[name].to_numpy() for name in ("open", "pause", "resume", "close")]
    spans = np.stack(ends, axis=-1).reshape(-1, 2, 2)
    return _Rows(whole["day"].to_numpy(), spans)


def _currencies() -> _Rows:
    """Return the trading days of currencies: weekdays but for Christmas and New Year's Day."""
    days = np.arange(_number(FIRST), _number(LAST) + 1)
    dates = days.astype("datetime64[D]")
    of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    is_weekend = (days + 3) % 7 >= 5
    is_holiday = ((month == 1) & (of_month == 1)) | ((month == 12) & (of_month == 25))
    open_days = days[~is_weekend & ~is_holiday]
    ends = _roll_of(open_days)
    spans = np.stack([_roll_of(open_days - 1), ends], axis=-1)
    return _Rows(open_days, spans[:, np.newaxis])


def _roll_of(days: Times) -> Times:
    """Return 17:00 in New York of each day, in ms UTC."""
    local = pl.Series(days * MILLISECONDS_OF_A_DAY).cast(pl.Datetime("ms")) + (DAY - ROLL)
    utc = local.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")
    return utc.to_physical().to_numpy()


# Details: times


def _local(times: Times, zone: str) -> Times:
    """Return what clocks in a zone show at times in ms UTC, as if that were UTC."""
    moments = pl.Series(times).cast(pl.Datetime("ms", "UTC"))
    shown = moments.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return shown.to_physical().to_numpy()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _utc(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def _number(day: date) -> int:
    """Return a date as days since 1970."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _date(number: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(number))
