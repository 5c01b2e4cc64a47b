"""When the bars of a file open: trading dates for days and longer, sessions for what is shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quant_team_data import calendars, import_times, trading_days
from quant_team_data.formats import ImportFileError, Reading
from quant_team_data.import_times import Times
from quant_team_data.markets import INTERVALS, SECONDS_OF_A_DAY, Market, shortest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stamps = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DAY = 1000 * SECONDS_OF_A_DAY
EPOCH = 719_163  # 1970-01-01, as `date.toordinal` counts
HALF_AN_HOUR = 1_800_000


def opens(
    times: Times,
    rows: pl.Series,
    market: Market,
    interval: str,
    reading: Reading,
) -> Stamps:
    """Return when bars open, in milliseconds UTC.

    Args:
        times: the stamps of a file.
        rows: the number of each row in the file.
        market: where the symbol trades.
        interval: one of `markets.INTERVALS`.
        reading: whose `tz` and `stamp` count.

    Raises:
        ImportFileError: the times need a zone, or are not the opens of such bars; the sentence
            names the option that reads them.
    """
    is_daily = shortest(interval) >= SECONDS_OF_A_DAY
    aware = _aware(times, rows, market, reading, is_daily=is_daily)
    stamps = aware.stamps.to_numpy()
    if not is_daily:
        return _closes_to_opens(stamps, market, interval) if reading.stamp == "close" else stamps
    if reading.stamp == "close" and times.kind != "date":
        stamps = _before_midnight(stamps, market)
    days = calendars.trading_dates(stamps, market, "1d")
    if interval == "1d":
        _require_weekdays(days, rows, market)
        return days
    if interval == "1w":
        return _weeks(days, rows, reading.stamp)
    return _months(days, rows, reading.stamp)


def outside(stamps: Stamps, market: Market, interval: str) -> Mask:
    """Return which intraday bars open while the market is closed, by its calendar.

    The sessions of futures are not known here, nor those before 2000: none of these is outside.
    """
    is_open = np.ones(len(stamps), dtype=bool)
    if market.calendar is None or market.type == "futures" or not len(stamps):
        return ~is_open
    if shortest(interval) >= SECONDS_OF_A_DAY:
        return ~is_open
    low = int(stamps.min())
    due = calendars.due(market, "30m", low - DAY, int(stamps.max()) + 1).opens
    if len(due):
        places = np.searchsorted(due, stamps, side="right") - 1
        is_open = (places >= 0) & (stamps - due[places] < HALF_AN_HOUR)
    known_from = trading_days.FIRST.toordinal() - EPOCH
    return ~is_open & (stamps >= known_from * DAY)


def refuse_outside(
    wrong: Mask,
    stamps: Stamps,
    rows: pl.Series,
    market: Market,
    interval: str,
) -> None:
    """Refuse bars outside the market's sessions, naming the option that reads them."""
    first = int(wrong.argmax())
    moment = np.datetime64(int(stamps[first]), "ms")
    what = f"row {rows[first]} ({_text(moment)} UTC): the market is closed then"
    step = 1000 * (INTERVALS[interval] or 0)
    if not outside(stamps - step, market, interval).any():
        raise ImportFileError(f"{what}; if its times are the ends of bars, pass --stamp close")
    count = int(wrong.sum())
    bars = "1 bar" if count == 1 else f"{count:,} bars"
    raise ImportFileError(
        f"{what}; correct the zone with --tz {market.timezone}, or leave {bars} out with "
        "--regular-hours"
    )


# Details


