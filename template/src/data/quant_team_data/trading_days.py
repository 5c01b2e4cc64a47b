"""The trading days of a market, as arrays.

Exchange calendars come from `exchange_calendars`, which needs pandas and a second to build one. So
each is built once for a version of that package and kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import io
import threading
from datetime import date, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from quant_team_data.markets import DAY, SECONDS_OF_A_DAY, Market
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


class Rows(NamedTuple):
    """Trading days in order.

    Attributes:
        days: their dates, as days since 1970.
        spans: array (day, part, begin or end) in ms UTC. Around a lunch break a day has two parts;
            without one the second is empty (its begin is its end) or left out.
    """

    days: Times
    spans: Times


def rows(market: Market, start: date, end: date) -> Rows:
    """Return the trading days from `start` to `end`, both included, as far as they are known.

    A market without a calendar trades whole UTC days.
    """
    first = number_of(start)
    last = number_of(end)
    if market.calendar is None:
        return _every_day(first, last)
    known = _calendar(market.calendar)
    begin = np.searchsorted(known.days, first)
    stop = np.searchsorted(known.days, last, side="right")
    return Rows(
        known.days[begin:stop],
        known.spans[begin:stop],
    )


def known_until(market: Market) -> date:
    """Return the last day that the calendar of a market knows."""
    if market.calendar is None:
        return date.max
    known = _calendar(market.calendar)
    return date_of(known.days[-1])


def number_of(day: date) -> int:
    """Return a date as days since 1970."""
    return day.toordinal() - _ORDINAL_OF_1970


def date_of(number: int) -> date:
    """Return days since 1970 as a date."""
    return date.fromordinal(int(number) + _ORDINAL_OF_1970)


def forget() -> None:
    """Read calendars again when they are needed next; for tests."""
    _read.cache_clear()


# Details

_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()
_BUILDING = threading.Lock()
DAMAGED = (
    OSError,
    ValueError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


def _every_day(first: int, last: int) -> Rows:
    days = np.arange(first, last + 1)
    begins = days * MILLISECONDS_OF_A_DAY
    ends = begins + MILLISECONDS_OF_A_DAY
    spans = np.stack([begins, ends], axis=-1)
    return Rows(days, spans[:, np.newaxis])


def _calendar(name: str) -> Rows:
    """Return all days of a calendar, read once, whichever threads ask for it."""
    with _BUILDING:
        return _read(name, user_cache() / "calendars")


@cache
def _read(name: str, folder: Path) -> Rows:
    """Return the days of a calendar from the user's cache, or build and keep them there."""
    if name == CURRENCIES:
        return _currencies()
    version = metadata.version("exchange_calendars")
    path = folder / f"{name}-{version}.parquet"
    with contextlib.suppress(*DAMAGED):
        content = path.read_bytes()
        return _rows_of(pl.read_parquet(content))
    table = _build(name)
    draft = io.BytesIO()
    table.write_parquet(draft)
    # A cache that cannot be written costs time only.
    with contextlib.suppress(OSError, QuantError):
        files.replace(path, draft.getvalue())
    return _rows_of(table)


def _build(name: str) -> pl.DataFrame:
    """Return the days of an exchange's calendar: day, open, pause, resume, close in ms UTC."""
    schedule = _schedule(name)
    return pl.DataFrame(
        {
            "day": [number_of(stamp.date()) for stamp in schedule.index],
            "open": _milliseconds_of(schedule["open"]),
            "pause": _milliseconds_of(schedule["break_start"]),
            "resume": _milliseconds_of(schedule["break_end"]),
            "close": _milliseconds_of(schedule["close"]),
        },
        schema_overrides=dict.fromkeys(("pause", "resume"), pl.Int64),
    )


def _schedule(name: str) -> Any:
    """Return the package's table of an exchange."""
    import warnings

    import exchange_calendars  # slow: it brings pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what the newest pandas deprecates
        try:
            known = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
        except ValueError:  # the exchange announces its holidays year by year
            default = exchange_calendars.get_calendar(name)
            last = type(default).bound_max()
            known = exchange_calendars.get_calendar(name, start=FIRST, end=last)
    return known.schedule


def _milliseconds_of(column: Any) -> list[int | None]:
    """Return a column of pandas times; "not a time", where there is no lunch break, is None."""
    naive = column.dt.tz_convert(None)
    stamps = naive.to_numpy().astype("datetime64[ms]")
    numbers = stamps.astype(np.int64).tolist()
    missing = np.isnat(stamps).tolist()
    found: list[int | None] = []
    for number, is_missing in zip(numbers, missing, strict=True):
        found.append(None if is_missing else number)
    return found


def _rows_of(table: pl.DataFrame) -> Rows:
    """Return trading days from the columns that `_build` makes."""
    whole = table.with_columns(
        pause=pl.coalesce("pause", "close"),
        resume=pl.coalesce("resume", "close"),
    )
    ends = whole.select("open", "pause", "resume", "close")
    spans = ends.to_numpy().reshape(-1, 2, 2)
    return Rows(whole["day"].to_numpy(), spans)


def _currencies() -> Rows:
    """Return the trading days of currencies: weekdays but for Christmas and New Year's Day."""
    every = pl.date_range(FIRST, LAST, eager=True)
    is_weekday = every.dt.weekday() <= 5
    is_new_year = every.dt.ordinal_day() == 1
    is_christmas = (every.dt.month() == 12) & (every.dt.day() == 25)
    traded = every.filter(is_weekday & ~is_new_year & ~is_christmas)
    days = traded.to_physical().cast(pl.Int64).to_numpy()
    begins = _roll_of(days - 1)
    ends = _roll_of(days)
    spans = np.stack([begins, ends], axis=-1)
    return Rows(days, spans[:, np.newaxis])


def _roll_of(days: Times) -> Times:
    """Return 17:00 in New York of each day, in ms UTC."""
    midnights = pl.Series(days * MILLISECONDS_OF_A_DAY).cast(pl.Datetime("ms"))
    shown = midnights + (DAY - ROLL)
    local = shown.dt.replace_time_zone("America/New_York")
    utc = local.dt.convert_time_zone("UTC")
    return utc.to_physical().to_numpy()