def _text(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[m]")).replace("T", " ")


def _aware(
    times: Times,
    rows: pl.Series,
    market: Market,
    reading: Reading,
    *,
    is_daily: bool,
) -> Times:
    """Return times in UTC; dates of daily bars are as they are."""
    if times.kind == "aware":
        return times
    if times.kind == "date" and not is_daily:
        raise ImportFileError(
            f"row {rows[0]}: a date without a time of day; name its column as in "
            "--columns time=NAME, or pass --interval 1d"
        )
    if times.kind == "date":
        return times
    is_midnight = bool((times.stamps % DAY == 0).all())
    if is_daily and is_midnight:
        return times
    if reading.tz is None:
        raise ImportFileError(
            f"row {rows[0]}: a time without a zone; name it as in --tz {market.timezone}"
        )
    return import_times.localize(times, import_times.zone_of(reading.tz), rows)


def _before_midnight(stamps: Stamps, market: Market) -> Stamps:
    """Return closes of days within their day: a market that never closes ends at midnight."""
    is_a_date = stamps % DAY == 0
    never_closes = market.calendar in (None, trading_days.CURRENCIES)
    return np.where(is_a_date & (not never_closes), stamps, stamps - 1)


def _closes_to_opens(stamps: Stamps, market: Market, interval: str) -> Stamps:
    """Return the opens of intraday bars from their closes; the last of a session is shorter."""
    step = 1000 * (INTERVALS[interval] or 0)
    ends = np.where(stamps % 1000 == 999, stamps + 1, stamps)
    if market.calendar is None or market.type == "futures" or not len(ends):
        return ends - step
    low = int(ends.min()) - 5 * DAY
    due = calendars.due(market, interval, low, int(ends.max())).opens
    if not len(due):
        return ends - step
    places = np.searchsorted(due, ends, side="left") - 1
    found = due[np.maximum(places, 0)]
    fits = (places >= 0) & (ends - found <= step)
    return np.where(fits, found, ends - step)


def _require_weekdays(days: Stamps, rows: pl.Series, market: Market) -> None:
    """Refuse days on which no calendar of this project has a session."""
    if market.calendar is None:
        return
    weekdays = (days // DAY + 3) % 7
    wrong = weekdays >= 5
    if wrong.any():
        first = int(wrong.argmax())
        name = ("Saturday", "Sunday")[int(weekdays[first]) - 5]
        raise ImportFileError(
            f"row {rows[first]} ({_date(days[first])}): the market is closed on a {name}; "
            "correct the zone with --tz, or export days as the market has them"
        )


def _weeks(days: Stamps, rows: pl.Series, stamp: str | None) -> Stamps:
    """Return the Mondays of weeks; Friday is a close, the weekend could be either end."""
    weekdays = (days // DAY + 3) % 7
    mondays = days - weekdays * DAY
    late = weekdays >= 4
    if stamp == "open":
        late = weekdays == 4
    if stamp != "close" and late.any():
        _refuse_stamp(int(late.argmax()), days, rows, "the end of a week", "Monday")
    if stamp == "open":
        mondays = np.where(weekdays >= 5, mondays + 7 * DAY, mondays)
    return mondays


def _months(days: Stamps, rows: pl.Series, stamp: str | None) -> Stamps:
    """Return the first days of months; a stamp late in the month is its close."""
    dates = days.astype("datetime64[ms]").astype("datetime64[D]")
    firsts = dates.astype("datetime64[M]").astype("datetime64[D]")
    number = (dates - firsts).astype(np.int64)
    opening = firsts.astype(np.int64) * DAY
    late = number >= 15
    if days.size:
        late[int(days.argmin())] &= len(days) == 1  # a listing may begin within a month
    if stamp != "close" and late.any():
        _refuse_stamp(int(late.argmax()), days, rows, "late in a month", "the first day")
    return opening


def _refuse_stamp(first: int, days: Stamps, rows: pl.Series, what: str, wanted: str) -> None:
    raise ImportFileError(
        f"row {rows[first]} ({_date(days[first])}): {what}, where a bar opens on {wanted}; "
        "pass --stamp close if its times are the ends of bars, --stamp open if they are not"
    )


def _date(stamp: np.int64) -> str:
    return str(np.datetime64(int(stamp), "ms").astype("datetime64[D]"))
